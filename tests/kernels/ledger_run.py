"""Runs the silver kernels the way the assets do, over frames in memory; and a small plant to run them on."""

from __future__ import annotations

import tomllib
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

import polars as pl

from assets.kernels import counters, energy, horizon, ledger, readings
from assets.kernels.signals import states
from plant import calendar
from plant.config import Plant
from plant.dimensions import ideal_frame, machines_frame, minor_stops_frame, states_frame, tags_frame
from plant.model import PlantFile
from plant.tables import table

ENGINE: ledger.Engine = "in-memory"  # as the assets do
SMALL = """
schema = 1
plant = { name = "small" }
site = [{ name = "s", timezone = "Europe/Berlin", day_start = "06:00" }]
area = [{ name = "a", site = "s" }]
line = [{ name = "l", area = "a" }]
source = [{ name = "plc", kind = "opcua", endpoint = "opc.tcp://127.0.0.1:1" },
          { name = "book", kind = "files", path = "x", content = "reports", columns = {} }]
product = [{ name = "bolt", ideal = [{ machine = "press", seconds = 2.5 }, { machine = "hand", seconds = 30 },
                                     { machine = "press", seconds = 2.0, valid_from = 2026-03-29 }] },
           { name = "nut" }]
[states.codes]
1 = "producing"
2 = "setup"
3 = "idle"
6 = "stopped"
7 = "failed"
8 = "planned_stop"
[[shift]]
name = "early"
site = "s"
start = "06:00"
end = "14:00"
breaks = [{ start = "10:00", end = "10:30" }]
[[shift]]
name = "late"
site = "s"
start = "14:00"
end = "23:00"
[[shift]]
name = "night"
site = "s"
start = "23:30"
end = "06:00"
breaks = [{ start = "02:30", end = "03:00" }]
[[machine]]
name = "press"
line = "l"
kind = "press"
operation = "pressing"
minor_stop_s = 600
tags = [
  { name = "state", role = "state", source = "plc", address = "s=1", states = "codes", stale_after = "2h" },
  { name = "good", role = "good_count", source = "plc", address = "s=2", unit = "pcs", max_rate_per_s = 0.5 },
  { name = "scrap", role = "scrap_count", source = "plc", address = "s=3", unit = "pcs", rollover = 999 },
  { name = "energy", role = "energy", source = "plc", address = "s=4", unit = "kWh" },
  { name = "heat", role = "temperature", source = "plc", address = "s=5", unit = "degC", range = [0, 100] },
]
[[machine]]
name = "oven"
line = "l"
kind = "oven"
runs_through_breaks = true
tags = [
  { name = "state", role = "state", source = "plc", address = "s=6", states = "codes" },
  { name = "energy", role = "energy", source = "plc", address = "s=7", unit = "Wh" },
]
[[machine]]
name = "hand"
line = "l"
kind = "bench"
"""


def plant_of(text: str = SMALL) -> Plant:
    return Plant(PlantFile.model_validate(tomllib.loads(text)), Path("plant.toml"))


def utc(text: str) -> datetime:
    return datetime.fromisoformat(text if "+" in text else text + "+00:00")


def samples(rows: Sequence[dict[str, Any]]) -> pl.DataFrame:
    """bronze.readings from short rows: tag, ts and what differs from a good sample."""
    given = {"value": None, "text": None, "status": 0, "source": "plc", "segment": "seg"}
    full = [
        given | {"seq": n, "received_at": r["ts"] + timedelta(seconds=1), "server_at": None, "date": r["ts"].date()} | r
        for n, r in enumerate(rows)
    ]
    return pl.DataFrame(full, schema=table("bronze.readings").schema)


def rows_of(name: str, rows: Sequence[dict[str, Any]]) -> pl.DataFrame:
    """A contract-shaped frame from short rows; what is left out is null, 0 for pieces."""
    schema = table(name).schema
    given = {c: 0 if c.endswith("_pcs") else None for c in schema}
    return pl.DataFrame([given | r for r in rows], schema=schema)


@dataclass(frozen=True)
class Ledgers:
    """The silver tables of a range of days."""

    readings: pl.DataFrame
    time: pl.DataFrame
    count: pl.DataFrame
    energy: pl.DataFrame

    def closing(self) -> pl.DataFrame:
        """What the day after the last one opens with."""
        last = self.readings.filter(pl.col("production_day") == self.readings["production_day"].max())
        return readings.closing(last.lazy()).collect(engine=ENGINE)


@dataclass(frozen=True)
class Inputs:
    """What a run reads besides the plant."""

    bronze: pl.DataFrame = field(default_factory=table("bronze.readings").empty)
    operations: pl.DataFrame = field(default_factory=table("silver.operations").empty)
    downtimes: pl.DataFrame = field(default_factory=table("silver.downtimes").empty)
    reports: pl.DataFrame = field(default_factory=table("bronze.reports").empty)
    edits: pl.DataFrame = field(default_factory=table("silver.edits").empty)
    attendance: pl.DataFrame = field(default_factory=table("silver.attendance").empty)
    retractions: pl.DataFrame = field(default_factory=table("silver.retractions").empty)


def run(plant: Plant, data: Inputs, first: date, last: date, opening: pl.DataFrame | None = None) -> Ledgers:
    """Build the silver day tables of [first, last]."""
    machines, tags = machines_frame(plant), tags_frame(plant)
    clean = cleaned(plant, data, first, last, opening)
    time = time_of(plant, data, clean, first, last)
    own = calendar.segments(plant, first, last)
    frames = (clean.lazy(), time.lazy(), own)
    count = counters.count_ledger(*frames, ideal_frame(plant), machines, tags, data.reports.lazy())
    joules = energy.energy_ledger(*frames, machines, tags).collect(engine=ENGINE)
    return Ledgers(clean, time, count.collect(engine=ENGINE), joules)


def cleaned(plant: Plant, data: Inputs, first: date, last: date, opening: pl.DataFrame | None = None) -> pl.DataFrame:
    """silver.readings of [first, last]."""
    opening = table("silver.readings").empty() if opening is None else opening
    edges = calendar.bounds(plant, first, last)
    given = (tags_frame(plant), states_frame(plant), opening, edges, data.retractions)
    rows = readings.clean(data.bronze.lazy(), *given)
    return rows.collect(engine=ENGINE)


def time_of(
    plant: Plant, data: Inputs, clean: pl.DataFrame, first: date, last: date, engine: ledger.Engine = ENGINE
) -> pl.DataFrame:
    """silver.time_ledger of [first, last] from silver.readings, by machine and start over all days."""
    machines, tags = machines_frame(plant), tags_frame(plant)
    edges = calendar.bounds(plant, first, last)
    ends = horizon.latest(data.reports.lazy(), data.bronze.lazy(), machines, tags, edges)
    reported = any(s.kind == "files" and s.content == "reports" for s in plant.file.source)
    rows = ledger.time_ledger(
        states.signal_events(clean.lazy(), tags, horizon.reach(edges, ends)),
        calendar.segments(plant, first - timedelta(days=1), last),
        states.with_evidence(machines, tags, reports=reported),
        data.operations.lazy(),
        data.downtimes.lazy(),
        horizon.reach(edges, ends),
        data.reports.lazy(),
        data.edits.lazy(),
        data.attendance.lazy(),
        minor_stops=minor_stops_frame(plant),
        planned=calendar.planned_machines(plant, first, last),
        engine=engine,
    )
    return rows.collect(engine=engine).sort("machine", "start_at")
