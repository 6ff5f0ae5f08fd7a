"""Does the analysts' file show what the lake holds? Versions, rows, and the content of the gold tables."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import duckdb
import polars as pl

from plant.tables import Table, tables
from warehouse.connect import quoted
from warehouse.lake import Lake
from warehouse.publish import published_path


@dataclass
class Shown:
    """What was found: tables compared, differences in words, tables the file shows an older version of."""

    compared: int = 0
    differences: list[str] = field(default_factory=list)
    behind: list[str] = field(default_factory=list)


def compare_published(root: Path | str, lake: Lake | None = None) -> Shown:
    """Compare `published/shopfloor.duckdb` with the lake; nothing is compared where there is no file."""
    lake, path, found = lake or Lake(root), published_path(root), Shown()
    if not path.exists():
        return found
    con = duckdb.connect(str(path), read_only=True)
    try:
        con.execute("SET TimeZone = 'UTC'")
        told = con.execute("SELECT table_name, delta_version, row_count FROM meta.tables").fetchall()
        for name, version, rows in told:
            if name in tables():
                _table(con, lake, tables()[name], version, rows, found)
    finally:
        con.close()
    return found


def _table(
    con: duckdb.DuckDBPyConnection, lake: Lake, contract: Table, version: int | None, rows: int | None, found: Shown
) -> None:
    name, snap = contract.name, lake.snapshot(contract.name)
    found.compared += 1
    count = con.execute(f"SELECT count(*) FROM {quoted(name)}").fetchall()[0][0]
    if count != (rows or 0):
        found.differences.append(f"{name}: the published file shows {count} rows, it was published with {rows or 0}")
    elif version != (snap.version if snap else None):
        found.behind.append(name)
    elif snap is not None and count != snap.rows:
        found.differences.append(
            f"{name}: {count} rows published, {snap.rows} in the lake at the same version {version}"
        )
    elif contract.layer == "gold" and not _same(con, lake, contract):
        found.differences.append(f"{name}: other rows published than in the lake at the same version {version}")


def _same(con: duckdb.DuckDBPyConnection, lake: Lake, contract: Table) -> bool:
    """True when both hold the same rows, doubled ones as often."""
    columns = ", ".join(f'"{c}"' for c in contract.schema)
    there = con.sql(f"SELECT {columns} FROM {quoted(contract.name)}").pl()
    typed = there.select(pl.col(n).cast(t) for n, t in contract.schema.items())
    own = lake.scan(contract.name).collect()
    same: bool = typed.sort(pl.all(), nulls_last=True).equals(own.sort(pl.all(), nulls_last=True))
    return same
