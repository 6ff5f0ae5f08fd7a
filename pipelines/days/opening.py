"""What a production day opens with: the last row per tag of the day before. One bounded read, no look-back."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, timedelta

import polars as pl

from warehouse.lake import Lake


def opening(lake: Lake) -> Callable[[date], pl.DataFrame]:
    """A callable: the last row per tag of silver.readings on the day before `day`, at its closing."""

    def closing_rows(day: date) -> pl.DataFrame:
        before = day - timedelta(days=1)
        rows = lake.scan("silver.readings", days=(before, before))
        return closing(rows).collect()

    return closing_rows


def closing(rows: pl.LazyFrame) -> pl.LazyFrame:
    """Last row per tag and day of silver.readings: what the next day opens with."""
    return (
        rows.sort("tag", "at", "opening", descending=[False, False, True])
        .group_by("production_day", "tag", maintain_order=True)
        .last()
    )
