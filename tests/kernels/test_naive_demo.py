"""The naive oracle on the example plant: two simulated days, every machine, to the microsecond and the piece."""

from __future__ import annotations

from dataclasses import fields
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import polars as pl
from ledger_run import Inputs, run
from naive_bridge import counts_of, narrowed, summed, time_of, world
from naive_counts import count_rows
from naive_time import time_rows

import simulator
from plant.config import load
from plant.tables import table
from simulator.enterprise.journal import known_at

FIRST, LAST = date(2026, 11, 17), date(2026, 11, 18)
WINDOW = datetime(2026, 11, 17, 5, tzinfo=UTC), datetime(2026, 11, 19, 5, tzinfo=UTC)
ROLES = ("state", "mode", "good_count", "scrap_count", "rework_count")


def delivered(floor: simulator.Run) -> Inputs:
    """What the simulated plant's sources deliver, in the shape of bronze and of the enterprise tables."""
    tags = [f"{m.name}.{t.name}" for m, t in floor.plant.tags() if t.role in ROLES]
    rows = floor.samples.filter(pl.col("tag").is_in(tags)).with_row_index("seq")
    said = rows.with_columns(
        date=pl.col("ts").dt.date(), text=pl.lit(None, pl.String), server_at=None, received_at=pl.col("ts"),
        source=pl.lit("plc"), segment=pl.lit("s"),
    )  # fmt: skip
    bronze = said.select(pl.col(c).cast(t) for c, t in table("bronze.readings").schema.items())
    taken = {f.name for f in fields(Inputs)}
    keys = {"operations": "operation_id", "downtimes": "downtime_id", "attendance": "attendance_id"}
    books = {name: _table(floor, name, key) for name, key in keys.items() if name in taken}
    return Inputs(bronze, **books)


def _table(floor: simulator.Run, name: str, key: str) -> pl.DataFrame:
    end_us = int(floor.end_at.timestamp() * 1e6)
    current = known_at(floor.tables[name], end_us).rename({"id": key})
    return current.select(pl.col(c).cast(t) for c, t in table(f"silver.{name}").schema.items())


def test_two_days_of_the_example_plant():
    plant = load(Path(__file__).parents[2] / "plant.toml")
    floor = simulator.plant_run(plant, 7, *WINDOW)
    data = delivered(floor)
    assert data.bronze.height > 10_000
    made, told = run(plant, data, FIRST, LAST), world(plant, data, FIRST, LAST)
    oracle = time_rows(told)
    assert time_of(made) == narrowed(oracle)
    assert counts_of(made.count) == summed(count_rows(told, oracle))
    reached = (made.time["end_at"].max() - WINDOW[0]) // timedelta(microseconds=1)
    assert made.time["duration_us"].sum() == reached * len(plant.machines), "the leaves tile the time of every machine"
    assert {r["account"] for r in oracle} >= {"production", "delay", "planned_down", "down_no_order", "setup"}
    assert sum(r["good_pcs"] for r in count_rows(told, oracle)) > 1000
