"""gold.oee: OEE after ISO 22400-2 by machine, shift and production day, with bounds under unknown time."""

# No `from __future__ import annotations`: Dagster compares the type of `context` itself, not its name.

import polars as pl

from assets.kernels.figures.oee import oee as ratios
from assets.kernels.figures.sums import counting_machines, shift_bounds, sums
from assets.partitions import DAYS, SINGLE_RUN, days
from plant.calendar import segments
from plant.config import Plant

import dagster as dg  # isort: skip


@dg.asset(
    key=["gold", "oee"],
    ins={
        "time_ledger": dg.AssetIn(key=["silver", "time_ledger"]),
        "count_ledger": dg.AssetIn(key=["silver", "count_ledger"]),
    },
    partitions_def=DAYS,
    backfill_policy=SINGLE_RUN,
    group_name="gold",
    kinds={"polars", "delta"},
)
def oee(
    context: dg.AssetExecutionContext,
    time_ledger: pl.LazyFrame,
    count_ledger: pl.LazyFrame,
    plant: dg.ResourceParam[Plant],
) -> pl.LazyFrame:
    """One row per machine, shift and production day."""
    shifts = shift_bounds(segments(plant, *days(context)).lazy())
    return ratios(sums(time_ledger, count_ledger, shifts, counting_machines(plant)))
