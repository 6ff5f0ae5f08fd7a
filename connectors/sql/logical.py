"""PostgreSQL logical decoding: which keys changed, from a replication slot of the server.

The slot tells keys, the rows are read as in every other mode: a change told twice lands once. Changes are peeked
at, and the slot is moved on only when everything read by them has landed. A slot is an object on the server, made at
the first reading, and keeps the server's log until it is read or dropped: this mode alone changes the server at all.
"""

from __future__ import annotations

import json
import logging
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import polars as pl
import sqlalchemy as sa

from connectors.base import Landing, one_aside
from connectors.sql.failures import told
from connectors.sql.marks import Mark
from plant.errors import TerminalError
from plant.sources.batch import SqlSource
from plant.tables import table

log = logging.getLogger(__name__)

PLUGIN = "test_decoding"
RETAINED_BYTES = 1 << 30
"""With more of the server's log kept for the slot, a warning is logged."""

Key = tuple[str, ...]
_NAME = r'("(?:[^"]|"")*"|[^.\s:,"]+)'
_HEAD = re.compile(rf"{_NAME}\.{_NAME}")
_CELL = re.compile(r"""("(?:[^"]|"")*"|[^\s\["]+)\[((?:[^\[\]]|\[\])*)\]:('(?:[^']|'')*'|[^\s']\S*)""")
_SLOT = """
SELECT plugin, database, active, wal_status, confirmed_flush_lsn - '0/0'::pg_lsn,
    pg_current_wal_lsn() - coalesce(restart_lsn, pg_current_wal_lsn())
FROM pg_replication_slots WHERE slot_name = :slot"""
_PEEK = """
SELECT data FROM pg_logical_slot_peek_changes(
    :slot, '0/0'::pg_lsn + :upto, NULL, 'include-xids', '0', 'skip-empty-xacts', '1')"""
_FIT = """
SELECT c.relkind, c.relispartition, c.relpersistence, c.relreplident,
    (SELECT json_agg(a.attname) FROM pg_index i JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum = ANY(i.indkey)
     WHERE i.indrelid = c.oid AND i.indisprimary)
FROM pg_class c WHERE c.relname = :name
    AND c.relnamespace = to_regnamespace(quote_ident(coalesce(:schema, current_schema())))"""


@dataclass
class Feed:
    """What a slot told. `upto` and `confirmed`: positions in the server's log; `changed`: keys by table.

    A table in `unsure` has changes that name no key, such as TRUNCATE: it is to be compared whole.
    """

    slot: str
    upto: int
    confirmed: int
    changed: dict[str, set[Key]] = field(default_factory=dict)
    unsure: set[str] = field(default_factory=set)

    def follows(self, mark: Mark | None) -> bool:
        """Whether the slot tells everything since the mark: it was not moved on or made anew behind it."""
        return mark is not None and (mark.high or "").isdigit() and self.confirmed <= int(mark.high or 0)


def slot_of(source: SqlSource) -> str:
    """Name of the slot of a source."""
    return source.slot or "shopfloor_" + re.sub(r"[^a-z0-9_]", "_", source.name.lower())[:50]


def feed_of(engine: sa.Engine, source: SqlSource) -> Feed | None:
    """What changed in the tables of mode logical; None where there are none. The slot is made where it is missing.

    Raises:
        TerminalError: the database does not allow it; the message says what is missing.
        SourceDownError: the database cannot be reached.
    """
    tables = [t for t in source.tables if t.reading == "logical"]
    if not tables:
        return None
    if engine.dialect.name != "postgresql":
        raise TerminalError(
            f'{source.name}: mode = "logical" is for PostgreSQL; for {engine.dialect.name} use snapshot'
        )
    slot = slot_of(source)
    try:
        with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            for one in tables:
                _fits(connection, source, one.table or one.name, one.key)
            confirmed = _ready(connection, source.name, slot)
            upto = int(connection.exec_driver_sql("SELECT pg_current_wal_lsn() - '0/0'::pg_lsn").scalar_one())
            feed = Feed(slot, upto, confirmed)
            names = {(t.table or t.name): t.key for t in tables}
            peeked = connection.execute(sa.text(_PEEK), {"slot": slot, "upto": upto})
            for (line,) in peeked:
                _take(feed, str(line), names, source.db_schema)
            return feed
    except sa.exc.DBAPIError as error:
        raise _refused(engine, source, slot, error) from error


def advance(engine: sa.Engine, feed: Feed) -> None:
    """Move the slot on: what it told has landed. A table that failed finds its mark behind it and compares whole."""
    move = sa.text("SELECT pg_replication_slot_advance(:slot, '0/0'::pg_lsn + :upto)")
    try:
        with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            connection.execute(move, {"slot": feed.slot, "upto": feed.upto})
    except sa.exc.DBAPIError as error:  # told again at the next reading, and landed once
        log.warning("slot %s could not be moved on: %s", feed.slot, next(iter(str(error.orig).splitlines()), ""))


def abandoned(engine: sa.Engine, source: SqlSource, now: datetime) -> Iterator[Landing]:
    """A report, once a day, of a slot of ours that no table reads any more: it fills the server's disk."""
    if engine.dialect.name != "postgresql" or any(t.reading == "logical" for t in source.tables):
        return
    slot = slot_of(source)
    try:
        with engine.connect() as connection:
            there = connection.execute(sa.text(_SLOT), {"slot": slot}).first()
    except sa.exc.DBAPIError:  # a replica, or a relative of PostgreSQL without slots
        return
    if there is None:
        return
    said = (
        f'slot {slot} is on the server and no table has mode = "logical": it keeps the log since its last reading, '
        f"{int(there[5] or 0) >> 20:,} MiB. Drop it: SELECT pg_drop_replication_slot('{slot}')"
    )
    log.warning("%s: %s", source.name, said)
    app = f"sql:{source.name}:slot:{now:%Y-%m-%d}"
    held = one_aside("abandoned_slot", said, source=source.name, origin=source.name, segment=app, now=now)
    held = held.with_columns(booked=pl.lit(value=True))
    yield Landing("bronze.records", app, 0, table("bronze.records").empty(), held)


def _fits(connection: sa.Connection, source: SqlSource, name: str, key: Key) -> None:
    found = connection.execute(sa.text(_FIT), {"name": name, "schema": source.db_schema}).first()
    if found is None:
        return  # reading the table says so, with the nearest names
    kind, part, persistence, identity, primary = found
    wrong = {
        "it is partitioned, a view or a foreign table": kind != "r" or part,
        "it is not written to the log (UNLOGGED)": persistence != "p",
        "its REPLICA IDENTITY is not the primary key": identity != "d",
        f"its primary key is {', '.join(primary or []) or 'missing'}, not {', '.join(key)}": set(primary or [])
        != set(key),
    }
    if said := [words for words, so in wrong.items() if so]:
        raise TerminalError(f'{source.name}.{name}: mode = "logical" cannot follow it: {"; ".join(said)}: use snapshot')


def _ready(connection: sa.Connection, name: str, slot: str) -> int:
    """The slot's position; made where it is missing."""
    level = connection.exec_driver_sql("SHOW wal_level").scalar()
    if level != "logical":
        raise TerminalError(
            f'{name}: mode = "logical" needs wal_level = logical, it is {level}: have it set in postgresql.conf and '
            "the server restarted, or use watermark or snapshot"
        )
    there = connection.execute(sa.text(_SLOT), {"slot": slot}).first()
    if there is None:
        log.warning("%s: replication slot %s is made on the server; drop it when this source is given up", name, slot)
        make = sa.text("SELECT pg_create_logical_replication_slot(:slot, :plugin)")
        connection.execute(make, {"slot": slot, "plugin": PLUGIN})
        there = connection.execute(sa.text(_SLOT), {"slot": slot}).one()
    plugin, database, active, status, confirmed, kept = there
    if plugin != PLUGIN or active or status == "lost":
        what = "was given up by the server, its log is gone" if status == "lost" else f"is of {plugin}, {database}"
        raise TerminalError(
            f"{name}: slot {slot} {'is read by another session' if active else what}: give this source a `slot` of its "
            f"own, or drop it: SELECT pg_drop_replication_slot('{slot}'); tables are then compared whole once"
        )
    if int(kept) > RETAINED_BYTES:
        log.warning("%s: slot %s keeps %d MiB of the server's log: read it more often", name, slot, int(kept) >> 20)
    return int(confirmed)


def _refused(engine: sa.Engine, source: SqlSource, slot: str, error: sa.exc.DBAPIError) -> Exception:
    state = getattr(error.orig, "sqlstate", "")
    said = next(iter(str(error.orig).splitlines()), "")
    if state == "42501":
        return TerminalError(
            f'{source.name}: user {engine.url.username} may not use slot {slot} ({said}): mode = "logical" needs '
            "ALTER ROLE ... REPLICATION, or use watermark or snapshot"
        )
    if state in {"58P01", "42704"} or "could not access file" in said:
        return TerminalError(
            f"{source.name}: {said}: {PLUGIN} comes with PostgreSQL's contrib modules; have them installed, or use "
            "watermark or snapshot"
        )
    if state == "53400":
        return TerminalError(f"{source.name}: {said}: drop an abandoned slot, or raise max_replication_slots")
    return told(engine, source.name, error)


def _take(feed: Feed, line: str, keys: dict[str, Key], schema: str | None) -> None:
    """Note the keys a line of the slot names."""
    if not line.startswith("table "):
        return
    head = re.match(r'table (?:(?:"(?:[^"]|"")*"|[^:"])+): (\w+): ?', line)
    if head is None:
        feed.unsure.update(keys)
        return
    for found in _HEAD.finditer(line[len("table ") : head.start(1)]):
        of, name = (_bare(found.group(n)) for n in (1, 2))
        if name not in keys or (schema or of) != of:
            continue
        if head.group(1) == "TRUNCATE":
            feed.unsure.add(name)
            continue
        told_of = line[head.end() :]
        old, _, new = told_of.partition(" new-tuple: ") if told_of.startswith("old-key: ") else ("", "", told_of)
        for part in (old.removeprefix("old-key: "), new):
            if part:
                _note(feed, name, part, keys[name])


def _note(feed: Feed, name: str, part: str, key: Key) -> None:
    cells = {_bare(c): v for c, _, v in _CELL.findall(part)}
    if any(k not in cells or cells[k] == "null" for k in key):
        feed.unsure.add(name)
        return
    values = tuple(cells[k][1:-1].replace("''", "'") if cells[k][0] == "'" else cells[k] for k in key)
    feed.changed.setdefault(name, set()).add(values)


def _bare(name: str) -> str:
    return name[1:-1].replace('""', '"') if name.startswith('"') else name


def typed(kind: type | None, text: str) -> Any:
    """A key's value from the slot's text, as the driver would hand it out."""
    return int(text) if kind is int else json.loads(text) if kind is bool else text
