"""What a production day opens with: one row per tag that carries the last useful sample before it.

Markers at every day's start are merged into the sorted samples; what stands before a marker is what the
day opens with. The same markers tell each sample its production day.
"""

from __future__ import annotations

import polars as pl

from assets.kernels.axis import INSTANT, Axis
from assets.kernels.counting.judgement import Step
from assets.kernels.counting.steps import CUMULATIVE

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

    Of a cumulative tag it is the last with a value that holds: neither a bad sample at midnight nor a tolerated
    back-step may lose the base.
    """
    useful = day.filter(holds() | ~pl.col("role").is_in(CUMULATIVE))
    ordered = useful.sort("tag", "at", ~pl.col("opening"))
    return ordered.group_by("tag", maintain_order=True).last().select(day.collect_schema().names())


def holds() -> pl.Expr:
    """True where a row of a cumulative tag is what its next reading is measured from."""
    return pl.col("value").is_not_null() & (pl.col("flag") != Step.BACK_STEP.value).fill_null(value=True)


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

    `samples` are sorted ROWs, beginning with the prior ones. Of the tags in `cumulative` only samples that
    hold are carried.
    """
    days = marks.select("order", "day")
    dated = samples.drop("day").join_asof(days, on="order", strategy="backward")
    seen = as_rows(dated.filter(pl.col("day") >= 0, pl.col("at").is_not_null()))
    useful = samples.filter(holds() | ~pl.col("index").is_in(cumulative))
    known = useful.select("order", *CARRIED, carried="index")
    starts = marks.filter(pl.col("day") >= 0).select("order", "index", "day", "opening")
    found = starts.join_asof(known, on="order", strategy="backward").filter(pl.col("index") == pl.col("carried"))
    return seen.merge_sorted(as_rows(found.with_columns(at=axis.at(pl.col("order") // 2))), key="order")
