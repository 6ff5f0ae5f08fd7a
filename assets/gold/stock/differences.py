"""gold.stock_differences: what the WMS or ERP states, or somebody counted, against the ledger."""

from __future__ import annotations

import polars as pl

from assets.kernels.stock.differences import differences
from assets.kernels.stock.sites import sites_of
from plant.config import Plant

import dagster as dg  # isort: skip

INPUTS = ("stock_ledger", "stock_moves", "stock_levels", "materials", "locations")


@dg.asset(
    key=["gold", "stock_differences"],
    ins={name: dg.AssetIn(key=["silver", name]) for name in INPUTS},
    group_name="gold",
    kinds={"polars", "delta"},
)
def stock_differences(
    stock_ledger: pl.LazyFrame,
    stock_moves: pl.LazyFrame,
    stock_levels: pl.LazyFrame,
    materials: pl.LazyFrame,
    locations: pl.LazyFrame,
    plant: dg.ResourceParam[Plant],
) -> pl.LazyFrame:
    """One row per statement, and per pair that only the ledger holds."""
    return differences(stock_ledger, stock_moves, stock_levels, materials, locations, sites_of(plant))
