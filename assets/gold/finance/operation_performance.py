"""gold.operation_performance: operations of orders on machines against their plan."""

from __future__ import annotations

import dagster as dg
import polars as pl

from assets.kernels.finance.performance import operation_performance as performed
from plant.config import Plant
from plant.dimensions import machines_frame


@dg.asset(
    key=["gold", "operation_performance"], group_name="gold", kinds={"polars", "delta"},
    ins={
        "order_days": dg.AssetIn(key=["gold", "order_days"]),
        **{n: dg.AssetIn(key=["silver", n]) for n in ("operations", "work_orders")},
    },
)  # fmt: skip
def operation_performance(
    order_days: pl.LazyFrame, operations: pl.LazyFrame, work_orders: pl.LazyFrame, plant: dg.ResourceParam[Plant]
) -> pl.DataFrame:
    """One row per order, operation and machine that has begun."""
    tolerance_s = 3600 * plant.file.finance.adherence_h
    return performed(order_days, operations, work_orders, machines_frame(plant), tolerance_s)
