"""The lake: every table of the house as a Delta table under `root/lake/<layer>/<table>`.

Reads are pruned to the partitions named. Writes check the contract, go in exactly once or replace
whole days, and commit nothing when nothing changed. Tables with history keep what they replace.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path

import polars as pl
from deltalake import CommitProperties, DeltaTable, Transaction

from plant.errors import ContractError, TerminalError
from plant.tables import Table, table
from warehouse.handles import Handles
from warehouse.large.order import ordered
from warehouse.large.tidy import Tidied, tidy
from warehouse.revisions.history import Cause, checked_cause, current, revised
from warehouse.revisions.stamps import changed_days, same, stamp
from warehouse.snapshot import Partition, lost_of, read, select, snapshot_of
from warehouse.writing import commit, enforce

Clock = Callable[[], datetime]


@dataclass(frozen=True)
class Written:
    """What a replacing write did: `changed` days, the `version` after it, `rows` the frame held.

    `committed` is False when the content was there already; the version then is the old one.
    """

    version: int
    rows: int
    changed: tuple[date, ...]
    committed: bool


class Lake(Handles):
    """Reads and writes the tables of one root. Safe for threads; not across fork."""

    def __init__(self, root: Path | str, clock: Clock = lambda: datetime.now(UTC)) -> None:
        super().__init__(root)
        self._clock = clock

    def __reduce__(self) -> tuple[type[Lake], tuple[Path]]:
        return Lake, (self.root,)

    def scan(
        self,
        name: str,
        days: tuple[date, date] | None = None,
        partitions: Sequence[Partition] | None = None,
        *,
        history: bool = False,
    ) -> pl.LazyFrame:
        """Lazy rows of a table in contract columns; the contract's empty frame when it does not exist.

        Args:
            name: layer.table.
            days: first and last day, both included, of a day-partitioned table.
            partitions: partition values (days or record sets) to read instead.
            history: of a table with history also the rows that were superseded; else only the current ones.

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
        rows = read(snap, snap.paths(partitions))
        return rows if history else current(contract, rows)

    def select(self, name: str, days: Sequence[date] | None = None, *, history: bool = False) -> str:
        """The same rows as SQL for DuckDB: a SELECT over the table's files, of some days or all."""
        contract = table(name)
        self._may_prune(contract, days, None)
        return select(contract, self.snapshot(name), days, history=history)

    @staticmethod
    def _may_prune(contract: Table, days: object, partitions: object) -> None:
        if (days is not None or partitions is not None) and contract.partition is None:
            raise TerminalError(f"{contract.name} is kept whole: read it without days and filter the frame")
        if days is not None and contract.partition and contract.column(contract.partition).kind != "day":
            raise TerminalError(f"{contract.name} is split by {contract.partition}, not by day: name partitions")

    def scan_as_known(self, name: str, at: datetime) -> pl.LazyFrame:
        """Rows as the table read at an instant, by its Delta versions; the empty frame before its first one.

        Revisioned tables keep their versions (tidy does not vacuum them). A table with history keeps superseded
        rows instead: `scan(name, history=True)`. All others reach back to the last vacuum.
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
        return current(contract, read(snap, snap.paths()))

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
        ready = ordered(contract, enforce(contract, frame, coded=True))
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

    def replace_days(self, name: str, frame: pl.DataFrame, days: Sequence[date], cause: Cause | None = None) -> Written:
        """Make a table hold exactly these rows for these days, in one commit that touches only changed days.

        A day without rows is emptied. Days whose content is there already keep their files. A table with
        history keeps what it held before: see `warehouse.revisions.history`.

        Args:
            name: layer.table.
            frame: the rows of those days.
            days: the days replaced.
            cause: why rows changed, for tables with history: a word, or a frame of machine (nullable: the rest
                of the day), the day column and cause, looked up for each changed row.

        Raises:
            ContractError: the frame breaks the contract or holds rows of other days; nothing was written.
            TransientError: other writers kept winning.
        """
        contract = self._writable(name, "replace_day")
        ready = ordered(contract, enforce(contract, frame))
        self._only(contract, ready, days)
        why = checked_cause(contract, cause) if contract.history else None
        return self.retried(name, lambda: self._replace_days(contract, ready, sorted(set(days)), why))

    @staticmethod
    def _only(contract: Table, ready: pl.DataFrame, days: Sequence[date]) -> None:
        other = ready.filter(~pl.col(day := contract.partition or "").is_in(list(days)))
        if other.height:
            raise ContractError(
                f"{contract.name}: nothing written, {other.height} rows of other days than the ones replaced, "
                f"e.g. {other[day][0]}; valid are {', '.join(map(str, sorted(set(days))))}"
            )

    def _replace_days(self, contract: Table, ready: pl.DataFrame, days: list[date], cause: Cause | None) -> Written:
        delta, day = self.ensured(contract), contract.partition or ""
        lost = lost_of(self.snapshot(contract.name))
        held = self.scan(contract.name, partitions=[d for d in days if d not in lost], history=True).collect()
        old = current(contract, held.lazy()).collect() if contract.history else held
        changed = sorted({*changed_days(contract, old, ready, days), *(d for d in days if d in lost)})
        if changed:
            rows, now = ready.filter(pl.col(day).is_in(changed)), self._clock()
            if contract.history:
                stamped = revised(contract, held.filter(pl.col(day).is_in(changed)), rows, now, cause)
            else:
                stamped = stamp(contract, old, rows, now)
            listed = ", ".join(f"'{d.isoformat()}'" for d in changed)
            commit(delta, contract, stamped, predicate=f"{day} IN ({listed})")
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
        """Rewrite crowded partitions sorted, clear old files: `warehouse.large.tidy`; what was signed off stays."""
        signed = self.scan("bronze.signoffs").select("signed_at").collect()["signed_at"].to_list()
        return tidy(self, name, signed=signed)

    def _writable(self, name: str, write: str) -> Table:
        contract = table(name)
        if contract.write != write:
            raise TerminalError(f"{name} is written by {contract.write}, not by {write}")
        return contract
