"""gold.kpi: every KPI of every machine, line, area and site, by shift and production day."""

# No `from __future__ import annotations`: Dagster compares the type of `context` itself, not its name.

import polars as pl

from assets.kernels.figures.kpi import kpis
from assets.kernels.figures.sums import counting_machines, shift_bounds, sums
from assets.partitions import DAYS, SINGLE_RUN, days
from plant.calendar import segments
from plant.config import Plant

import dagster as dg  # isort: skip


@dg.asset(
    key=["gold", "kpi"],
    ins={
        "time_ledger": dg.AssetIn(key=["silver", "time_ledger"]),
        "count_ledger": dg.AssetIn(key=["silver", "count_ledger"]),
        "energy_ledger": dg.AssetIn(key=["silver", "energy_ledger"]),
    },
    partitions_def=DAYS,
    backfill_policy=SINGLE_RUN,
    group_name="gold",
    kinds={"polars", "delta"},
)
def kpi(
    context: dg.AssetExecutionContext,
    time_ledger: pl.LazyFrame,
    count_ledger: pl.LazyFrame,
    energy_ledger: pl.LazyFrame,
    plant: dg.ResourceParam[Plant],
) -> pl.LazyFrame:
    """One row per KPI, scope and period."""
    shifts = shift_bounds(segments(plant, *days(context)).lazy())
    return kpis(sums(time_ledger, count_ledger, shifts, counting_machines(plant), energy_ledger))
