"""Relational databases, read only: what is new, changed or gone since the last time.

A table is read from its watermark less an overlap, compared by key and row hash with what is known,
and its keys are compared with the known ones: rows committed late behind the watermark are found,
rows that vanished become tombstones. Nothing is ever written to the source.
"""

from __future__ import annotations

import hashlib
import logging
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import polars as pl
import sqlalchemy as sa

from connectors.base import INSTANT, Landing, failure, no_quarantine, set_aside
from connectors.sql.engine import connected, open_engine
from connectors.sql.read import Target, all_keys, high_mark, row_count, rows_of, rows_since, target, utc_now_us
from connectors.sql.rows import Rows, canonical, hashes, keys, payloads
from plant.errors import PlantError, SourceDownError
from plant.sources.batch import SqlSource, SqlTable
from plant.tables import table

log = logging.getLogger(__name__)

RECORDS = table("bronze.records")
GONE = "gone"
"""row_hash of a tombstone."""

TRIES_S = (0.5, 1.5)
"""Waits between attempts to reach a database with on_start = "retry"."""

KNOWN_SCHEMA = {"record_key": pl.String(), "row_hash": pl.String(), "watermark": pl.String(), "segment": pl.String()}
MANY = 5000
"""With more unseen keys than this, reading the table whole is cheaper."""

Known = Callable[[str], pl.DataFrame]


def nothing_known(record_set: str) -> pl.DataFrame:
    """A `Known` for a first run."""
    return pl.DataFrame(schema=KNOWN_SCHEMA)


def read_source(source: SqlSource, root: Path, known: Known, now: datetime) -> list[Landing]:
    """Every table of a source. What cannot be read becomes a quarantine row; the rest is read.

    A database that is down is one row (reason source_down), after the attempts of on_start = "retry";
    with on_start = "ignore" it is only logged. A table without its key or watermark column is one row
    (reason refused), one that fails for a reason nobody foresaw as well (source_failed).
    """
    try:
        engine = open_engine(source, root)
        _reach(engine, source)
    except Exception as error:  # noqa: BLE001 - one source, whatever is wrong with it, must not cost the others
        if source.on_start == "ignore" and isinstance(error, PlantError):
            log.warning("%s", error)
            return []
        return [failure(RECORDS.name, source.name, error, now)]
    landings: list[Landing] = []
    for one in source.tables:
        try:
            landing = read_table(source, one, engine, known(f"{source.name}.{one.name}"), now)
        except Exception as error:  # noqa: BLE001 - one table, whatever is wrong with it, must not cost the others
            landing = failure(RECORDS.name, f"{source.name}.{one.name}", error, now, source=source.name)
        landings += [landing] if landing is not None else []
    engine.dispose()
    return landings


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
    source: SqlSource, one: SqlTable, engine: sa.Engine, known: pl.DataFrame, now: datetime
) -> Landing | None:
    """New and changed rows and tombstones of one table; None when nothing changed.

    `known` holds the latest version of every record: record_key, row_hash, watermark and, so that a new
    column is taken in for old rows too, segment. Keys are compared only when something is new since the
    watermark or the number of rows is not the known one: an idle table costs one small read and a count.

    Raises:
        SourceDownError: the database went away.
        TerminalError: no such table, or its key or watermark column is gone.
    """
    with connected(engine, f"{source.name}.{one.name}") as connection:
        at = target(connection, source, one)
        live = known.filter(pl.col("row_hash") != GONE)
        if not one.watermark or not live.height or _reshaped(live, at):
            return _whole(connection, at, live, known, now)
        batch = _spelled(at, rows_since(connection, at, high_mark(known)))
        if not _news(batch, known).height and row_count(connection, at) == live.height:
            return _landing(at, batch, live, known, live["record_key"], now)
        there = all_keys(connection, at)
        present = _key_texts(at, there)
        unseen = present.is_not_null() & ~_in(present, batch.seen["record_key"]) & ~_in(present, live["record_key"])
        if unseen.sum() > MANY:
            return _whole(connection, at, live, known, now)
        late = rows_of(connection, at, [there[i] for i in unseen.arg_true()])
        return _landing(at, _spelled(at, [*batch.rows, *late]) if late else batch, live, known, present, now)


@dataclass(frozen=True)
class _Batch:
    """Rows as fetched, spelled, and what bronze.records will say of them."""

    rows: list[Sequence[Any]]
    spelled: Rows
    seen: pl.DataFrame


def _spelled(at: Target, rows: list[Sequence[Any]]) -> _Batch:
    spelled, mark = canonical(rows, at.columns, at.source.timezone), at.table.watermark
    payload = payloads(spelled.frame)
    seen = pl.DataFrame(
        {"record_key": keys(spelled.frame, at.table.key), "row_hash": hashes(payload), "payload": payload}
    ).with_columns(
        watermark=spelled.frame[mark].cast(pl.String) if mark and rows else pl.lit(None, dtype=pl.String),
        deleted=pl.lit(value=False),
    )
    seen = seen.with_row_index("place")
    if seen["record_key"].is_duplicated().any():
        seen = _newest_first(seen)
    return _Batch(rows, spelled, seen.with_row_index("position"))


def _newest_first(seen: pl.DataFrame) -> pl.DataFrame:
    """Rows by key, the one to take first: the highest watermark, among equals the first payload.

    A database hands rows out in any order; which of several rows of a key is taken must not follow it.
    """
    by_number = seen["watermark"].cast(pl.Float64, strict=False).alias("number")
    order = {"record_key": False, "number": True, "watermark": True, "payload": False}
    ranked = seen.with_columns(by_number).sort(list(order), descending=list(order.values()), nulls_last=True)
    return ranked.drop("number")


def _whole(
    connection: sa.Connection, at: Target, live: pl.DataFrame, known: pl.DataFrame, now: datetime
) -> Landing | None:
    batch = _spelled(at, rows_since(connection, at, None))
    return _landing(at, batch, live, known, batch.seen["record_key"], now)


def _news(batch: _Batch, known: pl.DataFrame) -> pl.DataFrame:
    """Rows with a usable key that are not known as they are."""
    usable = batch.seen.filter(pl.col("record_key").is_not_null() & pl.col("record_key").is_first_distinct())
    return usable.join(known.select("record_key", "row_hash"), on=["record_key", "row_hash"], how="anti")


def _in(texts: pl.Series, others: pl.Series) -> pl.Series:
    return texts.is_in(others.drop_nulls().implode())


def _reshaped(live: pl.DataFrame, at: Target) -> bool:
    """Whether known rows were read with other columns than the table has now."""
    if "segment" not in live.columns:
        return False
    return not live["segment"].str.contains(f":{_shape(at)}:", literal=True).all()


def _shape(at: Target) -> str:
    return hashlib.sha256("\n".join(sorted(c.name for c in at.columns)).encode()).hexdigest()[:8]


def _key_texts(at: Target, found: Sequence[Sequence[Any]]) -> pl.Series:
    columns = [at.declared(k) for k in at.table.key]
    return keys(canonical(found, columns, at.source.timezone).frame, at.table.key)


def _landing(
    at: Target, batch: _Batch, live: pl.DataFrame, known: pl.DataFrame, present: pl.Series, now: datetime
) -> Landing | None:
    """What is new and what is gone (live, but not in `present`), and what had to be set aside."""
    segment = f"sql:{at.record_set}:{_shape(at)}:{utc_now_us(now)}"
    held = _held(at, batch, segment, now)
    news = _news(batch, known)
    gone = live.filter(~pl.col("record_key").is_in(present.drop_nulls().implode())).select(
        "record_key",
        payload=pl.lit("{}"),
        row_hash=pl.lit(GONE),
        watermark=pl.lit(None, dtype=pl.String),
        deleted=pl.lit(value=True),
    )
    frame = (
        pl.concat([news.drop("place", "position"), gone], how="diagonal")
        .with_row_index("seq")
        .with_columns(record_set=pl.lit(at.record_set), ingested_at=pl.lit(now, dtype=INSTANT), segment=pl.lit(segment))
    )
    log.info("%s: %d new or changed, %d gone, %d set aside", at.record_set, news.height, gone.height, held.height)
    if not frame.height and not held.height:
        return None
    records = frame.select(pl.col(name).cast(dtype) for name, dtype in RECORDS.schema.items())
    if not frame.height:  # doubtful rows are read again with every overlap: reported once
        ids = hashlib.sha256("".join(sorted(held["id"])).encode()).hexdigest()[:16]
        return Landing(RECORDS.name, f"sql:{at.record_set}:aside:{ids}", 0, records, held)
    return Landing(RECORDS.name, f"sql:{at.record_set}", utc_now_us(now), records, held)


def _held(at: Target, batch: _Batch, segment: str, now: datetime) -> pl.DataFrame:
    """Rows without a usable key (held back), and rows with an instant that cannot be read (booked)."""
    key, no_key = ", ".join(at.table.key), pl.col("record_key").is_null()
    taken = "the one with the highest watermark is taken, among equals the first by content"
    told = [
        (no_key, "null_key", f"key {key} is null; valid is a key that names one row: correct `key` in plant.toml"),
        (
            ~no_key & ~pl.col("record_key").is_first_distinct(),
            "duplicate_key",
            f"key {key} names several rows; {taken}: correct `key` in plant.toml",
        ),
    ]
    for column, places in batch.spelled.unread.items():
        said = f"column {column} is no instant; taken in as the text it is: correct it at the source"
        told.append((pl.col("place").is_in(places), "unparseable_timestamp", said))
    doubtful = pl.concat(
        batch.seen.filter(which).with_columns(reason=pl.lit(reason), message=pl.lit(message))
        for which, reason, message in told
    ).with_columns(pl.col("position").cast(pl.Int64), booked=pl.col("reason") == "unparseable_timestamp")
    if not doubtful.height:
        return no_quarantine()
    return set_aside(doubtful, source=at.source.name, origin=at.record_set, segment=segment, now=now)
