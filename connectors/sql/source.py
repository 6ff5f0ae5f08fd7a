"""Relational databases, read only: what is new, changed or gone since the last time.

Where a cheap sign of the database says that nothing was written, nothing is read. Else the mode of the table
(`connectors.sql.modes`) finds what changed; every row is compared with what is known by key and hash, so that
reading a row twice lands it once. Nothing is ever written to the source.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator
from datetime import datetime, timedelta
from difflib import get_close_matches
from pathlib import Path

import polars as pl
import sqlalchemy as sa

from connectors.base import Landing, failure
from connectors.sql.batches import RECORDS, Landings, new_columns
from connectors.sql.engine import connected, open_engine
from connectors.sql.failures import BeyondError
from connectors.sql.logical import Feed, abandoned, advance, feed_of
from connectors.sql.marks import KNOWN_SCHEMA, Mark, Memory, settings_of
from connectors.sql.modes import READERS, Reading, whole
from connectors.sql.pages import opened
from connectors.sql.read import Target, target
from connectors.sql.tokens import Sign, tokens
from plant.errors import PlantError, SourceDownError, TerminalError
from plant.sources.batch import SqlSource, SqlTable

log = logging.getLogger(__name__)

TRIES_S = (0.5, 1.5)
"""Waits between attempts to reach a database with on_start = "retry"."""


def nothing_known(record_set: str) -> pl.DataFrame:
    """What is known before a first run."""
    return pl.DataFrame(schema=KNOWN_SCHEMA)


def read_source(source: SqlSource, root: Path, memory: Memory, now: datetime) -> Iterator[Landing]:
    """Every table of a source, landing by landing. What cannot be read becomes a quarantine row; the rest is read.

    A database that is down is one row (reason source_down), after the attempts of on_start = "retry";
    with on_start = "ignore" it is only logged. A table without its key or watermark column, or with a lost or
    retyped column, is one row (reason refused), one that fails for a reason nobody foresaw as well (source_failed).
    """
    try:
        engine = open_engine(source, root)
        _reach(engine, source)
        signs = tokens(engine, source, [t for t in source.tables if t.reading != "logical"])
        yield from abandoned(engine, source, now)
    except Exception as error:  # noqa: BLE001 - one source, whatever is wrong with it, must not cost the others
        if source.on_start == "ignore" and isinstance(error, PlantError):
            log.warning("%s", error)
        else:
            yield failure(RECORDS.name, source.name, error, now)
        return
    feed: Feed | None = None
    for one in source.tables:
        try:
            if one.reading == "logical" and feed is None:
                feed = feed_of(engine, source)
            try:
                yield from read_table(source, one, engine, memory, now, signs.get(one.name), feed)
            except BeyondError as error:
                log.info("%s: it is read again, such instants as text", error)
                slow, later = open_engine(source, root, lenient=True), now + timedelta(microseconds=1)
                yield from read_table(source, one, slow, memory, later, signs.get(one.name), feed)
        except Exception as error:  # noqa: BLE001 - one table, whatever is wrong with it, must not cost the others
            yield failure(RECORDS.name, f"{source.name}.{one.name}", error, now, source=source.name)
    if feed is not None:
        advance(engine, feed)
    engine.dispose()


def _reach(engine: sa.Engine, source: SqlSource) -> None:
    waits = TRIES_S if source.on_start == "retry" else ()
    for wait in (*waits, None):
        try:
            with connected(engine, source.name):
                return
        except SourceDownError:
            if wait is None:
                raise
            time.sleep(wait)


def read_table(
    source: SqlSource,
    one: SqlTable,
    engine: sa.Engine,
    memory: Memory,
    now: datetime,
    sign: Sign | None = None,
    feed: Feed | None = None,
) -> Iterator[Landing]:
    """New and changed rows and tombstones of one table, in pieces; nothing when nothing changed.

    Each landing must be appended before the next is asked for: what is remembered of the table is kept at the
    end, as a description of what was appended. Left in the middle, the next reading compares whole.

    Args:
        source: the database.
        one: the table.
        engine: from `open_engine`.
        memory: what is known of the table.
        now: instant of this reading.
        sign: what the database said before this reading; with the token that is remembered nothing is read.
        feed: what the replication slot told, for mode logical.

    Raises:
        SourceDownError: the database went away, or another session holds the table.
        TerminalError: no such table, or a column is lost or has another type than before.
    """
    name = f"{source.name}.{one.name}"
    text, current = memory.mark(name)
    before, settings = Mark.of(text), settings_of(source, one)
    reconcile = "never" if one.reading == "append_only" else one.reconcile
    usable = before is not None and current and before.settings == settings and not before.due(reconcile, now)
    if one.reading == "logical":
        usable = usable and feed is not None and feed.follows(before)
    sign = sign or Sign(None)
    if before is not None and usable and sign.token is not None and sign.token == before.token:
        log.debug("%s: not written to since", name)
        return
    with connected(engine, name) as connection, opened(connection):
        at = target(connection, source, one)
        fresh = Mark(settings, at.types, token=sign.token, horizon=sign.horizon)
        told = new_columns(at, [] if before is None else _checked(at, before.types), now)
        for message in told["message"]:
            log.warning("%s: %s", name, message)
        out = Landings(at, now, memory.landed(name), told)
        mark = before if before is not None and usable and _same(before.types, at.types) else None
        since = None if mark is None else sign.since(mark.horizon)
        told_by = feed if one.reading == "logical" else None
        reading = Reading(connection, at, memory, mark, fresh, now, out, told_by, since)
        yield from (whole if mark is None else READERS[one.reading])(reading)
    log.info("%s: %d new or changed, %d gone, %d set aside", name, out.new, out.gone, out.held)


def _same(before: dict[str, str], there: dict[str, str]) -> bool:
    """Whether a table has the columns it had. A query tells a type only where its first row has a value."""
    return before.keys() == there.keys() and all(there[c] == w or "" in {w, there[c]} for c, w in before.items())


def _checked(at: Target, before: dict[str, str]) -> list[str]:
    """Names of new columns.

    Raises:
        TerminalError: a column is lost, or has another type than before.
    """
    there = at.types
    new = [c for c in there if c not in before]
    lost = [c for c in before if c not in there and c not in at.table.exclude]
    if lost:
        near = {c: get_close_matches(c, new, 1, 0.3) or new[:1] for c in lost}
        hints = ", ".join(f"{c!r}{f' (new: {n[0]!r}: renamed?)' if n else ''}" for c, n in near.items())
        raise TerminalError(
            f"{at.record_set}: column {hints} is gone; found: {', '.join(there)}. Known rows stay as they are, this "
            f"table is not read until the column is back or `exclude` names it: exclude = {sorted(lost)}"
        )
    retyped = [
        f"{c!r} was {w.partition(':')[0]} and is {there[c].partition(':')[0]}"
        for c, w in before.items()
        if w and there.get(c) and w.partition(":")[0] != there[c].partition(":")[0] and c not in at.table.retyped
    ]
    if retyped:
        raise TerminalError(
            f"{at.record_set}: column {'; '.join(retyped)}. Known rows stay as they are, this table is not read until "
            "the type is as it was or `retyped` in plant.toml names the column"
        )
    return new
