"""What is asked of a relational table: its columns, what changed since a watermark, its keys."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from difflib import get_close_matches
from typing import Any
from zoneinfo import ZoneInfo

import polars as pl
import sqlalchemy as sa

from connectors.sql.rows import Declared
from plant.errors import TerminalError
from plant.sources.batch import SqlSource, SqlTable
from plant.units import duration

CHUNK = 400
"""Keys named in one IN list (SQLite allows 32,766 variables, older ones 999)."""


@dataclass(frozen=True)
class Target:
    """A table or query with its columns, ready to be selected from."""

    source: SqlSource
    table: SqlTable
    selectable: sa.FromClause
    columns: tuple[Declared, ...]

    @property
    def record_set(self) -> str:
        """Partition of bronze.records."""
        return f"{self.source.name}.{self.table.name}"

    def declared(self, name: str) -> Declared:
        """A column by name."""
        return next(c for c in self.columns if c.name == name)


def target(connection: sa.Connection, source: SqlSource, table: SqlTable) -> Target:
    """Look the table up in the database.

    Raises:
        TerminalError: no such table, or a key or watermark column is not there.
    """
    found = _of_query(connection, source, table) if table.query else _of_table(connection, source, table)
    names = [c.name for c in found.columns]
    wanted = [*table.key, *([table.watermark] if table.watermark else [])]
    if missing := [c for c in wanted if c not in names]:
        near = {c: get_close_matches(c, names, 1, 0.5) for c in missing}
        hints = ", ".join(f"{c!r} (nearest: {n[0]!r})" if n else repr(c) for c, n in near.items())
        raise TerminalError(
            f"{found.record_set}: no column {hints}; found: {', '.join(names)}. This table is not read until "
            "`key` and `watermark` in plant.toml name columns it has; the other tables are"
        )
    return found


def _of_table(connection: sa.Connection, source: SqlSource, table: SqlTable) -> Target:
    try:
        found = sa.Table(
            table.name, sa.MetaData(), schema=source.db_schema, autoload_with=connection, resolve_fks=False
        )
    except sa.exc.NoSuchTableError as error:
        there = sa.inspect(connection)
        names = [*there.get_table_names(source.db_schema), *there.get_view_names(source.db_schema)]
        near = get_close_matches(table.name, names, 3) or sorted(names)[:20]
        raise TerminalError(
            f"{source.name}.{table.name}: no such table; nearest: {', '.join(near) or 'none, the database is empty'}: "
            "correct its name in plant.toml"
        ) from error
    return Target(source, table, found, tuple(_declared(c) for c in found.columns))


def _declared(column: sa.Column[Any]) -> Declared:
    try:
        kind = column.type.python_type
    except NotImplementedError:
        kind = None
    return Declared(column.name, kind, getattr(column.type, "scale", None))


def _of_query(connection: sa.Connection, source: SqlSource, table: SqlTable) -> Target:
    """A query has no declared types; one row of it shows what the watermark is."""
    probe = connection.execute(sa.text(f"SELECT * FROM ({table.query}) AS q LIMIT 1"))
    names, row = list(probe.keys()), probe.first()
    kinds = dict(zip(names, row, strict=True)) if row is not None else {}
    columns = tuple(Declared(n, datetime if isinstance(kinds.get(n), datetime) else None) for n in names)
    selectable = sa.text(str(table.query)).columns(*(sa.column(n) for n in names)).subquery("q")
    return Target(source, table, selectable, columns)


def rows_since(connection: sa.Connection, at: Target, mark: str | None) -> list[Sequence[Any]]:
    """Every row, or those whose watermark is not before `mark` less the overlap, or is null."""
    statement = sa.select(*_raw(at, [c.name for c in at.columns]))
    if mark is not None and at.table.watermark:
        column = at.selectable.c[at.table.watermark]
        statement = statement.where((column >= bound(at, mark)) | column.is_(None))
    return list(connection.execute(statement).fetchall())


def all_keys(connection: sa.Connection, at: Target) -> list[Sequence[Any]]:
    """The key columns of every row there is now."""
    return list(connection.execute(sa.select(*_raw(at, at.table.key))).fetchall())


def row_count(connection: sa.Connection, at: Target) -> int:
    """How many rows there are now."""
    return int(connection.execute(sa.select(sa.func.count()).select_from(at.selectable)).scalar_one())


def rows_of(connection: sa.Connection, at: Target, wanted: Sequence[Sequence[Any]]) -> list[Sequence[Any]]:
    """The rows with these keys."""
    columns = [sa.type_coerce(at.selectable.c[k], sa.types.NullType()) for k in at.table.key]
    out: list[Sequence[Any]] = []
    for n in range(0, len(wanted), CHUNK):
        part = [tuple(k) for k in wanted[n : n + CHUNK]]
        where = columns[0].in_([k[0] for k in part]) if len(columns) == 1 else sa.tuple_(*columns).in_(part)
        out += connection.execute(sa.select(*_raw(at, [c.name for c in at.columns])).where(where)).fetchall()
    return out


def _raw(at: Target, names: Sequence[str]) -> list[sa.ColumnElement[Any]]:
    """Columns as the driver hands them out: `sql_rows` spells them, so that one bad cell stops no table."""
    return [sa.type_coerce(at.selectable.c[n], sa.types.NullType()).label(n) for n in names]


def high_mark(known: pl.DataFrame) -> str | None:
    """The highest watermark taken in: by number where all are whole numbers, else as text."""
    marks = known["watermark"].drop_nulls()
    numbers = marks.cast(pl.Int64, strict=False)
    top = numbers.max() if len(marks) and not numbers.null_count() else marks.max()
    return None if top is None else str(top)


def bound(at: Target, mark: str) -> object:
    """The watermark to read from, as the database compares it: the mark less the overlap."""
    back = duration(at.table.overlap)
    kind = at.declared(str(at.table.watermark)).kind
    if kind is datetime:
        return _instant_bound(at, datetime.fromisoformat(mark), back)
    if kind is date:
        return date.fromisoformat(mark[:10]) - back
    if kind is int or (kind is None and mark.lstrip("-").isdigit()):
        return int(mark)
    return _text_bound(mark, back)


def _instant_bound(at: Target, mark: datetime, back: timedelta) -> datetime:
    """Local time repeats an hour when clocks go back: that hour is read again, too."""
    zone = at.source.timezone
    column = at.selectable.c[str(at.table.watermark)]
    if getattr(column.type, "timezone", False):
        return mark - back
    local = (mark - back).astimezone(ZoneInfo(zone)).replace(tzinfo=None)
    return local if zone == "UTC" else local - timedelta(hours=1)


def _text_bound(mark: str, back: timedelta) -> str:
    """ISO text compares as text: keep its separator, leave fraction and offset out. Other text has no overlap."""
    try:
        at = datetime.fromisoformat(mark)
    except ValueError:
        return mark
    return (at - back).replace(tzinfo=None).isoformat(sep=mark[10:11] or " ", timespec="seconds")


def utc_now_us(now: datetime) -> int:
    """Microseconds since 1970: the version of a batch."""
    return (now.astimezone(UTC) - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(microseconds=1)
