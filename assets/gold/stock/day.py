"""The day stock is as of: the last one gold.inventory holds of each site."""

from __future__ import annotations

from datetime import date

import polars as pl

from assets.kernels.stock.classes import as_of
from plant.calendar import bounds
from plant.config import Plant


def last_days(inventory: pl.LazyFrame, plant: Plant) -> pl.DataFrame:
    """site, production_day, end_at; no rows while there is no stock."""
    held = inventory.group_by("site").agg(pl.col("production_day").max()).collect()
    known = [bounds(plant, day, day) for day in held["production_day"].unique()] or [bounds(plant, _NEVER, _NEVER)]
    return as_of(held.lazy(), pl.concat(known).lazy(), list(plant.sites)).collect()


_NEVER = date(1970, 1, 1)
