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

from assets.kernels.axis import INSTANT, Axis, indexed, us
from plant.tables import table

COUNTS = ("good_count", "scrap_count", "rework_count")
CUMULATIVE = (*COUNTS, "energy")
SLACK_PCS = 1.0
"""Pieces allowed on top of the physical limit: a piece may just have been finished at either end."""
NEAR_END = 0.9
"""Part of the roll-over value from which an unlimited counter counts as near its end."""
WORK = ["order_id", "operation", "product"]


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
