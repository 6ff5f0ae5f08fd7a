"""DuckDB over the lake: one view a table, pinned to the files of one Delta version.

`connect` gives analysts and dashboards a live in-memory connection; `Window` keeps one up to date. The
same views, made in a file, are what `warehouse.publish` puts into the shop window.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from threading import RLock

import duckdb
import polars as pl

from plant.tables import Table, tables
from warehouse.kpi_macros import create_macros
from warehouse.lake import Lake
from warehouse.lineage.macro import create_lot_trace
from warehouse.meta import Configured, frames
from warehouse.proposals.views import create_proposal_views
from warehouse.records import create_record_history
from warehouse.revisions.definitions import NAME as DEFINITIONS
from warehouse.revisions.views import create_views
from warehouse.snapshot import SQL_TYPES, Snapshot, literal, select
from warehouse.state import State

LAYERS = ("bronze", "silver", "gold", "meta")
HISTORY = "_history"
Snapshots = Mapping[str, Snapshot | None]


def connect(root: Path | str, sources: Configured = ()) -> duckdb.DuckDBPyConnection:
    """A live DuckDB connection over the lake of a root: schemas bronze, silver, gold, meta; time zone UTC.

    Views show the versions there are now; use `Window` to follow later ones.

    Args:
        root: the state folder (`--root`).
        sources: configured sources as (name, kind), for meta.sources.
    """
    return Window(root, sources).con


class Window:
    """A connection kept up to date: `refresh` re-creates the views of tables with a new version."""

    def __init__(self, root: Path | str, sources: Configured = ()) -> None:
        self.lake = Lake(root)
        self.state = State(root)
        self.con = opened()
        self.versions: dict[str, int | None] = {}
        self._sources = sources
        self._lock = RLock()
        self.refresh()

    def refresh(self) -> list[str]:
        """Bring the views to the latest versions; returns the tables that changed. meta.* is filled anew.

        Cheap when nothing changed: one log listing a table.
        """
        with self._lock:
            snapshots = consistent(self.lake)
            new = {name: snap.version if snap else None for name, snap in snapshots.items()}
            changed = [n for n, v in new.items() if n not in self.versions or self.versions[n] != v]
            if changed or not self.versions:
                self._show(snapshots, changed)
                self.versions = new
            return changed

    def refill_meta(self) -> None:
        """Fill meta.* anew (checks and source health change without a new table version)."""
        with self._lock:
            fill_meta(self.con, frames(self.lake, self.state, consistent(self.lake), self._sources))

    def _show(self, snapshots: Snapshots, changed: Sequence[str]) -> None:
        meta = frames(self.lake, self.state, snapshots, self._sources)
        self.con.execute("BEGIN")
        for name in changed:
            show(self.con, tables()[name], snapshots[name])
        if DEFINITIONS in changed:
            create_views(self.con)
        if not self.versions:
            create_macros(self.con)
            create_lot_trace(self.con)
            create_proposal_views(self.con)
            create_record_history(self.con)
        fill_meta(self.con, meta)
        self.con.execute("COMMIT")


def opened(path: Path | str = ":memory:") -> duckdb.DuckDBPyConnection:
    """A DuckDB connection with the four schemas and session time zone UTC."""
    con = duckdb.connect(str(path))
    con.execute("SET GLOBAL TimeZone = 'UTC'")  # cursors too
    for layer in LAYERS:
        con.execute(f"CREATE SCHEMA IF NOT EXISTS {layer}")
    return con


def consistent(lake: Lake, names: Iterable[str] | None = None) -> dict[str, Snapshot | None]:
    """Snapshots of the lake's tables, read again until no version moved meanwhile (at most five times)."""
    wanted = list(names) if names is not None else [n for n, t in tables().items() if t.layer != "meta"]
    found = {n: lake.snapshot(n) for n in wanted}
    for _ in range(4):
        moved = [n for n in wanted if lake.version(n) != (s.version if (s := found[n]) else None)]
        if not moved:
            break
        found |= {n: lake.snapshot(n) for n in wanted}
    return found


def show(con: duckdb.DuckDBPyConnection, contract: Table, snap: Snapshot | None) -> None:
    """Create or replace the view of a table over the files of a snapshot; None or no files: no rows.

    A table with history gets a second view, `<name>_history`, that also holds the superseded rows.
    """
    for name, history in shown(contract):
        con.execute(f"CREATE OR REPLACE VIEW {quoted(name)} AS {select(contract, snap, history=history)}")


def shown(contract: Table) -> list[tuple[str, bool]]:
    """Names a table is shown under, each with whether superseded rows are in it."""
    past = [(f"{contract.name}{HISTORY}", True)] if contract.history else []
    return [(contract.name, False), *past]


def fill_meta(con: duckdb.DuckDBPyConnection, meta: Mapping[str, pl.DataFrame]) -> None:
    """Put the meta frames into real tables."""
    for name, frame in meta.items():
        contract = tables()[name]
        columns = ", ".join(f'"{c.name}" {SQL_TYPES[c.kind]}' for c in contract.columns)
        con.execute(f"CREATE OR REPLACE TABLE {quoted(name)}({columns})")
        con.register("filling", frame.to_arrow(compat_level=pl.CompatLevel.oldest()))
        con.execute(f"INSERT INTO {quoted(name)} SELECT * FROM filling")
        con.unregister("filling")


def comments(contract: Table, kind: str) -> Iterator[str]:
    """COMMENT statements of a table or view (`kind`) and all its columns, from the contract's words."""
    for name, history in shown(contract):
        past = " Superseded rows as well: each held from known_from until before known_to." if history else ""
        key = ", ".join((*contract.key, "revision") if history else contract.key)
        words = f"{contract.doc}{past} One row: {contract.grain}. Key: {key}."
        yield f"COMMENT ON {kind} {quoted(name)} IS {literal(words)}"
        for c in contract.columns:
            yield f'COMMENT ON COLUMN {quoted(name)}."{c.name}" IS {literal(c.doc)}'


def quoted(name: str) -> str:
    """A layer.table name quoted for SQL."""
    return ".".join(f'"{part}"' for part in name.split("."))
