"""Overlapping intervals resolved once: at every instant the covering interval of highest rank wins.

The rule is pointwise, so a day alone gives what it gives inside any longer range.
"""

from __future__ import annotations

import polars as pl

NOTHING = -1
"""Rank of an instant that no interval covers."""


def ranked(intervals: pl.LazyFrame, by: list[str]) -> pl.LazyFrame:
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
