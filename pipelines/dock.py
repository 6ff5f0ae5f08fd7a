"""What the bronze assets are given: the root, what was taken in before, the latest relational versions."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import polars as pl

from connectors.base import Ingested
from pipelines.place import Place
from warehouse.lake import Lake
from warehouse.state import State

SPACE = "sql"
"""Where marks of relational tables are in the state."""


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

    def known(self, record_set: str, keys: pl.Series | None = None) -> pl.DataFrame:
        """Latest version per record, of all or of those with these keys: record_key, row_hash, watermark, deleted."""
        if keys is not None and not keys.len():
            return self._lake.scan("bronze.records").select(_KNOWN).head(0).collect()
        rows = self._lake.scan("bronze.records", partitions=[record_set]).select(*_KNOWN, "ingested_at", "seq")
        if keys is not None:
            rows = rows.filter(pl.col("record_key").is_in(keys.implode()))
        found = rows.collect()
        again = pl.col("record_key").is_duplicated()
        latest = found.filter(again).sort("ingested_at", "segment", "seq").unique("record_key", keep="last")
        return pl.concat([found.filter(~again), latest]).select(_KNOWN)

    def landed(self, record_set: str) -> int:
        """Version of the last landing of a record set; -1 before the first."""
        version = self._lake.transaction_version("bronze.records", f"sql:{record_set}")
        return -1 if version is None else version

    def mark(self, record_set: str) -> tuple[str | None, bool]:
        """What was last kept about a record set, and whether nothing has landed in it since."""
        told = self._state.remembered(f"{SPACE}:{record_set}")
        return told.get("mark"), told.get("landed") == self.landed(record_set)

    def keep(self, record_set: str, mark: str) -> None:
        """Remember a text about a record set, as of its last landing."""
        self._state.remember(f"{SPACE}:{record_set}", {"mark": mark, "landed": self.landed(record_set)})


_KNOWN = ("record_key", "row_hash", "watermark", "deleted", "segment")
