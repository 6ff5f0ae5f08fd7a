"""gold.losses: where planned busy time went, by machine, shift and reason."""

# No `from __future__ import annotations`: Dagster compares the type of `context` itself, not its name.

import polars as pl

from assets.kernels.figures.losses import losses as lost
from assets.kernels.figures.sums import counting_machines
from assets.partitions import DAYS, SINGLE_RUN
from plant.config import Plant

import dagster as dg  # isort: skip


@dg.asset(
    key=["gold", "losses"],
    ins={
        "time_ledger": dg.AssetIn(key=["silver", "time_ledger"]),
        "count_ledger": dg.AssetIn(key=["silver", "count_ledger"]),
    },
    partitions_def=DAYS,
    backfill_policy=SINGLE_RUN,
    group_name="gold",
    kinds={"polars", "delta"},
)
def losses(time_ledger: pl.LazyFrame, count_ledger: pl.LazyFrame, plant: dg.ResourceParam[Plant]) -> pl.LazyFrame:
    """One row per machine, shift and reason."""
    return lost(time_ledger, count_ledger, counting_machines(plant))
