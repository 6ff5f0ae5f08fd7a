"""The whole way from readings to KPI sums: state events and counter samples of many machines over a month.

From one Parquet file of silver.readings (5 M state events, 1 M counter samples; 200 machines, 30 days; with
orders, operators, ideal cycles, counter resets and jumps) to the time ledger, the count ledger and the sums
every KPI is made of. An event is a state event or a counter sample. `cleaning`: what grading raw samples costs.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from assets.kernels.counters import count_ledger
from assets.kernels.figures.sums import Sources, kpi_sums
from assets.kernels.horizon import reach
from assets.kernels.ledger import time_ledger
from assets.kernels.readings import clean
from assets.kernels.signals.states import signal_events, with_evidence
from benchmarks.figure import Figure, cpu_of
from plant import calendar
from plant.config import Plant, load
from plant.dimensions import ideal_frame, machines_frame, states_frame, tags_frame
from plant.tables import table

MACHINES, DAYS = 200, 30
CLEANED = 5
"""Days of raw samples that are graded."""
KINDS = ("good", "scrap", "state")
STATES_A_DAY, GOOD_A_DAY, SCRAP_A_DAY = 834, 150, 17
ORDERS_A_DAY = 4
FIRST = date(2026, 3, 9)  # holds the night the clocks change
WORDS = ("producing", "setup", "blocked", "starved", "stopped", "failed", "idle")
CODES = (1.0, 2.0, 4.0, 5.0, 6.0, 7.0, 3.0)
PRODUCTS = [f"part-{n:02}" for n in range(20)]
AIM = 2e6


def figures(data: Path) -> Iterator[Figure]:
    """Events per CPU second of time ledger, count ledger and sums; rows per CPU second of `clean`."""
    with tempfile.TemporaryDirectory(prefix="shopfloor-bench-") as folder:
        plant = plant_of(Path(folder))
        frame = readings(plant)
        path = Path(folder) / "readings.parquet"
        frame.write_parquet(path, compression="zstd", compression_level=3)
        operations, people = orders(plant), attendance(plant)
        parts = min((build(plant, path, operations, people) for _ in range(3)), key=lambda p: sum(p.values()))
    spent, events = sum(parts.values()), frame.height
    split = ", ".join(f"{name} {seconds / spent:.0%}" for name, seconds in parts.items())
    states = MACHINES * DAYS * STATES_A_DAY
    kinds = f"{states:,} state events + {events - states:,} counter samples"
    note = f"{kinds}, {MACHINES} machines x {DAYS} days, readings to KPI sums ({split})"
    yield Figure("ledger.full_events_per_cpu_s", events / spent, "events/CPU s", "aim 2 M", events / spent / AIM, note)


def plant_of(folder: Path) -> Plant:
    """The shifts of the example plant over many machines of one line, each with a state and two counters."""
    head = Path("plant.toml").read_text(encoding="utf8").split("[[product]]")[0]
    machines = "".join(_machine(f"m-{n:03}") for n in range(MACHINES))
    cycles = ", ".join(f'{{ machine = "m-{n:03}", seconds = 40 }}' for n in range(MACHINES))
    products = "".join(f'[[product]]\nname = "{name}"\nideal = [{cycles}]\n' for name in PRODUCTS)
    path = folder / "plant.toml"
    path.write_text(head + machines + products, encoding="utf8")
    return load(path)


def _machine(name: str) -> str:
    source = 'source = "cell-opcua", address = "ns=2;s={0}.{1}"'
    state = f'{{ name = "state", role = "state", states = "codes", {source.format(name, "state")} }}'
    counts = [
        f'{{ name = "{kind}", role = "{kind}_count", unit = "pcs", max_rate_per_s = 1.0, {source.format(name, kind)} }}'
        for kind in ("good", "scrap")
    ]
    return f'[[machine]]\nname = "{name}"\nline = "shafts"\nkind = "cnc"\ntags = [{", ".join([state, *counts])}]\n'


def last_day() -> date:
    """The last production day."""
    return FIRST + timedelta(days=DAYS - 1)


def readings(plant: Plant) -> pl.DataFrame:
    """silver.readings as the lake keeps it: by day, machine, tag and time; at random instants, seeded."""
    rng = np.random.default_rng(7)
    bounds = calendar.bounds(plant, FIRST, last_day())
    tags = [_signal(row, kind, plant, rng) for row in bounds.iter_rows(named=True) for kind in KINDS]
    ordered = pl.concat(tags).sort("production_day", "machine", "tag", "at")
    return ordered.select(list(table("silver.readings").schema))


def _signal(bound: dict[str, Any], kind: str, plant: Plant, rng: np.random.Generator) -> pl.DataFrame:
    """One day of one tag of every machine."""
    start, end = (int(bound[k].timestamp() * 1e6) for k in ("start_at", "end_at"))
    per_day = {"good": GOOD_A_DAY, "scrap": SCRAP_A_DAY, "state": STATES_A_DAY}[kind]
    machines, n = list(plant.machines), MACHINES * per_day
    at = np.sort(rng.integers(start, end, (MACHINES, per_day)), axis=1).ravel()
    codes = rng.choice(len(WORDS), n)
    counted = np.tile(np.arange(per_day), MACHINES) * 2.0  # restarts with every day
    counted[:: per_day * 7] += 1e6  # and jumps up and back now and then
    frame = pl.DataFrame({"machine": np.repeat(machines, per_day), "at": at})
    instant, state = pl.col("at").cast(pl.Datetime("us")).dt.replace_time_zone("UTC"), kind == "state"
    nothing = pl.lit(None, pl.String)
    return frame.with_columns(
        production_day=pl.lit(bound["production_day"]), site=pl.lit(bound["site"]),
        role=pl.lit(kind if state else f"{kind}_count"), tag=pl.col("machine") + f".{kind}", at=instant,
        value=pl.lit(None, pl.Float64) if state else pl.Series(counted),
        text=pl.Series(np.array(WORDS)[codes]) if state else nothing, quality=pl.lit("good"), flag=nothing,
        opening=pl.lit(value=False), since_at=instant, source=pl.lit("bench"),
        held_since_at=instant if state else pl.lit(None, pl.Datetime("us", "UTC")),
    )  # fmt: skip


def orders(plant: Plant) -> pl.LazyFrame:
    """silver.operations: each machine makes one product after another, all round the clock."""
    span = timedelta(days=1) / ORDERS_A_DAY
    start, end = _edges(plant)
    count = int((end - start) / span)
    rows = [
        (
            f"op-{m}-{n}",
            f"wo-{m}-{n}",
            m,
            "turning",
            1,
            PRODUCTS[n % len(PRODUCTS)],
            start + n * span,
            start + (n + 1) * span,
        )
        for m in plant.machines
        for n in range(count)
    ]
    named = ("operation_id", "order_id", "machine", "operation", "seq", "product", "started_at", "ended_at")
    return _table("silver.operations", rows, named)


def attendance(plant: Plant) -> pl.LazyFrame:
    """silver.attendance: one operator a machine and eight hours."""
    start, end = _edges(plant)
    span = timedelta(hours=8)
    rows = [
        (f"in-{m}-{n}", f"person-{n % 3}-{k % 40:02}", m, start + n * span, start + (n + 1) * span)
        for k, m in enumerate(plant.machines)
        for n in range(int((end - start) / span))
    ]
    return _table("silver.attendance", rows, ("attendance_id", "operator", "machine", "start_at", "end_at"))


def _edges(plant: Plant) -> tuple[datetime, datetime]:
    bounds = calendar.bounds(plant, FIRST, last_day())
    start, end = bounds.select(pl.col("start_at").min(), pl.col("end_at").max()).row(0)
    return start, end


def _table(name: str, rows: list[tuple[Any, ...]], columns: tuple[str, ...]) -> pl.LazyFrame:
    schema = table(name).schema
    frame = pl.DataFrame(rows, schema={c: schema[c] for c in columns}, orient="row")
    return frame.select(pl.col(c) if c in columns else pl.lit(None, t).alias(c) for c, t in schema.items()).lazy()


def build(plant: Plant, path: Path, operations: pl.LazyFrame, people: pl.LazyFrame) -> dict[str, float]:
    """CPU seconds of each step from the file to the sums."""
    tags, bounds = tags_frame(plant), calendar.bounds(plant, FIRST, last_day())
    machines = with_evidence(machines_frame(plant), tags, reports=False)
    segments = calendar.segments(plant, FIRST - timedelta(days=1), last_day())
    own = segments.filter(pl.col("production_day") >= FIRST)
    ends = bounds.group_by("site").agg(latest_at=pl.col("end_at").max()).lazy()
    downtimes = table("silver.downtimes").empty().lazy()
    scan, made = pl.scan_parquet(path), {}

    def time() -> None:
        events = signal_events(scan, tags, reach(bounds, ends))
        rows = time_ledger(events, segments, machines, operations, downtimes, reach(bounds, ends), attendance=people)
        made["time"] = rows.collect(engine="in-memory")

    def count() -> None:
        rows = count_ledger(scan, made["time"].lazy(), own, ideal_frame(plant), machines_frame(plant), tags)
        made["count"] = rows.collect(engine="in-memory")

    def roll_up() -> None:
        sources = Sources(made["time"].lazy(), made["count"].lazy(), operations=operations)
        made["sums"] = kpi_sums(sources, machines_frame(plant), own, list(plant.machines))

    return {step.__name__: cpu_of(step) for step in (time, count, roll_up)}


def cleaning(data: Path) -> Iterator[Figure]:
    """Raw samples of some days in the order they arrive, graded into silver.readings."""
    with tempfile.TemporaryDirectory(prefix="shopfloor-bench-") as folder:
        plant = plant_of(Path(folder))
    bounds = calendar.bounds(plant, FIRST, FIRST + timedelta(days=CLEANED - 1))
    raw = _raw(plant, bounds)
    given = (tags_frame(plant), states_frame(plant), table("silver.readings").empty(), bounds)
    spent = min(cpu_of(lambda: clean(raw.lazy(), *given).collect(engine="in-memory")) for _ in range(3))
    note = f"{raw.height:,} samples of {MACHINES * 3} tags over {CLEANED} days"
    yield Figure("readings.rows_per_cpu_s", raw.height / spent, "rows/CPU s", "", None, note)


def _raw(plant: Plant, bounds: pl.DataFrame) -> pl.DataFrame:
    """bronze.readings of the same events."""
    rng = np.random.default_rng(7)
    codes = dict(zip(WORDS, CODES, strict=True))
    value = pl.coalesce("value", pl.col("text").replace_strict(codes, default=None, return_dtype=pl.Float64))
    schema = table("bronze.readings").schema
    clean_rows = [_signal(row, kind, plant, rng) for row in bounds.iter_rows(named=True) for kind in KINDS]
    return pl.concat(clean_rows).select(
        date=pl.col("at").dt.date(), ts="at", tag="tag", value=value, text=pl.lit(None, pl.String),
        status=pl.lit(0, schema["status"]), received_at="at", source="source", segment=pl.lit("seg"),
        seq=pl.int_range(pl.len()),
    ).sort("ts")  # fmt: skip
