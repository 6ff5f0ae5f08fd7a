"""The daily tidying of a table: rewrite partitions of many small files sorted, and clear away old files.

Sorting, not mere compaction, is what makes point queries cheap (measured). Current rows never change. A table
with history keeps every superseded row but those of hours that were still running when they were replaced:
after `KEEP_RUNNING_D` days nobody asks any more how a number looked at 10:05 while its hour ran, and a live plant
makes hundreds of them a day. What somebody signed off stays (the instants are given). Corrections always stay.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING

import polars as pl

from plant.errors import TerminalError
from plant.tables import Table, table
from warehouse.revisions.history import provisional
from warehouse.snapshot import Partition, Snapshot
from warehouse.writing import commit, ordered

if TYPE_CHECKING:
    from warehouse.lake import Lake

LEAST_H = 24
KEEP_RUNNING_D = 35
"""Production days younger than this keep every superseded row, those of running hours as well."""
THIN_SPAN_D = 30
"""Days older than `KEEP_RUNNING_D` + this were thinned by an earlier tidy: they are not read again."""


@dataclass(frozen=True)
class Tidied:
    """What tidying did: partitions rewritten, files before and after, unused files deleted, superseded rows thinned."""

    rewritten: tuple[Partition, ...]
    files_before: int
    files_after: int
    deleted: int
    thinned: int = 0


def crowded(snap: Snapshot, most: int, today: date) -> list[Partition]:
    """Partitions of more than `most` files; the day that is still being written is left alone."""
    found = [p for p, paths in snap.by_partition.items() if p is not None and len(paths) > most]
    return sorted((p for p in found if not isinstance(p, date) or p < today), key=str)


def tidy(
    lake: Lake,
    name: str,
    most: int = 1,
    keep_h: int = LEAST_H,
    signed: Sequence[datetime] = (),
    today: date | None = None,
) -> Tidied:
    """Rewrite crowded partitions in the contract's sort order, then delete files unused for `keep_h` hours.

    Revisioned tables without history are not cleared, so that any old version can be asked for again. A rewrite
    changes the fingerprint of its partitions, never their current rows.

    Args:
        lake: the lake.
        name: layer.table.
        most: a partition of more files than this is rewritten.
        keep_h: how long an unused file stays for those who still read it.
        signed: instants of which nothing is thinned: somebody signed a number as known then.
        today: UTC date by which days are old; None for today.

    Raises:
        TerminalError: `keep_h` is under 24: a reader may still hold the old file list.
    """
    if keep_h < LEAST_H:
        raise TerminalError(f"keep_h is {keep_h}; valid is {LEAST_H} or more: readers may still hold old file lists")
    before, contract = lake.snapshot(name), table(name)
    if before is None:
        return Tidied((), 0, 0, 0)
    now = today or (datetime.now(UTC) - timedelta(hours=1)).date()
    rewritten = crowded(before, most, now)
    for part in rewritten:
        _rewrite(lake, contract, part)
    thinned = _thin(lake, contract, now, signed) if contract.history else 0
    cleared = contract.history or not contract.revisioned
    deleted = _clear(lake, contract, keep_h) if cleared else 0
    after = lake.snapshot(name)
    return Tidied(tuple(rewritten), before.files.height, after.files.height if after else 0, deleted, thinned)


def _thin(lake: Lake, contract: Table, today: date, signed: Sequence[datetime]) -> int:
    """Drop superseded rows of running hours from days that are old enough; returns how many."""
    last = today - timedelta(days=KEEP_RUNNING_D)
    first = last - timedelta(days=THIN_SPAN_D)
    return sum(_thin_day(lake, contract, d, signed) for d in lake.days(contract.name) if first <= d <= last)


def _thin_day(lake: Lake, contract: Table, day: date, signed: Sequence[datetime]) -> int:
    def attempt() -> int:
        delta = lake.ensured(contract)
        rows = lake.scan(contract.name, partitions=[day], history=True).collect()
        stay = thinned(rows, signed)
        if stay.height < rows.height:
            commit(delta, contract, ordered(contract, stay), predicate=f"{contract.partition} = '{day}'")
        return rows.height - stay.height

    return lake.retried(contract.name, attempt)


def thinned(rows: pl.DataFrame, signed: Sequence[datetime] = ()) -> pl.DataFrame:
    """Rows without those superseded while their hour was running, unless one held at an instant of `signed`."""
    at = pl.DataFrame({"signed__": sorted(signed)}, schema={"signed__": pl.Datetime("us", "UTC")})
    held = rows.sort("known_from").join_asof(at, left_on="known_from", right_on="signed__", strategy="forward")
    asked = (pl.col("signed__") < pl.col("known_to")).fill_null(value=False)
    return held.filter(~provisional() | asked).drop("signed__")


def _rewrite(lake: Lake, contract: Table, partition: Partition) -> None:
    def attempt() -> None:
        delta = lake.ensured(contract)
        rows = ordered(contract, lake.scan(contract.name, partitions=[partition], history=True).collect())
        value = str(partition).replace("'", "''")
        commit(delta, contract, rows, predicate=f"{contract.partition} = '{value}'")

    lake.retried(contract.name, attempt)


def _clear(lake: Lake, contract: Table, keep_h: int) -> int:
    delta = lake.ensured(contract)
    return len(delta.vacuum(retention_hours=keep_h, dry_run=False, enforce_retention_duration=False))
