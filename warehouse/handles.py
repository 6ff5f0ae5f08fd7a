"""Handles on the Delta tables of one root: opened once a process, brought up to date at every look.

A forked child must not use them (delta-rs panics), so start workers with spawn.
"""

from __future__ import annotations

import os
import random
import time
from collections.abc import Callable
from pathlib import Path
from threading import RLock
from typing import TypeVar

from deltalake import DeltaTable
from deltalake.exceptions import CommitFailedError, DeltaError, TableNotFoundError

from plant.errors import TerminalError, TransientError
from plant.tables import Table, table
from warehouse.snapshot import Snapshot, snapshot_of
from warehouse.writing import create

T = TypeVar("T")
ATTEMPTS = 12
LIST_S = 60.0


class Handles:
    """Tables of one root as Delta handles and file lists. Safe for threads; not across fork."""

    def __init__(self, root: Path | str) -> None:
        self.root = Path(root).resolve()
        if set(str(self.root)) & set("[]="):  # a URL's host to delta-rs, a partition to Parquet readers
            raise TerminalError(f"root is {self.root}; valid is a path without '[', ']' and '='")
        self._handles: dict[str, tuple[int, DeltaTable]] = {}
        self._snapshots: dict[str, Snapshot] = {}
        self._listed: dict[str, float] = {}
        self._lock = RLock()
        self._pid = os.getpid()

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
            # The next commit has the next number: one look instead of a list of the whole log. Once a minute the
            # list is read all the same: a log may be cleaned up behind a handle that was not used for weeks.
            late = time.monotonic() - self._listed.get(name, 0.0) > LIST_S
            if late or (path / "_delta_log" / f"{held[1].version() + 1:020d}.json").exists():
                held[1].update_incremental()
                self._listed[name] = time.monotonic()
            return held[1]

    def _opened(self, name: str, path: Path, inode: int) -> DeltaTable | None:
        try:
            delta = DeltaTable(path)
        except TableNotFoundError:  # another process is creating it right now
            return None
        self._handles[name] = (inode, delta)
        self._snapshots.pop(name, None)
        return delta
