"""One version of one Delta table as its list of data files, with what the log knows of each.

Reading a pruned list of files is the cheapest way into Delta for Polars and for DuckDB alike (measured
in docs/decisions). A raw list knows nothing of deletion vectors or column mapping: such tables are refused.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from functools import cached_property
from hashlib import sha256
from pathlib import Path
from urllib.parse import unquote

import polars as pl
from deltalake import DeltaTable

from plant.errors import TerminalError
from plant.tables import Kind, Table
from warehouse.writing import EVOLVED

Partition = date | str
SQL_TYPES: Mapping[Kind, str] = {
    "str": "VARCHAR", "i64": "BIGINT", "f64": "DOUBLE", "bool": "BOOLEAN", "instant": "TIMESTAMPTZ", "day": "DATE",
}  # fmt: skip
REFUSED = {"deletionVectors", "columnMapping"}
DATA_TIMES = (
    "ts", "at", "end_at", "hour_at", "period_start", "scored_at", "decided_at", "ingested_at", "quarantined_at",
    "replayed_at", "updated_at", "created_at", "reported_at", "ended_at", "shipped_at", "received_at", "issued_at",
)  # fmt: skip
"""Columns that say how far data reach, the first one a table has is used."""


@dataclass(frozen=True)
class Snapshot:
    """One version of one table. `files` has path, partition, rows, bytes, first_at, latest_at, one row a data file."""

    table: Table
    version: int
    files: pl.DataFrame
    columns: frozenset[str]
    evolved: bool
    written_at: datetime | None

    @cached_property
    def by_partition(self) -> dict[Partition | None, list[str]]:
        """Paths of the data files of each partition; everything under None for an unpartitioned table."""
        found: dict[Partition | None, list[str]] = {}
        for path, value in self.files.sort("path").select("path", "partition").iter_rows():
            found.setdefault(self._typed(value), []).append(path)
        return found

    def _typed(self, value: str | None) -> Partition | None:
        partition = self.table.partition
        if value is None or partition is None:
            return None
        return date.fromisoformat(value) if self.table.column(partition).kind == "day" else value

    def paths(self, partitions: Sequence[Partition] | None = None) -> list[str]:
        """Data files of the partitions named, or all of them."""
        if partitions is None:
            return [p for paths in self.by_partition.values() for p in paths]
        return [p for part in dict.fromkeys(partitions) for p in self.by_partition.get(part, [])]

    def between(self, first: date, last: date) -> list[Partition]:
        """Partitions of the days first..last (both included) that hold files, in order."""
        return sorted(d for d in self.by_partition if isinstance(d, date) and first <= d <= last)

    def fingerprint(self, partitions: Sequence[Partition] | None = None) -> str:
        """Hash of the names of the live files of those partitions: equal means nothing was written there."""
        names = sorted(p.rpartition("/")[2] for p in self.paths(partitions))
        return sha256("\n".join(names).encode()).hexdigest()

    @property
    def rows(self) -> int:
        """Rows of this version that hold now, from the log."""
        return int(self.files["rows"].sum())


def lost_of(snap: Snapshot | None) -> set[Partition | None]:
    """Partitions with a data file that is gone from disk (None: a table kept whole): deleted behind our back."""
    parts = {} if snap is None else snap.by_partition
    # Ten times cheaper than a Path a file: a long history has thousands of them.
    return {part for part, paths in parts.items() if not all(os.path.exists(p) for p in paths)}  # noqa: PTH110


def snapshot_of(contract: Table, delta: DeltaTable, path: Path) -> Snapshot:
    """Read the file list of the version a handle is at.

    Raises:
        TerminalError: the table uses deletion vectors or column mapping, which a file list cannot honour.
    """
    features = set(delta.protocol().reader_features or ())
    if features & REFUSED:
        raise TerminalError(
            f"{contract.name}: Delta reader features {sorted(features & REFUSED)} found at {path}; "
            f"valid is a table without them. Rewrite it without, or delete it and build again."
        )
    actions = pl.DataFrame(delta.get_add_actions(flatten=True))
    version = delta.version()
    return Snapshot(
        table=contract,
        version=version,
        files=_files(contract, actions, path),
        columns=frozenset(f.name for f in delta.schema().fields),
        evolved=delta.metadata().configuration.get(EVOLVED) == "true",
        written_at=_written_at(path, version),
    )


def _files(contract: Table, actions: pl.DataFrame, path: Path) -> pl.DataFrame:
    part = pl.col(f"partition.{contract.partition}") if contract.partition else pl.lit(None)
    time = next((c for c in DATA_TIMES if c in contract.schema), "")
    first, latest = (
        pl.col(c) if actions.schema.get(c) == pl.Datetime("us", "UTC") else pl.lit(None)
        for c in (f"min.{time}", f"max.{time}")
    )
    # Rows that hold now: the others of a table with history have a known_to.
    rows = "null_count.known_to" if contract.history and "null_count.known_to" in actions.columns else "num_records"
    # Paths in the log are percent-encoded once more than the names on disk.
    full = pl.col("path").map_elements(lambda p: str(path / unquote(p)), return_dtype=pl.String)
    return actions.select(
        path=full,
        partition=part.cast(pl.String),
        rows=pl.col(rows).cast(pl.Int64),
        bytes=pl.col("size_bytes").cast(pl.Int64),
        first_at=first.cast(pl.Datetime("us", "UTC")),
        latest_at=latest.cast(pl.Datetime("us", "UTC")),
    )


def _written_at(path: Path, version: int) -> datetime | None:
    log = path / "_delta_log" / f"{version:020d}.json"
    try:
        return datetime.fromtimestamp(log.stat().st_mtime, UTC)
    except FileNotFoundError:  # cleaned up after a checkpoint
        return None


def read(snap: Snapshot, paths: list[str]) -> pl.LazyFrame:
    """Lazy rows of some files of a snapshot, in contract columns and dtypes."""
    contract = snap.table
    if not paths:
        return contract.empty().lazy()
    inside = {n: t for n, t in contract.schema.items() if n != contract.partition}
    hive = {contract.partition: contract.schema[contract.partition]} if contract.partition else None
    rows = pl.scan_parquet(
        paths,
        schema=inside,
        hive_partitioning=hive is not None,
        hive_schema=hive,
        missing_columns="insert",
        extra_columns="ignore",
        cast_options=pl.ScanCastOptions(integer_cast="allow-float"),  # a column that was of whole numbers before
        glob=False,
    )
    return rows.select(list(contract.schema))


def select(
    contract: Table, snap: Snapshot | None, partitions: Sequence[Partition] | None = None, *, history: bool = False
) -> str:
    """DuckDB SELECT of the rows of a snapshot (of some partitions) in contract columns and types.

    Of a table with history the current rows, unless `history` asks for the superseded ones as well.
    """
    paths = [] if snap is None else snap.paths(partitions)
    if snap is None or not paths:
        nulls = ", ".join(f'NULL::{SQL_TYPES[c.kind]} AS "{c.name}"' for c in contract.columns)
        return f"SELECT {nulls} WHERE false"
    there = ", ".join(
        f'"{c.name}"' if c.name in snap.columns else f'NULL::{SQL_TYPES[c.kind]} AS "{c.name}"'
        for c in contract.columns
    )
    now = " WHERE known_to IS NULL" if contract.history and not history else ""
    return f"SELECT {there} FROM read_parquet([{', '.join(map(literal, paths))}]{_options(contract, snap)}){now}"


def _options(contract: Table, snap: Snapshot) -> str:
    # union_by_name opens every footer: only where older files lack columns.
    options = ", union_by_name=true" if snap.evolved else ""
    if contract.partition is None:
        return options + ", hive_partitioning=false"
    kind = SQL_TYPES[contract.column(contract.partition).kind]
    return options + f", hive_partitioning=true, hive_types={{'{contract.partition}': {kind}}}"


def literal(text: str) -> str:
    """A text as an SQL string literal."""
    return "'" + text.replace("'", "''") + "'"
