"""What every source behind a broker does: read messages, hand on rows, acknowledge once they are durable.

Back-pressure reaches the broker: above `QUEUED` waiting messages the socket is not read. What the messages mean is
the subclass's: connectors.mqtt.reader, connectors.sparkplug.host.
"""

from __future__ import annotations

import abc
import asyncio
import logging
import queue
import threading
import time
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import polars as pl

from connectors.gaps import Gap, confirmed, gap_rows, open_tags
from connectors.health import Health
from connectors.intake import ROWS, Intake, Seen, as_instant, now_us
from connectors.mqtt.asides import Asides
from connectors.mqtt.link import Link, Message
from connectors.mqtt.rows import Rows
from connectors.repeats import Repeats
from plant.errors import SourceDownError
from plant.sources.secured import Broker
from plant.states import GapReason

logger = logging.getLogger(__name__)

TICK_S = 0.05
QUEUED = 10_000
QUEUED_B = 64 * 1024 * 1024
"""Messages, and bytes of them, waiting to be read in; above either the socket is not read (back-pressure)."""
BATCH = 1_000
AGAIN_S = 5.0
CONFIRMED_US = 2
"""A gap that turns out to have lost nothing is taken back this much after it began."""


@dataclass
class Taken:
    """What a batch of messages meant.

    `rows` with `received_us` of their messages; `repeats`: compare with what is stored. `sure`: tags of which it is
    known by now that nothing was lost over an open gap.
    """

    rows: Rows = field(default_factory=Rows)
    received_us: list[int] = field(default_factory=list)
    repeats: bool = False
    sure: set[str] = field(default_factory=set)


class MessageReader(abc.ABC):
    """Reads one source behind a broker until cancelled.

    Args:
        source: its section of plant.toml.
        tags: tag ids of the source.
        intake: where rows go.
        health: told about connection and values.
        seen: what is stored already.
        root: --root.
    """

    def __init__(
        self, source: Broker, tags: Sequence[str], intake: Intake, health: Health, seen: Seen, root: Path
    ) -> None:
        self.intake, self.health, self.seen, self.root = intake, health, seen, root
        self.broker = source
        self.asides = Asides(source.name, intake.report)
        self._tags = list(tags)
        self._stopping = threading.Event()
        self._queue: queue.Queue[Message] = queue.Queue(QUEUED)
        self._bytes, self._counting = 0, threading.Lock()
        self._gaps: list[tuple[int, pl.DataFrame]] = []
        self.repeats = Repeats(source.name, {})
        self._again_at = 0.0

    @abc.abstractmethod
    def link(self) -> Link:
        """A new connection."""

    @abc.abstractmethod
    async def take(self, messages: Sequence[Message], link: Link) -> Taken:
        """Work messages in."""

    @abc.abstractmethod
    def up(self, link: Link) -> set[str]:
        """The connection stands. Tags of which nothing was lost over the gap, since the broker kept it.

        `link.session_present` says whether the broker had our session.
        """

    async def run(self) -> None:
        """Connect and hand on values until cancelled.

        Raises:
            SourceDownError: the broker cannot be reached or was lost. TerminalError: settings that cannot work.
        """
        link = self.link()
        self._stopping.clear()
        self._queue, self._bytes = queue.Queue(QUEUED), 0
        reached = False
        try:
            await link.open()
            reached = True
            await self._after_a_stop()
            await self._put_confirmed(self.up(link))
            self.health.up(self.words())
            while not link.lost.is_set() or not self._queue.empty():
                await self.intake.open.wait()
                if not await self._work(link):
                    self.tick(link)
                    await asyncio.sleep(TICK_S)
                await self._say_again()
            raise SourceDownError(f"{link.where}: connection lost")
        except SourceDownError:
            if reached:
                await self._open_gap("disconnected", self._alive_us())
            raise
        finally:
            self._stopping.set()
            await asyncio.to_thread(link.close)

    async def _say_again(self) -> None:
        """Unchanged values of sources that are known to be alive, now and then."""
        if time.monotonic() < self._again_at:
            return
        self._again_at = time.monotonic() + AGAIN_S
        rows = self.unchanged()
        if not rows.is_empty():
            self.seen.remember(rows)
            await self.intake.put(rows)

    def unchanged(self) -> pl.DataFrame:
        """Rows that say again what has not changed; none where silence says nothing."""
        return pl.DataFrame(schema=ROWS)

    def tick(self, link: Link) -> None:
        """What is due without a message."""
        self.asides.tick(now_us())

    def words(self) -> str:
        """What there is to say about the source while it is up."""
        return ""

    def arrived(self, message: Message) -> None:
        """On paho's thread: waiting here stops the reading of the socket."""
        while not self._stopping.is_set():
            if self._bytes > QUEUED_B:
                self._stopping.wait(0.05)
                continue
            try:
                self._queue.put(message, timeout=0.2)
            except queue.Full:
                continue
            self._count(len(message.payload))
            return

    def _count(self, more: int) -> None:
        with self._counting:
            self._bytes += more

    async def _work(self, link: Link) -> int:
        """Work in what has arrived; returns how many messages."""
        messages: list[Message] = []
        while len(messages) < BATCH and not self._queue.empty():
            messages.append(self._queue.get_nowait())
        if not messages:
            return 0
        self._count(-sum(len(message.payload) for message in messages))
        taken = await self.take(messages, link)
        rows = self._frame(taken)
        rows = self.repeats.mended(rows)
        if taken.repeats or link.young or any(m.dup for m in messages):
            rows = self.seen.fresh(rows)
        if taken.sure:
            rows = pl.concat([rows, self._confirm(taken.sure)])
        self.seen.remember(rows)
        if not rows.is_empty():
            self.health.saw(rows.height, datetime.now(UTC))
        await self.intake.put(rows, lambda: link.acknowledge(messages))
        return len(messages)

    def _frame(self, taken: Taken) -> pl.DataFrame:
        rows, count = taken.rows, len(taken.rows)
        columns = {
            "tag": pl.Series(rows.tags, dtype=pl.String),
            "ts": as_instant(pl.Series(rows.us, dtype=pl.Int64)),
            "value": pl.Series(rows.values, dtype=pl.Float64),
            "text": pl.Series(rows.texts, dtype=pl.String),
            "status": pl.Series(rows.statuses, dtype=pl.Int64),
            "server_at": pl.repeat(None, count, dtype=ROWS["server_at"], eager=True),
            "received_at": as_instant(pl.Series(taken.received_us, dtype=pl.Int64)),
            "source": pl.repeat(self.broker.name, count, dtype=pl.String, eager=True),
        }
        return pl.DataFrame({name: columns[name] for name in ROWS})

    async def _after_a_stop(self) -> None:
        """No collector ran for a while: a gap, unless the broker kept everything."""
        away, self.health.away_since = self.health.away_since, None
        if away is not None:
            await self._open_gap("collector_stopped", int(away.timestamp() * 1e6))

    async def _open_gap(self, reason: GapReason, begin_us: int) -> None:
        """Rows that open a gap for the tags that are known good, and their last values, to take it back by."""
        last = self.seen.last
        tags = open_tags(last, self._tags)
        if not tags:
            return
        rows = gap_rows(Gap(self.broker.name, tuple(tags), begin_us, None, reason))
        before = last.filter(pl.col("tag").is_in(tags)).with_columns(
            server_at=pl.lit(None, ROWS["server_at"]),
            received_at=pl.lit(rows["received_at"][0], ROWS["received_at"]),
            source=pl.lit(self.broker.name),
        )
        self._gaps.append((begin_us, before.select(*ROWS)))
        self.seen.remember(rows)
        await self.intake.put(rows)
        self.gap_opened(tags)

    @abc.abstractmethod
    def gap_opened(self, tags: Sequence[str]) -> None:
        """A gap has been opened for tags."""

    async def _put_confirmed(self, tags: Collection[str]) -> None:
        rows = self._confirm(tags)
        if not rows.is_empty():
            self.seen.remember(rows)
            await self.intake.put(rows)

    def _confirm(self, tags: Collection[str]) -> pl.DataFrame:
        """Take gaps back for tags of which nothing was lost: their last values still held when it began."""
        mine = pl.col("tag").is_in(list(tags))
        rows = [confirmed(before.filter(mine), begin_us + CONFIRMED_US) for begin_us, before in self._gaps]
        self.forget_gaps(tags)
        return pl.concat([pl.DataFrame(schema=ROWS), *rows])

    def forget_gaps(self, tags: Collection[str]) -> None:
        """The gaps of these tags are settled: taken back, or known to be real."""
        others = [(begin_us, before.filter(~pl.col("tag").is_in(list(tags)))) for begin_us, before in self._gaps]
        self._gaps = [(begin_us, before) for begin_us, before in others if not before.is_empty()]

    def _alive_us(self) -> int:
        """The last moment the source was known to speak, on its own clock."""
        at = self.health.alive_at
        newest = self.seen.last["ts"].max()
        known = [int(t.timestamp() * 1e6) for t in (at, newest) if isinstance(t, datetime)]
        return max(known, default=now_us())


def unforeseen(error: Exception) -> tuple[str, str]:
    """Reason and message for a message that failed in a way nobody foresaw; the log has the traceback."""
    logger.error("a message could not be worked in", exc_info=error)
    return "message_failed", f"{type(error).__name__}: {error}; nobody foresaw this: report it with the log"
