"""What the bronze assets are given: the root, what was taken in before, the latest relational versions."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import polars as pl

from connectors.base import Ingested
from pipelines.place import Place
from warehouse.lake import Lake
from warehouse.state import State


class LakeDock:
    """The `Dock` of connectors.base over the lake and its state."""

    def __init__(self, where: Place, lake: Lake, state: State) -> None:
        self._where, self._lake, self._state = where, lake, state

    @property
    def root(self) -> Path:
        """The --root folder."""
        return self._where.root

    def seen(self, identity: str) -> bool:
        """Whether a file was taken in before."""
        return self._state.ingested(identity)

    def record(self, ingested: Ingested) -> None:
        """Remember a file as taken in."""
        self._state.record_ingested(ingested.identity, ingested.source, ingested.origin, ingested.rows)

    def now(self) -> datetime:
        """The time of this run, UTC. The only clock the dock sees."""
        return datetime.now(UTC)

    def known(self, record_set: str) -> pl.DataFrame:
        """Latest version per record: record_key, row_hash, watermark, deleted, segment."""
        rows = self._lake.scan("bronze.records", partitions=[record_set])
        columns = ("record_key", "row_hash", "watermark", "deleted", "segment")
        latest = rows.sort("ingested_at", "segment", "seq").group_by("record_key", maintain_order=True).last()
        return latest.select(columns).collect()
