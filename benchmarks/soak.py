"""The collector for a long time: OPC UA to Delta at 20,000 values a second; memory, files and lag must not grow.

`SOAK_S` sets the seconds (1200). The collector is a process of its own, as in a plant, with its maintenance lane.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from statistics import mean

import polars as pl

from benchmarks.figure import Figure
from warehouse.lake import Lake

SECONDS = float(os.environ.get("SOAK_S", "1200"))
TAGS, HZ = 1000, 20.0
LOOK_S = 5.0
MOST_GROWTH = 1.05
MOST_FILES = 160
"""Live files of a day at most: the lane starts at 64, looks once a minute, and a minute makes 12."""
MOST_LAG_S = 15.0
"""Three commits of 5 s: the one under way, the one before, and a slow machine."""
NAME = "bronze.readings"
ROLES = ("power", "temperature", "vibration", "pressure", "flow")
PLANT = """
schema = 1
[plant]
name = "soak"
[[site]]
name = "s"
timezone = "UTC"
[[area]]
name = "a"
site = "s"
[[line]]
name = "l"
area = "a"
[[source]]
name = "ua"
kind = "opcua"
endpoint = "opc.tcp://127.0.0.1:{port}/load"
security = "none"
publish = "250ms"
sampling = "50ms"
"""


@dataclass(frozen=True)
class Look:
    """The collector at one moment: memory, CPU with its ended lanes, live files of the table, seconds behind, spool."""

    at_s: float
    rss_mb: float
    cpu_s: float
    files: int
    lag_s: float
    spool_mb: float


def figures(_data: Path) -> Iterator[Figure]:
    """Growth of memory between the second and the last quarter, most files, longest lag, rows lost."""
    folder = Path(tempfile.mkdtemp(prefix="soak-"))
    try:
        looks, lost = _soak(folder)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    quarter = SECONDS / 4
    second = mean(x.rss_mb for x in looks if quarter <= x.at_s < 2 * quarter)
    last = mean(x.rss_mb for x in looks if x.at_s >= 3 * quarter)
    steady = [x for x in looks if x.at_s >= quarter]
    told = f"{TAGS * HZ:,.0f} values/s for {SECONDS:,.0f} s"
    millions = TAGS * HZ * (looks[-1].at_s - looks[0].at_s) / 1e6
    yield Figure(
        "soak.memory_growth", last / second, "ratio", f"limit: {MOST_GROWTH}", last / second / MOST_GROWTH,
        f"{told}; resident memory of the collector, last quarter {last:,.0f} MB against second {second:,.0f} MB",
    )  # fmt: skip
    files = max(x.files for x in looks)
    yield Figure("soak.live_files", files, "files", f"limit: {MOST_FILES}", files / MOST_FILES, f"{told}; most at once")
    lag = max(x.lag_s for x in steady)
    yield Figure(
        "soak.lag", lag, "s", f"limit: {MOST_LAG_S:g}", lag / MOST_LAG_S,
        f"{told}; longest from source time to visible in Delta, mean {mean(x.lag_s for x in steady):.1f} s",
    )  # fmt: skip
    yield Figure("soak.lost", lost, "rows", "limit: 0", None, f"{told}; values sent and not in Delta, or there twice")
    cpu = (looks[-1].cpu_s - looks[0].cpu_s) / millions
    yield Figure("soak.cpu", cpu, "CPU s per million values", "", None, f"{told}; with its lane, without its start")


def _soak(folder: Path) -> tuple[list[Look], int]:
    """Run it; returns the looks, and the rows lost or doubled."""
    port = _free_port()
    plant = folder / "plant.toml"
    plant.write_text(PLANT.format(port=port) + "".join(_machines()))
    with _served(port), _collector(plant, folder) as collector:
        looks = _watch(folder, collector)
        collector.send_signal(signal.SIGTERM)
        if collector.wait(120):
            raise AssertionError(f"the collector ended with {collector.returncode}: see {folder / 'collector.log'}")
    return looks, _lost(folder)


def _watch(folder: Path, collector: subprocess.Popen[bytes]) -> list[Look]:
    """Look every few seconds until the load has ended and all of it should be there."""
    lake = Lake(folder)
    _until(lambda: (snap := lake.snapshot(NAME)) is not None and snap.rows > TAGS, 120, "the collector stored nothing")
    began, looks = time.monotonic(), []
    while (at := time.monotonic() - began) < SECONDS - LOOK_S:
        if collector.poll() is not None:
            raise AssertionError(f"the collector ended: {(folder / 'collector.log').read_text()[-2000:]}")
        looks.append(_look(lake, folder, collector.pid, at))
        time.sleep(LOOK_S)
    values = int(TAGS * HZ * SECONDS)
    _until(lambda: (snap := lake.snapshot(NAME)) is not None and snap.rows >= values, 120, "values are missing")
    return looks


def _look(lake: Lake, folder: Path, pid: int, at_s: float) -> Look:
    snap = lake.snapshot(NAME)
    if snap is None:
        raise AssertionError(f"{NAME} is gone")
    status = Path(f"/proc/{pid}/status").read_text()
    rss_kb = next(int(line.split()[1]) for line in status.splitlines() if line.startswith("VmRSS"))
    spool = sum(p.stat().st_size for p in (folder / "spool" / "readings").glob("0*"))
    lag_s = (datetime.now(UTC) - snap.files["latest_at"].max()).total_seconds()
    ticks = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[11:15]
    cpu_s = sum(map(int, ticks)) / os.sysconf("SC_CLK_TCK")
    return Look(at_s, rss_kb / 1024, cpu_s, snap.files.height, lag_s, spool / 1e6)


def _lost(folder: Path) -> int:
    """Values sent and not stored, or stored twice. Every tag has each tick of the grid once, initial values aside."""
    rows = Lake(folder).scan(NAME).filter(pl.col("value") != 0.0).select("tag", "ts")
    per_tag = rows.group_by("tag").agg(pl.len(), once=pl.col("ts").n_unique()).collect(engine="streaming")
    ticks = round(HZ * SECONDS)
    lost = (ticks - per_tag["once"]).clip(0).sum() + (TAGS - per_tag.height) * ticks
    return int(lost + (per_tag["len"] - per_tag["once"]).sum())


def _machines() -> Iterator[str]:
    for n in range(TAGS // len(ROLES)):
        tags = ", ".join(
            f'{{ name = "{role}", role = "{role}", source = "ua", address = "ns=2;s=t{n * len(ROLES) + k}" }}'
            for k, role in enumerate(ROLES)
        )
        yield f'\n[[machine]]\nname = "m{n}"\nline = "l"\nkind = "cnc"\ntags = [{tags}]\n'


@contextmanager
def _served(port: int) -> Iterator[None]:
    """The loaded OPC UA server."""
    words = [str(port), str(TAGS), str(HZ), str(SECONDS)]
    command = [sys.executable, "-m", "benchmarks.dock.load", *words]
    server = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    try:
        json.loads(server.stdout.readline() if server.stdout else b"")
        yield
    finally:
        server.kill()
        server.wait()


@contextmanager
def _collector(plant: Path, root: Path) -> Iterator[subprocess.Popen[bytes]]:
    """`shopfloor collect` as a process."""
    command = [sys.executable, "-m", "pipelines.cli", "collect", "--plant", str(plant), "--root", str(root)]
    with (root / "collector.log").open("wb") as log:
        process = subprocess.Popen(command, stdout=log, stderr=log)
        try:
            yield process
        finally:
            process.kill()
            process.wait()


def _until(check: Callable[[], bool], seconds: float, otherwise: str) -> None:
    until = time.monotonic() + seconds
    while not check():
        if time.monotonic() > until:
            raise AssertionError(otherwise)
        time.sleep(0.2)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
