"""gold.oee: OEE after ISO 22400-2 by machine, shift and production day: a roll-up of gold.kpi_sums."""

# No `from __future__ import annotations`: Dagster compares the type of `context` itself, not its name.

import polars as pl

from assets.kernels.figures.oee import oee as ratios
from assets.kernels.figures.oee import shift_bounds
from assets.partitions import DAYS, SINGLE_RUN, days
from plant.calendar import segments
from plant.config import Plant

import dagster as dg  # isort: skip


@dg.asset(
    key=["gold", "oee"],
    ins={"kpi_sums": dg.AssetIn(key=["gold", "kpi_sums"])},
    partitions_def=DAYS,
    backfill_policy=SINGLE_RUN,
    group_name="gold",
    kinds={"polars", "delta"},
)
def oee(context: dg.AssetExecutionContext, kpi_sums: pl.LazyFrame, plant: dg.ResourceParam[Plant]) -> pl.LazyFrame:
    """One row per machine, shift and production day."""
    return ratios(kpi_sums, shift_bounds(segments(plant, *days(context)).lazy()))
