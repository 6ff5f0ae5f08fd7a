"""The first rows of every table of a source, as bronze.records would hold them, and what is wrong with the tables."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

import polars as pl
import sqlalchemy as sa

from connectors.base import INSTANT
from connectors.sql.batches import batch_of
from connectors.sql.engine import connected, open_engine
from connectors.sql.read import Target, target
from connectors.sql.select import row_count
from plant.errors import TerminalError
from plant.sources.batch import SqlSource, SqlTable
from plant.tables import table

RECORDS = table("bronze.records")


@dataclass
class Sampled:
    """`records` are rows of bronze.records. `columns` is the columns of each table found, with their types in words.

    `problems` keep a table from being read; `remarks` make reading slow or doubtful.
    """

    records: list[pl.DataFrame] = field(default_factory=list)
    columns: dict[str, dict[str, str]] = field(default_factory=dict)
    rows: dict[str, int] = field(default_factory=dict)
    problems: list[str] = field(default_factory=list)
    remarks: list[str] = field(default_factory=list)

    def frame(self) -> pl.LazyFrame:
        """All records."""
        return pl.concat([RECORDS.empty(), *self.records]).lazy()


def sample(source: SqlSource, root: Path, rows: int, now: datetime) -> Sampled:
    """Look every table of a source up and read its first rows (0: all). Nothing is kept.

    Raises:
        SourceDownError: the database cannot be reached.
        TerminalError: its URL cannot be understood.
    """
    found, engine = Sampled(), open_engine(source, root)
    try:
        for one in source.tables:
            try:
                # A connection each: what the database refuses of one table costs no other.
                with connected(engine, f"{source.name}.{one.name}") as connection:
                    _look(connection, source, one, rows, now, found)
            except TerminalError as error:
                found.problems.append(str(error))
    finally:
        engine.dispose()
    return found


def _look(
    connection: sa.Connection, source: SqlSource, one: SqlTable, rows: int, now: datetime, found: Sampled
) -> None:
    at = target(connection, source, one)
    found.columns[one.name] = at.types
    found.rows[one.name] = row_count(connection, at)
    found.records.append(_records(connection, at, rows, now))
    found.problems += _keys(connection, at)
    found.remarks += _watermark(connection, at, found.rows[one.name])


def _records(connection: sa.Connection, at: Target, rows: int, now: datetime) -> pl.DataFrame:
    statement = sa.select(*at.raw)
    batch = batch_of(at, list(connection.execute(statement.limit(rows) if rows else statement)))
    usable = pl.col("record_key").is_not_null() & pl.col("record_key").is_first_distinct()
    told = batch.seen.filter(usable).with_row_index("seq").with_columns(
        record_set=pl.lit(at.record_set), ingested_at=pl.lit(now, dtype=INSTANT), segment=pl.lit("sample")
    )  # fmt: skip
    return told.select(pl.col(name).cast(dtype) for name, dtype in RECORDS.schema.items())


def _keys(connection: sa.Connection, at: Target) -> list[str]:
    """The key names one row each, and is never null. Asked of the database, over all rows."""
    columns, name = [at.selectable.c[k] for k in at.table.key], ", ".join(at.table.key)
    empty = connection.execute(_count(at).where(sa.or_(*(c.is_(None) for c in columns)))).scalar_one()
    found = [f"{at.record_set}: key {name} is null in {empty} rows: correct `key`"] if empty else []
    if at.unique:
        return found
    twice = sa.select(*columns).group_by(*columns).having(sa.func.count() > 1).limit(1)
    if (row := connection.execute(twice).first()) is not None:
        found.append(f"{at.record_set}: key {name} names several rows, e.g. {tuple(row)!r}: add columns to `key`")
    return found


def _watermark(connection: sa.Connection, at: Target, rows: int) -> list[str]:
    """A watermark is never null in all its columns, and the database has an index on one of them."""
    marks = at.table.watermarks
    if not marks or not rows:
        return []
    name = ", ".join(marks)
    empty = connection.execute(_count(at).where(sa.and_(*(at.selectable.c[w].is_(None) for w in marks)))).scalar_one()
    found = (
        [f"{at.record_set}: watermark {name} is null in {empty} of {rows} rows, which are read every time"]
        if empty
        else []
    )
    if at.table.query:
        return found
    there, plain = sa.inspect(connection), at.table.table or at.table.name
    listed = there.get_indexes(plain, schema=at.source.db_schema)
    if not any((i.get("column_names") or [None])[0] in marks for i in listed) and rows > 10_000:
        found.append(f"{at.record_set}: no index begins with {name}: each look reads all {rows} rows; ask for an index")
    return found


def _count(at: Target) -> sa.Select[Any]:
    return sa.select(sa.func.count()).select_from(at.selectable)


@dataclass(frozen=True)
class Described:
    """A table or view as the database describes it: primary key and columns with their types in words."""

    key: tuple[str, ...]
    columns: dict[str, str]


def described(source: SqlSource, root: Path) -> dict[str, Described]:
    """Every table and view of a database (of the source's schema), by name. No row is read.

    Raises:
        SourceDownError: the database cannot be reached.
        TerminalError: its URL cannot be understood, or it refuses to describe itself.
    """
    engine = open_engine(source, root)
    try:
        with connected(engine, source.name) as connection:
            there = sa.inspect(connection)
            names = sorted({*there.get_table_names(source.db_schema), *there.get_view_names(source.db_schema)})
            found = {}
            for name in names:
                keys = there.get_pk_constraint(name, schema=source.db_schema).get("constrained_columns") or []
                columns = there.get_columns(name, schema=source.db_schema)
                found[name] = Described(tuple(keys), {c["name"]: _word(c["type"]) for c in columns})
            return found
    finally:
        engine.dispose()


def _word(kind: sa.types.TypeEngine[object]) -> str:
    try:
        return kind.python_type.__name__
    except NotImplementedError:
        return ""
