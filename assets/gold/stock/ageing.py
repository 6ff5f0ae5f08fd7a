"""gold.stock_ageing: how old the stock on hand is."""

from __future__ import annotations

import polars as pl

from assets.gold.stock.day import last_days
from assets.kernels.stock.ageing import ageing
from plant.config import Plant

import dagster as dg  # isort: skip


@dg.asset(
    key=["gold", "stock_ageing"],
    ins={
        "inventory": dg.AssetIn(key=["gold", "inventory"]),
        **{name: dg.AssetIn(key=["silver", name]) for name in ("stock_ledger", "lots", "materials", "locations")},
    },
    group_name="gold",
    kinds={"polars", "delta"},
)
def stock_ageing(
    inventory: pl.LazyFrame,
    stock_ledger: pl.LazyFrame,
    lots: pl.LazyFrame,
    materials: pl.LazyFrame,
    locations: pl.LazyFrame,
    plant: dg.ResourceParam[Plant],
) -> pl.LazyFrame:
    """One row per material, location and age bucket, as of the end of the last day of gold.inventory."""
    ends = last_days(inventory, plant)
    return ageing(stock_ledger, lots, materials, locations, ends.lazy(), plant.file.stock.age_days)
