"""From the sources' batches to the lake: screen, spool durably, append exactly once.

One thread writes the spool (fdatasync) and one the lake, so nothing needs a lock and a slow lake delays no
acknowledgement. Rows are safe once spooled; the lake gets each sealed segment once, keyed by (spool uuid, n),
then it is deleted.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import TypeVar, cast

import numpy as np
import polars as pl

from connectors.intake import coded
from connectors.screen import screen
from connectors.spool import Spool
from pipelines.landing.appending import append, poison, stored
from plant.config import Plant
from plant.contracts.bronze import QUARANTINE, READINGS
from plant.dimensions import tags_frame
from plant.errors import ContractError, PlantError, TransientError
from warehouse.lake import Lake

logger = logging.getLogger(__name__)
T = TypeVar("T")

DEFAULT_MAX_BYTES = 2 << 30
EVERY_S = 0.2
RETRY_S = 1.0
"""Between attempts to write while the spool cannot be written to."""
WAITING_ROWS = 1_000_000
FRAME_ROWS = 250_000
"""Rows written at a time, more only if one batch of a source is larger."""
REOPEN = 0.8
"""A full spool is read into again below this share of its limit."""


@dataclass
class Batch:
    """What is on its way to disk: readings and reports not durable yet, and whom to tell once all are."""

    rows: list[pl.DataFrame]
    reports: list[pl.DataFrame]
    done: list[Callable[[], None]]
    size: int = field(init=False)

    def __post_init__(self) -> None:
        self.size = sum(rows.height for rows in self.rows)


class SpoolIntake:
    """The intake of a collector process (connectors.intake.Intake), and its way into the lake.

    Args:
        plant: for the tags.
        root: --root; spools live under root/spool.
        lake: where segments go.
        max_bytes: limit of readings and reports together; at it, sources are not read until the lake caught up.
        every_s: seconds between two writes to the spool.
    """

    def __init__(
        self, plant: Plant, root: Path, lake: Lake, max_bytes: int = DEFAULT_MAX_BYTES, every_s: float = EVERY_S
    ) -> None:
        self.lake, self.every_s = lake, every_s
        self.open = asyncio.Event()
        self.open.set()
        self.tags = tags_frame(plant)
        self.folder = root / "spool"
        self.max_bytes = max_bytes
        self.readings = Spool(self.folder / "readings")
        self.aside = Spool(self.folder / "quarantine")
        self._waiting: list[tuple[pl.DataFrame, Callable[[], None] | None]] = []
        self._waiting_rows = 0
        self._reports: list[pl.DataFrame] = []
        self._batch: Batch | None = None
        self._unwritable = False
        self._flushed = asyncio.Event()
        self._place = ("", 0)
        self._disk = ThreadPoolExecutor(1, thread_name_prefix="spool")
        self._appender = ThreadPoolExecutor(1, thread_name_prefix="lake")
        self._trouble = False

    async def put(self, rows: pl.DataFrame, done: Callable[[], None] | None = None) -> None:
        """Take rows; waits while the spool is full, cannot be written to, or too many rows wait."""
        await self.open.wait()
        while self._waiting_rows > WAITING_ROWS:
            self._flushed.clear()
            await self._flushed.wait()
        self._waiting.append((rows, done))
        self._waiting_rows += rows.height

    def report(self, quarantine: pl.DataFrame) -> None:
        """Take bronze.quarantine rows."""
        self._reports.append(quarantine)

    async def keep_flushing(self) -> None:
        """Flush every `every_s` until cancelled.

        While the spool cannot be written to, e.g. the disk is full, what waits is kept and no source is read;
        that is logged once, and again when it is over.
        """
        while True:
            try:
                await self.flush()
            except OSError as error:
                self._stop_reading(error)
            await asyncio.sleep(RETRY_S if self._unwritable else self.every_s)

    async def keep_committing(self, every_s: float) -> None:
        """Commit every `every_s` until cancelled. The lake being in trouble is logged once."""
        while True:
            await asyncio.sleep(every_s)
            await self.commit()

    async def flush(self) -> None:
        """Screen and spool what waits, then tell the sources it is durable.

        Raises:
            OSError: the spool cannot be written to; what waits is kept for the next call.
        """
        batch = self._batch = self._batch or self._next_batch()
        if batch.rows or batch.reports:
            await self._on_disk(self._write, batch)
        self._batch = None
        for done in batch.done:
            done()
        self._waiting_rows -= batch.size
        self._flushed.set()
        if self._unwritable:
            self._unwritable = False
            logger.warning("%s can be written to again", self.folder)
        await self._throttle()

    def _next_batch(self) -> Batch:
        taken, height = 0, 0
        while taken < len(self._waiting) and height < FRAME_ROWS:
            height += self._waiting[taken][0].height
            taken += 1
        waiting, self._waiting = self._waiting[:taken], self._waiting[taken:]
        reports, self._reports = self._reports, []
        return Batch([rows for rows, _ in waiting], reports, [done for _, done in waiting if done])

    def _stop_reading(self, error: OSError) -> None:
        self.open.clear()
        log = logger.debug if self._unwritable else logger.error
        log("%s; %d rows are kept in memory, sources are not read until it can be", self._words(error), self._in_hand)
        self._unwritable = True

    def figures(self) -> dict[str, float]:
        """For the metrics of the collector: bytes, limit_bytes, waiting_rows, reading (1: sources are read)."""
        return {
            "bytes": self._used(), "limit_bytes": self.max_bytes, "waiting_rows": self._waiting_rows,
            "reading": float(self.open.is_set()),
        }  # fmt: skip

    @property
    def _in_hand(self) -> int:
        return self._waiting_rows + sum(r.height for r in self._reports)

    def _words(self, error: OSError) -> str:
        return f"{self.folder} cannot be written to ({error.strerror or error}): make room, or correct its permissions"

    async def commit(self) -> None:
        """Append every sealed segment to the lake, oldest first, then seal and append what was open.

        While segments wait, e.g. the lake is away, the open one goes on growing to its bound: few large segments
        instead of many small ones.
        """
        try:
            for spool, name in ((self.readings, READINGS.name), (self.aside, QUARANTINE.name)):
                await self._drain(spool, name)
                await self._on_disk(spool.seal)
                await self._drain(spool, name)
        except Exception as error:  # noqa: BLE001  whatever is wrong with the lake, values must go on into the spool
            log = logger.debug if self._trouble else logger.error
            trace = None if isinstance(error, (PlantError, OSError)) else error
            found = "the lake does not take segments: %s; they are kept in the spool and tried again"
            log(found, str(error) or type(error).__name__, exc_info=trace)
            self._trouble = True
            await self._throttle()
            return
        if self._trouble:
            logger.warning("the lake takes segments again")
        self._trouble = False
        await self._throttle()

    async def close(self) -> None:
        """Flush, commit, release the spools.

        Raises:
            TransientError: rows in hand could not be spooled; what was spooled is committed all the same.
        """
        try:
            await self.flush()
            while self._waiting:
                await self.flush()
        except OSError as error:
            lost = f"{self._in_hand} rows in hand were not stored; brokers and servers with history give them again"
            raise TransientError(f"{self._words(error)}; {lost}") from error
        finally:
            await self.commit()
            self._disk.shutdown()
            self._appender.shutdown()
            self.readings.close()
            self.aside.close()

    async def stored(self, source: str, tags: list[str]) -> pl.DataFrame:
        """What is stored of a source: the newest rows of each tag, and those of the last minutes."""
        return await self._on_lake(stored, self.lake, self.readings, source, tags)

    async def _on_disk(self, work: Callable[..., T], *args: object) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._disk, work, *args)

    async def _on_lake(self, work: Callable[..., T], *args: object) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._appender, work, *args)

    def _write(self, batch: Batch) -> None:
        """Make a batch durable; after an error the next call goes on where this one stopped."""
        if batch.rows and (rows := _joined(batch.rows)).height:
            good, quarantine = screen(self._placed(rows), self.tags, datetime.now(UTC), "live")
            self.readings.append(good)
            batch.reports.append(quarantine)
        batch.rows = []
        aside = [r for r in batch.reports if not r.is_empty()]
        if aside:
            self.aside.append(pl.concat(aside).select(*QUARANTINE.schema))
        batch.reports = []

    def _placed(self, rows: pl.DataFrame) -> pl.DataFrame:
        """Rows of bronze.readings, with date, segment and seq: the place that names each for ever."""
        segment, seq = self._place
        if segment != self.readings.segment:
            segment, seq = self.readings.segment, 0
        self._place = (segment, seq + rows.height)
        places = [
            _days(rows["ts"]).alias("date"),
            pl.Series("segment", [segment], dtype=pl.Enum([segment])).new_from_index(0, rows.height),
            pl.Series("seq", np.arange(seq, seq + rows.height)),
        ]
        return rows.hstack(places)[list(READINGS.schema)]

    async def _drain(self, spool: Spool, name: str) -> None:
        for segment in await self._on_disk(spool.sealed):
            try:
                await self._on_lake(append, self.lake, spool, segment, name)
            except ContractError as error:
                await self._on_disk(poison, self.aside, spool, segment, error)
            else:
                await self._on_disk(spool.delete, segment)

    def _used(self) -> int:
        return self.readings.bytes_used + self.aside.bytes_used

    async def _throttle(self) -> None:
        used, limit = await self._on_disk(self._used), self.max_bytes
        if self._unwritable:
            return
        if self.open.is_set() and used >= limit:
            self.open.clear()
            logger.error(
                "%s is full (%d of %d bytes): sources are not read until the lake has caught up; %s",
                self.folder, used, limit, self._remedy(),
            )  # fmt: skip
        elif not self.open.is_set() and used < limit * REOPEN:
            self.open.set()
            logger.warning("spool has room again: sources are read")

    def _remedy(self) -> str:
        files = [*self.readings.aside, *self.aside.aside]
        held = sum(file.stat().st_size for file in files)
        return f"{held} bytes are {len(files)} file(s) set aside" if files else "nothing acknowledged is dropped"


def _joined(batches: list[pl.DataFrame]) -> pl.DataFrame:
    rows = [coded(batch) for batch in batches]
    return rows[0] if len(rows) == 1 else pl.concat(rows, rechunk=True)


def _days(ts: pl.Series) -> pl.Series:
    """The UTC days; the usual one day of all rows is reckoned once."""
    first, last = cast("datetime | None", ts.min()), cast("datetime | None", ts.max())
    if ts.null_count() or first is None or last is None or first.date() != last.date():
        return ts.dt.date()
    return pl.Series([first.date()], dtype=pl.Date).new_from_index(0, len(ts))
