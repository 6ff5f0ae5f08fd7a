"""gold.order_days: what each order took on a day, its cost, and where its lead time went."""

# No `from __future__ import annotations`: Dagster compares the type of `context` itself, not its name.

import polars as pl

from assets.kernels.finance.order_days import TABLES
from assets.kernels.finance.order_days import order_days as of_orders
from assets.kernels.finance.rates import lines_of
from assets.partitions import DAYS, SINGLE_RUN
from plant.config import Plant
from plant.dimensions import machines_frame

import dagster as dg  # isort: skip


@dg.asset(
    key=["gold", "order_days"],
    ins={name: dg.AssetIn(key=["silver", name]) for name in TABLES},
    partitions_def=DAYS,
    backfill_policy=SINGLE_RUN,
    group_name="gold",
    kinds={"polars", "delta"},
)
def order_days(
    time_ledger: pl.LazyFrame,
    count_ledger: pl.LazyFrame,
    energy_ledger: pl.LazyFrame,
    operations: pl.LazyFrame,
    work_orders: pl.LazyFrame,
    cost_rates: pl.LazyFrame,
    plant: dg.ResourceParam[Plant],
) -> pl.DataFrame:
    """One row per order, operation, machine and production day, and one per order and day for its lead time."""
    ledgers = (time_ledger, count_ledger, energy_ledger)
    lines = lines_of(plant, cost_rates.collect())
    return of_orders(*ledgers, operations, work_orders, machines_frame(plant), lines)
