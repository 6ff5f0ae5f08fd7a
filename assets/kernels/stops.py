"""Stops: contiguous time without execution (delay and down_no_order), named by the instant they began.

A stop ends where anything else begins (work, break, end of shift time, unknown) and with the production
day. One that was already on when the day began keeps its beginning: since when the machine has been in
that class of state, but not before the work time that leads up to the day, nor before the day before.
Its length, and so whether it is minor, is what is known at the day's end.
"""

from __future__ import annotations

import polars as pl

from assets.kernels.axis import us
from plant.states import Account

STOPS = (Account.DELAY.value, Account.DOWN_NO_ORDER.value)


def carried_from(segments: pl.DataFrame) -> pl.LazyFrame:
    """Since when work time runs without interruption up to the start of a day, looking at the day before.

    Takes `plant.calendar.segments`. Returns line, production_day, lead_us (breaks interrupt) and
    lead_through_us (for machines that run through breaks), in us since 1970; only for days whose day before
    is in the segments.
    """
    end = us("end_at")
    first = us("start_at").min()
    day = segments.lazy().group_by("line", "production_day").agg(
        lead_us=pl.coalesce(end.filter(pl.col("kind") != "shift").max(), first),
        lead_through_us=pl.coalesce(end.filter(pl.col("kind") == "off").max(), first),
    )  # fmt: skip
    return day.with_columns(pl.col("production_day").dt.offset_by("1d"))


def with_stops(rows: pl.LazyFrame) -> pl.LazyFrame:
    """Add `stop_id` (us since 1970, null outside stops) and `minor` to stretches in time order per machine.

    Takes index, production_day, account, start_us, end_us, day_us, held (us, since when in this class of
    state), lead_us, lead_through_us, runs_through_breaks, minor_us.
    """
    stop = pl.col("stop")
    before, after = _goes_on(1), _goes_on(-1)
    lead = pl.when("runs_through_breaks").then("lead_through_us").otherwise("lead_us").fill_null(pl.col("day_us"))
    carried = pl.min_horizontal("start_us", pl.max_horizontal("held", lead))
    began = pl.when(pl.col("start_us") == pl.col("day_us")).then(carried).otherwise(pl.col("start_us"))
    marked = rows.with_columns(stop=pl.col("account").is_in(STOPS)).with_columns(
        stop_id=pl.when(stop & ~before).then(began), stop_end=pl.when(stop & ~after).then("end_us")
    )
    filled = marked.with_columns(pl.col("stop_id").forward_fill(), pl.col("stop_end").backward_fill())
    short = pl.col("stop_end") - pl.col("stop_id") < pl.col("minor_us")
    return filled.with_columns(
        stop_id=pl.when(stop).then("stop_id"), minor=short & (pl.col("account") == Account.DELAY.value)
    ).with_columns(pl.col("minor").fill_null(value=False))


def _goes_on(step: int) -> pl.Expr:
    """True where the neighbour one row before (1) or after (-1) is a stop of the same machine and day."""
    same = [pl.col(c).shift(step) == pl.col(c) for c in ("index", "day_us")]
    return (same[0] & same[1] & pl.col("stop").shift(step)).fill_null(value=False)
