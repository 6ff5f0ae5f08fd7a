"""What a production day opens with: one row per tag that carries the last useful sample before it.

Markers at every day's start are merged into the sorted samples; what stands before a marker is what the
day opens with. The same markers tell each sample its production day.
"""

from __future__ import annotations

import polars as pl

from assets.kernels.axis import INSTANT, Axis
from assets.kernels.counters import CUMULATIVE

BEFORE = -1
"""Day number of what lies outside the range."""
CARRIED = ("value", "text", "quality", "flag", "since_at", "source", "held_since_at")
ROW: dict[str, pl.DataType] = {
    "order": pl.Int64(), "index": pl.Int64(), "day": pl.Int64(), "at": INSTANT, "opening": pl.Boolean(),
    "value": pl.Float64(), "text": pl.String(), "quality": pl.String(), "flag": pl.String(), "since_at": INSTANT,
    "source": pl.String(), "held_since_at": INSTANT,
}  # fmt: skip
"""A row while it is worked on. `order` sorts rows totally: twice the packed key, plus 1 for samples."""


def as_rows(frame: pl.LazyFrame) -> pl.LazyFrame:
    """The columns of ROW in their order; what the frame has not is null."""
    there = set(frame.collect_schema().names())
    return frame.select(pl.col(n) if n in there else pl.lit(None, t).alias(n) for n, t in ROW.items())


def closing(day: pl.LazyFrame) -> pl.LazyFrame:
    """The rows of one day of silver.readings that the next day opens with: the last per tag.

    Of a cumulative tag it is the last with a value: a bad sample at midnight must not lose the base.
    """
    useful = day.filter(pl.col("value").is_not_null() | ~pl.col("role").is_in(CUMULATIVE))
    ordered = useful.sort("tag", "at", ~pl.col("opening"))
    return ordered.group_by("tag", maintain_order=True).last().select(day.collect_schema().names())


def prior(opening: pl.DataFrame, named: pl.DataFrame, axis: Axis) -> pl.LazyFrame:
    """The rows carried into the first day, at the very start of each tag's axis."""
    known = opening.lazy().select("tag", *CARRIED).join(named.lazy().select("tag", "index"), on="tag")
    start = axis.key("index", pl.lit(axis.base_us)) * 2
    return as_rows(known.with_columns(order=start, day=pl.lit(BEFORE, pl.Int64)).sort("order"))


def markers(named: pl.DataFrame, bounds: pl.DataFrame, axis: Axis) -> pl.LazyFrame:
    """One row per tag at every day's start with the day's number, and one behind the last day; `at` is null."""
    number = (pl.col("production_day") - pl.col("production_day").min()).dt.total_days()
    starts = bounds.select("site", "start_at", day=number)
    ends = bounds.group_by("site").agg(start_at=pl.col("end_at").max()).with_columns(day=pl.lit(BEFORE, pl.Int64))
    edges = pl.concat([starts, ends])
    rows = named.lazy().select("index", "site").join(edges.lazy(), on="site")
    placed = rows.select("index", "day", opening=pl.lit(value=True), order=axis.key("index", "start_at") * 2)
    return as_rows(placed.sort("order"))


def with_openings(samples: pl.LazyFrame, marks: pl.LazyFrame, cumulative: list[int], axis: Axis) -> pl.LazyFrame:
    """Samples of the range with their day and the opening rows between them, sorted by `order`.

    `samples` are sorted ROWs, beginning with the prior ones. Of the tags in `cumulative` only samples with a
    value are carried.
    """
    rows = marks.merge_sorted(samples, key="order").with_columns(pl.col("day").forward_fill())
    rows = rows.with_row_index("row").cache()
    sample = ~pl.col("opening").fill_null(value=False)
    useful = sample & (pl.col("value").is_not_null() | ~pl.col("index").is_in(cumulative))
    last = rows.select("order", "index", "day", "opening", last=pl.when(useful).then(pl.col("row")).forward_fill())
    starts = last.filter(pl.col("opening"), pl.col("day") >= 0)
    carried = rows.select("index", *CARRIED, last="row")
    at = axis.at(pl.col("order") // 2)
    opened = as_rows(starts.join(carried, on=["index", "last"]).with_columns(at=at).sort("order"))
    seen = as_rows(
        rows.filter(pl.col("day") >= 0, pl.col("at").is_not_null()).with_columns(opening=pl.lit(value=False))
    )
    return seen.merge_sorted(opened, key="order")
