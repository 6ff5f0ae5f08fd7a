"""Which source tables a mapping reads: what its relations, and so its rows, can depend on at all.

`warehouse.adapting.select` makes relations of exactly these tables, so a SELECT cannot read one that is missing here.
"""

from __future__ import annotations

from functools import lru_cache

import duckdb

from plant.adapters.model import Adapter, Mapped
from plant.adapters.run import MappingError
from warehouse.adapting.guard import reads_of

Statements = tuple[tuple[str, str], ...]


def tables_read(adapter: Adapter, mapped: Mapped) -> tuple[str, ...]:
    """The source tables a mapping reads, in order; all of the adapter's where its SELECT cannot be understood."""
    if mapped.table is not None:
        return (mapped.table,)
    statements = tuple((m.into, adapter.text_of(m)) for m in adapter.tables if m.sql is not None)
    found = _read(statements, tuple(adapter.relations))[mapped.into]
    tables = adapter.types if found is None else (adapter.history_of(name) or name for name in found)
    return tuple(dict.fromkeys(tables))


@lru_cache(maxsize=64)
def _read(statements: Statements, known: tuple[str, ...]) -> dict[str, tuple[str, ...] | None]:
    """Relations by canonical table; a plan asks at every look, so one answer an adapter is kept."""
    with duckdb.connect(":memory:", config={"threads": 1}) as con:
        return {into: _relations(con, sql, known) for into, sql in statements}


def _relations(con: duckdb.DuckDBPyConnection, sql: str, known: tuple[str, ...]) -> tuple[str, ...] | None:
    try:
        return tuple(reads_of(con, sql, known).tables)
    except MappingError:
        return None
