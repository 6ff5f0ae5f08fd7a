"""Fingerprints made in the database: which part of a table differs from the last reading, without fetching it.

The key space is cut into cells. PostgreSQL (14 and later), MariaDB and MySQL hash whole rows into 2^bits cells by hash
of the key. SQLite has no hash: there a cell is a page of the file (`connectors.sql.pages`).
"""

from __future__ import annotations

import hashlib
import json
import struct
from collections.abc import Mapping, Sequence
from typing import Any

import sqlalchemy as sa

from connectors.sql.pages import Pages, tree_of
from connectors.sql.read import Target
from connectors.sql.sessions import family

PER_CELL = 16
MOST_BITS = 16
_HASHED = (sa.Integer, sa.Numeric, sa.String, sa.DateTime, sa.Date, sa.Time, sa.Boolean, sa.LargeBinary, sa.Uuid)
_FIRST_WITH_HASH = (14,)


def possible(connection: sa.Connection, at: Target) -> bool:
    """Whether this database can fingerprint this table."""
    kind = family(connection.dialect.name)
    if at.table.query or not isinstance(at.selectable, sa.Table):
        return False
    if kind == "sqlite":
        return _tree(connection, at) is not None
    if kind == "postgresql":
        return (connection.dialect.server_version_info or (0,)) >= _FIRST_WITH_HASH
    return kind == "mysql"


def bits_for(connection: sa.Connection, at: Target, rows: int) -> int:
    """How finely to cut a table of so many rows; SQLite: a number of how it is cut."""
    if connection.dialect.name == "sqlite":
        tree = _tree(connection, at)
        return 0 if tree is None else tree[2]
    return min(MOST_BITS, max(0, (rows // PER_CELL).bit_length()))


def cells(connection: sa.Connection, at: Target, bits: int) -> tuple[dict[int, int], int] | None:
    """Fingerprint by cell, and the number of rows; None where the table is not cut that way any more."""
    if connection.dialect.name == "sqlite":
        tree = _tree(connection, at)
        if tree is None or tree[2] != bits:
            return None
        try:
            return tree[0].hashes(tree[1])
        except (ValueError, IndexError, struct.error):  # pages of a kind we do not know
            return None
    cell, one = sa.func.coalesce(_cell(connection, at, bits), sa.literal_column("-1")), _row_hash(connection, at)
    statement = sa.select(cell.label("c"), sa.func.count(), sa.func.bit_xor(one)).group_by(sa.text("c"))
    found = connection.execute(statement.select_from(at.selectable)).fetchall()
    signed = [(int(c), int(n), int(h)) for c, n, h in found]
    return {c: _mixed(n, h) for c, n, h in signed}, sum(n for _, n, _ in signed)


def differing(connection: sa.Connection, now: Mapping[int, int], before: Mapping[int, int]) -> list[int]:
    """Cells that are not as they were. A page of SQLite may have moved: what is on it counts, not its number."""
    if connection.dialect.name == "sqlite":
        known = set(before.values())
        return sorted(c for c, h in now.items() if h not in known)
    return sorted(c for c, h in now.items() if before.get(c) != h)


def inside(connection: sa.Connection, at: Target, bits: int, changed: Sequence[int]) -> sa.ColumnElement[bool]:
    """Rows of some cells."""
    if connection.dialect.name == "postgresql":  # one array of one type, which the server looks up by hash
        wanted: sa.ColumnClause[Any] = sa.literal_column(f"'{{{','.join(map(str, changed))}}}'::bigint[]")
        return sa.cast(_cell(connection, at, bits), sa.BigInteger) == sa.func.any(wanted)
    if connection.dialect.name != "sqlite":
        return _cell(connection, at, bits).in_(changed)
    tree = _tree(connection, at)
    ids = [] if tree is None else tree[0].row_ids(changed)
    wanted_ids = sa.func.json_each(json.dumps(ids)).table_valued("value")
    return sa.column("_rowid_", sa.Integer()).in_(sa.select(wanted_ids.c.value))


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


def _tree(connection: sa.Connection, at: Target) -> tuple[Pages, int, int] | None:
    """The pages of a SQLite table with row ids we can name."""
    if at.source.db_schema not in {None, "main"} or "_rowid_" in at.types:
        return None
    return tree_of(connection, at.table.table or at.table.name)
