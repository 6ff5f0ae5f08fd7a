"""Stops: contiguous time without execution (delay and down_no_order), named by the instant they began.

A stop ends where anything else begins (work, break, end of shift time, unknown) and with the production
day. One that was already on when the day began keeps its beginning: since when the machine has been in
that class of state, but not before the work time that leads up to the day, nor before the day before.
Its length, and so whether it is minor, is what is known at the day's end.
"""

from __future__ import annotations

import polars as pl

from assets.kernels.axis import us


def carried_from(segments: pl.DataFrame) -> pl.LazyFrame:
    """Since when work time runs without interruption up to the start of a day, looking at the day before.

    Takes `plant.calendar.segments`. Returns line, production_day, lead_us (breaks interrupt) and
    lead_through_us (for machines that run through breaks; planned events interrupt those as well), in us since
    1970; only for days whose day before is in the segments.
    """
    end = us("end_at")
    stands = (pl.col("kind") == "off") | pl.col("reason").is_not_null()
    first = us("start_at").min()
    day = segments.lazy().group_by("line", "production_day").agg(
        lead_us=pl.coalesce(end.filter(pl.col("kind") != "shift").max(), first),
        lead_through_us=pl.coalesce(end.filter(stands).max(), first),
    )  # fmt: skip
    return day.with_columns(pl.col("production_day").dt.offset_by("1d"))


def begun() -> pl.Expr:
    """When a stop that is on at the day's start began (us): by `held_us`, not before the work time leading up.

    Reads low_us (the day's start), held_us (since when in this class of state; null: since the day's start),
    lead_us, lead_through_us (null: the day before is not known) and runs_through_breaks.
    """
    day = pl.col("low_us")
    lead = pl.when("runs_through_breaks").then("lead_through_us").otherwise("lead_us").fill_null(day)
    return pl.min_horizontal(day, pl.max_horizontal(pl.col("held_us").fill_null(day), lead))


def with_stops(rows: pl.LazyFrame, end: int) -> pl.LazyFrame:
    """Add `stop_id` (us since 1970, null outside stops) and `minor` to rows that tile the tape up to `end`.

    Takes t (place on the tape), zero (instant = t + zero), begins (a day of a machine begins), stop, delay (part of a
    stop with an order), begun (us, of a stop that is on at the day's start), minor_us.
    """
    t, stop = pl.col("t"), pl.col("stop")
    turns = pl.col("begins") | (stop != stop.shift()).fill_null(value=True)
    began = pl.when("begins").then("begun").otherwise(t + pl.col("zero"))
    spanned = rows.with_columns(turns=turns).with_columns(
        stop_id=pl.when("turns").then(began).forward_fill(),
        stop_end=pl.when("turns").then(t).shift(-1).backward_fill().fill_null(end),
    )
    length = pl.col("stop_end") + pl.col("zero") - pl.col("stop_id")
    return spanned.with_columns(
        stop_id=pl.when(stop).then("stop_id"), minor=pl.col("delay") & (length < pl.col("minor_us"))
    )
