"""The shop window: `root/published/shopfloor.duckdb`, read by analysts with plain DuckDB 2.

Built aside and put in place in one step, so a reader never meets a lock or a half-written file. Tables of
bronze, silver and gold are views over the Delta files, each pinned to one version: publishing costs what is
listed, not what is stored. meta.* are real tables. Every table and column carries its comment.
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from hashlib import sha256
from pathlib import Path

import duckdb

from plant.errors import MissingTableError
from plant.tables import tables
from warehouse.connect import (
    Snapshots,
    comments,
    consistent,
    fill_meta,
    opened,
    quoted,
    show,
    shown,
)
from warehouse.kpi_macros import comment_macros, create_macros
from warehouse.lake import Lake
from warehouse.lineage.macro import comment_lot_trace, create_lot_trace
from warehouse.meta import Configured, frames
from warehouse.proposals.views import comment_proposal_views, create_proposal_views
from warehouse.records import comment_record_history, create_record_history
from warehouse.revisions.views import comment_views, create_views
from warehouse.snapshot import literal, select
from warehouse.state import State

NOTE = "published"


def published_path(root: Path | str) -> Path:
    """Where the analysts' file of a root is."""
    return Path(root).resolve() / "published" / "shopfloor.duckdb"


def publish(
    root: Path | str, plant_name: str = "", sources: Configured = (), *, force: bool = False, lake: Lake | None = None
) -> Path:
    """Publish the latest versions; skipped when the file shows them already, unless forced.

    Args:
        root: the state folder.
        plant_name: written into the database's comment.
        sources: configured sources as (name, kind), for meta.sources.
        force: publish although no table version and no check result changed.
        lake: the writing process's own lake, to save reading the logs again.
    """
    lake, state, target = lake or Lake(root), State(root), published_path(root)
    target.parent.mkdir(parents=True, exist_ok=True)
    with _alone(target.parent):
        snapshots = consistent(lake)
        signature = _signature(snapshots, state)
        if not force and target.exists() and state.noted(NOTE) == signature:
            return target
        meta = frames(lake, state, snapshots, sources)
        with _aside(target) as con:
            _name(con, plant_name)
            for name, snap in snapshots.items():
                show(con, tables()[name], snap)
            create_views(con)
            create_macros(con)
            create_lot_trace(con)
            create_proposal_views(con)
            create_record_history(con)
            fill_meta(con, meta)
            _comment(con, "VIEW")
        state.note(NOTE, signature)
    return target


def export_copy(root: Path | str, path: Path | str, layers: Sequence[str] = ("silver", "gold")) -> Path:
    """A self-contained copy for another machine: real tables of some layers, and meta, with their comments.

    Raises:
        MissingTableError: the root holds no lake.
    """
    lake, state = Lake(root), State(root)
    snapshots = consistent(lake, [n for n, t in tables().items() if t.layer in layers])
    if not any(snapshots.values()):
        raise MissingTableError(f"nothing to export: no table of {', '.join(layers)} under {lake.root / 'lake'}")
    with _aside(Path(path).resolve()) as con:
        for name, snap in snapshots.items():
            for shown_as, history in shown(tables()[name]):
                con.execute(f"CREATE TABLE {quoted(shown_as)} AS {select(tables()[name], snap, history=history)}")
        fill_meta(con, frames(lake, state, snapshots))
        if "gold" in layers:
            create_views(con)
            if "silver" in layers:  # hours are local: the macros ask silver.machines for the zone
                create_macros(con)
                create_lot_trace(con)
        _comment(con, "TABLE", layers)
    return Path(path)


def _signature(snapshots: Snapshots, state: State) -> str:
    versions = [f"{n}={s.version}:{s.fingerprint()}" if s else n for n, s in sorted(snapshots.items())]
    checks = [f"{c.table_name}/{c.check_name}={c.passed}:{c.unexpected}" for c in state.checks()]
    return sha256("\n".join(versions + checks).encode()).hexdigest()


def _name(con: duckdb.DuckDBPyConnection, plant_name: str) -> None:
    words = f"Shopfloor lakehouse of {plant_name or 'this plant'}"
    con.execute(f"CREATE OR REPLACE VIEW main.about AS SELECT {literal(words)} AS plant, now() AS opened_at")
    con.execute("COMMENT ON VIEW main.about IS 'What this file is, and when you opened it.'")
    con.execute("COMMENT ON COLUMN main.about.plant IS 'the plant this file is of'")
    con.execute("COMMENT ON COLUMN main.about.opened_at IS 'instant of this query'")


def _comment(con: duckdb.DuckDBPyConnection, kind: str, layers: Sequence[str] = ("bronze", "silver", "gold")) -> None:
    for contract in tables().values():
        if contract.layer == "meta" or contract.layer in layers:
            for statement in comments(contract, "TABLE" if contract.layer == "meta" else kind):
                con.execute(statement)
    if "gold" in layers:
        macros = (*comment_macros(), *comment_lot_trace()) if "silver" in layers else ()
        for statement in (*comment_views(), *macros):
            con.execute(statement)
    if "bronze" in layers:  # they are views over bronze.proposals and bronze.records
        for statement in (*comment_proposal_views(), *comment_record_history()):
            con.execute(statement)


@contextmanager
def _aside(target: Path) -> Iterator[duckdb.DuckDBPyConnection]:
    """A new database next to `target` that takes its place when all went well."""
    aside = target.with_name(f".{target.name}.{os.getpid()}")
    leftovers = [aside, aside.with_name(aside.name + ".wal")]
    for path in leftovers:
        path.unlink(missing_ok=True)
    con = opened(aside)
    try:
        con.execute("BEGIN")  # one commit to disk, not one a view
        yield con
        con.execute("COMMIT")
        con.execute("CHECKPOINT")
        con.close()
        os.replace(aside, target)  # noqa: PTH105
    finally:
        con.close()
        for path in leftovers:
            path.unlink(missing_ok=True)


@contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """One publisher at a time: an older version never replaces a newer one."""
    with (folder / ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
