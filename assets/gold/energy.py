"""gold.energy: energy by machine and hour against a baseline of the production days before."""

# No `from __future__ import annotations`: Dagster compares the type of `context` itself, not its name.

import polars as pl

from assets.kernels.figures.energy_use import TRAINING_DAYS, energy_use
from assets.partitions import DAYS, SINGLE_RUN, days
from plant.config import Plant
from plant.dimensions import tariffs_frame

import dagster as dg  # isort: skip

TRAINING = dg.TimeWindowPartitionMapping(
    start_offset=-TRAINING_DAYS, end_offset=0, allow_nonexistent_upstream_partitions=True
)
"""A day reads the ledgers of itself and of the days its baseline is fitted on; the cost of a day stays bounded."""


@dg.asset(
    key=["gold", "energy"],
    ins={
        "energy_ledger": dg.AssetIn(key=["silver", "energy_ledger"], partition_mapping=TRAINING),
        "count_ledger": dg.AssetIn(key=["silver", "count_ledger"], partition_mapping=TRAINING),
    },
    partitions_def=DAYS,
    backfill_policy=SINGLE_RUN,
    group_name="gold",
    kinds={"polars", "delta"},
)
def energy(
    context: dg.AssetExecutionContext,
    energy_ledger: pl.LazyFrame,
    count_ledger: pl.LazyFrame,
    plant: dg.ResourceParam[Plant],
) -> pl.LazyFrame:
    """One row per metered machine and hour."""
    zones = {site.name: site.timezone for site in plant.file.site}
    return energy_use(energy_ledger, count_ledger, tariffs_frame(plant).lazy(), zones, days(context))
