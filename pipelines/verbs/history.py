"""The simulated plant's past: what its historian and its database hold before anybody collects."""

from __future__ import annotations

import os
from datetime import UTC, datetime

from pipelines.place import Place
from pipelines.verbs.progress import Progress
from plant.config import Plant
from plant.sources.batch import SqlSource


def database_url(plant: Plant) -> str | None:
    """Where the plant in a box keeps its books: what url_env of its SQL source names, else None (SQLite)."""
    for source in plant.sources.values():
        if isinstance(source, SqlSource) and source.url_env:
            return os.environ.get(source.url_env)
    return None


def make_history(plant: Plant, where: Place, progress: Progress, *, days: int, seed: int, live: bool) -> None:
    """Simulate and export the history, unless this root has one already."""
    from simulator import default_window, export, plant_run

    if (where.truth / "run.json").exists():
        progress.say(f"history found under {where.root}, not simulated again (use another --root for a new plant)")
        return
    now = datetime.now(UTC)
    start_at, end_at = default_window(plant, days, now)
    if live:
        end_at = now
    with progress.step(f"Simulating {days} days ({start_at:%Y-%m-%d %H:%M} to {end_at:%Y-%m-%d %H:%M} UTC)") as step:
        run = plant_run(plant, seed, start_at, end_at)
        step.note = f"{run.samples.height:,} samples"
    with progress.step("Exporting historian files and the database"):
        export(run, where.root, database_url(plant))
