"""Traces through ten million lot links, on local and random graphs, against a recursive CTE on the same links.

Lots lie in six levels; each is made of about three lots of the level before: of neighbours (local: lots are used up
in the order in which they were made) or of any (random). A trace is the walk with all quantities, from a lot's name.
Every step runs in a process of its own, so that the memory told is that of the step. The index lies in the page cache,
as it does for all but the first trace after a start of the machine.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import polars as pl

from assets.kernels.lineage.flow import trace
from benchmarks.figure import Figure, own_cpu_s
from warehouse.lineage.arrays import arrays
from warehouse.lineage.index import LotIndex, opened, save

LINKS, LEVELS, PARENTS, NEAR = 10_000_000, 6, 3, 20
TRACES, CTES = 400, 2
LIMIT_S = 0.2
CTE = """WITH RECURSIVE walk(lot) AS (
    SELECT $lot UNION SELECT child_lot FROM walk JOIN links ON parent_lot = lot)
SELECT count(*) FROM walk"""


def figures(data: Path, links: int = LINKS) -> Iterator[Figure]:
    """p95 of a trace on both graphs, the cost of the index, and the same walk by a recursive CTE."""
    for kind in ("local", "random"):
        with tempfile.TemporaryDirectory(prefix="shopfloor-trace-") as folder:
            _step("write", folder, kind, links)
            made, walked, cte = (_step(step, folder, kind, links) for step in ("index", "walk", "cte"))
        yield from _told(kind, made, walked, cte)


def _told(kind: str, made: dict[str, Any], walked: dict[str, Any], cte: dict[str, Any]) -> Iterator[Figure]:
    name = "trace.p95_s_10m_links" + ("" if kind == "local" else "_random")
    note = (
        f"{kind} graph, {made['links']:,} links, {made['lots']:,} lots; {TRACES} traces both ways with quantities, "
        f"median {walked['median_s']:.4f} s, largest {walked['largest']:,} lots; memory {walked['memory_mb']:.0f} MB"
    )
    yield Figure(name, walked["p95_s"], "s", f"limit {LIMIT_S} s", walked["p95_s"] / LIMIT_S, note)
    times = cte["s"] / walked["same_s"]
    words = f"the same {CTES} lots forward, without quantities: CTE {cte['s']:.2f} s, index {walked['same_s']:.5f} s"
    yield Figure(f"trace.cte_vs_index_{kind}", times, "times faster", "DuckDB recursive CTE, one thread", times, words)
    built = f"memory {made['memory_mb']:.0f} MB at most, files {made['files_mb']:.0f} MB; made once a new Delta version"
    yield Figure(f"trace.index_cpu_s_{kind}", made["cpu_s"], "CPU s", "limit 60", made["cpu_s"] / 60, built)


def _step(step: str, folder: str, kind: str, links: int) -> dict[str, Any]:
    command = [sys.executable, "-m", "benchmarks.trace", step, folder, kind, str(links)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def write(folder: Path, kind: str, links: int) -> dict[str, Any]:
    """The links and lots as Parquet, in the columns of silver.lot_links and silver.lots."""
    rng = np.random.default_rng(7)
    a_level = links // ((LEVELS - 1) * PARENTS)
    own = np.tile(np.arange(a_level), PARENTS)
    ends = []
    for level in range(1, LEVELS):
        if kind == "local":
            from_ = (own + rng.integers(-NEAR, NEAR + 1, len(own))).clip(0, a_level - 1)
        else:
            from_ = rng.integers(0, a_level, len(own))
        ends.append(((level - 1) * a_level + from_, level * a_level + own))
    parent, child = (np.concatenate([e[i] for e in ends]) for i in range(2))
    qty = rng.integers(1, 20, len(parent)).astype(np.float64)
    rows = pl.DataFrame({"parent_lot": _named(parent), "child_lot": _named(child), "qty": qty})
    rows.with_columns(unit=pl.lit(None, pl.String)).write_parquet(folder / "links.parquet", compression_level=3)
    number = np.arange(LEVELS * a_level)
    lots = pl.DataFrame({"lot": _named(number), "material": "m", "qty": 100.0})
    lots.write_parquet(folder / "lots.parquet", compression_level=3)
    return {}


def _named(number: Any) -> pl.Series:
    return pl.select("lot-" + pl.lit(pl.Series(number)).cast(pl.String).str.zfill(8)).to_series()


def index(folder: Path, kind: str, links: int) -> dict[str, Any]:
    """Make the index from the files, as `warehouse.lineage.lot_index` does from the lake."""
    materials = pl.LazyFrame({"material": ["m"], "unit": ["pcs"]})
    begin = own_cpu_s()
    made = arrays(pl.scan_parquet(folder / "links.parquet"), pl.scan_parquet(folder / "lots.parquet"), materials)
    (folder / "index").mkdir()
    save(made, folder / "index")
    files = sum(p.stat().st_size for p in (folder / "index").iterdir())
    told = {"cpu_s": own_cpu_s() - begin, "lots": len(made.made), "links": len(made.out_to), "files_mb": files / 1e6}
    return told | {"memory_mb": _memory_mb()}


def walk(folder: Path, kind: str, links: int) -> dict[str, Any]:
    """Trace random lots of every level, forward and back in turn; then those of the CTE."""
    for path in (folder / "index").iterdir():
        with path.open("rb") as file:
            while file.read(1 << 24):
                pass
    found = LotIndex(opened(folder / "index"), {})
    rng = np.random.default_rng(11)
    spent, largest = [], 0
    for n, lot in enumerate(rng.integers(0, found.lots, TRACES).tolist()):
        name = found.name(lot)
        begin = time.perf_counter()
        traced = trace(found.arrays, found.numbers([name]), "forward" if n % 2 else "back")
        spent.append(time.perf_counter() - begin)
        largest = max(largest, len(traced.reached.lots))
    same, sizes = [], []
    for lot in _same(found.lots):
        begin = time.perf_counter()
        traced = trace(found.arrays, np.array([lot]), "forward")
        same.append(time.perf_counter() - begin)
        sizes.append(len(traced.reached.lots))
    (folder / "sizes.json").write_text(json.dumps(sizes))
    median, p95 = np.quantile(spent, [0.5, 0.95])
    told = {"median_s": median, "p95_s": p95, "largest": largest, "same_s": float(np.mean(same))}
    return told | {"memory_mb": _memory_mb()}


def _same(lots: int) -> list[int]:
    """Lots of the first level that both walk from."""
    return [lots // LEVELS // 2 + 7 * n for n in range(CTES)]


def cte(folder: Path, kind: str, links: int) -> dict[str, Any]:
    """The same walk as a recursive CTE over a DuckDB table of the links; its time without making the table.

    Raises:
        ValueError: it finds another number of lots.
    """
    con = duckdb.connect(str(folder / "peer.duckdb"), config={"threads": 1, "memory_limit": "1500MB"})
    con.execute(
        "CREATE TABLE links AS SELECT parent_lot, child_lot FROM read_parquet($f)", {"f": f"{folder}/links.parquet"}
    )
    expected, spent = json.loads((folder / "sizes.json").read_text()), []
    for lot, size in zip(_same(LEVELS * (links // ((LEVELS - 1) * PARENTS))), expected, strict=True):
        begin = time.perf_counter()
        row = con.execute(CTE, {"lot": f"lot-{lot:08d}"}).fetchone()
        spent.append(time.perf_counter() - begin)
        if row != (size,):
            raise ValueError(f"the CTE finds {row} lots from lot-{lot:08d}, the index {size}")
    return {"s": float(np.mean(spent)), "memory_mb": _memory_mb()}


def _memory_mb() -> float:
    import resource

    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e3


if __name__ == "__main__":
    steps = {"write": write, "index": index, "walk": walk, "cte": cte}
    sys.stdout.write(json.dumps(steps[sys.argv[1]](Path(sys.argv[2]), sys.argv[3], int(sys.argv[4]))))
