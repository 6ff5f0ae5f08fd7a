"""Cheap signs of the database: that nothing was written to a table, and since when its rows can be told apart.

A sign is read before the data it stands for, and moves only after a commit: what it does not show yet is seen some
seconds later, never missed.
"""

from __future__ import annotations

import hashlib
import logging
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import unquote

import sqlalchemy as sa

from connectors.sql.engine import connected
from connectors.sql.sessions import family
from plant.errors import TerminalError
from plant.sources.batch import SqlSource, SqlTable

log = logging.getLogger(__name__)

RACY_S = 2.0
"""A file changed less than this ago may change again within the same tick of its clock."""

_WAL = 2
_FAR = 1 << 30
"""Transactions between two readings after which PostgreSQL's 32-bit numbers of them are not compared any more."""

_POSTGRES = """
SELECT c.relname, CASE WHEN current_setting('server_version_num')::int >= 150000 AND NOT pg_is_in_recovery()
        AND current_setting('track_counts')::bool THEN
    concat_ws('/', c.oid, c.relfilenode, s.n_tup_ins, s.n_tup_upd, s.n_tup_del, pg_postmaster_start_time(),
        (SELECT stats_reset FROM pg_stat_database WHERE datname = current_database()), a.columns) END,
    CASE WHEN NOT c.relrowsecurity AND NOT a.computed
        AND coalesce((SELECT amname FROM pg_am WHERE oid = c.relam), 'heap') = 'heap' THEN
    concat_ws('/', c.oid, c.relfilenode, pg_postmaster_start_time(), a.columns) END,
    txid_snapshot_xmin(txid_current_snapshot())
FROM pg_class c JOIN pg_stat_all_tables s ON s.relid = c.oid,
LATERAL (SELECT md5(string_agg(concat_ws(':', attnum, attname, atttypid, atttypmod), ',' ORDER BY attnum)) AS columns,
    bool_or(attgenerated = 'v') AS computed FROM pg_attribute
    WHERE attrelid = c.oid AND attnum > 0 AND NOT attisdropped) a
WHERE c.relkind = 'r' AND NOT c.relhassubclass AND c.relname = ANY(:names)
    AND c.relnamespace = to_regnamespace(quote_ident(coalesce(:schema, current_schema())))
"""
_MYSQL = """
SELECT t.table_name, concat_ws('/', t.create_time, t.update_time,
    (SELECT sum(crc32(concat_ws(':', c.ordinal_position, c.column_name, c.column_type)))
     FROM information_schema.columns c WHERE c.table_schema = t.table_schema
     AND c.table_name = t.table_name)), NULL, NULL
FROM information_schema.tables t
WHERE t.table_schema = coalesce(:schema, database()) AND t.table_name IN :names AND t.engine = 'InnoDB'
    AND coalesce(t.create_options, '') NOT LIKE '%partitioned%' AND t.update_time < now() - INTERVAL 2 SECOND
"""


@dataclass(frozen=True)
class Sign:
    """What a database says of a table before it is read.

    `token`: equal to an earlier one, nothing was written; None: nobody can tell. `heap`: where PostgreSQL keeps its
    rows, None where they cannot be told apart by transaction; `xmin`: no transaction before this one is open.
    """

    token: str | None
    heap: str | None = None
    xmin: int | None = None

    @property
    def horizon(self) -> str:
        """To be remembered: rows of transactions from this one on are new at the next reading; '' without."""
        return f"{self.heap}|{self.xmin}" if self.heap and self.xmin is not None else ""

    def since(self, horizon: str) -> int | None:
        """The first transaction whose rows are new since a remembered horizon; None where that does not hold."""
        heap, _, xmin = horizon.partition("|")
        if self.xmin is None or heap != self.heap or not xmin.isdigit() or not 0 <= self.xmin - int(xmin) < _FAR:
            return None
        return int(xmin)


def tokens(engine: sa.Engine, source: SqlSource, tables: Sequence[SqlTable]) -> dict[str, Sign]:
    """Signs by name of the table, of those that have one.

    PostgreSQL 15 and later: its counters of inserted, updated and deleted rows (they follow a commit, restart
    with another start time, and are not kept by a replica), and since 12 the oldest transaction that is open. MariaDB
    and MySQL: when InnoDB committed to the table last, since the server started. SQLite: change counter of the file,
    or the index of its write-ahead log.
    """
    if engine.dialect.name == "sqlite":
        token = file_token(Path(unquote(str(engine.url.database).removeprefix("file://").partition("?")[0])))
        return {t.name: Sign(token) for t in tables} if token else {}
    plain = {t.table or t.name: t.name for t in tables if not t.query}
    asked = {"postgresql": _POSTGRES, "mysql": _MYSQL}.get(family(engine.dialect.name))
    if asked is None or not plain:
        return {}
    several = engine.dialect.name != "postgresql"
    names = sa.bindparam("names", list(plain), expanding=several, type_=None if several else sa.ARRAY(sa.String))
    try:
        with connected(engine, source.name) as connection:
            told = connection.execute(sa.text(asked).bindparams(names), {"schema": source.db_schema}).fetchall()
    except TerminalError as error:  # a relative of these without their catalogue: every reading looks
        log.info("%s", error)
        return {}
    return {plain[name]: Sign(token, heap, xmin) for name, token, heap, xmin in told if name in plain}


def file_token(path: Path) -> str | None:
    """State of a SQLite file and its log; None when it cannot be told for sure.

    Without a log every write moves the change counter in the header; a backup put back sets it back, and the same
    number of writes later it is where it was: the time of the file tells them apart. With a log the counter of its
    index does; where it is closed only size and times are left, which are trusted once they are a while old.
    """
    try:
        with path.open("rb") as file:
            head = file.read(100)
        about = path.stat()
    except OSError:
        return None
    logged = len(head) > 19 and head[19] == _WAL
    found = [str(about.st_ino), str(about.st_size), str(about.st_mtime_ns), head[24:28].hex()]
    if logged:
        found.append(_index(path))
        if time.time() - about.st_mtime < RACY_S:
            return None
    return hashlib.sha256("/".join(found).encode()).hexdigest()[:16]


def _index(path: Path) -> str:
    """The head of the log's index, which counts transactions, and what the log begins with."""
    out = []
    for ending, size in (("-shm", 48), ("-wal", 32)):
        try:
            with path.with_name(path.name + ending).open("rb") as file:
                out.append(file.read(size).hex())
            out.append(str(path.with_name(path.name + ending).stat().st_size) if ending == "-wal" else "")
        except OSError:
            out.append("none")
    return "/".join(out)
