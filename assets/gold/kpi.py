"""gold.kpi: every KPI of machines, lines, areas and sites, by shift and production day: a roll-up of gold.kpi_sums."""

from __future__ import annotations

import dagster as dg
import polars as pl

from assets.kernels.figures.kpi import kpis
from assets.partitions import DAYS, SINGLE_RUN


@dg.asset(
    key=["gold", "kpi"],
    ins={"kpi_sums": dg.AssetIn(key=["gold", "kpi_sums"])},
    partitions_def=DAYS,
    backfill_policy=SINGLE_RUN,
    group_name="gold",
    kinds={"polars", "delta"},
)
def kpi(kpi_sums: pl.LazyFrame) -> pl.LazyFrame:
    """One row per KPI, scope and period."""
    return kpis(kpi_sums)
