"""One more day, and one late row, after a short and a long history: what a build costs must not grow with it.

Each figure is a whole headless build: ingestion, planning, every stale stage, publication. Models are trained once a
day and are not in it. The history is appended day by day and built in one run.
"""

from __future__ import annotations

import sqlite3
import tempfile
from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import UTC, date, datetime, timedelta
from functools import cache
from pathlib import Path

import numpy as np
import polars as pl

from benchmarks.figure import Figure, cpu_of
from pipelines.build import Builder
from pipelines.place import Place
from pipelines.verbs.progress import Progress
from plant.config import Plant, load
from plant.tables import table
from warehouse.lake import Lake

FIRST = date(2025, 9, 1)
MACHINES, STATES, COUNTS = 10, 40, 288
SHORT, LONG, TURNS = 3, 300, 3
DAY = timedelta(days=1)
TOML = """
schema = 1
plant = { name = "bench" }
[[site]]
name = "here"
timezone = "Europe/Berlin"
[[area]]
name = "hall"
site = "here"
[[line]]
name = "one"
area = "hall"
[[shift]]
name = "early"
site = "here"
start = "06:00"
end = "14:00"
breaks = [{ start = "10:00", end = "10:30" }]
[[shift]]
name = "late"
site = "here"
start = "14:00"
end = "22:00"
[states.codes]
1 = "producing"
2 = "setup"
6 = "stopped"
9 = "failed"
[[source]]
name = "plc"
kind = "modbus"
host = "127.0.0.1"
[[source]]
name = "mes"
kind = "sql"
url = "sqlite:///{root}/mes.sqlite"
[[source.tables]]
name = "operations"
watermark = "updated_at"
[[source.tables]]
name = "work_orders"
watermark = "updated_at"
"""
MACHINE = """[[machine]]
name = "m-{0}"
line = "one"
kind = "cnc"
tags = [
  {{ name = "state", role = "state", source = "plc", address = "holding:{1}0", type = "uint16", states = "codes" }},
  {{ name = "good", role = "good_count", source = "plc", address = "holding:{1}2", type = "uint32", unit = "pcs" }},
  {{ name = "energy", role = "energy", source = "plc", address = "holding:{1}4", type = "uint32", unit = "Wh" }},
]
"""
TABLES = """
CREATE TABLE IF NOT EXISTS work_orders(
  id TEXT PRIMARY KEY, product TEXT, planned_pcs REAL, status TEXT, started_at TEXT, ended_at TEXT, updated_at TEXT);
CREATE TABLE IF NOT EXISTS operations(
  id TEXT PRIMARY KEY, order_id TEXT, machine TEXT, operation TEXT, seq INTEGER, product TEXT, started_at TEXT,
  ended_at TEXT, updated_at TEXT);
"""
PRODUCT = '[[product]]\nname = "part"\nideal = [\n{0}]\n'
IDEAL = '  {{ machine = "m-{0}", seconds = 50.0 }},\n'


def figures(data: Path) -> Iterator[Figure]:
    """A day after 300 days against a day after 3."""
    few, many, _ = measured()
    note = f"{MACHINES} machines, headless build with planning and publication, CPU s {few:.2f} and {many:.2f}"
    yield Figure(
        "incremental.day300_vs_day3", many / few, "times", "the same after 3 days, at most 1.3", many / few, note
    )


def late(data: Path) -> Iterator[Figure]:
    """A late row in the middle of 300 days against building a day."""
    _, many, row = measured()
    note = f"one row in the middle of {LONG} days, CPU s {row:.2f} and {many:.2f}"
    yield Figure("late.row_vs_day", row / many, "times", "building a day, at most 1.5", row / many, note)


@cache
def measured() -> tuple[float, float, float]:
    """CPU seconds of one more day after a short and a long history, and of one late row in the long one."""
    with tempfile.TemporaryDirectory(prefix="shopfloor-bench-") as folder:
        few = History(Path(folder) / "short", SHORT).next_days()
        long = History(Path(folder) / "long", LONG)
        return few, long.next_days(), long.late_rows()


class History:
    """A plant with some days of history, everything up to date."""

    def __init__(self, folder: Path, days: int) -> None:
        self.root, self.days = folder / "root", 0
        self.plant = plant_of(folder)
        self.root.mkdir()
        for _ in range(days):
            self.append()
        build(self.plant, self.root)

    def append(self) -> None:
        """One more day into bronze, with its orders."""
        lake, day = Lake(self.root), FIRST + DAY * self.days
        rows = samples(day, self.days)
        for n, part in enumerate(rows.partition_by("date")):
            lake.append_once("bronze.readings", part, f"bench:{day}:{n}", 0)
        orders(self.root / "mes.sqlite", day, self.days)
        self.days += 1

    def next_days(self) -> float:
        """Least CPU seconds of building one more day."""
        return min(self._timed(self.append) for _ in range(TURNS))

    def late_rows(self) -> float:
        """Least CPU seconds of building after one late row in the middle of the history."""
        return min(self._timed(lambda n=n: self._late(self.days // 2 + 20 * n)) for n in range(TURNS))

    def _timed(self, happens: Callable[[], None]) -> float:
        happens()
        return cpu_of(lambda: build(self.plant, self.root))

    def _late(self, number: int) -> None:
        at = start_of(FIRST + DAY * number) + timedelta(hours=3, seconds=number)
        row = (at.date(), at, "m-1.state", 9.0, None, 0, None, at, "plc", f"late-{number}", 0)
        frame = pl.DataFrame([row], schema=table("bronze.readings").schema, orient="row")
        Lake(self.root).append_once("bronze.readings", frame, f"bench:late:{number}", 0)


def build(plant: Plant, root: Path) -> None:
    """What `shopfloor build` does, but for the models."""
    builder = Builder(plant, Place(root), Progress(quiet=True), checks=False)
    builder.ingest_and_recompute()
    builder.publish()


def plant_of(folder: Path) -> Plant:
    """One line of machines with state, counter and meter."""
    folder.mkdir(parents=True)
    machines = "".join(MACHINE.format(n, n + 1) for n in range(MACHINES))
    ideals = PRODUCT.format("".join(IDEAL.format(n) for n in range(MACHINES)))
    path = folder / "plant.toml"
    path.write_text(TOML + machines + ideals, encoding="utf8")
    return load(path)


def start_of(day: date) -> datetime:
    """04:00 UTC: the beginning of the production day in summer, an hour before it in winter."""
    return datetime(day.year, day.month, day.day, 5, tzinfo=UTC)


def samples(day: date, number: int) -> pl.DataFrame:
    """Bronze rows of one day: state changes at random instants, a count and a meter value every five minutes."""
    rng, begin = np.random.default_rng(number), int(start_of(day).timestamp() * 1e6)
    parts = []
    for n in range(MACHINES):
        at = np.sort(rng.choice(86_000, STATES, replace=False)) * 1_000_000 + begin
        ticks = np.arange(COUNTS, dtype=np.int64) * 300_000_000 + begin
        count = (number * COUNTS + np.arange(COUNTS)).astype(float)
        told = ((f"m-{n}.state", at, rng.choice([1.0, 1.0, 1.0, 2.0, 6.0, 9.0], STATES)),
                (f"m-{n}.good", ticks, count * 5), (f"m-{n}.energy", ticks, count * 400))  # fmt: skip
        parts += [pl.DataFrame({"tag": [tag] * len(t), "us": t, "value": v}) for tag, t, v in told]
    rows = pl.concat(parts).with_columns(ts=pl.col("us").cast(pl.Datetime("us", "UTC"))).with_row_index("seq")
    made = rows.with_columns(
        date=pl.col("ts").dt.date(), text=pl.lit(None, pl.String), status=pl.lit(0, pl.Int64), received_at="ts",
        server_at=pl.lit(None, pl.Datetime("us", "UTC")), source=pl.lit("plc"), segment=pl.lit(f"day-{day}"),
        seq=pl.col("seq").cast(pl.Int64),
    )  # fmt: skip
    return made.select(list(table("bronze.readings").schema))


def orders(path: Path, day: date, number: int) -> None:
    """Two orders a machine and day, with their work orders, in the database of the MES."""
    operations, works = [], []
    for n in range(MACHINES):
        for half in range(2):
            name, begin = f"wo-{number}-{n}-{half}", start_of(day) + timedelta(hours=12 * half)
            span = (begin.isoformat(), (begin + timedelta(hours=12)).isoformat(), begin.isoformat())
            works.append((name, "part", 700, "done", *span))
            operations.append((f"op-{name}", name, f"m-{n}", "cut", 10, "part", *span))
    with closing(sqlite3.connect(path)) as db, db:
        db.executescript(TABLES)
        db.executemany("INSERT INTO work_orders VALUES (?,?,?,?,?,?,?)", works)
        db.executemany("INSERT INTO operations VALUES (?,?,?,?,?,?,?,?,?)", operations)
