"""The time ledger's kernel: state events of many machines into leaf accounts, against the bare scan of its input."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from datetime import date, timedelta
from pathlib import Path

import numpy as np
import polars as pl

from assets.kernels.horizon import reach
from assets.kernels.ledger import time_ledger
from assets.kernels.states import signal_events, with_evidence
from benchmarks.figure import Figure, cpu_of
from plant import calendar
from plant.config import Plant, load
from plant.dimensions import machines_frame, tags_frame
from plant.tables import table

MACHINES, DAYS, EVENTS_A_DAY = 200, 5, 1000
FIRST = date(2026, 3, 26)  # holds the night the clocks change
WORDS = ("producing", "setup", "blocked", "starved", "stopped", "failed", "idle")


def figures(data: Path) -> Iterator[Figure]:
    """Events per CPU second of the kernel, and its cost against reading the same Parquet."""
    with tempfile.TemporaryDirectory(prefix="shopfloor-bench-") as folder:
        plant = plant_of(Path(folder), MACHINES)
        path = Path(folder) / "readings.parquet"
        readings(plant).write_parquet(path, compression="zstd", compression_level=3)
        scan = min(cpu_of(lambda: pl.scan_parquet(path).collect()) for _ in range(3))
        ledger = min(cpu_of(lambda: build(plant, path)) for _ in range(3))
    events = MACHINES * DAYS * EVENTS_A_DAY
    note = f"{events:,} events, {MACHINES} machines x {DAYS} days, time part only"
    yield Figure("ledger.events_per_cpu_s", events / ledger, "events/CPU s", "", None, note)
    yield Figure("ledger.vs_scan", ledger / scan, "times", "bare scan of the same Parquet", ledger / scan, note)


def plant_of(folder: Path, machines: int) -> Plant:
    """The shifts of the example plant over many machines of one line."""
    head = Path("plant.toml").read_text(encoding="utf8").split("[[product]]")[0]
    tag = '{{ name = "state", role = "state", source = "cell-opcua", address = "ns=2;s={0}", states = "codes" }}'
    one = '[[machine]]\nname = "{0}"\nline = "shafts"\nkind = "cnc"\ntags = [' + tag + "]\n"
    path = folder / "plant.toml"
    path.write_text(head + "".join(one.format(f"m-{n:03}") for n in range(machines)), encoding="utf8")
    return load(path)


def readings(plant: Plant) -> pl.DataFrame:
    """silver.readings of the state tags, events at random instants, seeded."""
    rng = np.random.default_rng(7)
    bounds = calendar.bounds(plant, FIRST, FIRST + timedelta(days=DAYS - 1))
    parts = [_day(row, list(plant.machines), rng) for row in bounds.iter_rows(named=True)]
    return pl.concat(parts).select(list(table("silver.readings").schema))


def _day(bound: dict[str, object], machines: list[str], rng: np.random.Generator) -> pl.DataFrame:
    start, end = (int(bound[k].timestamp() * 1e6) for k in ("start_at", "end_at"))  # type: ignore[attr-defined]
    n = len(machines) * EVENTS_A_DAY
    at = np.sort(rng.integers(start, end, (len(machines), EVENTS_A_DAY)), axis=1).ravel()
    names = np.repeat(machines, EVENTS_A_DAY)
    frame = pl.DataFrame({"machine": names, "at": at, "text": rng.choice(WORDS, n)})
    instant = pl.col("at").cast(pl.Datetime("us")).dt.replace_time_zone("UTC")
    return frame.with_columns(
        production_day=pl.lit(bound["production_day"]), site=pl.lit(bound["site"]), role=pl.lit("state"),
        tag=pl.col("machine") + ".state", at=instant, since_at=instant, value=pl.lit(None, pl.Float64),
        held_since_at=instant,
        quality=pl.lit("good"), flag=pl.lit(None, pl.String), opening=pl.lit(value=False), source=pl.lit("bench"),
    )  # fmt: skip


def build(plant: Plant, path: Path) -> pl.DataFrame:
    """The ledger of all days from the file."""
    last = FIRST + timedelta(days=DAYS - 1)
    tags, bounds = tags_frame(plant), calendar.bounds(plant, FIRST, last)
    machines = with_evidence(machines_frame(plant), tags, reports=False)
    segments = calendar.segments(plant, FIRST - timedelta(days=1), last)
    ends = bounds.group_by("site").agg(latest_at=pl.col("end_at").max()).lazy()
    nothing = [table(f"silver.{name}").empty().lazy() for name in ("operations", "downtimes")]
    events = signal_events(pl.scan_parquet(path), tags)
    return time_ledger(events, segments, machines, *nothing, reach(bounds, ends)).collect(engine="in-memory")
