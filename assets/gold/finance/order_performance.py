"""gold.order_performance: orders against their plan, and where their lead time went."""

from __future__ import annotations

import dagster as dg
import polars as pl

from assets.kernels.finance.performance import order_performance as performed
from assets.kernels.finance.reach import reach
from plant.config import Plant
from plant.dimensions import machines_frame


@dg.asset(
    key=["gold", "order_performance"], group_name="gold", kinds={"polars", "delta"},
    ins={
        "order_days": dg.AssetIn(key=["gold", "order_days"]),
        **{n: dg.AssetIn(key=["silver", n]) for n in ("operations", "work_orders", "time_ledger", "stock_ledger")},
    },
)  # fmt: skip
def order_performance(
    order_days: pl.LazyFrame, operations: pl.LazyFrame, work_orders: pl.LazyFrame, time_ledger: pl.LazyFrame,
    stock_ledger: pl.LazyFrame, plant: dg.ResourceParam[Plant],
) -> pl.DataFrame:  # fmt: skip
    """One row per order that was released or begun."""
    machines = machines_frame(plant)
    tolerance_s = 3600 * plant.file.finance.adherence_h
    return performed(order_days, operations, work_orders, machines, reach(time_ledger), tolerance_s, stock_ledger)
