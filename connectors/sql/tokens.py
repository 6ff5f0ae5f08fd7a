"""Cheap signs that nothing was written. No token: nobody can tell.

A token is read before the data it stands for, and moves only after a commit: what it does not show yet is seen some
seconds later, never missed.
"""

from __future__ import annotations

import hashlib
import logging
import time
from collections.abc import Sequence
from pathlib import Path

import sqlalchemy as sa

from connectors.sql.engine import connected
from plant.errors import TerminalError
from plant.sources.batch import SqlSource, SqlTable

log = logging.getLogger(__name__)

RACY_S = 2.0
"""A file changed less than this ago may change again within the same tick of its clock."""

_WAL = 2
_POSTGRES = """
SELECT c.relname, concat_ws('/', c.oid, c.relfilenode, s.n_tup_ins, s.n_tup_upd, s.n_tup_del,
    pg_postmaster_start_time(), (SELECT stats_reset FROM pg_stat_database WHERE datname = current_database()),
    (SELECT md5(string_agg(concat_ws(':', attname, atttypid, atttypmod), ',' ORDER BY attnum)) FROM pg_attribute
     WHERE attrelid = c.oid AND attnum > 0 AND NOT attisdropped))
FROM pg_class c JOIN pg_stat_all_tables s ON s.relid = c.oid
WHERE c.relkind = 'r' AND NOT c.relhassubclass AND c.relname = ANY(:names)
    AND c.relnamespace = to_regnamespace(quote_ident(coalesce(:schema, current_schema())))
    AND current_setting('server_version_num')::int >= 150000 AND current_setting('track_counts')::bool
    AND NOT pg_is_in_recovery()
"""


def tokens(engine: sa.Engine, source: SqlSource, tables: Sequence[SqlTable]) -> dict[str, str]:
    """Tokens by name of the table, of those that have one.

    PostgreSQL 15 and later: its counters of inserted, updated and deleted rows (they follow a commit, restart
    with another start time, and are not kept by a replica). SQLite: change counter of the file, or the index
    of its write-ahead log.
    """
    if engine.dialect.name == "sqlite":
        token = file_token(Path(str(engine.url.database).removeprefix("file://").partition("?")[0]))
        return {t.name: token for t in tables} if token else {}
    if engine.dialect.name != "postgresql":
        return {}
    plain = {t.table or t.name: t.name for t in tables if not t.query}
    names = sa.bindparam("names", list(plain), type_=sa.ARRAY(sa.String))
    try:
        with connected(engine, source.name) as connection:
            told = connection.execute(sa.text(_POSTGRES).bindparams(names), {"schema": source.db_schema}).fetchall()
    except TerminalError as error:  # a relative of PostgreSQL without its catalogue: every reading looks
        log.info("%s", error)
        return {}
    return {plain[name]: token for name, token in told}


def file_token(path: Path) -> str | None:
    """State of a SQLite file and its log; None when it cannot be told for sure.

    Without a log every write moves the change counter in the header. With one the counter of the log's index
    does; where the log is closed only size and times are left, which are trusted once they are a while old.
    """
    try:
        with path.open("rb") as file:
            head = file.read(100)
        about = path.stat()
    except OSError:
        return None
    logged = len(head) > 19 and head[19] == _WAL
    found = [str(about.st_ino), str(about.st_size), head[24:28].hex()]
    if logged:
        found += [str(about.st_mtime_ns), _index(path)]
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
