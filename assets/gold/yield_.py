"""gold.yield: first pass and rolled throughput yield by product and operation."""

# No `from __future__ import annotations`: Dagster compares the type of `context` itself, not its name.

import polars as pl

from assets.kernels.figures.yield_ import yields
from assets.partitions import DAYS, SINGLE_RUN
from plant.config import Plant
from plant.dimensions import machines_frame

import dagster as dg  # isort: skip


@dg.asset(
    key=["gold", "yield"],
    ins={
        "count_ledger": dg.AssetIn(key=["silver", "count_ledger"]),
    },
    partitions_def=DAYS,
    backfill_policy=SINGLE_RUN,
    group_name="gold",
    kinds={"polars", "delta"},
)
def yield_(count_ledger: pl.LazyFrame, plant: dg.ResourceParam[Plant]) -> pl.LazyFrame:
    """One row per product, operation, site and production day."""
    return yields(count_ledger, machines_frame(plant).lazy())
