"""Thing and instant packed into one integer, so that one sort, one merge and one shift do the work of two keys.

`key = index * stride + (instant - base) in microseconds`. The stride is the length of the range plus a
margin, so keys of different things never meet and never overflow for ranges a run is asked for.
"""

from __future__ import annotations

from dataclasses import dataclass

import polars as pl

INSTANT = pl.Datetime("us", "UTC")
KEY_LIMIT = 2**62


def us(column: pl.Expr | str) -> pl.Expr:
    """An instant as microseconds since 1970."""
    return (pl.col(column) if isinstance(column, str) else column).cast(INSTANT).cast(pl.Int64)


@dataclass(frozen=True)
class Axis:
    """Packing of (index, instant) for instants from `base_us` to `base_us + stride`, both exclusive at the far end."""

    base_us: int
    stride: int

    @classmethod
    def over(cls, bounds: pl.DataFrame, things: int) -> Axis:
        """The axis of a range of days (columns start_at, end_at) for so many things.

        Raises:
            ValueError: the range is too long for so many things; build fewer days at once.
        """
        edges = bounds.select(low=us("start_at").min(), high=us("end_at").max()).row(0) if bounds.height else (0, 0)
        low, high = edges[0] - 1, edges[1] + 1
        if (high - low + 1) * (things + 1) > KEY_LIMIT:
            raise ValueError(
                f"{things} tags or machines over {(high - low) / 8.64e10:.0f} days: build fewer days at once"
            )
        return cls(low, high - low + 1)

    @property
    def high_us(self) -> int:
        """Last instant that can be packed, in microseconds since 1970."""
        return self.base_us + self.stride - 1

    def key(self, index: pl.Expr | str, at: pl.Expr | str) -> pl.Expr:
        """Packed key of an index column and an instant column; instants outside are moved to the edge."""
        index = pl.col(index) if isinstance(index, str) else index
        return index.cast(pl.Int64) * self.stride + us(at).clip(self.base_us, self.high_us) - self.base_us

    def index(self, key: pl.Expr) -> pl.Expr:
        """The index of a key."""
        return key // self.stride

    def at(self, key: pl.Expr) -> pl.Expr:
        """The instant of a key."""
        return (key % self.stride + self.base_us).cast(INSTANT)


def indexed(names: pl.DataFrame, *columns: str) -> pl.DataFrame:
    """The frame sorted by name columns with its position as `index` (i64): names sort as their indices do."""
    return names.sort(columns).with_row_index("index").with_columns(pl.col("index").cast(pl.Int64))
