"""A small made-up plant for the model tests: hourly telemetry with planted precursors, alarms, maintenance."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import numpy as np
import polars as pl
import pytest

from plant.tables import table

START = datetime(2026, 3, 1, tzinfo=UTC)
KINDS = {"a-1": "lathe", "a-2": "lathe", "a-3": "lathe", "b-1": "pump", "b-2": "pump", "b-3": "pump"}
LEVEL = {"power": (20.0, 1.5), "temperature": (45.0, 1.0), "vibration": (2.0, 0.2)}


@dataclass(frozen=True)
class World:
    """What the tests need of a plant: frames shaped by the contracts, and when the data end."""

    readings: pl.LazyFrame
    alarms: pl.DataFrame
    maintenance: pl.DataFrame
    machines: pl.DataFrame
    end: datetime


def machines_frame() -> pl.DataFrame:
    rows = [
        {"machine": m, "line": "l", "area": "ar", "site": "s", "timezone": "UTC", "kind": k, "minor_stop_s": 60.0,
         "description": None}
        for m, k in KINDS.items()
    ]  # fmt: skip
    return pl.DataFrame(rows, schema=table("silver.machines").schema)


def failure_times(rng: np.random.Generator, days: int, gap_d: float) -> list[float]:
    """Hours since START at which one machine fails."""
    out, at = [], 0.0
    while (at := at + 24 * (3 + rng.exponential(gap_d))) < days * 24:
        out.append(round(at, 2))
    return out


def order(machine: str, number: int, mode: str, hour: float) -> dict:
    at = START + timedelta(hours=hour)
    ended = at + timedelta(hours=3)
    return {"maintenance_id": f"{machine}-{number}", "machine": machine, "kind": "corrective", "failure_mode": mode,
            "reported_at": at + timedelta(minutes=10), "started_at": at, "ended_at": ended}  # fmt: skip


def make_world(days: int = 100, gap_d: float = 9.0, seed: int = 3, lead_h: float = 36.0) -> World:
    """Lathes fail by bearing (vibration rises), pumps by valve (temperature rises, alarm 7 comes)."""
    rng = np.random.default_rng(seed)
    hours = np.arange(days * 24)
    frames, alarms, orders = [], [], []
    for machine, kind in KINDS.items():
        failed = failure_times(rng, days, gap_d)
        ramp = np.zeros(len(hours))
        for f in failed:
            ramp += np.clip((hours - f + lead_h) / lead_h, 0, 1) * (hours < f)
        mode, role = ("bearing", "vibration") if kind == "lathe" else ("valve", "temperature")
        orders += [order(machine, i, mode, f) for i, f in enumerate(failed)]
        for name, (level, noise) in LEVEL.items():
            lift = ramp * noise * 6 if name == role else 0.0
            frames.append(readings_of(machine, name, hours, level + lift + rng.normal(0, noise, len(hours))))
        if kind == "pump":
            alarms += [(machine, START + timedelta(hours=float(f - 8)), 7) for f in failed if f > 8]
        alarms += [(machine, START + timedelta(hours=float(h)), 3) for h in rng.uniform(0, days * 24, days // 4)]
    schema = {"machine": pl.String(), "at": pl.Datetime("us", "UTC"), "code": pl.Int64()}
    return World(
        pl.concat(frames).lazy(),
        pl.DataFrame(alarms, schema=schema, orient="row").sort("machine", "at"),
        pl.DataFrame(orders, schema=table("silver.maintenance_orders").schema),
        machines_frame(),
        START + timedelta(days=days),
    )


def readings_of(machine: str, role: str, hours: np.ndarray, values: np.ndarray) -> pl.DataFrame:
    """Hourly samples of one signal, shaped as silver.readings."""
    at = pl.Series("at", [START + timedelta(hours=int(h)) for h in hours], dtype=pl.Datetime("us", "UTC"))
    frame = pl.DataFrame({"at": at, "value": values}).with_columns(
        production_day=pl.col("at").dt.date(), site=pl.lit("s"), machine=pl.lit(machine),
        tag=pl.lit(f"{machine}.{role}"), role=pl.lit(role), text=pl.lit(None, pl.String), quality=pl.lit("good"),
        flag=pl.lit(None, pl.String), opening=pl.lit(value=False), since_at=pl.col("at"), source=pl.lit("made"),
    )  # fmt: skip
    return shaped("silver.readings", frame)


def shaped(name: str, frame: pl.DataFrame) -> pl.DataFrame:
    """The frame with the contract's columns and dtypes; columns it lacks are null."""
    exact = table(name).schema
    columns = [(pl.col(n) if n in frame.columns else pl.lit(None)).cast(t).alias(n) for n, t in exact.items()]
    return frame.select(columns)


@pytest.fixture(scope="session")
def world() -> World:
    return make_world()


@pytest.fixture(scope="session")
def frame(world: World) -> pl.DataFrame:
    """Features of the world every three hours, from the fifth day on."""
    from models.features import features, grid

    at = grid(KINDS, [START + timedelta(days=5, hours=3 * i) for i in range(((world.end - START).days - 6) * 8)])
    return features(world.readings, world.alarms, world.maintenance, world.machines, at)
