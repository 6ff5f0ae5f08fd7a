"""silver.time_ledger: every microsecond of every machine in exactly one leaf account.

The layers (calendar, signal, reports, orders, bookings) are merged as boundaries on one packed time axis,
each carried forward to its next change; what lies between two boundaries is one interval. No range join,
so the work grows with the events. Precedence, highest first: outside every shift, break, report, signal.
"""

from __future__ import annotations

from dataclasses import dataclass

import polars as pl

from assets.kernels.accounts import account, reason, reason_class, source
from assets.kernels.axis import INSTANT, Axis, indexed, us
from assets.kernels.layers import NOTHING, cover, ranked
from assets.kernels.states import NONE, STATE_CODE, UNSEEN, report_layer
from assets.kernels.stops import carried_from, with_stops
from plant.states import STATE_WORDS
from plant.tables import table

LAYERS = ("span", "state", "report", "order", "booking")
"""Integer columns that are carried forward; NOTHING where a layer says nothing."""
SAME = (
    "index", "production_day", "shift", "shift_start_at", "account", "word", "reason", "reason_class", "minor",
    "stop_id", "order_id", "operation", "product", "source",
)  # fmt: skip
"""Neighbours that agree in all of these are one interval."""


@dataclass(frozen=True)
class Stage:
    """What a run works on: machines with index, line, site; their first and last instant; the time axis."""

    machines: pl.DataFrame
    limits: pl.LazyFrame
    axis: Axis

    def placed(self, rows: pl.LazyFrame) -> pl.LazyFrame:
        """Rows of machines of this run, with index and the machine's first and last instant (low, high)."""
        return rows.join(self.limits, on="machine")


def time_ledger(
    events: pl.LazyFrame,
    segments: pl.DataFrame,
    machines: pl.DataFrame,
    operations: pl.LazyFrame,
    downtimes: pl.LazyFrame,
    horizon: pl.LazyFrame,
    reports: pl.LazyFrame | None = None,
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

    Returns silver.time_ledger, sorted by machine and start. Neighbours that are equal in everything are one
    interval. `stop_id` runs over contiguous delay and down_no_order, of one day, from at most a day before it.
    """
    stage = _stage(machines, segments, horizon)
    spans = _spans(segments, horizon)
    booked = {
        "report": report_layer(reports if reports is not None else table("bronze.reports").empty().lazy()),
        "order": ranked(_open(operations, "started_at", "ended_at"), ["start_at", "operation_id"]),
        "booking": ranked(_open(downtimes, "start_at", "end_at"), ["start_at", "downtime_id"]),
    }
    streams = [_base(stage), _span_starts(stage, spans), _signal(stage, events)]
    streams += [_changes(stage, layer, name) for name, layer in booked.items()]
    pieces = _intervals(pl.concat([*streams, _ends(stage)], how="diagonal"))
    told = _decided(_described(pieces, stage, spans, booked))
    return _finished(_merged(with_stops(told)), stage)


def _stage(machines: pl.DataFrame, segments: pl.DataFrame, horizon: pl.LazyFrame) -> Stage:
    named = indexed(machines, "machine")
    edges = horizon.group_by("site").agg(low=pl.col("start_at").min(), high=pl.col("end_at").max())
    limits = named.lazy().select("machine", "index", "site", "line").join(edges, on="site")
    return Stage(named, limits, Axis.over(segments, named.height))


def _spans(segments: pl.DataFrame, horizon: pl.LazyFrame) -> pl.LazyFrame:
    """Calendar stretches of one kind, hours taken together, cut at the horizon; numbered as `span`."""
    keys = ["site", "line", "production_day", "shift", "shift_start_at", "kind"]
    edge = pl.any_horizontal(pl.col(c) != pl.col(c).shift() for c in keys).fill_null(value=True)
    runs = segments.lazy().sort("line", "start_at").with_columns(run=edge.cum_sum())
    whole = runs.group_by("run", *keys).agg(pl.col("start_at").min(), pl.col("end_at").max())
    days = horizon.select("site", "production_day", day_start_at="start_at", day_end_at="end_at")
    reached = whole.join(days, on=["site", "production_day"]).filter(pl.col("start_at") < pl.col("day_end_at"))
    reached = reached.join(carried_from(segments), on=["line", "production_day"], how="left")
    return reached.sort("line", "start_at").with_row_index("span").with_columns(pl.col("span").cast(pl.Int64))


def _base(stage: Stage) -> pl.LazyFrame:
    """One row per machine at its first instant: no layer has said anything yet."""
    nothing = {name: pl.lit(NOTHING, pl.Int64) for name in LAYERS} | {"state": pl.lit(UNSEEN, pl.Int64)}
    held = pl.lit(stage.axis.high_us, pl.Int64)
    return stage.limits.select(key=stage.axis.key("index", "low"), held=held, **nothing)


def _ends(stage: Stage) -> pl.LazyFrame:
    return stage.limits.select(key=stage.axis.key("index", "high"), span=pl.lit(NOTHING, pl.Int64))


def _span_starts(stage: Stage, spans: pl.LazyFrame) -> pl.LazyFrame:
    on_machines = stage.limits.select("index", "line").join(spans.select("line", "start_at", "span"), on="line")
    return on_machines.select("span", key=stage.axis.key("index", "start_at"))


def _signal(stage: Stage, events: pl.LazyFrame) -> pl.LazyFrame:
    word = pl.col("state").cast(pl.Enum(STATE_WORDS)).to_physical().cast(pl.Int64)
    silent = (pl.col("source") == NONE) & (word == STATE_CODE["unknown"])
    inside = stage.placed(events).filter(pl.col("at") >= pl.col("low"), pl.col("at") < pl.col("high"))
    state = pl.when(silent).then(pl.lit(UNSEEN, pl.Int64)).otherwise(word)
    return inside.select(key=stage.axis.key("index", "at"), state=state, held=us("since_at"))


def _open(rows: pl.LazyFrame, start: str, end: str) -> pl.LazyFrame:
    """Intervals as start_at, end_at; without an end they are still on; without a start they never were."""
    far = pl.lit(2**62, pl.Int64).cast(INSTANT)
    renamed = rows.rename({start: "start_at", end: "end_at"}).filter(pl.col("start_at").is_not_null())
    return renamed.with_columns(pl.col("end_at").fill_null(far))


def _changes(stage: Stage, layer: pl.LazyFrame, name: str) -> pl.LazyFrame:
    """Boundaries of a resolved layer inside the run: key and the rank that wins from there."""
    start, end = pl.max_horizontal("start_at", "low"), pl.min_horizontal("end_at", "high")
    inside = stage.placed(layer).filter(start < end)
    keys = inside.select("rank", start=stage.axis.key("index", start), end=stage.axis.key("index", end))
    return cover(keys).rename({"rank": name})


def _intervals(streams: pl.LazyFrame) -> pl.LazyFrame:
    """Merge the layers: one row per stretch in which none changes (key, until, layers, held)."""
    key = pl.col("key")
    merged = streams.sort("key", maintain_order=True).with_columns(pl.col(*LAYERS, "held").forward_fill())
    last = merged.filter((key != key.shift(-1)).fill_null(value=True))
    changed = pl.any_horizontal(pl.col(name) != pl.col(name).shift() for name in LAYERS).fill_null(value=True)
    steps = last.filter(changed)
    return steps.with_columns(until=key.shift(-1)).filter(pl.col("span") != NOTHING)


def _described(
    pieces: pl.LazyFrame, stage: Stage, spans: pl.LazyFrame, booked: dict[str, pl.LazyFrame]
) -> pl.LazyFrame:
    """Put back what the numbers stand for."""
    report = booked["report"].select(
        "order_id", "product", "operation", report="rank", told="state", told_since=us("start_at")
    )
    order = booked["order"].select("order_id", "operation", "product", order="rank")
    booking = booked["booking"].select("reason", "reason_class", booking="rank")
    lead = ("lead_us", "lead_through_us")
    calendar = spans.select(
        "span", "production_day", "shift", "shift_start_at", "kind", *lead, day_us=us("day_start_at")
    )
    minor = (pl.col("minor_stop_s") * 1e6).round().cast(pl.Int64)
    machine = stage.machines.lazy().select(
        "index", "line", "evidence", "runs_through_breaks", minor_us=minor, usual_operation="operation"
    )
    start_us, until = pl.col("key") % stage.axis.stride + stage.axis.base_us, pl.col("until")
    return (
        pieces.with_columns(index=stage.axis.index(pl.col("key")), start_us=start_us)
        .with_columns(end_us=until - pl.col("key") + pl.col("start_us"))
        .join(calendar, on="span", maintain_order="left")
        .join(report, on="report", how="left", maintain_order="left")
        .join(order, on="order", how="left", suffix="_registered", maintain_order="left")
        .join(booking, on="booking", how="left", maintain_order="left")
        .join(machine, on="index", maintain_order="left")
    )


def _decided(rows: pl.LazyFrame) -> pl.LazyFrame:
    """Account, reason and the layer that decided, from the layers as they stand."""
    told = pl.col("told").is_not_null()
    names = dict(enumerate((*STATE_WORDS, "unknown")))
    signalled = pl.col("state").replace_strict(names, return_dtype=pl.String)
    work = {name: pl.coalesce(name, f"{name}_registered") for name in ("order_id", "operation", "product")}
    held = pl.when(told).then(pl.col("told_since")).otherwise(pl.col("held"))
    ordered = rows.with_columns(word=pl.when(told).then(pl.col("told")).otherwise(signalled), held=held, **work)
    usual = pl.when(pl.col("order_id").is_not_null()).then(pl.coalesce("operation", "usual_operation"))
    ordered = ordered.with_columns(account=account(), source=source(), operation=usual)
    return ordered.with_columns(reason=reason(), reason_class=reason_class())


def _merged(rows: pl.LazyFrame) -> pl.LazyFrame:
    """Equal neighbours become one interval. They touch, because the intervals of a machine-day tile."""
    differs = pl.any_horizontal(pl.col(c).ne_missing(pl.col(c).shift()) for c in SAME)
    marked = rows.with_columns(first=differs, before_us=pl.col("end_us").shift(), last_us=pl.col("end_us").last())
    firsts = marked.filter((pl.int_range(pl.len()) == 0) | pl.col("first"))
    return firsts.with_columns(end_us=pl.col("before_us").shift(-1).fill_null(pl.col("last_us")))


def _finished(rows: pl.LazyFrame, stage: Stage) -> pl.LazyFrame:
    place = stage.machines.lazy().select("index", "site", "area", "machine")
    start, end = pl.col("start_us"), pl.col("end_us")
    named = rows.join(place, on="index", maintain_order="left").with_columns(
        start_at=start.cast(INSTANT), end_at=end.cast(INSTANT), duration_us=end - start, state="word"
    )
    return named.select(table("silver.time_ledger").schema.keys())
