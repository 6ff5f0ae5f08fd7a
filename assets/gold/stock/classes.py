"""gold.stock_classes: ABC-XYZ, pattern of demand, turns, dead and excess stock by material."""

from __future__ import annotations

import polars as pl

from assets.gold.stock.day import last_days
from assets.kernels.stock.classes import classes, on_hand
from assets.kernels.stock.demand import weekly
from assets.kernels.stock.sites import sites_of
from plant.config import Plant

import dagster as dg  # isort: skip

INPUTS = ("stock_ledger", "sales_orders", "bills_of_material", "materials", "locations")


@dg.asset(
    key=["gold", "stock_classes"],
    ins={
        "inventory": dg.AssetIn(key=["gold", "inventory"]),
        **{name: dg.AssetIn(key=["silver", name]) for name in INPUTS},
    },
    group_name="gold",
    kinds={"polars", "delta"},
)
def stock_classes(
    inventory: pl.LazyFrame,
    stock_ledger: pl.LazyFrame,
    sales_orders: pl.LazyFrame,
    bills_of_material: pl.LazyFrame,
    materials: pl.LazyFrame,
    locations: pl.LazyFrame,
    plant: dg.ResourceParam[Plant],
) -> pl.LazyFrame:
    """One row per site and material, as of the end of the last day of gold.inventory."""
    from models.replenishment.pattern import described, panel

    ends, aims = last_days(inventory, plant), plant.file.stock
    stock = on_hand(stock_ledger, inventory, locations, ends.lazy())
    asked = weekly(stock_ledger, sales_orders, bills_of_material, ends, sites_of(plant))
    return classes(described(panel(asked)).lazy(), stock, materials, aims.dead_after_d, aims.excess_cover_d)
