"""meta.*: what the lake knows about itself, gathered when it is published or connected to.

Sizes, versions and how far data reach come from the Delta log, not from scanning. Health of live
sources comes from the files the collector keeps under `root/spool/health/`.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import astuple
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import polars as pl

from plant.tables import table, tables
from warehouse.lake import Lake
from warehouse.snapshot import Snapshot
from warehouse.state import State

Configured = Sequence[tuple[str, str]]
"""Sources of plant.toml as (name, kind)."""
SOURCES_NOTE = "sources"
SILENT_S = 120.0
"""A health file not touched for longer: the collector does not run."""
HEALTH_FIELDS = (
    "kind", "state", "last_at", "values", "message", "since_at", "last_value_at", "values_per_s", "errors",
    "reconnects", "skew_s", "gaps",
)  # fmt: skip


BY_NATURE = ("reset", "rollover", "replaced", "return")
"""Flags of silver.readings that explain a step of a counter and doubt nothing."""


def frames(
    lake: Lake, state: State, snapshots: Mapping[str, Snapshot | None], sources: Configured = ()
) -> dict[str, pl.DataFrame]:
    """Every meta table by name, for the snapshots given.

    Configured sources are remembered once given, so that whoever opens the lake later need not know them.
    """
    now = datetime.now(UTC)
    if sources:
        state.note(SOURCES_NOTE, [list(source) for source in sources])
    else:
        sources = [(name, kind) for name, kind in state.noted(SOURCES_NOTE) or ()]
    return {
        "meta.tables": tables_frame(snapshots),
        "meta.freshness": freshness_frame(snapshots, now),
        "meta.quarantine": quarantine_frame(lake),
        "meta.receipts": receipts_frame(state),
        "meta.sources": sources_frame(lake, state, sources, now),
        "meta.checks": checks_frame(state),
    }


def tables_frame(snapshots: Mapping[str, Snapshot | None]) -> pl.DataFrame:
    """meta.tables: one row a table, unwritten ones with null version and rows."""
    rows = []
    for name, snap in snapshots.items():
        contract = table(name)
        size = (None,) * 5 if snap is None else _size(snap)
        rows.append((name, contract.doc, contract.grain, *size))
    return pl.DataFrame(rows, schema=table("meta.tables").schema, orient="row")


def _size(snap: Snapshot) -> tuple[int, int, int, int, datetime | None]:
    return snap.version, snap.rows, snap.files.height, int(snap.files["bytes"].sum()), snap.written_at


def freshness_frame(snapshots: Mapping[str, Snapshot | None], now: datetime) -> pl.DataFrame:
    """meta.freshness: how far the data of each written table reach, from the statistics in the log."""
    rows = []
    for name, snap in snapshots.items():
        latest: Any = snap.files["latest_at"].max() if snap else None
        lag = (now - latest).total_seconds() if latest is not None else None
        rows.append((name, latest, snap.written_at if snap else None, lag, now))
    return pl.DataFrame(rows, schema=table("meta.freshness").schema, orient="row")


def quarantine_frame(lake: Lake) -> pl.DataFrame:
    """meta.quarantine: rows bronze holds back or reports, records silver leaves out, samples it flags; by reason."""
    rows = pl.concat([_held(lake), _left_out(lake), _flagged(lake)])
    grouped = rows.group_by("source", "origin", "reason").agg(
        pl.col("booked").all(),
        pl.len().cast(pl.Int64).alias("rows"),
        pl.col("open").sum().cast(pl.Int64).alias("open_rows"),
        pl.col("at").min().alias("first_at"),
        pl.col("at").max().alias("last_at"),
        pl.col("example").sort_by("at").last(),
    )
    return grouped.select(list(table("meta.quarantine").schema)).sort("source", "origin", "reason").collect()


def _held(lake: Lake) -> pl.LazyFrame:
    """Rows of bronze.quarantine; open is what is held back, not accepted by a replay and not settled since."""
    closed = (
        lake.scan("bronze.replays")
        .group_by("id")
        .agg(
            (pl.col("result") == "accepted").any().alias("accepted"),
            pl.col("replayed_at").filter(pl.col("result") == "settled").max().alias("settled_at"),
        )
    )
    rows = lake.scan("bronze.quarantine").join(closed, on="id", how="left")
    settled = (pl.col("settled_at") >= pl.col("quarantined_at")).fill_null(value=False)
    still_open = ~(pl.col("booked") | pl.col("accepted").fill_null(value=False) | settled)
    return rows.select("source", "origin", "reason", "booked", open=still_open, at="quarantined_at", example="message")


def _left_out(lake: Lake) -> pl.LazyFrame:
    """Records in bronze that break the contract of their silver table; the message begins with the fault."""
    return lake.scan("silver.rejected_records").select(
        "source",
        pl.col("record_set").alias("origin"),
        pl.lit("broken_record").alias("reason"),
        pl.lit(value=False).alias("booked"),
        pl.lit(value=True).alias("open"),
        pl.col("ingested_at").alias("at"),
        pl.col("message").alias("example"),
    )


def _flagged(lake: Lake) -> pl.LazyFrame:
    """Samples silver keeps in doubt; carried opening rows and what counters do by nature are not among them."""
    words = pl.format("{} at {}: value {}", "tag", "at", pl.col("value").cast(pl.String).fill_null("none"))
    rows = lake.scan("silver.readings").filter(~pl.col("flag").is_in(BY_NATURE), ~pl.col("opening"))
    return rows.select(
        "source",
        pl.col("tag").alias("origin"),
        pl.col("flag").alias("reason"),
        pl.lit(value=True).alias("booked"),
        pl.lit(value=False).alias("open"),
        "at",
        words.alias("example"),
    )


def receipts_frame(state: State) -> pl.DataFrame:
    """meta.receipts: one row a built day."""
    known = tables()  # the caretaker keeps receipts of jobs in the same book
    built = (r for r in state.receipts() if r.table_name in known)
    rows = [(r.table_name, r.production_day, r.inputs_hash, r.content_hash, r.built_at, r.rows) for r in built]
    return pl.DataFrame(rows, schema=table("meta.receipts").schema, orient="row")


def checks_frame(state: State) -> pl.DataFrame:
    """meta.checks: the last result of each check."""
    rows = [astuple(c) for c in state.checks()]
    return pl.DataFrame(rows, schema=table("meta.checks").schema, orient="row")


def sources_frame(lake: Lake, state: State, sources: Configured, now: datetime) -> pl.DataFrame:
    """meta.sources: configured sources and any with a health file; state 'never seen' until data came."""
    health = dict(_health_files(lake.root / "spool" / "health", now))
    taken = _taken(lake, state)
    rows = []
    for name, kind in {**{n: h["kind"] for n, h in health.items()}, **dict(sources)}.items():
        row = health.get(name) or taken.get(name) or {"state": "never seen"}
        rows.append((name, kind or row.get("kind") or "unknown", *(row.get(f) for f in HEALTH_FIELDS[1:])))
    return pl.DataFrame(rows, schema=table("meta.sources").schema, orient="row").sort("source")


def _health_files(folder: Path, now: datetime) -> Iterable[tuple[str, dict[str, Any]]]:
    for path in sorted(folder.glob("*.json")):
        try:
            read = json.loads(path.read_text(encoding="utf8"))
            row = {f: read.get(f) for f in HEALTH_FIELDS}
            row |= {f: _instant(row[f]) for f in ("last_at", "since_at", "last_value_at")}
        except (ValueError, AttributeError, OSError) as error:
            yield path.stem, {"kind": None, "state": "down", "message": f"health file {path.name} unreadable: {error}"}
            continue
        silent_s = now.timestamp() - path.stat().st_mtime
        if silent_s > SILENT_S:
            row |= {"state": "idle", "message": f"collector silent for {silent_s:.0f} s; it last said: {row['state']}"}
        yield str(read.get("source") or path.stem), row


def _instant(value: Any) -> datetime | None:
    if value is None:
        return None
    at = datetime.fromtimestamp(value, UTC) if isinstance(value, (int, float)) else datetime.fromisoformat(value)
    return at.astimezone(UTC) if at.tzinfo else at.replace(tzinfo=UTC)


def _taken(lake: Lake, state: State) -> dict[str, dict[str, Any]]:
    """What file and database sources delivered, from the book-keeping and the log of bronze.records."""
    found: dict[str, dict[str, Any]] = {}
    for _, source, _, rows, at in state.ingested_files():
        before = found.get(source, {"values": 0})
        found[source] = {"state": "idle", "last_at": at, "values": before["values"] + rows}
    snap = lake.snapshot("bronze.records")
    if snap is not None:
        for part, rows, at in snap.files.select("partition", "rows", "latest_at").iter_rows():
            source = str(part).split(".")[0]
            before = found.get(source, {"values": 0, "last_at": at})
            last = max((x for x in (before["last_at"], at) if x is not None), default=None)
            found[source] = {"state": "idle", "last_at": last, "values": before["values"] + rows}
    return found
