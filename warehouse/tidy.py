"""The daily tidying of a table: rewrite partitions of many small files sorted, and clear away old files.

Sorting, not mere compaction, is what makes point queries cheap (measured). The content never changes.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING

from plant.errors import TerminalError
from plant.tables import Table, table
from warehouse.snapshot import Partition, Snapshot
from warehouse.writing import commit, ordered

if TYPE_CHECKING:
    from warehouse.lake import Lake

LEAST_H = 24


@dataclass(frozen=True)
class Tidied:
    """What tidying did: partitions rewritten, files before and after, unused files deleted from disk."""

    rewritten: tuple[Partition, ...]
    files_before: int
    files_after: int
    deleted: int


def crowded(snap: Snapshot, most: int, today: date) -> list[Partition]:
    """Partitions of more than `most` files; the day that is still being written is left alone."""
    found = [p for p, paths in snap.by_partition.items() if p is not None and len(paths) > most]
    return sorted((p for p in found if not isinstance(p, date) or p < today), key=str)


def tidy(lake: Lake, name: str, most: int = 1, keep_h: int = LEAST_H) -> Tidied:
    """Rewrite crowded partitions in the contract's sort order, then delete files unused for `keep_h` hours.

    Revisioned tables are not cleared, so that any old reading can be asked for again. A rewrite changes the
    fingerprint of its partitions, never their rows.

    Raises:
        TerminalError: `keep_h` is under 24: a reader may still hold the old file list.
    """
    if keep_h < LEAST_H:
        raise TerminalError(f"keep_h is {keep_h}; valid is {LEAST_H} or more: readers may still hold old file lists")
    before = lake.snapshot(name)
    if before is None:
        return Tidied((), 0, 0, 0)
    rewritten = crowded(before, most, (datetime.now(UTC) - timedelta(hours=1)).date())
    for part in rewritten:
        _rewrite(lake, table(name), part)
    deleted = 0 if table(name).revisioned else _clear(lake, table(name), keep_h)
    after = lake.snapshot(name)
    return Tidied(tuple(rewritten), before.files.height, after.files.height if after else 0, deleted)


def _rewrite(lake: Lake, contract: Table, partition: Partition) -> None:
    def attempt() -> None:
        delta = lake.ensured(contract)
        rows = ordered(contract, lake.scan(contract.name, partitions=[partition]).collect())
        value = str(partition).replace("'", "''")
        commit(delta, contract, rows, predicate=f"{contract.partition} = '{value}'")

    lake.retried(contract.name, attempt)


def _clear(lake: Lake, contract: Table, keep_h: int) -> int:
    delta = lake.ensured(contract)
    return len(delta.vacuum(retention_hours=keep_h, dry_run=False, enforce_retention_duration=False))
