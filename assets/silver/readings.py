"""silver.readings: clean samples by role, each day opening with what was true when it began."""

# No `from __future__ import annotations`: Dagster compares the type of `context` itself, not its name.

from collections.abc import Callable
from datetime import date

import polars as pl

from assets.kernels.readings import clean
from assets.partitions import DAYS, SINGLE_RUN, days
from plant import calendar
from plant.config import Plant
from plant.dimensions import states_frame, tags_frame

import dagster as dg  # isort: skip


@dg.asset(
    key=["silver", "readings"],
    ins={
        "samples": dg.AssetIn(key=["bronze", "readings"]),
        "retractions": dg.AssetIn(key=["silver", "retractions"]),
    },
    partitions_def=DAYS,
    backfill_policy=SINGLE_RUN,
    group_name="silver",
    kinds={"polars", "delta"},
)
def readings(
    context: dg.AssetExecutionContext,
    samples: pl.LazyFrame,
    retractions: pl.LazyFrame,
    plant: dg.ResourceParam[Plant],
    opening: dg.ResourceParam[Callable[[date], pl.DataFrame]],
) -> pl.DataFrame:
    """One row per tag and source time, graded by the contract of its tag."""
    first, last = days(context)
    tags, states = tags_frame(plant), states_frame(plant)
    left_out = retractions.collect(engine="in-memory")
    rows = clean(samples, tags, states, opening(first), calendar.bounds(plant, first, last), left_out)
    # The streaming engine of polars 2.1 panics on shared plans with an empty side (docs/decisions/009).
    return rows.collect(engine="in-memory")
