"""gold.inventory: stock at the end of each production day with turns, cover, classes and alerts."""

# No `from __future__ import annotations`: Dagster compares the type of `context` itself, not its name.

import polars as pl

from assets.kernels.stock.daily import first_needed
from assets.kernels.stock.daily import inventory as stock
from assets.kernels.stock.sites import sites_of
from assets.partitions import DAYS, SINGLE_RUN, days
from plant.calendar import bounds
from plant.config import Plant

import dagster as dg  # isort: skip


@dg.asset(
    key=["gold", "inventory"],
    ins={
        "stock_ledger": dg.AssetIn(key=["silver", "stock_ledger"]),
        "materials": dg.AssetIn(key=["silver", "materials"]),
        "purchase_orders": dg.AssetIn(key=["silver", "purchase_orders"]),
        "partners": dg.AssetIn(key=["silver", "partners"]),
    },
    partitions_def=DAYS,
    backfill_policy=SINGLE_RUN,
    group_name="gold",
    kinds={"polars", "delta"},
)
def inventory(
    context: dg.AssetExecutionContext,
    stock_ledger: pl.LazyFrame,
    materials: pl.LazyFrame,
    purchase_orders: pl.LazyFrame,
    partners: pl.LazyFrame,
    plant: dg.ResourceParam[Plant],
) -> pl.LazyFrame:
    """One row per material, location and production day."""
    first, last = days(context)
    whole_days = bounds(plant, first_needed(first), last).lazy()
    return stock(stock_ledger, materials, purchase_orders, partners, whole_days, first, sites_of(plant))
