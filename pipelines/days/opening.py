"""What a production day opens with: the last row per tag of the day before. One bounded read, no look-back."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, timedelta

import polars as pl

from assets.kernels.readings import closing
from warehouse.lake import Lake


def opening(lake: Lake) -> Callable[[date], pl.DataFrame]:
    """A callable: the last row per tag of silver.readings on the day before `day`, at its closing."""

    def closing_rows(day: date) -> pl.DataFrame:
        before = day - timedelta(days=1)
        return closing(lake.scan("silver.readings", days=(before, before))).collect(engine="in-memory")

    return closing_rows
