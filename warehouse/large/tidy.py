"""The tidying of a table: rewrite finished partitions sorted, merge today's small files, clear away old ones.

Sorting, not mere compaction, is what makes point queries cheap (measured); a partition that does not fit into
memory is sorted a range of its first sort column at a time. The day that is still being written is merged only,
by a commit that says no data changed: it never gets into an appender's way. Current rows never change. A table
with history keeps every superseded row but those of hours that were still running when they were replaced:
after `KEEP_RUNNING_D` days nobody asks any more how a number looked at 10:05 while its hour ran, and a live plant
makes hundreds of them a day. What somebody signed off stays (the instants are given). Corrections always stay.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from itertools import chain
from typing import TYPE_CHECKING, Any

import polars as pl
import pyarrow as pa
from deltalake import write_deltalake

from plant.errors import TerminalError
from plant.tables import Table, table
from warehouse.large.order import ordered
from warehouse.revisions.history import provisional
from warehouse.snapshot import Partition, Snapshot
from warehouse.writing import commit, layout

if TYPE_CHECKING:
    from warehouse.lake import Lake

LEAST_H = 24
FULL_BYTES = 128 << 20
"""A data file of this size is not merged with others."""
CHUNK_ROWS = 10_000_000
"""Rows sorted at a time: about 2 GB in memory."""
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
    """Partitions of more files than their size asks for; the day that is still being written is left alone."""
    bytes_ = dict(snap.files.group_by("partition").agg(pl.col("bytes").sum()).iter_rows())
    found = [
        p
        for p, paths in snap.by_partition.items()
        if p is not None and len(paths) > most * max(1, -(-bytes_[str(p)] // FULL_BYTES))
    ]
    return sorted((p for p in found if not isinstance(p, date) or p < today), key=str)


def small_files(snap: Snapshot, day: date) -> int:
    """Data files of a day of which any two can be merged."""
    mine = snap.files.filter(pl.col("partition") == day.isoformat(), pl.col("bytes") < FULL_BYTES // 2)
    return mine.height


def compact(lake: Lake, name: str, day: date) -> int:
    """Merge the small files of a day that is still being written; returns by how many files it has fewer.

    Rows keep their order. Appenders are not disturbed; where another writer removed the same files, it is tried
    again.
    """
    contract = table(name)

    def attempt() -> int:
        delta = lake.ensured(contract)
        done = delta.optimize.compact(
            partition_filters=[(contract.partition or "", "=", day.isoformat())],
            target_size=FULL_BYTES,
            max_concurrent_tasks=1,
            writer_properties=layout(contract),
        )
        return int(done["numFilesRemoved"] - done["numFilesAdded"])

    return lake.retried(name, attempt)


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
    """Replace a partition by its rows in order. A writer that adds rows meanwhile wins: it is tried again."""
    value = str(partition).replace("'", "''")

    def attempt() -> None:
        delta = lake.ensured(contract)
        rows = lake.scan(contract.name, partitions=[partition], history=True)
        ranges = _ranges(rows, contract.sort[0]) if contract.sort else []
        if len(ranges) < 2:
            frame = ordered(contract, rows.collect())
            commit(delta, contract, frame, predicate=f"{contract.partition} = '{value}'")
            return
        frames = (ordered(contract, rows.filter(_within(contract.sort[0], r)).collect()) for r in ranges)
        write_deltalake(
            delta, _stream(frames), mode="overwrite", predicate=f"{contract.partition} = '{value}'",
            target_file_size=2 * FULL_BYTES, writer_properties=layout(contract), schema_mode="merge",
        )  # fmt: skip

    lake.retried(contract.name, attempt)


def _ranges(rows: pl.LazyFrame, column: str) -> list[tuple[Any, Any]]:
    """First and last value of a column in parts of about `CHUNK_ROWS` rows, in order; one value is never split.

    Empty where the column has nulls: such a partition is sorted in one piece.
    """
    counts = rows.group_by(column).len().sort(column, nulls_last=False).collect(engine="streaming")
    if counts[column].null_count():
        return []
    parts = counts.with_columns(part=(pl.col("len").cum_sum() - 1) // CHUNK_ROWS)
    edges = parts.group_by("part", maintain_order=True).agg(
        pl.first(column).alias("low"), pl.last(column).alias("high")
    )
    return list(edges.select("low", "high").iter_rows())


def _within(column: str, edges: tuple[Any, Any]) -> pl.Expr:
    low, high = edges
    return pl.col(column).is_between(pl.lit(low), pl.lit(high))


def _stream(frames: Iterator[pl.DataFrame]) -> pa.RecordBatchReader:
    """Frames as Arrow batches, each made when it is asked for.

    The engine may write them in another order (measured). Each stays whole, so a row group still holds few tags.
    """
    tables = (frame.to_arrow(compat_level=pl.CompatLevel.oldest()) for frame in frames)
    first = next(tables)
    batches = (batch for part in chain([first], tables) for batch in part.to_batches())
    return pa.RecordBatchReader.from_batches(first.schema, batches)


def _clear(lake: Lake, contract: Table, keep_h: int) -> int:
    """Delete files no version of the last `keep_h` hours names, also those of killed writers, and old log entries."""
    delta = lake.ensured(contract)
    deleted = delta.vacuum(retention_hours=keep_h, dry_run=False, enforce_retention_duration=False, full=True)
    lake.ensured(contract).create_checkpoint()
    lake.ensured(contract).cleanup_metadata()
    return len(deleted)
