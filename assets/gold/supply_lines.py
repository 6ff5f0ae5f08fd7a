"""gold.supply_lines: every order line against its dates."""

from __future__ import annotations

import dagster as dg
import polars as pl

from assets.kernels.supply.lines import supply_lines as held
from plant.config import Plant


@dg.asset(
    key=["gold", "supply_lines"],
    ins={
        "purchase_orders": dg.AssetIn(key=["silver", "purchase_orders"]),
        "sales_orders": dg.AssetIn(key=["silver", "sales_orders"]),
        "deliveries": dg.AssetIn(key=["silver", "deliveries"]),
    },
    group_name="gold",
    kinds={"polars", "delta"},
)
def supply_lines(
    purchase_orders: pl.LazyFrame,
    sales_orders: pl.LazyFrame,
    deliveries: pl.LazyFrame,
    plant: dg.ResourceParam[Plant],
) -> pl.LazyFrame:
    """One row per order line and basis."""
    zone, currency = plant.file.site[0].timezone, plant.file.plant.currency
    return held(purchase_orders, sales_orders, deliveries, plant.file.supply, zone, currency)
