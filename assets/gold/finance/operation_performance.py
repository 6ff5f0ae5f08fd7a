"""gold.operation_performance: operations of orders on machines against their plan."""

from __future__ import annotations

import dagster as dg
import polars as pl

from assets.kernels.finance.performance import operation_performance as performed
from plant.config import Plant
from plant.dimensions import machines_frame


@dg.asset(
    key=["gold", "operation_performance"], group_name="gold", kinds={"polars", "delta"},
    ins={"order_days": dg.AssetIn(key=["gold", "order_days"]), "operations": dg.AssetIn(key=["silver", "operations"])},
)  # fmt: skip
def operation_performance(
    order_days: pl.LazyFrame, operations: pl.LazyFrame, plant: dg.ResourceParam[Plant]
) -> pl.DataFrame:
    """One row per order, operation and machine that has begun."""
    return performed(order_days, operations, machines_frame(plant), 3600 * plant.file.finance.adherence_h)
