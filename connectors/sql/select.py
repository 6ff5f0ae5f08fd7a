"""The SELECTs: rows in bounded pieces, rows behind a watermark, keys, counts. Names are quoted by SQLAlchemy."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import polars as pl
import sqlalchemy as sa

from connectors.sql.read import Target
from plant.units import duration

PIECE = 50_000
"""Rows in memory at once, and of one landing."""

CHUNK = 400
"""Keys named in one IN list (SQLite allows 32,766 variables, older ones 999)."""

AGAIN = 1000
"""Numbers below the highest one known that mode append_only reads again: transactions that end out of order."""

PARTS = 1 << 16
"""Parts into which whole numbers as keys are cut by their last bits, to find which of them lack rows."""

Fetched = Sequence[Sequence[Any]]


def pieces(connection: sa.Connection, at: Target, where: sa.ColumnElement[bool] | None = None) -> Iterator[Fetched]:
    """Rows as the driver hands them out, never more than about PIECE at once.

    Where nothing in the database keeps a key from naming two rows they come in order of key, and rows of one
    key never fall into two pieces.
    """
    statement = sa.select(*at.raw) if where is None else sa.select(*at.raw).where(where)
    if at.unique:
        yield from _streamed(connection, statement)
        return
    names = [c.name for c in at.columns]
    places = [names.index(k) for k in at.table.key]
    held: list[Sequence[Any]] = []
    for part in _streamed(connection, statement.order_by(*(at.selectable.c[k] for k in at.table.key))):
        rows = [*held, *part]
        last = [rows[-1][n] for n in places]
        cut = next((i for i in range(len(rows), 0, -1) if [rows[i - 1][n] for n in places] != last), 0)
        held = rows[cut:]
        if cut:
            yield rows[:cut]
    if held:
        yield held


def _streamed(connection: sa.Connection, statement: sa.Select[Any]) -> Iterator[Fetched]:
    options = {"stream_results": True, "max_row_buffer": 5000}
    with connection.execute(statement, execution_options=options) as result:
        yield from result.partitions(PIECE)


def all_keys(connection: sa.Connection, at: Target) -> Iterator[Fetched]:
    """The key columns of every row there is now, in pieces."""
    yield from _streamed(connection, sa.select(*(at.cell(k) for k in at.table.key)))


def by_number(at: Target) -> bool:
    """Whether one whole number is the key, and the database keeps it unique."""
    return at.unique and len(at.table.key) == 1 and at.declared(at.table.key[0]).kind is int


def _part(at: Target) -> sa.ColumnElement[int]:
    key = sa.type_coerce(at.selectable.c[at.table.key[0]], sa.BigInteger)
    return key.bitwise_and(sa.literal_column(str(PARTS - 1)))


def key_counts(connection: sa.Connection, at: Target) -> list[tuple[int, int]]:
    """Rows by part of the key."""
    statement = sa.select(_part(at).label("part"), sa.func.count()).select_from(at.selectable).group_by(sa.text("part"))
    return [(int(part), int(rows)) for part, rows in connection.execute(statement)]


def keys_of_parts(connection: sa.Connection, at: Target, parts: Sequence[int]) -> Iterator[Fetched]:
    """Keys of the rows of some parts."""
    if parts:
        wanted: sa.ColumnClause[Any] = sa.literal_column(f"({', '.join(map(str, parts))})")
        yield from _streamed(connection, sa.select(at.cell(at.table.key[0])).where(_part(at).op("IN")(wanted)))


def row_count(connection: sa.Connection, at: Target) -> int:
    """How many rows there are now."""
    return int(connection.execute(sa.select(sa.func.count()).select_from(at.selectable)).scalar_one())


def rows_of(connection: sa.Connection, at: Target, wanted: Fetched) -> list[Sequence[Any]]:
    """The rows with these keys."""
    columns = [sa.type_coerce(at.selectable.c[k], sa.types.NullType()) for k in at.table.key]
    out: list[Sequence[Any]] = []
    for n in range(0, len(wanted), CHUNK):
        part = [tuple(k) for k in wanted[n : n + CHUNK]]
        where: sa.ColumnElement[bool] = columns[0].in_([k[0] for k in part])
        if len(columns) > 1:
            where = sa.or_(*(sa.and_(*(c == v for c, v in zip(columns, k, strict=True))) for k in part))
        out += connection.execute(sa.select(*at.raw).where(where)).fetchall()
    return out


def since(at: Target, mark: str) -> sa.ColumnElement[bool]:
    """Rows whose watermark is not before `mark` less the overlap, or is null."""
    return (watermark(at) >= bound(at, mark)) | watermark(at).is_(None)


def newer(transaction: int) -> sa.ColumnElement[bool]:
    """PostgreSQL: rows of this transaction and later ones. Rows of before a wrap of their 32-bit numbers are old."""
    age = sa.func.age(sa.literal_column("xmin"))
    return (age <= sa.literal_column(f"(SELECT age('{transaction % (1 << 32)}'::xid))")) & (age >= 0)


def watermark(at: Target) -> sa.ColumnElement[Any]:
    """The watermark of a row: the first of its columns that is not null."""
    columns = [at.selectable.c[w] for w in at.table.watermarks]
    return columns[0] if len(columns) == 1 else sa.func.coalesce(*columns, type_=columns[0].type)


def after(at: Target, mark: str) -> sa.ColumnElement[bool]:
    """Rows of an append-only table from a little below its highest number, or from the overlap before an instant."""
    name = at.marks[0]
    least = int(mark) - AGAIN if mark.lstrip("-").isdigit() else _bound(at, name, mark)
    return at.selectable.c[name] >= least


def high_mark(marks: pl.Series) -> str | None:
    """The highest watermark of some: by number where all are whole numbers, else as text."""
    marks = marks.drop_nulls()
    numbers = marks.cast(pl.Int64, strict=False)
    top = numbers.max() if len(marks) and not numbers.null_count() else marks.max()
    return None if top is None else str(top)


def higher(high: str | None, marks: pl.Series) -> str | None:
    """The highest of a watermark and some more."""
    return high_mark(pl.Series([high, high_mark(marks)], dtype=pl.String))


def bound(at: Target, mark: str) -> object:
    """The watermark to read from, as the database compares it: the mark less the overlap."""
    return _bound(at, at.table.watermarks[0], mark)


def _bound(at: Target, name: str, mark: str) -> object:
    back = duration(at.table.overlap)
    kind = at.declared(name).kind
    if kind is datetime:
        return _instant_bound(at, name, datetime.fromisoformat(mark), back)
    if kind is date:
        return date.fromisoformat(mark[:10]) - back
    if kind is int or (kind is None and mark.lstrip("-").isdigit()):
        return int(mark)
    return _text_bound(mark, back)


def _instant_bound(at: Target, name: str, mark: datetime, back: timedelta) -> datetime:
    """Local time repeats an hour when clocks go back: that hour is read again, too."""
    zone = at.source.timezone
    if getattr(at.selectable.c[name].type, "timezone", False):
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
