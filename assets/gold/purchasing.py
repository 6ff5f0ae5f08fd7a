"""gold.lead_times and gold.price_variance: how long suppliers take, and what they charge."""

from __future__ import annotations

import dagster as dg
import polars as pl

from assets.kernels.supply import lead_times as times
from assets.kernels.supply import prices
from plant.config import Plant


@dg.asset(
    key=["gold", "lead_times"],
    ins={
        "supply_lines": dg.AssetIn(key=["gold", "supply_lines"]),
        "suppliers": dg.AssetIn(key=["silver", "suppliers"]),
    },
    group_name="gold",
    kinds={"polars", "delta"},
)
def lead_times(supply_lines: pl.LazyFrame, suppliers: pl.LazyFrame, plant: dg.ResourceParam[Plant]) -> pl.LazyFrame:
    """One row per supplier and material, and one per supplier."""
    return times.lead_times(supply_lines, suppliers, plant.file.supply)


@dg.asset(
    key=["gold", "price_variance"],
    ins={
        "purchase_orders": dg.AssetIn(key=["silver", "purchase_orders"]),
        "materials": dg.AssetIn(key=["silver", "materials"]),
        "exchange_rates": dg.AssetIn(key=["silver", "exchange_rates"]),
    },
    group_name="gold",
    kinds={"polars", "delta"},
)
def price_variance(
    purchase_orders: pl.LazyFrame, materials: pl.LazyFrame, exchange_rates: pl.LazyFrame,
    plant: dg.ResourceParam[Plant],
) -> pl.LazyFrame:  # fmt: skip
    """One row per supplier, material and day ordered."""
    settings = plant.file
    zone, currency = settings.site[0].timezone, settings.plant.currency
    return prices.price_variance(purchase_orders, materials, exchange_rates, zone, currency)
