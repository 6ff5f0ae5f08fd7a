"""The lake: every table of the house as a Delta table under `root/lake/<layer>/<table>`.

Reads are pruned to the partitions named. Writes check the contract, go in exactly once or replace
whole days, and commit nothing when nothing changed. Handles are kept per process; a forked child
must not use them (delta-rs panics), so start workers with spawn.
"""

from __future__ import annotations

import os
import random
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path
from threading import RLock
from typing import TypeVar

import polars as pl
from deltalake import CommitProperties, DeltaTable, Transaction
from deltalake.exceptions import CommitFailedError, DeltaError, TableNotFoundError

from plant.errors import ContractError, TerminalError, TransientError
from plant.tables import Table, table
from warehouse.revisions import changed_days, same, stamp
from warehouse.snapshot import Partition, Snapshot, lost_of, read, select, snapshot_of
from warehouse.tidy import Tidied, tidy
from warehouse.writing import commit, create, enforce, ordered

T = TypeVar("T")
Clock = Callable[[], datetime]
ATTEMPTS = 12


@dataclass(frozen=True)
class Written:
    """What a replacing write did: `changed` days, the `version` after it, `rows` the frame held.

    `committed` is False when the content was there already; the version then is the old one.
    """

    version: int
    rows: int
    changed: tuple[date, ...]
    committed: bool


class Lake:
    """Reads and writes the tables of one root. Safe for threads; not across fork."""

    def __init__(self, root: Path | str, clock: Clock = lambda: datetime.now(UTC)) -> None:
        self.root = Path(root).resolve()
        if set(str(self.root)) & set("[]="):  # a URL's host to delta-rs, a partition to Parquet readers
            raise TerminalError(f"root is {self.root}; valid is a path without '[', ']' and '='")
        self._clock = clock
        self._handles: dict[str, tuple[int, DeltaTable]] = {}
        self._snapshots: dict[str, Snapshot] = {}
        self._lock = RLock()
        self._pid = os.getpid()

    def __reduce__(self) -> tuple[type[Lake], tuple[Path]]:
        return Lake, (self.root,)

    def path(self, name: str) -> Path:
        """Folder of a table."""
        return self.root / "lake" / Path(*table(name).name.split("."))

    def exists(self, name: str) -> bool:
        """True when there is a table."""
        return self._handle(name) is not None

    def version(self, name: str) -> int | None:
        """Latest Delta version; None when the table does not exist."""
        delta = self._handle(name)
        return None if delta is None else delta.version()

    def transaction_version(self, name: str, app: str) -> int | None:
        """Latest version of an application's appends that went in; None before the first."""
        delta = self._handle(name)
        return None if delta is None else delta.transaction_version(app)

    def snapshot(self, name: str) -> Snapshot | None:
        """The latest version as its file list; None when the table does not exist."""
        with self._lock:
            delta = self._handle(name)
            if delta is None:
                self._snapshots.pop(name, None)
                return None
            held = self._snapshots.get(name)
            if held is None or held.version != delta.version():
                held = self._snapshots[name] = snapshot_of(table(name), delta, self.path(name))
            return held

    def scan(
        self, name: str, days: tuple[date, date] | None = None, partitions: Sequence[Partition] | None = None
    ) -> pl.LazyFrame:
        """Lazy rows of a table in contract columns; the contract's empty frame when it does not exist.

        Args:
            name: layer.table.
            days: first and last day, both included, of a day-partitioned table.
            partitions: partition values (days or record sets) to read instead.

        Raises:
            TerminalError: days or partitions of a table that is not partitioned so.
        """
        contract = table(name)
        self._may_prune(contract, days, partitions)
        snap = self.snapshot(name)
        if snap is None:
            return contract.empty().lazy()
        if days is not None:
            partitions = snap.between(*days)
        return read(snap, snap.paths(partitions))

    def select(self, name: str, days: Sequence[date] | None = None) -> str:
        """The same rows as SQL for DuckDB: a SELECT over the table's files, of some days or all."""
        contract = table(name)
        self._may_prune(contract, days, None)
        return select(contract, self.snapshot(name), days)

    @staticmethod
    def _may_prune(contract: Table, days: object, partitions: object) -> None:
        if (days is not None or partitions is not None) and contract.partition is None:
            raise TerminalError(f"{contract.name} is kept whole: read it without days and filter the frame")
        if days is not None and contract.partition and contract.column(contract.partition).kind != "day":
            raise TerminalError(f"{contract.name} is split by {contract.partition}, not by day: name partitions")

    def scan_as_known(self, name: str, at: datetime) -> pl.LazyFrame:
        """Rows as the table read at an instant; the empty frame before its first version.

        Revisioned tables keep their history (tidy does not vacuum them); others reach back to the last vacuum.
        """
        contract, path = table(name), self.path(name)
        if self._handle(name) is None:
            return contract.empty().lazy()
        delta = DeltaTable(path)
        first = min(h["timestamp"] for h in delta.history())
        if at.timestamp() * 1000 < first:
            return contract.empty().lazy()
        delta.load_as_version(at)
        snap = snapshot_of(contract, delta, path)
        return read(snap, snap.paths())

    def days(self, name: str) -> list[date]:
        """Days a day-partitioned table holds, in order."""
        snap = self.snapshot(name)
        return [] if snap is None else sorted(d for d in snap.by_partition if isinstance(d, date))

    def partitions(self, name: str) -> list[Partition]:
        """Partition values a table holds, in order; empty for a table kept whole."""
        snap = self.snapshot(name)
        return [] if snap is None else sorted((p for p in snap.by_partition if p is not None), key=str)

    def fingerprint(self, name: str, partitions: Sequence[Partition] | None = None) -> str:
        """Hash of the names of the live files of those partitions (all: None); equal means not written to."""
        snap = self.snapshot(name)
        return "" if snap is None else snap.fingerprint(partitions)

    def append_once(self, name: str, frame: pl.DataFrame, app: str, version: int) -> bool:
        """Append rows unless this application's version went in already.

        An empty frame writes nothing and is not recorded.

        Returns:
            True when the rows were written by this call.

        Raises:
            ContractError: the frame breaks the contract; nothing was written.
            TransientError: other writers kept winning.
        """
        contract = self._writable(name, "append_once")
        ready = ordered(contract, enforce(contract, frame))
        if ready.is_empty():
            return False
        return self.retried(name, lambda: self._append(contract, ready, app, version))

    def _append(self, contract: Table, ready: pl.DataFrame, app: str, version: int) -> bool:
        delta = self.ensured(contract)
        seen = delta.transaction_version(app)
        if (-1 if seen is None else seen) >= version:
            return False
        marks = CommitProperties(app_transactions=[Transaction(app, version)])
        commit(delta, contract, ready, marks=marks)
        return True

    def replace_days(self, name: str, frame: pl.DataFrame, days: Sequence[date]) -> Written:
        """Make a table hold exactly these rows for these days, in one commit that touches only changed days.

        A day without rows is emptied. Days whose content is there already keep their files.

        Raises:
            ContractError: the frame breaks the contract or holds rows of other days; nothing was written.
            TransientError: other writers kept winning.
        """
        contract = self._writable(name, "replace_day")
        ready = ordered(contract, enforce(contract, frame))
        self._only(contract, ready, days)
        return self.retried(name, lambda: self._replace_days(contract, ready, sorted(set(days))))

    @staticmethod
    def _only(contract: Table, ready: pl.DataFrame, days: Sequence[date]) -> None:
        other = ready.filter(~pl.col(day := contract.partition or "").is_in(list(days)))
        if other.height:
            raise ContractError(
                f"{contract.name}: nothing written, {other.height} rows of other days than the ones replaced, "
                f"e.g. {other[day][0]}; valid are {', '.join(map(str, sorted(set(days))))}"
            )

    def _replace_days(self, contract: Table, ready: pl.DataFrame, days: list[date]) -> Written:
        delta, day = self.ensured(contract), contract.partition or ""
        lost = lost_of(self.snapshot(contract.name))
        old = self.scan(contract.name, partitions=[d for d in days if d not in lost]).collect()
        changed = sorted({*changed_days(contract, old, ready, days), *(d for d in days if d in lost)})
        if changed:
            rows = stamp(contract, old, ready, self._clock()).filter(pl.col(day).is_in(changed))
            listed = ", ".join(f"'{d.isoformat()}'" for d in changed)
            commit(delta, contract, rows, predicate=f"{day} IN ({listed})")
        return Written(delta.version(), ready.height, tuple(changed), bool(changed))

    def replace(self, name: str, frame: pl.DataFrame) -> Written:
        """Make a table hold exactly these rows; commits nothing when it does already.

        Raises:
            ContractError: the frame breaks the contract; nothing was written.
            TransientError: other writers kept winning.
        """
        contract = self._writable(name, "replace")
        ready = ordered(contract, enforce(contract, frame))
        return self.retried(name, lambda: self._replace(contract, ready))

    def _replace(self, contract: Table, ready: pl.DataFrame) -> Written:
        delta = self.ensured(contract)
        lost = lost_of(self.snapshot(contract.name))
        old = contract.empty() if lost else self.scan(contract.name).collect()
        if not lost and same(contract, old, ready):
            return Written(delta.version(), ready.height, (), committed=False)
        commit(delta, contract, stamp(contract, old, ready, self._clock()))
        return Written(delta.version(), ready.height, (), committed=True)

    def tidy(self, name: str) -> Tidied:
        """Rewrite crowded partitions sorted and clear old files: `warehouse.tidy.tidy`."""
        return tidy(self, name)

    def _writable(self, name: str, write: str) -> Table:
        contract = table(name)
        if contract.write != write:
            raise TerminalError(f"{name} is written by {contract.write}, not by {write}")
        return contract

    def _handle(self, name: str) -> DeltaTable | None:
        """The handle brought up to the latest version; None when there is no table."""
        if os.getpid() != self._pid:
            raise TerminalError("a Lake was used in a forked process: start workers with spawn or make a new Lake")
        path = self.path(name)
        with self._lock:
            try:
                inode = (path / "_delta_log").stat().st_ino
            except FileNotFoundError:
                self._handles.pop(name, None)
                return None
            held = self._handles.get(name)
            if held is None or held[0] != inode:
                return self._opened(name, path, inode)
            held[1].update_incremental()
            return held[1]

    def _opened(self, name: str, path: Path, inode: int) -> DeltaTable | None:
        try:
            delta = DeltaTable(path)
        except TableNotFoundError:  # another process is creating it right now
            return None
        self._handles[name] = (inode, delta)
        self._snapshots.pop(name, None)
        return delta

    def ensured(self, contract: Table) -> DeltaTable:
        """The handle of a table at its latest version; an empty table is made when there is none."""
        delta = self._handle(contract.name)
        if delta is None:
            create(contract, self.path(contract.name))
            delta = self._handle(contract.name)
        if delta is None:
            raise TransientError(f"{contract.name}: the table could not be created at {self.path(contract.name)}")
        return delta

    def retried(self, name: str, attempt: Callable[[], T]) -> T:
        """Run a whole read-compare-write again when another writer was faster: never doubles, never loses."""
        for turn in range(ATTEMPTS):
            try:
                with self._lock:
                    return attempt()
            except CommitFailedError as error:
                if turn == ATTEMPTS - 1:
                    raise TransientError(f"{name}: other writers won {ATTEMPTS} times in a row: {error}") from error
                time.sleep(random.uniform(0.01, 0.05) * 2 ** min(turn, 5))
            except DeltaError as error:  # e.g. the disk is full: delta-rs says so in words only
                raise TransientError(f"{name} in {self.root}: {error}") from error
        raise AssertionError("unreachable")
