"""Fingerprints made in the database: which part of a table differs from the last reading, without fetching it.

The key space is cut into cells. PostgreSQL (14 and later) hashes whole rows, MariaDB and MySQL too, into 2^bits
cells by hash of the key; SQLite has no hash, so runs of 2^bits row ids are joined to a text that is hashed here. With
a watermark SQLite's text is key and watermark, else the whole row.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa

from connectors.sql.read import Target
from connectors.sql.sessions import family

PER_CELL = {"postgresql": 16, "mysql": 16, "sqlite": 64}
MOST_BITS = 16
_HASHED = (sa.Integer, sa.Numeric, sa.String, sa.DateTime, sa.Date, sa.Time, sa.Boolean, sa.LargeBinary, sa.Uuid)
_FIRST_WITH_HASH = (14,)
SQLITE_CELLS = 20_000
"""Most cells of a SQLite table; row ids far apart make wider cells."""


def possible(connection: sa.Connection, at: Target) -> bool:
    """Whether this database can fingerprint this table."""
    kind = family(connection.dialect.name)
    if at.table.query or not isinstance(at.selectable, sa.Table):
        return False
    if kind == "sqlite":
        return _has_row_ids(connection, at)
    if kind == "postgresql":
        return (connection.dialect.server_version_info or (0,)) >= _FIRST_WITH_HASH
    return kind == "mysql"


def bits_for(connection: sa.Connection, at: Target, rows: int) -> int:
    """How finely to cut a table of so many rows."""
    kind = family(connection.dialect.name)
    if kind != "sqlite":
        return min(MOST_BITS, max(0, (rows // PER_CELL[kind]).bit_length()))
    low, high = _span(connection, at)
    wanted = min(SQLITE_CELLS, rows // PER_CELL[kind] + 1)
    return max(0, ((high - low) // wanted).bit_length())


def cells(connection: sa.Connection, at: Target, bits: int) -> tuple[dict[int, int], int] | None:
    """Fingerprint by cell, and the number of rows; None where the table has outgrown cells of this size."""
    if connection.dialect.name == "sqlite":
        return _of_sqlite(connection, at, bits)
    cell, one = sa.func.coalesce(_cell(connection, at, bits), sa.literal_column("-1")), _row_hash(connection, at)
    statement = sa.select(cell.label("c"), sa.func.count(), sa.func.bit_xor(one)).group_by(sa.text("c"))
    found = connection.execute(statement.select_from(at.selectable)).fetchall()
    signed = [(int(c), int(n), int(h)) for c, n, h in found]
    return {c: _mixed(n, h) for c, n, h in signed}, sum(n for _, n, _ in signed)


def inside(connection: sa.Connection, at: Target, bits: int, changed: Sequence[int]) -> sa.ColumnElement[bool]:
    """Rows of some cells."""
    if connection.dialect.name == "postgresql":  # one array of one type, which the server looks up by hash
        wanted: sa.ColumnClause[Any] = sa.literal_column(f"'{{{','.join(map(str, changed))}}}'::bigint[]")
        return sa.cast(_cell(connection, at, bits), sa.BigInteger) == sa.func.any(wanted)
    if connection.dialect.name != "sqlite":
        return _cell(connection, at, bits).in_(changed)
    row_id: sa.ColumnElement[int] = sa.column("_rowid_", sa.Integer())
    if len(changed) > 200:
        return row_id.bitwise_rshift(bits).in_(changed)
    return sa.or_(*(row_id.between(c << bits, (c << bits) + (1 << bits) - 1) for c in changed))


def _mixed(count: int, value: int) -> int:
    told = hashlib.blake2b(f"{count}/{value}".encode(), digest_size=8).digest()
    return int.from_bytes(told, "big", signed=True)


def _cell(connection: sa.Connection, at: Target, bits: int) -> sa.ColumnElement[int]:
    mask = (1 << bits) - 1
    keys = [at.selectable.c[k] for k in at.table.key]
    if len(keys) == 1 and at.declared(at.table.key[0]).kind is int:
        return sa.type_coerce(keys[0], sa.BigInteger).bitwise_and(sa.literal_column(str(mask)))
    if connection.dialect.name == "postgresql":
        joined = sa.func.concat_ws(sa.literal_column("chr(31)"), *(sa.cast(k, sa.Text) for k in keys))
        hashed = sa.func.hashtextextended(joined, sa.literal_column("0"), type_=sa.BigInteger)
        return hashed.bitwise_and(sa.literal_column(str(mask)))
    joined = sa.func.concat_ws(sa.literal_column("CHAR(31)"), *keys)
    return sa.func.crc32(joined, type_=sa.BigInteger).bitwise_and(sa.literal_column(str(mask)))


def _row_hash(connection: sa.Connection, at: Target) -> sa.ColumnElement[Any]:
    columns = [at.selectable.c[c.name] for c in at.columns]
    if connection.dialect.name == "postgresql":
        row = sa.func.row(*(c if isinstance(c.type, _HASHED) else sa.cast(c, sa.Text) for c in columns))
        return sa.func.hash_record_extended(row, sa.literal_column("0"))
    joined = sa.func.concat_ws(sa.literal_column("','"), *(sa.func.quote(c) for c in columns))
    digits = sa.func.substr(sa.func.md5(joined), sa.literal_column("1"), sa.literal_column("15"))
    return sa.cast(sa.func.conv(digits, sa.literal_column("16"), sa.literal_column("10")), sa.BigInteger)


def _has_row_ids(connection: sa.Connection, at: Target) -> bool:
    name, schema = at.table.table or at.table.name, at.source.db_schema or "main"
    if "_rowid_" in at.types:
        return False
    told = connection.execute(
        sa.text("SELECT type, wr FROM pragma_table_list WHERE schema = :schema AND name = :name"),
        {"schema": schema, "name": name},
    ).first()
    return told is not None and told[0] == "table" and not told[1]


def _span(connection: sa.Connection, at: Target) -> tuple[int, int]:
    row_id = sa.column("_rowid_", sa.Integer())
    found = connection.execute(sa.select(sa.func.min(row_id), sa.func.max(row_id)).select_from(at.selectable)).one()
    return found[0] or 0, found[1] or 0


def _of_sqlite(connection: sa.Connection, at: Target, bits: int) -> tuple[dict[int, int], int] | None:
    """One walk over each run of row ids: a GROUP BY would sort the table first."""
    low, high = _span(connection, at)
    if (high - low) >> bits > 4 * SQLITE_CELLS:
        return None
    quoted = connection.dialect.identifier_preparer.quote
    each = _text([quoted(c.name) for c in at.columns])
    if at.table.watermarks:  # a row without one has nothing but its content to tell a change by
        named = [quoted(n) for n in (*at.table.key, *at.table.watermarks)]
        mark = ", ".join(quoted(w) for w in at.table.watermarks)
        joined = " || ',' || ".join(f"coalesce({n}, '~')" for n in named)
        each = f"CASE WHEN coalesce({mark}, NULL) IS NULL THEN {each} ELSE {joined} END"
    where = connection.dialect.identifier_preparer.format_table(at.selectable)
    statement = f"SELECT count(*), group_concat({each}) FROM {where} WHERE _rowid_ BETWEEN ? AND ?"
    raw = connection.connection.cursor()
    out, rows = {}, 0
    for cell in range(low >> bits, (high >> bits) + 1):
        raw.execute(statement, (cell << bits, (cell << bits) + (1 << bits) - 1))
        count, text = raw.fetchone() or (0, None)
        if count:
            told = hashlib.blake2b((text or "").encode("utf8", "replace"), digest_size=8).digest()
            out[cell] = _mixed(count, int.from_bytes(told, "big"))
            rows += count
    raw.close()
    return out, rows


def _text(names: Sequence[str]) -> str:
    return " || ',' || ".join(f"quote({n})" for n in names)
