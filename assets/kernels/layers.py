"""The layers of the time ledger besides the signal, resolved into pictures: stretches in which none of them changes.

Overlapping intervals of one layer are resolved once: at every instant the covering interval of highest rank wins. The
rule is pointwise, so a day alone gives what it gives inside any longer range.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date

import polars as pl

from assets.kernels.accounts import CASE
from assets.kernels.axis import INSTANT, Axis, Tape, micros, us
from assets.kernels.signals.states import strength
from assets.kernels.stops import begun, carried_from
from plant.states import OFF_SHIFT

NOTHING = -1
"""Rank of an instant that no interval covers."""
FAR = pl.lit(2**62, pl.Int64).cast(INSTANT)


@dataclass(frozen=True)
class Layer:
    """One layer of the ledger besides the signal: intervals of machines, who wins, and what they say.

    `table` and the columns of its interval; `by` orders it totally, the last wins; `says` are new column names and
    what they are made of. An interval without an end is still on; one without a start never was.
    """

    table: str
    by: tuple[str | pl.Expr, ...]
    says: Mapping[str, pl.Expr]
    start: str = "start_at"
    end: str = "end_at"
    only: str | None = None

    def ranked(self, rows: pl.LazyFrame) -> pl.LazyFrame:
        """machine, start_at, end_at, rank and what the layer says."""
        given = rows.filter(pl.col(c).is_not_null() for c in (self.start, *([self.only] if self.only else [])))
        ordered = ranked(given, self.by)
        return ordered.select(
            "machine", "rank", start_at=self.start, end_at=pl.col(self.end).fill_null(FAR), **self.says
        )


PLANNED = "calendar.planned"
WORK = ("order_id", "operation", "product")
EDIT_ID = pl.col("edit_id")
EDITED = ("edited_at", "edit_id")
LAYERS: Mapping[str, Layer] = {
    "planned": Layer(
        PLANNED, ("start_at", "end_at"), {"halted": pl.lit(value=True), "planned_reason": pl.col("reason")}
    ),
    "report": Layer(
        "bronze.reports", (strength(), "start_at", "segment", "seq"),
        {"told": pl.col("state"), "told_us": us("start_at")} | {f"{c}_told": pl.col(c) for c in WORK},
    ),
    "order": Layer(
        "silver.operations", ("started_at", "operation_id"), {f"{c}_registered": pl.col(c) for c in WORK},
        "started_at", "ended_at",
    ),
    "booking": Layer(
        "silver.downtimes", ("start_at", "downtime_id"),
        {"reason_booked": pl.col("reason"), "class_booked": pl.col("reason_class")},
    ),
    "edit": Layer(
        "silver.edits", EDITED,
        {"edited": pl.col("state"), "edited_us": us("start_at"), "edit_id_state": EDIT_ID}, only="state",
    ),
    "edit_reason": Layer(
        "silver.edits", EDITED,
        {"reason_edited": pl.col("reason"), "class_edited": pl.col("reason_class"), "edit_id_reason": EDIT_ID},
        only="reason",
    ),
    "person": Layer("silver.attendance", ("start_at", "attendance_id"), {"operator": pl.col("operator")}),
}  # fmt: skip
"""The layers besides calendar and signal; of what overlaps within one the last in order wins."""
LOOK = ("shift", "shift_start_at", "order_id", "operation", "product", "operator")
"""What pictures show besides what is decided: neighbours that agree in it may be one interval."""
SHOWN = ("production_day", "site", "area", "line", "machine", "order_id", "operation", "product", "operator", "shift")
OF_MACHINE = ("index", "machine", "site", "area", "line", "evidence", "runs_through_breaks")


@dataclass(frozen=True)
class Stage:
    """What a run works on.

    machines with index (`axis.indexed`) and minimum_us; the calendar; days as far as the data go (`horizon.reach`);
    the tape of those days.
    """

    machines: pl.DataFrame
    segments: pl.DataFrame
    days: pl.DataFrame
    tape: Tape


def pictures(
    stage: Stage, layers: Mapping[str, pl.LazyFrame], held: pl.DataFrame, minor_stops: pl.DataFrame | None
) -> pl.DataFrame:
    """What all layers but the signal say: one row per stretch of the tape in which none of them changes.

    Columns t and zero (instant = t + zero), begins (first of its day of a machine), begun (`stops.begun`), minor_us,
    minimum_us, SHOWN, turn (0 and 1 by turns where what is shown changes), and what decides (`accounts.CASE`).
    """
    edges = stage.days.lazy().group_by("site").agg(low=pl.col("start_at").min(), high=pl.col("end_at").max())
    limits = stage.machines.lazy().select("machine", "index", "site").join(edges, on="site").drop("site")
    inside = [_inside(layer.ranked(layers[layer.table]), limits) for layer in LAYERS.values()]
    resolved = pl.collect_all(inside, engine="in-memory")
    axis = Axis.over(stage.segments, stage.machines.height)
    said = stacked(_spans(stage), dict(zip(LAYERS, resolved, strict=True)), axis).lazy()
    said = said.filter(pl.col("start_us") < pl.col("high_us"))
    halted = pl.col("halted").is_not_null() & (pl.col("kind") != OFF_SHIFT)
    kind, pause = pl.when(halted).then(pl.lit("break")).otherwise("kind"), pl.coalesce("planned_reason", "pause")
    work = {c: pl.coalesce(f"{c}_told", f"{c}_registered") for c in WORK}
    always = stage.machines.select("machine", minor_us=micros("minor_stop_s"), valid_from=pl.lit(date.min))
    minor = (always if minor_stops is None else minor_stops).sort("valid_from")
    since = pl.coalesce("edited_us", "told_us", "held_us")
    described = (
        said.join(held.lazy(), on="slot", how="left")
        .join(stage.machines.lazy().select(*OF_MACHINE, usual="operation"), on="index")
        .with_columns(t=pl.col("start_us") - pl.col("zero_us"), held_us=since, **work)
        .with_columns(begun=begun(), kind=kind, pause=pause, ordered=pl.col("order_id").is_not_null())
        .with_columns(operation=pl.when("ordered").then(pl.coalesce("operation", "usual")))
        .sort("t")
        .join_asof(minor.lazy(), left_on="production_day", right_on="valid_from", by="machine", check_sortedness=False)
    )
    begins = pl.col("start_us") == pl.col("low_us")
    shown = pl.any_horizontal(begins, *(pl.col(c).ne_missing(pl.col(c).shift()) for c in LOOK))
    needed = ["t", "begun", "minor_us", "minimum_us", *SHOWN, *CASE]
    turn = (shown.cum_sum() % 2).cast(pl.UInt32)
    return described.select(*needed, zero="zero_us", begins=begins, turn=turn).collect(engine="in-memory")


def _inside(rows: pl.LazyFrame, limits: pl.LazyFrame) -> pl.LazyFrame:
    start, end = pl.max_horizontal("start_at", "low"), pl.min_horizontal("end_at", "high")
    clipped = rows.join(limits, on="machine").with_columns(start_at=start, end_at=end)
    return clipped.filter(pl.col("start_at") < pl.col("end_at")).drop("machine", "low", "high")


def _spans(stage: Stage) -> pl.DataFrame:
    """Calendar stretches of one kind of every machine, hours taken together, as far as the data go."""
    keys = ["line", "production_day", "shift", "shift_start_at", "kind", "pause"]
    edge = pl.any_horizontal(pl.col(c).ne_missing(pl.col(c).shift()) for c in keys)
    runs = stage.segments.lazy().rename({"reason": "pause"}).sort("line", "start_at").with_columns(run=edge.cum_sum())
    whole = runs.group_by("run", *keys).agg(pl.col("start_at").min())
    leads = whole.join(carried_from(stage.segments), on=["line", "production_day"], how="left")
    lines = stage.machines.lazy().select("index", "line")
    on = leads.join(lines, on="line").join(stage.tape.cells.lazy(), on=["index", "production_day"])
    return on.filter(us("start_at") < pl.col("high_us")).drop("run", "line").collect(engine="in-memory")


def ranked(intervals: pl.LazyFrame, by: Sequence[str | pl.Expr]) -> pl.LazyFrame:
    """Number the intervals by precedence: `rank` (i64), the highest wins. `by` must order them totally."""
    return intervals.sort(by, nulls_last=False).with_row_index("rank").with_columns(pl.col("rank").cast(pl.Int64))


def cover(intervals: pl.LazyFrame) -> pl.LazyFrame:
    """Changes of the winning interval: columns `key` (packed, ascending), `rank` (NOTHING where none covers).

    Takes `start`, `end` (packed keys of one machine, half-open) and `rank` (unique, the highest wins).
    Empty intervals are left out. Work grows with the overlap, not with the product of the intervals.
    """
    real = intervals.select("start", "end", "rank").filter(pl.col("start") < pl.col("end"))
    edges = (
        pl.concat([real.select(key="start"), real.select(key="end")])
        .unique()
        .sort("key")
        .with_row_index("edge")
        .with_columns(pl.col("edge").cast(pl.Int64))
    )
    pieces = (
        real.join(edges.rename({"key": "start", "edge": "first"}), on="start")
        .join(edges.rename({"key": "end", "edge": "last"}), on="end")
        .with_columns(edge=pl.int_ranges("first", "last"))
        .select("rank", "edge")
        .explode("edge")
    )
    winners = pieces.group_by("edge").agg(pl.col("rank").max())
    steps = edges.join(winners, on="edge", how="left").sort("edge").with_columns(pl.col("rank").fill_null(NOTHING))
    return steps.filter(pl.col("rank").ne_missing(pl.col("rank").shift())).select("key", "rank")


def stacked(spans: pl.DataFrame, layers: Mapping[str, pl.DataFrame], axis: Axis) -> pl.DataFrame:
    """What all layers but the signal say, resolved: one row per stretch in which none of them changes.

    Args:
        spans: index, start_at and what the calendar says; the spans of a machine tile its range.
        layers: by name, intervals inside the range: index, start_at, end_at, rank and what they say.
        axis: of the indices.

    Returns the columns of `spans` with start_us and, besides, what the winning interval of each layer says (null
    where none covers), in order of index and time.
    """
    numbered = spans.lazy().sort("index", "start_at").with_row_index("span")
    streams = [numbered.select("span", key=axis.key("index", "start_at"))]
    there = {name: rows for name, rows in layers.items() if not rows.is_empty()}
    streams += [_changes(rows, name, axis) for name, rows in there.items()]
    merged = pl.concat(streams, how="diagonal").sort("key", maintain_order=True)
    filled = merged.with_columns(pl.col("span", *there).forward_fill())
    steps = filled.filter((pl.col("key") != pl.col("key").shift(-1)).fill_null(value=True))
    said = steps.join(numbered, on="span", maintain_order="left")
    for name, rows in layers.items():
        said = _saying(said, rows, name)
    place = us(axis.at(pl.col("key")))
    return said.with_columns(start_us=place).drop("span", "key", "start_at", *there).collect(engine="in-memory")


def _changes(rows: pl.DataFrame, name: str, axis: Axis) -> pl.LazyFrame:
    keys = rows.lazy().select("rank", start=axis.key("index", "start_at"), end=axis.key("index", "end_at"))
    return cover(keys).rename({"rank": name})


def _saying(steps: pl.LazyFrame, rows: pl.DataFrame, name: str) -> pl.LazyFrame:
    says = rows.drop("index", "start_at", "end_at").rename({"rank": name})
    if rows.is_empty():
        return steps.with_columns(pl.lit(None, t).alias(c) for c, t in says.schema.items() if c != name)
    return steps.join(says.lazy(), on=name, how="left", maintain_order="left")
