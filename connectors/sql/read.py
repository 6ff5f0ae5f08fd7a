"""A relational table or query as it is there now: its columns, what names a row, what says it changed."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from difflib import get_close_matches
from functools import cached_property
from typing import Any

import sqlalchemy as sa

from connectors.sql.rows import Declared
from plant.errors import TerminalError
from plant.sources.batch import SqlSource, SqlTable

KINDS = {bool, int, float, str, bytes, dict, Decimal, datetime, date, time, timedelta}
"""Declared types that say how a value is spelled; of others (arrays, UUIDs) each value says it itself."""

_QUOTED = re.compile(r"'(?:[^']|'')*'|\"(?:[^\"]|\"\")*\"|`[^`]*`|--[^\n]*|/\*.*?\*/", re.DOTALL)


@dataclass(frozen=True)
class Target:
    """A table or query with the columns that are taken in, ready to be selected from.

    `unique`: the database itself keeps the key from naming two rows.
    """

    source: SqlSource
    table: SqlTable
    selectable: sa.FromClause
    columns: tuple[Declared, ...]
    unique: bool

    @property
    def record_set(self) -> str:
        """Partition of bronze.records."""
        return f"{self.source.name}.{self.table.name}"

    @property
    def marks(self) -> tuple[str, ...]:
        """Columns of the watermark; without one an append-only table grows by the first of its key."""
        return self.table.watermarks or (self.table.key[:1] if self.table.reading == "append_only" else ())

    def declared(self, name: str) -> Declared:
        """A column by name."""
        return next(c for c in self.columns if c.name == name)

    @cached_property
    def raw(self) -> list[sa.ColumnElement[Any]]:
        """All columns as the driver hands them out: `sql_rows` spells them, so that one bad cell stops no table."""
        return [self.cell(c.name) for c in self.columns]

    def cell(self, name: str) -> sa.ColumnElement[Any]:
        """A column as the driver hands it out."""
        return sa.type_coerce(self.selectable.c[name], sa.types.NullType()).label(name)

    @property
    def types(self) -> dict[str, str]:
        """Each column's type in a word ('' unknown)."""
        return {c.name: c.word for c in self.columns}

    @property
    def shape(self) -> str:
        """Hash of the names of the columns, part of every segment."""
        return hashlib.sha256("\n".join(sorted(c.name for c in self.columns)).encode()).hexdigest()[:8]


def target(connection: sa.Connection, source: SqlSource, table: SqlTable) -> Target:
    """Look the table up in the database.

    Raises:
        TerminalError: no such table, or a key, watermark or excluded column is not there.
    """
    found = _of_query(connection, source, table) if table.query else _of_table(connection, source, table)
    names = [c.name for c in found.columns]
    if missing := [c for c in (*table.key, *table.watermarks) if c not in names]:
        near = {c: get_close_matches(c, names, 1, 0.5) for c in missing}
        hints = ", ".join(f"{c!r} (nearest: {n[0]!r})" if n else repr(c) for c, n in near.items())
        raise TerminalError(
            f"{found.record_set}: no column {hints}; found: {', '.join(names)}. This table is not read until "
            "`key` and `watermark` in plant.toml or the adapter name columns it has; the other tables are"
        )
    return found


def _of_table(connection: sa.Connection, source: SqlSource, table: SqlTable) -> Target:
    name = table.table or table.name
    try:
        found = sa.Table(name, sa.MetaData(), schema=source.db_schema, autoload_with=connection, resolve_fks=False)
    except sa.exc.NoSuchTableError as error:
        there = sa.inspect(connection)
        names = [*there.get_table_names(source.db_schema), *there.get_view_names(source.db_schema)]
        near = get_close_matches(name, names, 3) or sorted(names)[:20]
        raise TerminalError(
            f"{source.name}.{table.name}: no such table; nearest: {', '.join(near) or 'none, the database is empty'}: "
            "correct its name in plant.toml or the adapter"
        ) from error
    spans = _intervals(connection, source, name)
    columns = tuple(_declared(c, connection, c.name in spans) for c in found.columns if c.name not in table.exclude)
    unique = bool(found.primary_key.columns) and {c.name for c in found.primary_key.columns} <= set(table.key)
    return Target(source, table, found, columns, unique)


def _intervals(connection: sa.Connection, source: SqlSource, name: str) -> set[str]:
    """Columns declared INTERVAL in SQLite, which knows no such type and keeps numbers in them."""
    if connection.dialect.name != "sqlite":
        return set()
    told = connection.execute(
        sa.text("SELECT name, type FROM pragma_table_info(:name, :schema)"),
        {"name": name, "schema": source.db_schema or "main"},
    )
    return {row[0] for row in told if str(row[1]).upper().startswith("INTERVAL")}


def _declared(column: sa.Column[Any], connection: sa.Connection, span: bool) -> Declared:  # noqa: FBT001
    try:
        kind = timedelta if span else column.type.python_type
    except NotImplementedError:
        kind = None
    kind = dict if isinstance(column.type, sa.JSON) else kind if kind in KINDS else None
    encoded = connection.dialect.name != "postgresql"
    zoned = bool(getattr(column.type, "timezone", False)) and kind is datetime and not encoded
    return Declared(column.name, kind, getattr(column.type, "scale", None), encoded, zoned)


def _of_query(connection: sa.Connection, source: SqlSource, table: SqlTable) -> Target:
    """A query has no declared types; one row of it shows what the watermark is."""
    text = one_select(f"{source.name}.{table.name}", str(table.query))
    shown = sa.text(text.replace(":", r"\:"))
    whole = sa.text(f"SELECT * FROM ({shown.text}) q")
    with connection.execute(whole, execution_options={"stream_results": True, "max_row_buffer": 1}) as probe:
        names, row = list(probe.keys()), probe.fetchone()
    kinds = dict(zip(names, row, strict=True)) if row is not None else {}
    columns = tuple(
        Declared(n, datetime if isinstance(kinds.get(n), datetime) else None) for n in names if n not in table.exclude
    )
    return Target(source, table, shown.columns(*(sa.column(n) for n in names)).subquery("q"), columns, unique=False)


def one_select(name: str, query: str) -> str:
    """The query without a closing semicolon, ready to be put in parentheses.

    Raises:
        TerminalError: it is not one SELECT. The session could not write in any case; this says so earlier.
    """
    text = query.strip().removesuffix(";").strip()
    bare = _QUOTED.sub(" ", text)
    depth = 0
    for sign in bare:
        depth += {"(": 1, ")": -1}.get(sign, 0)
        if depth < 0:
            break
    said = {
        "it does not begin with SELECT or WITH": not re.match(r"(?i)\s*(select|with)\b", bare),
        "a ';' is in it": ";" in bare,
        "a backslash or a dollar quote is in it": "\\" in text or "$$" in text or bool(re.search(r"\$\w*\$", text)),
        "an executable comment is in it": "/*!" in text or "/*M!" in text,
        "its quotes do not close": bool(re.search(r"['\"`]|/\*", bare)),
        "its parentheses do not match": depth != 0,
    }
    if wrong := [words for words, so in said.items() if so]:
        raise TerminalError(f"{name}: `query` is refused: {'; '.join(wrong)}; valid is one SELECT")
    return f"{text}\n"  # ends a comment
