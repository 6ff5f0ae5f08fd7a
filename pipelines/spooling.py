"""From the sources' batches to the lake: screen, spool durably, append exactly once.

One worker thread does all that blocks (fdatasync and commits), so nothing needs a lock. Rows are safe
once spooled; the lake gets each sealed segment once, keyed by (spool uuid, n), then it is deleted.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import logging
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TypeVar

import polars as pl

from connectors.base import one_aside
from connectors.intake import IDENTITY, WINDOW
from connectors.screen import screen
from connectors.spool import DEFAULT_MAX_BYTES, Segment, Spool
from plant.config import Plant
from plant.contracts.bronze import QUARANTINE, READINGS
from plant.dimensions import tags_frame
from plant.errors import ContractError, PlantError, TransientError
from warehouse.lake import Lake

logger = logging.getLogger(__name__)
T = TypeVar("T")

FLUSH_S = 0.2
RETRY_S = 1.0
"""Between attempts to write while the spool cannot be written to."""
WAITING_ROWS = 1_000_000
REOPEN = 0.8
"""A full spool is read into again below this share of its limit."""
LOOK_BACK = timedelta(days=8)


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
        max_bytes: limit of the readings' spool; at it, sources are not read until the lake caught up.
    """

    def __init__(self, plant: Plant, root: Path, lake: Lake, max_bytes: int = DEFAULT_MAX_BYTES) -> None:
        self.lake = lake
        self.open = asyncio.Event()
        self.open.set()
        self.tags = tags_frame(plant)
        self.folder = root / "spool"
        self.readings = Spool(self.folder / "readings", max_bytes)
        self.aside = Spool(self.folder / "quarantine", max_bytes)
        self._waiting: list[tuple[pl.DataFrame, Callable[[], None] | None]] = []
        self._waiting_rows = 0
        self._reports: list[pl.DataFrame] = []
        self._batch: Batch | None = None
        self._unwritable = False
        self._flushed = asyncio.Event()
        self._place = ("", 0)
        self._worker = ThreadPoolExecutor(1, thread_name_prefix="spool")
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
        """Flush every `FLUSH_S` until cancelled.

        While the spool cannot be written to, e.g. the disk is full, what waits is kept and no source is read;
        that is logged once, and again when it is over.
        """
        while True:
            try:
                await self.flush()
            except OSError as error:
                self._stop_reading(error)
            await asyncio.sleep(RETRY_S if self._unwritable else FLUSH_S)

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
        await self._run(self._write, batch)
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
        waiting, self._waiting = self._waiting, []
        reports, self._reports = self._reports, []
        return Batch([rows for rows, _ in waiting], reports, [done for _, done in waiting if done])

    def _stop_reading(self, error: OSError) -> None:
        self.open.clear()
        log = logger.debug if self._unwritable else logger.error
        log("%s; %d rows are kept in memory, sources are not read until it can be", self._words(error), self._in_hand)
        self._unwritable = True

    @property
    def _in_hand(self) -> int:
        return self._waiting_rows + sum(r.height for r in self._reports)

    def _words(self, error: OSError) -> str:
        return f"{self.folder} cannot be written to ({error.strerror or error}): make room, or correct its permissions"

    async def commit(self) -> None:
        """Seal what is open and append every sealed segment to the lake, oldest first."""
        try:
            await self._run(self._append_all)
        except (PlantError, OSError) as error:
            log = logger.debug if self._trouble else logger.error
            log("the lake does not take segments: %s; they are kept in the spool and tried again", error)
            self._trouble = True
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
        except OSError as error:
            lost = f"{self._in_hand} rows in hand were not stored; brokers and servers with history give them again"
            raise TransientError(f"{self._words(error)}; {lost}") from error
        finally:
            await self.commit()
            self._worker.shutdown()
            self.readings.close()
            self.aside.close()

    async def stored(self, source: str, tags: list[str]) -> pl.DataFrame:
        """What is stored of a source: the newest rows of each tag, and those of the last minutes."""
        return await self._run(self._stored, source, tags)

    async def _run(self, work: Callable[..., T], *args: object) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._worker, work, *args)

    def _write(self, batch: Batch) -> None:
        """Make a batch durable; after an error the next call goes on where this one stopped."""
        if batch.rows and (rows := pl.concat(batch.rows)).height:
            good, quarantine = screen(self._placed(rows), self.tags, datetime.now(UTC), "live")
            self.readings.append(good.select(*READINGS.schema))
            batch.reports.append(quarantine)
        batch.rows = []
        aside = [r for r in batch.reports if not r.is_empty()]
        if aside:
            self.aside.append(pl.concat(aside).select(*QUARANTINE.schema))
        batch.reports = []

    def _placed(self, rows: pl.DataFrame) -> pl.DataFrame:
        """Rows with date, segment and seq: the place that names each for ever."""
        segment, seq = self._place
        if segment != self.readings.segment:
            segment, seq = self.readings.segment, 0
        self._place = (segment, seq + rows.height)
        return rows.with_columns(
            date=pl.col("ts").dt.date(),
            segment=pl.lit(segment),
            seq=pl.int_range(seq, seq + rows.height, dtype=pl.Int64),
        )

    def _append_all(self) -> None:
        for spool, name in ((self.readings, READINGS.name), (self.aside, QUARANTINE.name)):
            spool.seal()
            for segment in spool.sealed():
                rows = spool.read(segment)
                try:
                    if rows is not None:
                        self.lake.append_once(name, rows, app=segment.app, version=segment.n)
                except ContractError as error:
                    self._poison(spool, segment, error)
                else:
                    spool.delete(segment)

    def _poison(self, spool: Spool, segment: Segment, error: ContractError) -> None:
        """Set a segment aside that breaks its contract, so that it stops none behind it; the report is safe first."""
        file = segment.path.with_suffix(".poison")
        found = (
            f"spool segment {segment.name} breaks the contract of its table and is kept as {file}: {error}; "
            "it is tried again when the collector starts: correct what is named (or update Shopfloor), then restart it"
        )
        logger.error(found)
        payload = json.dumps({"file": str(file), "sha256": hashlib.sha256(segment.path.read_bytes()).hexdigest()})
        report = one_aside(
            "poison_segment", found, source="collector", origin=spool.folder.name, segment=segment.name,
            now=datetime.now(UTC), payload=payload,
        )  # fmt: skip
        self.aside.append(report.select(*QUARANTINE.schema))
        spool.poison(segment, found)

    def _used(self) -> int:
        return self.readings.bytes_used

    async def _throttle(self) -> None:
        used, limit = await self._run(self._used), self.readings.max_bytes
        if self._unwritable:
            return
        if self.open.is_set() and used >= limit:
            self.open.clear()
            logger.error(
                "spool is full (%d of %d bytes): sources are not read until the lake has caught up", used, limit
            )
        elif not self.open.is_set() and used < limit * REOPEN:
            self.open.set()
            logger.warning("spool has room again: sources are read")

    def _stored(self, source: str, tags: list[str]) -> pl.DataFrame:
        spooled = [rows for s in self.readings.sealed() if (rows := self.readings.read(s)) is not None]
        found = [_newest(rows.lazy(), source) for rows in spooled]
        since = datetime.now(UTC).date() - LOOK_BACK
        days = [d for d in self.lake.days(READINGS.name) if d >= since]
        for part in (days[-2:], days[:-2]):
            missing = set(tags) - {t for frame in found for t in frame["tag"]}
            if part and missing:
                found.append(_newest(self.lake.scan(READINGS.name, partitions=part), source))
        return pl.concat(found) if found else READINGS.empty().select(*IDENTITY, "received_at")


def _newest(rows: pl.LazyFrame, source: str) -> pl.DataFrame:
    """The newest rows of each tag by source time, and all of the last minutes by receive time."""
    mine = rows.filter(pl.col("source") == source).select(*IDENTITY, "received_at")
    newest = pl.col("ts") == pl.col("ts").max().over("tag")
    recent = pl.col("received_at") >= pl.col("received_at").max() - WINDOW
    return mine.filter(newest | recent).collect()
