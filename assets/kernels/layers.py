"""Overlapping intervals resolved once: at every instant the covering interval of highest rank wins.

The rule is pointwise, so a day alone gives what it gives inside any longer range.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import polars as pl

from assets.kernels.axis import INSTANT, Axis, us

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
