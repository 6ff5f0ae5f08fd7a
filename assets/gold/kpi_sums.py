"""gold.kpi_sums: the additive base of every KPI, by machine, hour, shift, order, product and operator."""

# No `from __future__ import annotations`: Dagster compares the type of `context` itself, not its name.

import polars as pl

from assets.kernels.figures.sums import TABLES, Sources, counting_machines
from assets.kernels.figures.sums import kpi_sums as sums
from assets.partitions import DAYS, SINGLE_RUN, days
from plant.calendar import segments
from plant.config import Plant
from plant.dimensions import machines_frame

import dagster as dg  # isort: skip


@dg.asset(
    key=["gold", "kpi_sums"],
    ins={name: dg.AssetIn(key=["silver", name]) for name in TABLES},
    partitions_def=DAYS,
    backfill_policy=SINGLE_RUN,
    group_name="gold",
    kinds={"polars", "delta"},
)
def kpi_sums(
    context: dg.AssetExecutionContext,
    time_ledger: pl.LazyFrame,
    count_ledger: pl.LazyFrame,
    energy_ledger: pl.LazyFrame,
    operations: pl.LazyFrame,
    work_orders: pl.LazyFrame,
    inspections: pl.LazyFrame,
    maintenance_orders: pl.LazyFrame,
    stock_ledger: pl.LazyFrame,
    locations: pl.LazyFrame,
    materials: pl.LazyFrame,
    bills_of_material: pl.LazyFrame,
    plant: dg.ResourceParam[Plant],
) -> pl.DataFrame:
    """One row per cell of every dimension in which anything happened."""
    sources = Sources(
        time_ledger, count_ledger, energy_ledger, operations, work_orders, inspections, maintenance_orders,
        stock_ledger, locations, materials, bills_of_material,
    )  # fmt: skip
    return sums(sources, machines_frame(plant), segments(plant, *days(context)), counting_machines(plant))
