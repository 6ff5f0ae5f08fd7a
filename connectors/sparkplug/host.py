"""Sparkplug B host application: births, data and deaths of one group, from messages to the intake.

A message is acknowledged after its rows are durable. MQTT: connectors.sparkplug.link; meaning of
messages: connectors.sparkplug.state.
"""

from __future__ import annotations

import asyncio
import base64
import json
import logging
import os
import queue
import threading
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

import polars as pl

from connectors.base import one_aside, set_aside
from connectors.intake import ROWS, Intake, Seen, as_instant
from connectors.retry import Health
from connectors.sparkplug.link import Link, Message
from connectors.sparkplug.state import Host, Outcome, Row
from plant.errors import SourceDownError
from plant.sources.live import SparkplugSource
from plant.sources.tags import Tag

logger = logging.getLogger(__name__)

TICK_S = 0.05
QUEUED = 10_000
"""Messages waiting to be read in; above it the socket is not read (back-pressure)."""
BATCH = 1_000
NAMED = 20
"""Most names in one message."""


class SparkplugReader:
    """Hosts one Sparkplug group until cancelled.

    Args:
        source: its section of plant.toml.
        tags: (tag id, tag) pairs of the source.
        intake: where rows go.
        health: told about connection and values.
        seen: what is stored already.
        root: --root; births are remembered under root/spool/sparkplug.
    """

    def __init__(
        self,
        source: SparkplugSource,
        tags: Sequence[tuple[str, Tag]],
        intake: Intake,
        health: Health,
        seen: Seen,
        root: Path,
    ) -> None:
        self.source, self.intake, self.health, self.seen = source, intake, health, seen
        self.births = root / "spool" / "sparkplug" / f"{source.name}.json"
        self._addresses = {name: tag.address for name, tag in tags}
        self._unknown: set[str] = set()
        self.host = Host({tag.address: name for name, tag in tags})
        if self.births.exists():
            self.host.load(json.loads(self.births.read_text()))
        self._stopping = threading.Event()
        self._queue: queue.Queue[Message] = queue.Queue(QUEUED)

    async def run(self) -> None:
        """Connect, say STATE online and hand on values until cancelled; then say STATE offline.

        Raises:
            SourceDownError: the broker cannot be reached or was lost.
            TerminalError: the login settings cannot work.
        """
        link = Link(self.source, self._arrived)
        self._stopping.clear()
        self._queue = queue.Queue(QUEUED)
        try:
            await link.open()
            self.health.up(self._words())
            while not link.lost.is_set():
                await self.intake.open.wait()
                if not await self._work(link):
                    await asyncio.sleep(TICK_S)
            raise SourceDownError(f"{link.where}: connection lost")
        except OSError as error:
            raise SourceDownError(f"{link.where}: {error}; check host and port and that the broker runs") from error
        finally:
            self._stopping.set()
            await asyncio.to_thread(link.close)

    def _arrived(self, message: Message) -> None:
        """On paho's thread: waiting here stops the reading of the socket."""
        while not self._stopping.is_set():
            try:
                self._queue.put(message, timeout=0.2)
            except queue.Full:
                continue
            return

    async def _work(self, link: Link) -> int:
        """Work in what has arrived; returns how many messages."""
        messages: list[Message] = []
        while len(messages) < BATCH and not self._queue.empty():
            messages.append(self._queue.get_nowait())
        if not messages:
            return 0
        rows: list[Row] = []
        received: list[int] = []
        repeats = born = False
        for message in messages:
            out = self.host.take(message.topic, message.payload, message.received_us)
            rows += out.rows
            received += [message.received_us] * len(out.rows)
            repeats, born = repeats or out.repeats, born or out.born
            self._report(message, out.problem)
            self._report_unknown(message.topic, out)
            if out.rebirth:
                link.ask_rebirth(*out.rebirth)
        if born:
            self.health.message = self._words()
            await asyncio.to_thread(self._keep_births)
        await self._hand_on(self._frame(rows, received), link, messages, repeats=repeats)
        return len(messages)

    async def _hand_on(self, rows: pl.DataFrame, link: Link, messages: list[Message], *, repeats: bool) -> None:
        if repeats or link.young:
            rows = self.seen.fresh(rows)
        self.seen.remember(rows)
        if not rows.is_empty():
            self.health.saw(rows.height, datetime.now(UTC))
        await self.intake.put(rows, lambda: link.acknowledge(messages))

    def _frame(self, rows: list[Row], received: list[int]) -> pl.DataFrame:
        names = {"us": pl.Int64(), "tag": pl.String(), "value": pl.Float64(), "text": pl.String(), "status": pl.Int64()}
        frame = pl.DataFrame(rows, schema=names, orient="row")
        return frame.with_columns(
            ts=as_instant(frame["us"]),
            server_at=pl.lit(None, dtype=ROWS["server_at"]),
            received_at=as_instant(received),
            source=pl.lit(self.source.name),
        ).select(*ROWS)

    def _report(self, message: Message, problem: str | None) -> None:
        if problem is None:
            return
        reason, _, found = problem.partition(": ")
        row = {
            "position": [message.received_us],
            "reason": [reason],
            "message": [f"{found}; the edge node was asked for its births"],
            "payload": [json.dumps({"topic": message.topic, "payload": base64.b64encode(message.payload).decode()})],
            "booked": [False],
        }
        now = datetime.now(UTC)
        aside = set_aside(pl.DataFrame(row), source=self.source.name, origin=message.topic, segment="live", now=now)
        self.intake.report(aside)

    def _report_unknown(self, topic: str, out: Outcome) -> None:
        """Report, once each, the tags whose edge node or device was born without their metric."""
        self._unknown -= set(out.known)
        for tag in (t for t in out.unknown if t not in self._unknown):
            found = (
                f"metric of address {self._addresses[tag]!r} is not in the birth {topic}; born are {_some(out.names)}: "
                "correct address in plant.toml and restart the collector, or let the edge node publish it"
            )
            logger.error("source %s, tag %s: %s", self.source.name, tag, found)
            now = datetime.now(UTC)
            aside = one_aside("unknown_metric", found, source=self.source.name, origin=tag, segment="live", now=now)
            self.intake.report(aside)
        self._unknown |= set(out.unknown)

    def _words(self) -> str:
        unborn = self.host.unborn()
        return f"{len(unborn)} tag(s) in no birth so far: {_some(unborn)}" if unborn else ""

    def _keep_births(self) -> None:
        self.births.parent.mkdir(parents=True, exist_ok=True)
        aside = self.births.with_suffix(".new")
        with aside.open("w") as handle:
            json.dump(self.host.dump(), handle)
            handle.flush()
            os.fsync(handle.fileno())
        aside.rename(self.births)


def _some(names: Sequence[str]) -> str:
    more = f" and {len(names) - NAMED} more" if len(names) > NAMED else ""
    return f"{', '.join(sorted(names)[:NAMED]) or 'none'}{more}"
