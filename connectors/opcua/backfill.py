"""Reads holes back from a server's history, beside live values: one call at a time, and as long a pause after each.

Live values never wait for it. What is still to be read is written down (`<root>/spool/holes/<source>.json`), so that
an outage in the middle, or the end of the collector, costs nothing but time. A hole that is not filled within
`GAP_AFTER_S` is told by the rows of a gap, and taken back when its history is complete.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import cast
from weakref import WeakKeyDictionary

import numpy as np
import polars as pl
from asyncua import ua
from asyncua.ua.uaerrors import UaError

from connectors.gaps import Gap, confirmed, gap_rows, open_tags
from connectors.health import Health
from connectors.intake import ROWS, WORDS, Intake, Seen, as_instant, coded, now_us
from connectors.opcua.client import GapClient
from connectors.opcua.history import HistoryUnavailableError, Page, Wanted, read_history
from connectors.opcua.holes import Hole, Span, load, save
from connectors.opcua.wire.rows import rows_of
from connectors.repeats import MARGIN_US
from connectors.retry import Backoff

logger = logging.getLogger(__name__)

GAP_AFTER_S = 5.0
RETRY_S, LONGEST_S = 5.0, 60.0
"""Waits after a history call that failed, while live values go on."""
SAVE_S = 5.0
WAITING, OUTAGES = 20, 100
"""Holes that wait one after the other, of queues that were too short and of outages; a further one widens the last."""
CALLS = 2
"""History calls of all sources at a time."""
_LATE_US = MARGIN_US
"""A value may come so much behind one of a later source time; it may not have come yet when the connection ended."""
FIRST_HISTORY = timedelta(days=7)
"""How far back history is read for a tag that was never stored."""
_turns: WeakKeyDictionary[asyncio.AbstractEventLoop, asyncio.Semaphore] = WeakKeyDictionary()


class Backfill:
    """The holes of one source.

    Args:
        source: its name.
        nodes: node of each tag.
        intake: where rows go.
        health: told how many values came.
        seen: what is stored already.
        root: --root.
    """

    def __init__(
        self, source: str, nodes: Mapping[str, ua.NodeId], intake: Intake, health: Health, seen: Seen, root: Path
    ) -> None:
        self._source, self._nodes = source, nodes
        self._intake, self._health, self._seen = intake, health, seen
        self._path = root / "spool" / "holes" / f"{source}.json"
        self.holes = load(self._path, nodes.keys())
        self.lacking: set[str] = set()
        self._task: asyncio.Task[None] | None = None
        self._saved, self._told, self._unsaved = time.monotonic(), False, False
        self._pending: set[asyncio.Task[None]] = set()
        self._writing = asyncio.Lock()

    @property
    def silent(self) -> set[str]:
        """Tags of which nobody knows whether their last value still holds."""
        return set[str]().union(*(hole.unsure for hole in self.holes))

    @property
    def words(self) -> str:
        """For the health; empty when nothing has been waiting for long."""
        old = [hole for hole in self.holes if time.monotonic() - hole.opened > GAP_AFTER_S]
        tags = set[str]().union(*(hole.spans for hole in old))
        return f"history of {len(tags)} tag(s) is being read back" if tags else ""

    def spans(self, ends_us: Mapping[str, int], begin_us: int | None) -> dict[str, Span]:
        """What is to be read of tags whose live values go on behind `ends_us`.

        From `_LATE_US` before their newest stored value (`begin_us` where that is of the year 9999), or from where a
        hole that is still being read ends.
        """
        since, first_us = self._seen.since(), _us(datetime.now(UTC) - FIRST_HISTORY)
        starts = {tag: _us(since[tag]) if tag in since else first_us for tag in ends_us}
        starts = {t: us if us <= ends_us[t] or begin_us is None else begin_us for t, us in starts.items()}
        starts = {tag: self._earlier(us) if tag in since else us for tag, us in starts.items()}
        for hole in self.holes:
            for tag, span in hole.spans.items():
                if tag in starts:
                    starts[tag] = max(starts[tag], span.end_us)
        return {tag: Span(start, ends_us[tag], start) for tag, start in starts.items() if start <= ends_us[tag]}

    def _earlier(self, at_us: int) -> int:
        """`_LATE_US` before, as far as all that was stored since is known: what was, is not to be stored again."""
        return min(at_us, max(at_us - _LATE_US, _us(self._seen.reach)))

    async def open(self, hole: Hole) -> None:
        """Take a hole; to be called before the first live value behind it is handed on."""
        if not hole.spans:
            return
        most = WAITING if hole.begin_us is None else OUTAGES
        if len(self.holes) >= most:
            self.holes[-1].widen(hole.spans)
        else:
            self.holes.append(hole)
        await self._save()

    def saw(self, rows: pl.DataFrame) -> None:
        """Take live rows as handed on."""
        for hole in self.holes:
            hole.saw(rows)

    async def look(self, client: GapClient, per_call: int) -> None:
        """To be called each second: see that somebody reads, tell of gaps that last, write progress down.

        Raises:
            Exception: what ended the reading, if nobody foresaw it.
        """
        if self._task is not None and self._task.done():
            task, self._task = self._task, None
            task.result()
        if self._task is None and self.holes:
            self._task = asyncio.create_task(self._work(client, per_call), name=f"{self._source} history")
        for hole in self.holes:
            if time.monotonic() - hole.opened > GAP_AFTER_S:
                await self._open_gap(hole, hole.lacking)
        if self._unsaved or (self.holes and time.monotonic() - self._saved > SAVE_S):
            await self._save()

    async def stop(self) -> None:
        """Read no more for now; what is not filled yet is told as a gap, and goes on where it was."""
        task, self._task = self._task, None
        if task is not None:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
        for hole in self.holes:
            if self._intake.open.is_set():
                await self._open_gap(hole, hole.lacking)
        await self._save()  # with nothing left to read, too: what is being written may be older

    async def _work(self, client: GapClient, per_call: int) -> None:
        wait = Backoff(RETRY_S, 2.0, LONGEST_S)
        while self.holes:
            hole = self.holes[0]
            try:
                await self._read(hole, client, per_call)
            except HistoryUnavailableError as error:
                logger.info("source %s: %s; nothing is read back", self._source, error)
                await self._lacks(hole, hole.lacking)
            except (TimeoutError, UaError, OSError) as error:
                if client.active:
                    per_call = max(1, per_call // 2)
                    self._complain(error)
                await self._open_gap(hole, hole.lacking)
                await asyncio.sleep(wait.next_s())
                continue
            wait.reset()
            await hole.settled.wait()
            self._told = False
            self.holes.remove(hole)
            await self._save()

    def _complain(self, error: Exception) -> None:
        """Once a hole; that a connection is lost is told by the health."""
        log = logger.debug if self._told else logger.warning
        found = "source %s: its history cannot be read (%s); tried again, live values go on"
        log(found, self._source, str(error) or type(error).__name__)
        self._told = True

    async def _read(self, hole: Hole, client: GapClient, per_call: int) -> None:
        tags = hole.lacking
        wanted = {n: Wanted(self._nodes[tag], *_times(hole.spans[tag])) for n, tag in enumerate(tags)}
        pages, count = read_history(client.uaclient.session, wanted, per_call), 0
        while True:
            async with _turn():
                if not client.active:
                    raise ConnectionError("the connection was lost")
                asked = time.monotonic()
                page = await anext(pages, None)
                took_s = time.monotonic() - asked
            if page is None:
                break
            count += await self._keep(hole, page, tags)
            await asyncio.sleep(took_s)  # as long for live values as history took
        log = logger.info if hole.begin_us is not None else logger.debug  # a short queue may overflow all day long
        log("source %s: %d values read back from history", self._source, count)

    async def _keep(self, hole: Hole, page: Page, tags: Sequence[str]) -> int:
        codes, index = pl.Series(tags, dtype=WORDS), np.arange(len(tags), dtype="i4")
        rows, ended = rows_of(page.columns, now_us(), codes, index, self._source), [tags[n] for n in page.ended]
        fresh = self._seen.fresh(hole.fresh(rows))
        marks = hole.took(rows, ended)
        closing = hole.closing(ended, self._source)
        fresh = pl.concat([fresh, coded(closing)]) if closing.height else fresh
        self._seen.remember(fresh.filter(pl.col("ts") >= hole.late_at))
        self._seen.advance(fresh)
        await self._put(fresh, partial(hole.safe, marks, ended))
        self._health.saw(fresh.height, datetime.now(UTC))
        if page.lacking:
            await self._lacks(hole, [tags[n] for n in page.lacking])
        return fresh.height

    async def _lacks(self, hole: Hole, tags: Sequence[str]) -> None:
        """Tags without history: their gap stays, and ends with what they show now."""
        self.lacking |= set(tags)
        await self._open_gap(hole, tags)
        told = hole.told.intersection(tags)
        hole.told -= told
        rows = pl.DataFrame(schema=ROWS)
        if told and hole.begin_us is not None and hole.shown.height:
            shown = hole.shown
            end_us = max(
                hole.begin_us + 2, _us(cast("datetime", shown["server_at"].max() or shown["received_at"].max()))
            )
            shown = shown.filter(pl.col("tag").cast(pl.String).is_in(list(told)))
            rows = self._seen.fresh(hole.fresh(pl.concat([shown, confirmed(shown, end_us)])))
            self._seen.remember(rows)
        await self._put(rows, partial(hole.safe, {}, list(tags)))

    async def _open_gap(self, hole: Hole, tags: Sequence[str]) -> None:
        """The rows that open the gap of tags, unless it is open: what they show meanwhile is not known."""
        if hole.begin_us is None:
            return
        silent = open_tags(hole.before.cast({"tag": pl.String}), [tag for tag in tags if tag not in hole.told])
        if not silent:
            return
        hole.told |= set(silent)
        rows = self._seen.fresh(coded(gap_rows(Gap(self._source, tuple(silent), hole.begin_us, None, hole.reason))))
        self._seen.remember(rows)
        await self._put(rows)

    async def _put(self, rows: pl.DataFrame, done: Callable[[], None] | None = None) -> None:
        """Hand on, to the end even where the reading is stopped meanwhile: these rows count as handed on already."""
        task = asyncio.create_task(self._intake.put(rows, done))
        self._pending.add(task)
        task.add_done_callback(self._pending.discard)
        await asyncio.shield(task)

    async def _save(self) -> None:
        """Write down what is still to be read; done when this returns, and on its way even when cancelled."""
        task = asyncio.create_task(self._write())
        self._pending.add(task)
        task.add_done_callback(self._pending.discard)
        await asyncio.shield(task)

    async def _write(self) -> None:
        """Told once where it fails, and tried at each look: until it works a kill costs what is not read back yet.

        One at a time: a slow disk must not put an older list over a newer one.
        """
        async with self._writing:
            self._saved = time.monotonic()
            try:
                await asyncio.to_thread(save, self._path, list(self.holes))
            except OSError as error:
                log = logger.debug if self._unsaved else logger.warning
                found = "source %s: %s cannot be written (%s): free space or mend the rights; tried again each second"
                log(found, self._source, self._path, error)
                self._unsaved = True
            else:
                self._unsaved = False


def _turn() -> asyncio.Semaphore:
    return _turns.setdefault(asyncio.get_running_loop(), asyncio.Semaphore(CALLS))


def _times(span: Span) -> tuple[datetime, datetime]:
    first, last = as_instant([span.start_us, span.end_us])
    return first, last


def _us(at: datetime) -> int:
    return round(at.timestamp() * 1_000_000)
