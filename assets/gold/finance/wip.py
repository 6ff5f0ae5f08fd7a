"""gold.wip: orders, pieces and money in progress by day, with Little's law as a check."""

from __future__ import annotations

from datetime import date

import dagster as dg
import polars as pl

from assets.kernels.finance.lead_time import in_plant
from assets.kernels.finance.wip import wip as in_progress
from plant.calendar import bounds
from plant.config import Plant
from plant.dimensions import machines_frame

EPOCH = date(1970, 1, 1)
"""No orders: no days."""


@dg.asset(
    key=["gold", "wip"], group_name="gold", kinds={"polars", "delta"},
    ins={
        **{n: dg.AssetIn(key=["gold", n]) for n in ("order_days", "order_performance")},
        **{n: dg.AssetIn(key=["silver", n]) for n in ("operations", "stock_ledger", "locations")},
    },
)  # fmt: skip
def wip(
    order_days: pl.LazyFrame, order_performance: pl.LazyFrame, operations: pl.LazyFrame, stock_ledger: pl.LazyFrame,
    locations: pl.LazyFrame, plant: dg.ResourceParam[Plant],
) -> pl.DataFrame:  # fmt: skip
    """One row per site and production day with orders."""
    day = pl.col("production_day")
    first, last = order_days.select(day.min().alias("first"), day.max().alias("last")).collect().row(0)
    days = bounds(plant, first or EPOCH, last or EPOCH)
    steps = in_plant(operations, machines_frame(plant))
    return in_progress(order_days, order_performance.collect(), steps, stock_ledger, locations, days)
