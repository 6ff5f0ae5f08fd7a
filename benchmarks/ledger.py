"""The time ledger's kernel: state events of many machines over a month into leaf accounts, against its peers.

From one Parquet file of silver.readings to the frame of the contract of silver.time_ledger, words and all: orders,
bookings and log-ins of people are layers as in a plant. Peers: the bare scan of the same file, a DuckDB range join
and pandas `merge_asof`, which only sum up states by shift.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from assets.kernels.horizon import reach
from assets.kernels.ledger import Given, parts
from assets.kernels.readings import closing
from assets.kernels.signals.states import signal_events, with_evidence
from benchmarks.figure import Figure, cpu_of
from benchmarks.peers import by_day, merge_asof, merge_asof_layers, range_join
from plant import calendar
from plant.config import Plant, load
from plant.dimensions import machines_frame, minor_stops_frame, tags_frame
from plant.tables import table

MACHINES, DAYS, EVENTS_A_DAY = 200, 30, 1000
FIRST = date(2026, 3, 9)  # holds the night the clocks change
WORDS = ("producing", "setup", "blocked", "starved", "stopped", "failed", "idle")
AIM, AIM_SCAN = 4e6, 8.0
ROUNDS = 5
PEERS = {
    "vs_range_join": "DuckDB range join with calendar.segments (hours, as the KPIs need them), aim at least 15",
    "vs_range_join_shifts": "DuckDB range join with shifts and breaks only",
    "vs_day_join": "DuckDB join with shifts and breaks, cut at production days by hand",
    "vs_pandas": "pandas merge_asof of calendar, orders, people and bookings, aim at least 15",
    "vs_pandas_shifts": "pandas merge_asof of shifts and breaks only",
}
"""Peers by figure, all with sums by machine, day, shift and state as result."""


def figures(data: Path) -> Iterator[Figure]:
    """Events per CPU second of the kernel, and its cost an event against scan, range join and pandas."""
    with tempfile.TemporaryDirectory(prefix="shopfloor-bench-") as folder:
        plant, path = plant_of(Path(folder), MACHINES), Path(folder) / "readings.parquet"
        events = write(plant, path)
        own = [cpu_of(lambda: count(build(plant, path))) for _ in range(ROUNDS)]
        held = min(cpu_of(lambda: pl.concat(build(plant, path))) for _ in range(ROUNDS))
        scan = min(cpu_of(lambda: pl.scan_parquet(path).collect(engine="in-memory")) for _ in range(ROUNDS))
        rows = pl.concat(build(plant, path))
        spent: dict[str, float] = {}
        for name, peer in zip(PEERS, _peers(plant, path), strict=True):  # the machine's mood changes: own again beside
            spent[name] = min(_peer(peer, rows) for _ in range(2))
            own += [cpu_of(lambda: count(build(plant, path))) for _ in range(2)]
    note = f"{events:,} events into {rows.height:,} intervals of the contract, {MACHINES} machines x {DAYS} days"
    least = min(own)
    yield Figure("ledger.events_per_cpu_s", events / least, "events/CPU s", "aim 4 M", events / least / AIM, note)
    whole = "all intervals held in one frame instead of part by part: memory has to be had from the system"
    yield Figure("ledger.held_events_per_cpu_s", events / held, "events/CPU s", "part by part", least / held, whole)
    versus = f"bare scan of the same Parquet, aim at most {AIM_SCAN:.0f}"
    yield Figure("ledger.vs_scan", least / scan, "times", versus, least / scan, note)
    for name, cpu in spent.items():
        sums = f"peer: {events / cpu:,.0f} events/CPU s, the same sums but no intervals, no stops"
        yield Figure(f"ledger.{name}", cpu / least, "times cheaper", PEERS[name], cpu / least, sums)


def _peers(plant: Plant, path: Path) -> list[Callable[[], pl.DataFrame]]:
    """What PEERS names, in that order."""
    hours, shifts, told = segments(plant, hours=True), segments(plant, hours=False), layers(plant)
    return [
        lambda: range_join(path, hours),
        lambda: range_join(path, shifts),
        lambda: by_day(path, shifts),
        lambda: merge_asof_layers(path, shifts, told),
        lambda: merge_asof(path, shifts),
    ]


def _peer(peer: Callable[[], pl.DataFrame], rows: pl.DataFrame) -> float:
    """CPU seconds of a peer whose sums are right."""
    sums: list[pl.DataFrame] = []
    spent = cpu_of(lambda: sums.append(peer()))
    checked(rows, sums[0])
    return spent


def plant_of(folder: Path, machines: int) -> Plant:
    """The shifts of the example plant over many machines of one line."""
    head = Path("plant.toml").read_text(encoding="utf8").split("[[product]]")[0]
    tag = '{{ name = "state", role = "state", source = "cell-opcua", address = "ns=2;s={0}", states = "codes" }}'
    one = '[[machine]]\nname = "{0}"\nline = "shafts"\nkind = "cnc"\ntags = [' + tag + "]\n"
    path = folder / "plant.toml"
    path.write_text(head + "".join(one.format(f"m-{n:03}") for n in range(machines)), encoding="utf8")
    return load(path)


def last_day() -> date:
    """The last production day."""
    return FIRST + timedelta(days=DAYS - 1)


def write(plant: Plant, path: Path) -> int:
    """Write silver.readings of all days as the lake does (sorted, ZSTD 3, days apart); gives the number of events."""
    frame = readings(plant)
    frame.write_parquet(path, compression="zstd", compression_level=3, row_group_size=MACHINES * (EVENTS_A_DAY + 1))
    return frame.filter(~pl.col("opening")).height


def readings(plant: Plant) -> pl.DataFrame:
    """silver.readings of the state tags with opening rows, events at random instants, seeded."""
    rng = np.random.default_rng(7)
    names, parts = list(table("silver.readings").schema), []
    for bound in calendar.bounds(plant, FIRST, last_day()).iter_rows(named=True):
        day = _day(bound, list(plant.machines), rng).select(names)
        if parts:
            carried = closing(parts[-1].lazy()).collect(engine="in-memory")
            start = {"at": pl.lit(bound["start_at"]), "production_day": pl.lit(bound["production_day"])}
            opened = carried.with_columns(opening=pl.lit(value=True), **start).select(names).cast(dict(day.schema))
            day = pl.concat([opened, day]).sort("machine", "tag", "at", maintain_order=True)
        parts.append(day)
    return pl.concat(parts)


def _day(bound: dict[str, Any], machines: list[str], rng: np.random.Generator) -> pl.DataFrame:
    start, end = (int(bound[k].timestamp() * 1e6) for k in ("start_at", "end_at"))
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


def layers(plant: Plant) -> dict[str, pl.LazyFrame]:
    """Operations of five hours with a gap of one, log-ins of eight hours and a booking a day, on every machine."""
    start, end = calendar.bounds(plant, FIRST, last_day()).select(
        pl.col("start_at").min(), pl.col("end_at").max()
    ).row(0)  # fmt: skip
    spans: dict[str, tuple[timedelta, timedelta]] = {
        "operations": (timedelta(hours=6), timedelta(hours=5)),
        "attendance": (timedelta(hours=8), timedelta(hours=8)),
        "downtimes": (timedelta(days=1), timedelta(hours=1)),
    }
    return {name: _layer(f"silver.{name}", list(plant.machines), start, end, *span) for name, span in spans.items()}


def _layer(
    name: str, machines: list[str], start: datetime, end: datetime, every: timedelta, long: timedelta
) -> pl.LazyFrame:
    starts = pl.DataFrame({"start": pl.datetime_range(start, end, every, closed="left", eager=True)})
    rows = pl.DataFrame({"machine": machines}).join(starts, how="cross").with_row_index("n")
    number, until = pl.col("n").cast(pl.String), pl.col("start") + long
    known = {
        "operation_id": number, "order_id": "wo-" + number, "operation": pl.lit("turning"), "seq": pl.lit(1),
        "product": pl.lit("part"), "started_at": "start", "ended_at": until, "downtime_id": number,
        "start_at": "start", "end_at": until, "reason": pl.lit("jam"), "reason_class": pl.lit("minor_stop"),
        "operator": "person-" + (pl.col("n") % 40).cast(pl.String), "attendance_id": number, "machine": "machine",
    }  # fmt: skip
    schema = table(name).schema
    return rows.select(**{c: known.get(c, pl.lit(None)) for c in schema}).cast(schema).lazy()


def segments(plant: Plant, *, hours: bool) -> pl.DataFrame:
    """The calendar for the peers: stretches of one kind of every machine, in us since 1970; hours apart or together."""
    keys = ["production_day", "shift", "shift_start_at", "kind", *(["hour_at"] if hours else [])]
    rows = calendar.segments(plant, FIRST, last_day()).filter(pl.col("line") == "shafts").sort("start_at")
    run = pl.any_horizontal(pl.col(c) != pl.col(c).shift() for c in keys).fill_null(value=True).cum_sum()
    whole = rows.group_by(run.alias("run"), *keys, maintain_order=True).agg(
        start_us=pl.col("start_at").min().dt.epoch("us"), end_us=pl.col("end_at").max().dt.epoch("us")
    )
    ends = whole.with_columns(day_end_us=pl.col("end_us").max().over("production_day")).drop(
        "run", "shift_start_at", strict=False
    )
    return pl.DataFrame({"machine": list(plant.machines)}).join(ends, how="cross")


def checked(ledger: pl.DataFrame, sums: pl.DataFrame) -> None:
    """A peer that does not give the same seconds is no peer.

    Raises:
        ValueError: its sums by machine, day, shift and state are not those of the ledger.
    """
    names = ("machine", "production_day", "shift", "state", "account", "order_id", "operator")
    keys = [name for name in names if name in sums.columns]
    own = ledger.group_by(keys).agg(us=pl.col("duration_us").sum())
    told = sums.with_columns(pl.col("state").fill_null("unknown"), pl.col("production_day").cast(pl.Date))
    theirs = told.group_by(keys).agg(pl.col("us").sum()).filter(pl.col("us") > 0)
    known = pl.col("state") != "unknown"  # before the first event a range join has no row
    off = own.filter(known).join(theirs, on=[*keys, "us"], how="anti", nulls_equal=True)
    if not off.is_empty() or theirs.filter(known).height != own.filter(known).height:
        raise ValueError(f"the peer disagrees with the ledger, for example {off.head(3).rows()}")


def count(made: Iterator[pl.DataFrame]) -> int:
    """Rows of frames that are looked at once and not kept, as a writer of days would."""
    return sum(frame.height for frame in made)


def build(plant: Plant, path: Path) -> Iterator[pl.DataFrame]:
    """The ledger of all days from the file, as the asset makes it: settings, calendar and layers included."""
    last = last_day()
    tags, bounds = tags_frame(plant), calendar.bounds(plant, FIRST, last)
    machines = with_evidence(machines_frame(plant), tags, reports=False)
    whole = calendar.segments(plant, FIRST - timedelta(days=1), last)
    ends = bounds.group_by("site").agg(latest_at=pl.col("end_at").max()).lazy()
    told = layers(plant)
    events = signal_events(pl.scan_parquet(path), tags, reach(bounds, ends))
    given = Given(
        events, whole, machines, told["operations"], told["downtimes"], reach(bounds, ends),
        attendance=told["attendance"], minor_stops=minor_stops_frame(plant),
        planned=calendar.planned_machines(plant, FIRST, last),
    )  # fmt: skip
    return parts(given)
