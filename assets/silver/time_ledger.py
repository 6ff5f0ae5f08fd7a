"""silver.time_ledger: every microsecond of every machine in exactly one leaf account."""

# No `from __future__ import annotations`: Dagster compares the type of `context` itself, not its name.

from datetime import timedelta

import polars as pl

from assets.kernels.horizon import latest, reach
from assets.kernels.ledger import time_ledger as ledger
from assets.kernels.signals.states import signal_events, with_evidence
from assets.partitions import DAYS, SINGLE_RUN, days
from plant import calendar
from plant.config import Plant
from plant.dimensions import machines_frame, minor_stops_frame, tags_frame

import dagster as dg  # isort: skip


@dg.asset(
    key=["silver", "time_ledger"],
    ins={
        "readings": dg.AssetIn(key=["silver", "readings"]),
        "samples": dg.AssetIn(key=["bronze", "readings"]),
        "reports": dg.AssetIn(key=["bronze", "reports"]),
        "operations": dg.AssetIn(key=["silver", "operations"]),
        "downtimes": dg.AssetIn(key=["silver", "downtimes"]),
        "edits": dg.AssetIn(key=["silver", "edits"]),
        "attendance": dg.AssetIn(key=["silver", "attendance"]),
    },
    partitions_def=DAYS,
    backfill_policy=SINGLE_RUN,
    group_name="silver",
    kinds={"polars", "delta"},
)
def time_ledger(
    context: dg.AssetExecutionContext,
    readings: pl.LazyFrame,
    samples: pl.LazyFrame,
    reports: pl.LazyFrame,
    operations: pl.LazyFrame,
    downtimes: pl.LazyFrame,
    edits: pl.LazyFrame,
    attendance: pl.LazyFrame,
    plant: dg.ResourceParam[Plant],
) -> pl.DataFrame:
    """One row per machine and stretch of time in which nothing changes."""
    first, last = days(context)
    tags, bounds = tags_frame(plant), calendar.bounds(plant, first, last)
    reported = any(s.kind == "files" and s.content == "reports" for s in plant.file.source)
    machines = with_evidence(machines_frame(plant), tags, reports=reported)
    segments = calendar.segments(plant, first - timedelta(days=1), last)
    ends = latest(reports, samples, machines, tags, bounds).collect(engine="in-memory").lazy()
    far = reach(bounds, ends)
    events = signal_events(readings, tags, far)
    layers = (operations, downtimes, far, reports, edits, attendance)
    planned, minor = calendar.planned_machines(plant, first, last), minor_stops_frame(plant)
    rows = ledger(events, segments, machines, *layers, minor_stops=minor, planned=planned)
    # The streaming engine of polars 2.1 panics on shared plans with an empty side (docs/decisions/009).
    return rows.collect(engine="in-memory")
