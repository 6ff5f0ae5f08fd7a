"""Schedules: the clock's part. What follows from new data is in `pipelines.sensors`."""

from __future__ import annotations

import dagster as dg

from pipelines.jobs import STANDING_JOBS, decisions, enterprise, exports, ingest, models, scores
from pipelines.upkeep import upkeep

SCHEDULES = [
    dg.ScheduleDefinition(
        name="ingest_every_five_minutes", job=ingest, cron_schedule="*/5 * * * *",
        description="New files and changed relational rows.",
    ),
    dg.ScheduleDefinition(
        name="enterprise_every_ten_minutes", job=enterprise, cron_schedule="2-59/10 * * * *",
        description="Orders, stock, quality, maintenance.",
    ),
    dg.ScheduleDefinition(
        name="models_nightly", job=models, cron_schedule="30 3 * * *",
        description="Retrain, score and forecast once a night.",
    ),
    dg.ScheduleDefinition(
        name="scores_hourly",
        job=scores,
        cron_schedule="7 * * * *",
        description="Failure risk with the model on the shelf.",
    ),
    dg.ScheduleDefinition(
        name="decisions_every_five_minutes",
        job=decisions,
        cron_schedule="3-58/5 * * * *",
        description="What people approved, laid over the forecasts.",
    ),
    *(
        dg.ScheduleDefinition(
            name=f"{name}_every_half_hour", job=job, cron_schedule="8,38 * * * *",
            description="How things stand, after the days.",
        )
        for name, job in STANDING_JOBS.items()
    ),
    dg.ScheduleDefinition(
        name="upkeep_daily", job=upkeep, cron_schedule="15 2 * * *",
        description="Sort and merge yesterday's files; remove files no version needs.",
    ),
    dg.ScheduleDefinition(
        name="publish_every_ten_minutes", job=exports, cron_schedule="5-59/10 * * * *",
        description="Publish the analysts' file; does nothing when nothing changed.",
    ),
]  # fmt: skip
