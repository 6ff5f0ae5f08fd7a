"""silver.energy_ledger: metered energy by account, order and product, in joules that sum to the meter."""

# No `from __future__ import annotations`: Dagster compares the type of `context` itself, not its name.

import polars as pl

from assets.kernels.energy import energy_ledger as ledger
from assets.partitions import DAYS, SINGLE_RUN, days
from plant import calendar
from plant.config import Plant
from plant.dimensions import machines_frame, tags_frame

import dagster as dg  # isort: skip


@dg.asset(
    key=["silver", "energy_ledger"],
    ins={
        "readings": dg.AssetIn(key=["silver", "readings"]),
        "time_ledger": dg.AssetIn(key=["silver", "time_ledger"]),
    },
    partitions_def=DAYS,
    backfill_policy=SINGLE_RUN,
    group_name="silver",
    kinds={"polars", "delta"},
)
def energy_ledger(
    context: dg.AssetExecutionContext,
    readings: pl.LazyFrame,
    time_ledger: pl.LazyFrame,
    plant: dg.ResourceParam[Plant],
) -> pl.DataFrame:
    """One row per machine, hour, shift, account and order."""
    first, last = days(context)
    segments = calendar.segments(plant, first, last)
    rows = ledger(readings, time_ledger, segments, machines_frame(plant), tags_frame(plant))
    # The streaming engine of polars 2.1 panics on shared plans with an empty side (docs/decisions/009).
    return rows.collect(engine="in-memory")
