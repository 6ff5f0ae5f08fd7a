"""silver.count_ledger: pieces booked when they were counted, with the ideal time they stand for.

Counters are cumulative. What a sample adds to the one before it:

* more than before: the difference; less: the counter was reset and the new value counts from 0, or it
  rolled over, when `rollover` is set and its end was within reach (by `max_rate_per_s`, without one: the
  last value lay in the top tenth);
* more than `max_rate_per_s` allows for the elapsed time (and one piece): a jump, quarantined, never booked;
* the first sample ever is the base and adds nothing; a bad sample is passed over, the next one catches up.

A piece counted at t belongs to the shift, hour and day that contain t (half-open). It belongs to the order
that was being worked on just before t: an order that ends exactly at t keeps its last piece, within the
same shift. A report's pieces were made inside its interval, so they are booked just before its end.
"""

from __future__ import annotations

import polars as pl

from assets.kernels.axis import Axis, indexed, us
from assets.kernels.cells import WORK, hours, intervals, located, worked_on
from plant.tables import table

KINDS = ("good", "scrap", "rework")
COUNTS = tuple(f"{kind}_count" for kind in KINDS)
CUMULATIVE = (*COUNTS, "energy")
SLACK_PCS = 1.0
"""Pieces allowed on top of the physical limit: a piece may just have been finished at either end."""
NEAR_END = 0.9
"""Part of the roll-over value from which an unlimited counter counts as near its end."""


def steps(rows: pl.LazyFrame) -> pl.LazyFrame:
    """What each sample of a cumulative tag adds to the one before it.

    Takes rows with a value, in time order inside each `series` (i64: one tag on one day, beginning with its
    opening row): series, since_at, value, max_rate_per_s, rollover. Adds `step` (in the tag's unit, null for
    the first of a series) and `jump` (the step is beyond the physical limit).
    """
    value, end = pl.col("value"), pl.col("rollover")
    before = pl.when(pl.col("series") == pl.col("series").shift()).then(value.shift())
    elapsed_s = (us("since_at") - us("since_at").shift()) / 1e6
    limit = pl.col("max_rate_per_s") * elapsed_s + SLACK_PCS
    wrapped = end - pl.col("before") + 1 + value
    reachable = pl.when(pl.col("limit").is_not_null()).then(wrapped <= pl.col("limit"))
    rolled = (pl.col("before") <= end) & reachable.otherwise(pl.col("before") >= NEAR_END * end)
    step = (
        pl.when(value >= pl.col("before")).then(value - pl.col("before"))
        .when(rolled).then(wrapped)
        .when(pl.col("before").is_not_null()).then(value)
    )  # fmt: skip
    measured = rows.with_columns(before=before, limit=limit).with_columns(step=step)
    beyond = (pl.col("step") > pl.col("limit")).fill_null(value=False)
    return measured.with_columns(jump=beyond).drop("before", "limit")


def count_ledger(
    readings: pl.LazyFrame,
    time_ledger: pl.LazyFrame,
    segments: pl.DataFrame,
    ideal: pl.DataFrame,
    machines: pl.DataFrame,
    tags: pl.DataFrame,
    reports: pl.LazyFrame | None = None,
) -> pl.LazyFrame:
    """Pieces of a range of production days by machine, hour, shift and order.

    Args:
        readings: silver.readings of the range.
        time_ledger: silver.time_ledger of the range.
        segments: `plant.calendar.segments` of the range.
        ideal: `plant.dimensions.ideal_frame`.
        machines: `plant.dimensions.machines_frame`.
        tags: `plant.dimensions.tags_frame`, for the counters' limits.
        reports: bronze.reports that end in the range, or None. Their pieces count for machines without a
            counter; a machine that counts itself is not counted twice.

    Returns silver.count_ledger. `ideal_us` is null where the product has no ideal cycle on the machine that
    day. Operation: of the order, else the machine's usual one.
    """
    named = indexed(machines, "machine")
    axis = Axis.over(segments, named.height)
    calendar = hours(named, segments, axis)
    counted = located(_counted(readings, named, tags, axis), calendar)
    worked = worked_on(counted, intervals(time_ledger, named, axis))
    told = reports if reports is not None else table("bronze.reports").empty().lazy()
    reported = located(_reported(told, named, tags, axis), calendar)
    return _summed(pl.concat([worked, reported], how="diagonal"), named, ideal)


def _counted(readings: pl.LazyFrame, named: pl.DataFrame, tags: pl.DataFrame, axis: Axis) -> pl.LazyFrame:
    """One row per counted step: index, key, a column of pieces per role, quarantined_pcs."""
    limits = tags.lazy().filter(pl.col("role").is_in(COUNTS)).select("tag", "max_rate_per_s", "rollover")
    rows = readings.filter(pl.col("role").is_in(COUNTS), pl.col("value").is_not_null()).join(limits, on="tag")
    rows = rows.with_columns(pl.col("value").round()).sort("tag", "at", ~pl.col("opening"))
    begins = (pl.col("tag") != pl.col("tag").shift()) | (pl.col("production_day") != pl.col("production_day").shift())
    stepped = steps(rows.with_columns(series=begins.fill_null(value=True).cum_sum())).filter(pl.col("step") > 0)
    pieces, booked = pl.col("step").cast(pl.Int64), ~pl.col("jump")
    by_role = {f"{n}_pcs": pl.when(booked & (pl.col("role") == f"{n}_count")).then(pieces).fill_null(0) for n in KINDS}
    return stepped.join(named.lazy().select("machine", "index"), on="machine").select(
        "index", **by_role, quarantined_pcs=pl.when("jump").then(pieces).fill_null(0), key=axis.key("index", "at")
    )


def _reported(reports: pl.LazyFrame, named: pl.DataFrame, tags: pl.DataFrame, axis: Axis) -> pl.LazyFrame:
    """Pieces of reports just before their end, for machines without a counter."""
    counting = tags.filter(pl.col("role").is_in(COUNTS))["machine"].unique().to_list()
    pieces = [f"{n}_pcs" for n in KINDS]
    some = pl.sum_horizontal(pieces) > 0
    rows = reports.filter(some, ~pl.col("machine").is_in(counting)).join(
        named.lazy().select("machine", "index"), on="machine"
    )
    ended = us("end_at") - (pl.col("end_at") > pl.col("start_at")).cast(pl.Int64)
    return rows.select("index", *pieces, *WORK, key=axis.key("index", ended), quarantined_pcs=pl.lit(0, pl.Int64))


def _summed(rows: pl.LazyFrame, named: pl.DataFrame, ideal: pl.DataFrame) -> pl.LazyFrame:
    place = named.lazy().select("index", "site", "area", "line", "machine", usual="operation")
    keys = ["index", "production_day", "shift", "hour_at", *WORK]
    pieces = [*(f"{n}_pcs" for n in KINDS), "quarantined_pcs"]
    work = rows.join(place.select("index", "usual"), on="index").with_columns(
        operation=pl.coalesce("operation", "usual")
    )
    summed = work.group_by(keys).agg(pl.col(pieces).sum()).join(place.drop("usual"), on="index")
    made = pl.sum_horizontal(f"{n}_pcs" for n in KINDS)
    timed = _timed(summed, ideal).with_columns(ideal_us=made * pl.col("ideal_us"))
    return timed.select(table("silver.count_ledger").schema.keys()).sort("machine", "hour_at", "shift", *WORK)


def _timed(rows: pl.LazyFrame, ideal: pl.DataFrame) -> pl.LazyFrame:
    """Add the ideal time per piece (`ideal_us`) that is valid on the row's production day."""
    numbered = rows.with_row_index("row")
    valid = numbered.select("row", "machine", "product", "production_day").join(ideal.lazy(), on=["machine", "product"])
    latest = valid.filter(pl.col("valid_from") <= pl.col("production_day")).sort("row", "valid_from")
    return numbered.join(latest.group_by("row").agg(pl.col("ideal_us").last()), on="row", how="left").drop("row")
