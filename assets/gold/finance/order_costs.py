"""gold.order_costs: actual cost of orders against standard, with the difference explained."""

from __future__ import annotations

import dagster as dg
import polars as pl

from assets.kernels.finance.order_costs import order_costs as costed
from assets.kernels.finance.rates import lines_of
from plant.config import Plant

BOOKS = ("operations", "stock_ledger", "locations", "materials", "bills_of_material", "cost_rates")


@dg.asset(
    key=["gold", "order_costs"], group_name="gold", kinds={"polars", "delta"},
    ins={
        **{n: dg.AssetIn(key=["gold", n]) for n in ("order_days", "order_performance")},
        **{n: dg.AssetIn(key=["silver", n]) for n in BOOKS},
    },
)  # fmt: skip
def order_costs(
    order_days: pl.LazyFrame, order_performance: pl.LazyFrame, operations: pl.LazyFrame, stock_ledger: pl.LazyFrame,
    locations: pl.LazyFrame, materials: pl.LazyFrame, bills_of_material: pl.LazyFrame, cost_rates: pl.LazyFrame,
    plant: dg.ResourceParam[Plant],
) -> pl.DataFrame:  # fmt: skip
    """One row per order, component and material or machine."""
    books = (operations, stock_ledger, locations, materials, bills_of_material)
    return costed(order_days, order_performance.collect(), *books, lines_of(plant, cost_rates.collect()))
