"""silver.time_ledger: every microsecond of every machine in exactly one leaf account.

Few things change seldom (calendar, reports, orders, bookings, edits, people), one changes often: the signal. So the
seldom ones are resolved first, into one table of pictures: stretches in which none of them changes. The days of all
machines lie end to end on one axis (`axis.Tape`); pictures and signal are merged there once, as plain integers, and
what they add up to is looked up in the small table of verdicts (`accounts`). No range join and no words until
the end, so the work grows with the events.

Precedence of the state, highest first: outside every shift, operator's edit, break, report, signal; of the
reason: operator's edit, booking, state.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Literal

import polars as pl

from assets.kernels.accounts import CASE, CODES, DECIDED, verdicts, with_case
from assets.kernels.axis import INSTANT, KINDS, Axis, Part, Tape, indexed, us
from assets.kernels.layers import Layer, stacked
from assets.kernels.states import UNSEEN, steadied, strength, watched
from assets.kernels.stops import begun, carried_from, with_stops
from plant.calendar import PLANNED_SCHEMA
from plant.states import OFF_SHIFT
from plant.tables import table

Engine = Literal["in-memory", "streaming"]
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
START, BORDER = 0, KINDS - 1
"""Kinds of rows at one place of the tape, in order: start of a day; opening state; state; border of a picture."""
OPENING, SAMPLE = START + 1, START + 1 + CODES
STATE_OF = pl.Series([UNSEEN, *range(CODES), *range(CODES)] + [None] * (KINDS - SAMPLE - CODES), dtype=pl.UInt8)
"""State by kind of row; null where the one before goes on."""
LOOK = ("shift", "shift_start_at", "order_id", "operation", "product", "operator")
"""What pictures show besides what is decided: neighbours that agree in it may be one interval."""
SHOWN = ("production_day", "site", "area", "line", "machine", "order_id", "operation", "product", "operator", "shift")


OF_CELL = ("machine", "index", "site", "stale_us", "minimum_us")
"""Columns of machines that the tape keeps by day."""
OF_MACHINE = ("index", "machine", "site", "area", "line", "evidence", "runs_through_breaks")
CELLS_AT_ONCE = 500
"""Days of machines that are worked on together: more fall out of the processor's cache, fewer cost more overhead."""
LAST = 2**63 - 1


@dataclass(frozen=True)
class Signal:
    """The signal of a part: sorted keys of its events; keys of silences; held_us by slot, with which a day begins."""

    keys: pl.DataFrame
    silences: pl.DataFrame
    held: pl.DataFrame


@dataclass(frozen=True)
class Stage:
    """What a run works on.

    machines with index (`axis.indexed`); the calendar; days as far as the data go (`horizon.reach`); the tape of
    those days; and the engine that collects.
    """

    machines: pl.DataFrame
    segments: pl.DataFrame
    days: pl.DataFrame
    tape: Tape
    engine: Engine


def time_ledger(
    events: pl.LazyFrame,
    segments: pl.DataFrame,
    machines: pl.DataFrame,
    operations: pl.LazyFrame,
    downtimes: pl.LazyFrame,
    horizon: pl.LazyFrame,
    reports: pl.LazyFrame | None = None,
    edits: pl.LazyFrame | None = None,
    attendance: pl.LazyFrame | None = None,
    minor_stops: pl.DataFrame | None = None,
    planned: pl.DataFrame | None = None,
    *,
    engine: Engine = "in-memory",
) -> pl.LazyFrame:
    """Leaf accounts of a range of production days; a day alone gives what it gives inside any range.

    Args:
        events: `states.signal_events` of the range.
        segments: `plant.calendar.segments` of the range and of the day before it (from which a stop that was
            already on at the first day's start takes its beginning).
        machines: `plant.dimensions.machines_frame` with `states.with_evidence`.
        operations: silver.operations; of overlapping ones the later start wins, then the greater id.
        downtimes: silver.downtimes, resolved in the same way.
        horizon: `horizon.reach`: site, production_day, start_at, end_at.
        reports: bronze.reports that touch the range, or None.
        edits: silver.edits that touch the range, or None. State and reason are two layers: of overlapping edits
            the later edited_at wins, then the greater edit_id, in each layer by itself.
        attendance: silver.attendance, or None; the later log-in wins, then the greater attendance_id.
        minor_stops: `plant.dimensions.minor_stops_frame`; None: minor_stop_s of the machines, on all days.
        planned: `plant.calendar.planned_machines`, planned events of single machines; None: there are none.
        engine: polars engine of the parts; what comes out does not depend on it.

    Returns silver.time_ledger, lazily, sorted by production day, machine and start. Neighbours that are equal in
    everything are one interval. `stop_id` runs over contiguous delay and down_no_order, of one day, from at most a
    day before it.
    """
    given = {"operations": operations, "downtimes": downtimes, "edits": edits, "attendance": attendance}
    named = {f"silver.{name}": rows for name, rows in given.items()} | {"bronze.reports": reports}
    layers = {name: table(name).empty().lazy() if rows is None else rows for name, rows in named.items()}
    layers[PLANNED] = (pl.DataFrame(schema=PLANNED_SCHEMA) if planned is None else planned).lazy()

    def build() -> pl.DataFrame:
        days = horizon.collect(engine="in-memory")
        if days.is_empty():
            return table("silver.time_ledger").empty()
        named = indexed(machines, "machine").with_columns(minimum_us=_us_of("minimum_run_s"))
        stage = Stage(named, segments, days, Tape.over(named.select(OF_CELL), days), engine)
        parts = list(stage.tape.parts(CELLS_AT_ONCE))
        signals = [_signal(stage, events, part) for part in parts]
        held = pl.concat(signal.held for signal in signals)
        pictures, cases = with_case(_pictures(stage, layers, held, minor_stops))
        decided = verdicts(cases)
        rows = [_rows(p, s, pictures, decided) for p, s in zip(parts, signals, strict=True)]
        return pl.concat([r.collect(engine=engine) for r in rows])

    return pl.defer(build, schema=table("silver.time_ledger").schema, validate_schema=False)


def _signal(stage: Stage, events: pl.LazyFrame, part: Part) -> Signal:
    """The signal of some days on the tape."""
    tape, at, silent = stage.tape, pl.col("at"), pl.col("silent")
    low, high, zero = (tape.of_slot(c) for c in ("low_us", "high_us", "zero_us"))
    heard, watches = _heard(tape, events.filter(pl.col("production_day").is_between(part.first, part.last)))
    falls = {"silent": pl.when(silent < high).then(silent - zero)} if watches else {}
    key = (at - zero) * KINDS + pl.col("kind")
    placed = heard.select("slot", "held", key=key, first=at == low, inside=(at >= low) & (at < high), **falls)
    every = placed.collect(engine=stage.engine)
    rows = every if every["inside"].all(ignore_nulls=False) else every.filter("inside")
    first = rows.filter("first", pl.col("held").is_not_null()).sort("key")
    keys = rows.select("key", *falls).sort("key")
    unheard = silent < (pl.col("key") // KINDS).shift(-1, fill_value=LAST)
    silences = keys.filter(unheard).select(key=silent * KINDS + (SAMPLE + UNSEEN)) if watches else keys.clear()
    return Signal(keys.select("key"), silences, first.group_by("slot").agg(held_us=pl.col("held").last()))


def _heard(tape: Tape, events: pl.LazyFrame) -> tuple[pl.LazyFrame, bool]:
    """Events with slot and kind of row (and silent); and whether there is a silence to look for at all."""
    kind = pl.when("opening").then(OPENING).otherwise(SAMPLE) + pl.col("code").cast(pl.Int64)
    named = events.with_columns(slot=tape.slot())
    if tape.cells["stale_us"].null_count() == tape.cells.height:
        return named.select("slot", "at", "held", kind=kind), False
    told = watched(named.with_columns(stale_us=tape.of_slot("stale_us")))
    return told.select("slot", "at", "held", "silent", kind=kind), True


def _pictures(
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
    always = stage.machines.select("machine", minor_us=_us_of("minor_stop_s"), valid_from=pl.lit(date.min))
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


def _rows(part: Part, signal: Signal, every: pl.DataFrame, verdict: pl.DataFrame) -> pl.LazyFrame:
    """The ledger of some days from the merged tape: signal and pictures together, decided by looking up."""
    pictures = every.filter(pl.col("t").is_between(part.start, part.end, closed="left"))
    rows = _stretches(signal, pictures)
    if (pictures["minimum_us"] > 0).any():
        rows = steadied(rows.with_columns(_begins(pictures), minimum_us=_of("picture", pictures["minimum_us"])))
    told = rows.select("t", "picture", verdict=_of("picture", pictures["case"]) + pl.col("state"))
    look = _of("verdict", verdict["look"])
    kept = told.filter((look != look.shift()).fill_null(value=True))
    spots = {c: _of("picture", pictures[c]) for c in ("zero", "begun", "minor_us")}
    flags = {c: _of("verdict", verdict[c]) for c in ("stop", "delay")}
    stopped = with_stops(kept.with_columns(_begins(pictures), **spots, **flags), part.end)
    start, end = pl.col("t") + pl.col("zero"), pl.col("t").shift(-1, fill_value=part.end) + pl.col("zero")
    shown = {c: _of("picture", pictures[c]) for c in SHOWN} | {c: _of("verdict", verdict[c]) for c in DECIDED}
    out = stopped.with_columns(start_at=start.cast(INSTANT), end_at=end.cast(INSTANT), duration_us=end - start, **shown)
    return out.select(table("silver.time_ledger").schema.keys())


def _begins(pictures: pl.DataFrame) -> pl.Expr:
    """True in the first row of each day of a machine."""
    new = (pl.col("picture") != pl.col("picture").shift()).fill_null(value=True)
    return (new & _of("picture", pictures["begins"])).alias("begins")


def _stretches(signal: Signal, pictures: pl.DataFrame) -> pl.LazyFrame:
    """Merge signal and pictures: t, picture (row number) and state wherever one of them changes."""
    kind = pl.when("begins").then(START).otherwise(BORDER).cast(pl.Int64)
    seldom = pl.concat([pictures.select(key=pl.col("t") * KINDS + kind), signal.silences]).sort("key")
    merged = seldom.lazy().merge_sorted(signal.keys.lazy(), key="key")
    parted = merged.select(t=pl.col("key") // KINDS, kind=(pl.col("key") & (KINDS - 1)).cast(pl.UInt8))
    border = (pl.col("kind") == START) | (pl.col("kind") == BORDER)
    state = _of("kind", STATE_OF).forward_fill()
    read = parted.select("t", picture=border.cum_sum() - 1, state=state)
    return read.filter(pl.col("t") != pl.col("t").shift(-1, fill_value=LAST))


def _of(number: str, values: pl.Series) -> pl.Expr:
    """Values looked up by a column of row numbers; in one piece, which is several times faster."""
    if values.null_count() == len(values):
        return pl.lit(None, values.dtype)
    return pl.lit(values.rechunk()).gather(number)


def _us_of(seconds: str) -> pl.Expr:
    return (pl.col(seconds) * 1e6).round().cast(pl.Int64)
