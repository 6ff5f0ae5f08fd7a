"""gold.space_use: how full each zone is, day by day."""

from __future__ import annotations

import polars as pl

from assets.kernels.stock.sites import sites_of
from assets.kernels.stock.space import space_use as space
from assets.partitions import DAYS, SINGLE_RUN
from plant.config import Plant

import dagster as dg  # isort: skip


@dg.asset(
    key=["gold", "space_use"],
    ins={
        "inventory": dg.AssetIn(key=["gold", "inventory"]),
        "materials": dg.AssetIn(key=["silver", "materials"]),
        "locations": dg.AssetIn(key=["silver", "locations"]),
    },
    partitions_def=DAYS,
    backfill_policy=SINGLE_RUN,
    group_name="gold",
    kinds={"polars", "delta"},
)
def space_use(
    inventory: pl.LazyFrame, materials: pl.LazyFrame, locations: pl.LazyFrame, plant: dg.ResourceParam[Plant]
) -> pl.LazyFrame:
    """One row per zone and production day."""
    return space(inventory, materials, locations, sites_of(plant))
