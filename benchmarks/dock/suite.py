"""Figures of the dock: CPU seconds per million values of the full pipe, decoding against stock clients, freshness."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import polars as pl
from deltalake import DeltaTable
from deltalake.exceptions import TableNotFoundError

from benchmarks.dock.load import Load
from benchmarks.figure import Figure

TAGS, HZ, SECONDS = 2000, 50.0, 10.0
LONG_S = 40.0
"""Of a figure of the full pipe: eight commits, so that the first and the last are no fifth of it each."""
STOCK = Load(1000, 3.0, 8.0)
"""3,000 values a second: what the stock handler carries without falling behind."""
OFTEN, SELDOM = "200ms", "1s"
"""[collector] spool_every: the default, and what suits a flush of 5 s."""
AIM_PIPE, AIM_DECODE, AIM_P99_S, AIM_ENCRYPTED = 0.6, 40.0, 3.0, 1.5
MILLION = 1_000_000
HEAD = """schema = 1
[plant]
name = "load"
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
endpoint = "{endpoint}"
publish = "100ms"
sampling = "50ms"
security = "{security}"
[collector]
spool_every = "{every}"
"""


def figures(data: Path) -> Iterator[Figure]:
    """All figures of the dock; a run takes about a minute, or 15 s."""
    load = Load(TAGS, HZ, LONG_S)
    plain = pipe(load, 5.0, SELDOM)
    note = "100,000 values/s of Double, flush 5 s, spool_every 1 s, socket to Delta"
    yield _pipe("dock.pipe_cpu_s_per_million", plain, note)
    yield _pipe("dock.pipe_often_cpu_s_per_million", pipe(load, 5.0), "the same with spool_every 200 ms, the default")
    mixed = pipe(Load(TAGS, HZ, LONG_S, mixed=True), 5.0, SELDOM)
    note = "60 % Double, Int32, Boolean, bad, text shuffled by tag; spool_every 1 s"
    yield _pipe("dock.pipe_mixed_cpu_s_per_million", mixed, note)
    secure = pipe(load, 5.0, SELDOM, secure=True) / plain
    note = "full pipe with Sign&Encrypt, Basic256Sha256, over without"
    yield Figure("dock.encrypted_vs_plain", secure, "x", f"aim {AIM_ENCRYPTED}", secure / AIM_ENCRYPTED, note)
    p99_s = visible(Load(TAGS, HZ, SECONDS))
    note = "source time to readable in Delta, 99 % of all values, flush 1 s, 100,000 values/s"
    yield Figure("dock.p99_visible_s", p99_s, "s", f"aim {AIM_P99_S:.0f} s", p99_s / AIM_P99_S, note)
    yield from decoding()


def decoding() -> Iterator[Figure]:
    """Client and decoding alone, against asyncua's stock handler and node-opcua's client."""
    for mixed, name in ((False, "dock.decode_vs_stock"), (True, "dock.decode_mixed_vs_stock")):
        ours = client("ours", Load(TAGS, HZ, SECONDS, mixed))
        stock = client("stock", Load(STOCK.tags, STOCK.hz, STOCK.seconds, mixed))
        note = f"live, transport and decoding: {ours:.2f} against {stock:.1f} CPU s per million values"
        yield Figure(
            name, stock / ours, "x", f"asyncua stock handler, aim {AIM_DECODE:.0f}x", AIM_DECODE * ours / stock, note
        )
        if (node := node_client(mixed)) is not None:
            note = f"live: {ours:.2f} against {node:.1f} CPU s per million values"
            yield Figure(name.replace("stock", "node_opcua"), node / ours, "x", "node-opcua client", ours / node, note)


def _pipe(name: str, cost: float, note: str) -> Figure:
    return Figure(name, cost, "CPU s", f"aim {AIM_PIPE}", cost / AIM_PIPE, note)


@contextlib.contextmanager
def served(load: Load, pki: Path | None = None) -> Iterator[str]:
    """The load server as a process; gives its endpoint."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    more = (["mixed"] if load.mixed else []) + ([str(pki)] if pki else [])
    args = [str(port), str(load.tags), str(load.hz), str(load.seconds), *more]
    command = [sys.executable, "-m", "benchmarks.dock.load", *args]
    server = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    try:
        if server.stdout is None or "ready" not in server.stdout.readline():
            raise RuntimeError("the load server did not start")
        yield f"opc.tcp://127.0.0.1:{port}/load"
    finally:
        server.kill()
        server.wait()


def pipe(load: Load, flush_s: float, every: str = OFTEN, *, secure: bool = False) -> float:
    """CPU seconds per million values of the collector; every value produced must be in Delta.

    Raises:
        RuntimeError: a value is missing or doubled.
    """
    with tempfile.TemporaryDirectory(prefix="shopfloor-dock-") as folder:
        root = Path(folder)
        with served(load, root if secure else None) as endpoint:
            cost = _run_pipe(load, root, endpoint, flush_s, every, secure=secure)
        _complete(load, root)
    return cost


def _run_pipe(load: Load, root: Path, endpoint: str, flush_s: float, every: str = OFTEN, *, secure: bool) -> float:
    plant = root / "plant.toml"
    plant.write_text(_toml(load, endpoint, "sign_and_encrypt" if secure else "none", every))
    args = ["collect", str(plant), str(root), str(load.values), str(flush_s)]
    found = _json([sys.executable, "-m", "benchmarks.dock.pipe", *args])
    return found["cpu_s"] * MILLION / found["values"]


def _toml(load: Load, endpoint: str, security: str, every: str) -> str:
    machines = []
    for first in range(0, load.tags, 100):
        named = (
            f'  {{ name = "s{n}", role = "other", source = "ua", address = "ns=2;s=t{n}" }},'
            for n in range(first, min(first + 100, load.tags))
        )
        head = f'[[machine]]\nname = "machine-{first // 100:03d}"\nline = "l"\nkind = "cnc"\ntags = [\n'
        machines.append(head + "\n".join(named) + "\n]\n")
    return HEAD.format(endpoint=endpoint, security=security, every=every) + "".join(machines)


def _complete(load: Load, root: Path) -> None:
    """The load's rows are told from initial values by their server time, 500 us behind the source time."""
    rows = pl.scan_delta(str(root / "lake" / "bronze" / "readings"))
    mine = rows.filter(pl.col("server_at") - pl.col("ts") == pl.duration(microseconds=500))
    found, once = mine.select(pl.len(), once=pl.struct("tag", "ts").n_unique()).collect().row(0)
    if (found, once) != (load.values, load.values):
        raise RuntimeError(f"{load.values} values were produced, Delta holds {found}, {once} of them different")


def visible(load: Load) -> float:
    """99th percentile of the seconds from source time to the commit being readable by another process."""
    with tempfile.TemporaryDirectory(prefix="shopfloor-dock-") as folder:
        root, seen = Path(folder), dict[int, float]()
        stop = threading.Event()
        watcher = threading.Thread(target=_watch, args=(root / "lake" / "bronze" / "readings", seen, stop))
        watcher.start()
        try:
            with served(load) as endpoint:
                _run_pipe(load, root, endpoint, 1.0, secure=False)
        finally:
            stop.set()
            watcher.join()
        _complete(load, root)
        return _p99_s(root / "lake" / "bronze" / "readings", seen)


def _watch(table: Path, seen: dict[int, float], stop: threading.Event) -> None:
    while not stop.is_set():
        with contextlib.suppress(TableNotFoundError):
            seen.setdefault(DeltaTable(table).version(), time.time())
        time.sleep(0.05)


def _p99_s(table: Path, seen: dict[int, float]) -> float:
    """Every file's rows became readable when its version, or a later one, was first seen."""
    late = []
    for log in sorted((table / "_delta_log").glob("*.json")):
        at = min((t for version, t in seen.items() if version >= int(log.stem)), default=time.time())
        added = [json.loads(line)["add"]["path"] for line in log.read_text().splitlines() if '"add"' in line]
        for path in added:
            rows = pl.read_parquet(table / path, columns=["ts", "server_at"], hive_partitioning=False)
            late.append(
                rows.filter(pl.col("server_at") > pl.col("ts")).select(s=at - pl.col("ts").dt.epoch("us") / 1e6)
            )
    return float(pl.concat(late)["s"].quantile(0.99) or 0.0)


def client(kind: str, load: Load) -> float:
    """CPU seconds per million values of a client process."""
    with served(load) as endpoint:
        args = [kind, endpoint, str(load.tags), str(load.values)]
        found = _json([sys.executable, "-m", "benchmarks.dock.client", *args])
    return found["cpu_s"] * MILLION / found["values"]


def node_client(mixed: bool) -> float | None:  # noqa: FBT001
    """CPU seconds per million values of node-opcua's client; None where Node or the package is absent."""
    modules = Path(os.environ.get("SHOPFLOOR_NODE_MODULES", "node_modules")).resolve()
    if shutil.which("node") is None or not (modules / "node-opcua").is_dir():
        return None
    load = Load(1000, 20.0, 8.0, mixed)
    with tempfile.TemporaryDirectory() as folder, served(load) as endpoint:
        (Path(folder) / "node_modules").symlink_to(modules)
        script = shutil.copy(Path(__file__).with_name("client.js"), folder)
        found = _json(["node", script, endpoint, str(load.tags), str(load.values)])
    return found["cpu_s"] * MILLION / found["values"]


def _json(command: list[str]) -> dict[str, float]:
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)
    if done.returncode:
        raise RuntimeError(f"{' '.join(command[:3])} ended with {done.returncode}\n{done.stderr[-2000:]}")
    found: dict[str, float] = json.loads(done.stdout.strip().splitlines()[-1])
    return found
