"""silver.count_ledger: pieces booked when they were counted, with the ideal time they stand for."""

# No `from __future__ import annotations`: Dagster compares the type of `context` itself, not its name.

import polars as pl

from assets.kernels.counters import count_ledger as ledger
from assets.partitions import DAYS, SINGLE_RUN, days
from plant import calendar
from plant.config import Plant
from plant.dimensions import ideal_frame, machines_frame, tags_frame

import dagster as dg  # isort: skip


@dg.asset(
    key=["silver", "count_ledger"],
    ins={
        "readings": dg.AssetIn(key=["silver", "readings"]),
        "time_ledger": dg.AssetIn(key=["silver", "time_ledger"]),
        "reports": dg.AssetIn(key=["bronze", "reports"]),
    },
    partitions_def=DAYS,
    backfill_policy=SINGLE_RUN,
    group_name="silver",
    kinds={"polars", "delta"},
)
def count_ledger(
    context: dg.AssetExecutionContext,
    readings: pl.LazyFrame,
    time_ledger: pl.LazyFrame,
    reports: pl.LazyFrame,
    plant: dg.ResourceParam[Plant],
) -> pl.DataFrame:
    """One row per machine, hour, shift and order that made pieces."""
    first, last = days(context)
    segments = calendar.segments(plant, first, last)
    machines, tags = machines_frame(plant), tags_frame(plant)
    ended = reports.filter(pl.col("end_at") >= segments["start_at"].min())
    rows = ledger(readings, time_ledger, segments, ideal_frame(plant), machines, tags, ended)
    # The streaming engine of polars 2.1 panics on shared plans with an empty side (docs/decisions/009).
    return rows.collect(engine="in-memory")
