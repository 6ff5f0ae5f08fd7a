"""Sensors: new data make exactly the touched days stale, and stale days are rebuilt.

`new_files` watches the drop folders; `stale_days` watches the lake (the collector's commits, orders,
edits) through the same plan as `shopfloor build`.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import dagster as dg

from connectors.files.drop import waiting
from pipelines.days.fingerprints import digest
from pipelines.days.plan import plan
from pipelines.jobs import STAGE_JOBS, ingest
from plant.config import Plant

RANGE_START, RANGE_END = "dagster/asset_partition_range_start", "dagster/asset_partition_range_end"
PAUSE_AFTER_FAILURE = timedelta(minutes=10)
_STATUS = dg.DagsterRunStatus
WAITING = [_STATUS.QUEUED, _STATUS.NOT_STARTED, _STATUS.STARTING, _STATUS.STARTED, _STATUS.CANCELING]


@dg.sensor(job=ingest, minimum_interval_seconds=30, description="Files that were dropped or replaced.")
def new_files(
    context: dg.SensorEvaluationContext, plant: dg.ResourceParam[Plant], dock: dg.ResourceParam[Any]
) -> dg.RunRequest | dg.SkipReason:
    """One ingestion per set of new files."""
    found = waiting(plant, dock.root, dock.seen)
    if not found:
        return dg.SkipReason("no new file in any drop folder")
    return dg.RunRequest(run_key=digest(*sorted(found)))


@dg.sensor(jobs=list(STAGE_JOBS.values()), minimum_interval_seconds=30, description="Days whose inputs changed.")
def stale_days(
    context: dg.SensorEvaluationContext,
    plant: dg.ResourceParam[Plant],
    lake: dg.ResourceParam[Any],
    state: dg.ResourceParam[Any],
) -> Iterator[dg.RunRequest | dg.SkipReason]:
    """The first stale stage, days or tables kept whole; the next tick finds the stage behind it."""
    step = plan(plant, lake, state)
    if step is None:
        yield dg.SkipReason("every day is up to date")
        return
    job = STAGE_JOBS[step.stage].name
    busy = _busy(context.instance, job)
    if busy:
        yield dg.SkipReason(busy)
        return
    if not step.ranges:
        yield dg.RunRequest(job_name=job, asset_selection=[dg.AssetKey(n.split(".")) for n in step.tables])
    for first, last in step.ranges:
        yield dg.RunRequest(job_name=job, tags={RANGE_START: first.isoformat(), RANGE_END: last.isoformat()})


def _busy(instance: dg.DagsterInstance, job: str) -> str | None:
    """Why not to ask for this job now. No run key: the same day may fall stale in the same way again."""
    if instance.get_runs_count(dg.RunsFilter(job_name=job, statuses=WAITING)):
        return f"{job} is queued or running"
    since = datetime.now(UTC) - PAUSE_AFTER_FAILURE
    failed = dg.RunsFilter(job_name=job, statuses=[_STATUS.FAILURE], created_after=since)
    return f"{job} failed less than {PAUSE_AFTER_FAILURE} ago" if instance.get_runs_count(failed) else None


SENSORS = [new_files, stale_days]
