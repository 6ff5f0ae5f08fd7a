"""What a session of each kind of database is told before anything is read: read only, one view, UTC, no long waits.

| database | what refuses a write | one view of the data |
|---|---|---|
| SQLite | file opened with mode=ro, query_only | a read transaction |
| PostgreSQL | transactions are read only | repeatable read |
| MariaDB, MySQL | transactions are read only | a consistent snapshot |
| Oracle | the transaction is read only | the same |
| SQL Server | nothing (ApplicationIntent only routes): use a login that may only read | snapshot where allowed |
"""

from __future__ import annotations

from functools import partial
from typing import Any

import sqlalchemy as sa

WAIT_S = 15
"""Longest wait for another session's lock."""

CONNECT_S = 5

_POSTGRES = f"-c timezone=UTC -c datestyle=ISO -c default_transaction_read_only=on -c lock_timeout={WAIT_S}s"
_AT_CONNECT: dict[str, tuple[str, ...]] = {
    "sqlite": ("PRAGMA query_only = ON",),
    "mysql": (
        "SET SESSION TRANSACTION ISOLATION LEVEL REPEATABLE READ",
        "SET SESSION TRANSACTION READ ONLY",
        "SET SESSION time_zone = '+00:00'",
        f"SET SESSION lock_wait_timeout = {WAIT_S} /*!80000 , SESSION information_schema_stats_expiry = 0 */",
    ),
    "mssql": (f"SET LOCK_TIMEOUT {WAIT_S * 1000}", "SET DATEFORMAT ymd"),
    "oracle": ("ALTER SESSION SET TIME_ZONE = 'UTC'",),
}
_BEGIN = {
    "sqlite": "BEGIN",
    "mysql": "START TRANSACTION WITH CONSISTENT SNAPSHOT, READ ONLY",
    "oracle": "SET TRANSACTION READ ONLY",
}
_SNAPSHOT = "SELECT snapshot_isolation_state FROM sys.databases WHERE database_id = DB_ID()"
_TEXT = partial(str, encoding="utf8", errors="replace")


def family(name: str) -> str:
    """A dialect's name, MariaDB as the MySQL it speaks."""
    return "mysql" if name == "mariadb" else name


def arguments(url: sa.URL) -> dict[str, Any]:
    """What the driver is given to connect with."""
    kind, driver = family(url.get_backend_name()), url.get_driver_name()
    if kind == "sqlite":
        return {"timeout": WAIT_S}
    if kind == "postgresql":
        return {"connect_timeout": CONNECT_S, "options": _POSTGRES}
    if kind == "mysql":
        return {"connect_timeout": CONNECT_S}
    if kind == "mssql":
        return {"login_timeout": CONNECT_S, "read_only": True} if driver == "pymssql" else {"timeout": 0}
    return {"tcp_connect_timeout": CONNECT_S} if driver == "oracledb" else {}


def prepare(engine: sa.Engine, *, lenient: bool = False) -> None:
    """Have every new connection of an engine told what `_AT_CONNECT` says.

    `lenient`: PostgreSQL's instants that Python has no words for ('infinity') come as text. It is slower.
    """
    kind = family(engine.dialect.name)

    @sa.event.listens_for(engine, "connect")
    def told(raw: Any, _record: object) -> None:
        if kind == "sqlite":
            raw.text_factory = _TEXT  # a byte that is no UTF-8 must not cost the table
        if kind == "postgresql" and lenient:
            _as_text_where_needed(raw)
        cursor = raw.cursor()
        for statement in _AT_CONNECT.get(kind, ()):
            cursor.execute(statement)
        cursor.close()


def _as_text_where_needed(raw: Any) -> None:
    from psycopg import DataError
    from psycopg.types import datetime as loaders

    for name, usual in (
        ("timestamp", loaders.TimestampLoader),
        ("timestamptz", loaders.TimestamptzLoader),
        ("date", loaders.DateLoader),
    ):

        class Lenient(usual):  # type: ignore[misc, valid-type]
            def load(self, data: Any) -> Any:
                try:
                    return super().load(data)
                except DataError:
                    return bytes(data).decode()

        raw.adapters.register_loader(name, Lenient)


def begin(connection: sa.Connection) -> None:
    """Begin a transaction that sees one state of the data and may not write."""
    kind = family(connection.dialect.name)
    if kind == "postgresql":
        connection.execution_options(isolation_level="REPEATABLE READ", postgresql_readonly=True)
    elif kind == "mssql":
        if connection.exec_driver_sql(_SNAPSHOT).scalar() == 1:
            connection.rollback()
            connection.execution_options(isolation_level="SNAPSHOT")
    elif kind in _BEGIN:
        connection.exec_driver_sql(_BEGIN[kind])
