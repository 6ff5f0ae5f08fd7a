"""OPC UA: one subscription per source, history for what was missed, whole batches to the intake.

Order that loses nothing and doubles nothing: subscribe and hold what comes, look at what the nodes show, write down
the hole from the last stored value of each to there, then hand live values on, and read the hole back beside them.
The same after every gap. Wire format: wire; reconnect: client, session; holes: backfill, holes, history.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import cast

import numpy as np
import polars as pl
from asyncua import ua
from asyncua.client.ua_client import UaClientState
from asyncua.ua.uaerrors import UaError

from connectors.base import one_aside
from connectors.gaps import open_tags
from connectors.intake import WORDS, Intake, Seen, now_us
from connectors.login import LoginRefusedError
from connectors.opcua.alive import Alive
from connectors.opcua.backfill import Backfill
from connectors.opcua.client import GapClient
from connectors.opcua.history import read_current
from connectors.opcua.holes import Hole, ends_of
from connectors.opcua.live import Live
from connectors.opcua.reader_nodes import nodes_of, wish_of
from connectors.opcua.refusals import explained
from connectors.opcua.security import believe_again, log_in, secure
from connectors.opcua.session import GapSubscription
from connectors.opcua.session_items import Limits
from connectors.opcua.wire.columns import Columns
from connectors.opcua.wire.rows import rows_of
from connectors.retry import Health
from plant.errors import SourceDownError
from plant.sources.live import OpcUaSource
from plant.sources.tags import Tag
from plant.states import GapReason
from plant.units import duration

logger = logging.getLogger(__name__)

LONGEST_TICK_S = 1.0
"""Most seconds between two looks at what came, however seldom the spool is written (`Intake.every_s`)."""
HOLD_ROWS = 500_000
"""Values held in memory while history is read; above it the server is asked to queue."""
REFUSED_AGAIN_S = 60.0
REASON: GapReason = "disconnected"


class OpcUaReader:
    """Reads one OPC UA source until cancelled.

    Args:
        source: its section of plant.toml.
        tags: (tag id, tag) pairs of the source; the address is a node id such as `ns=2;s=cnc-1.state`.
        intake: where rows go.
        health: told about connection and values.
        seen: what is stored already.
        root: --root; certificates live under root/pki.
    """

    def __init__(
        self,
        source: OpcUaSource,
        tags: Sequence[tuple[str, Tag]],
        intake: Intake,
        health: Health,
        seen: Seen,
        root: Path,
    ) -> None:
        self.source, self.intake, self.health, self.seen, self.root = source, intake, health, seen, root
        self.nodes, self.bad = nodes_of(tags)
        self._live = Live(self._on_gap, self._on_overflow)
        self._gap = asyncio.Event()
        self._behind: set[int] | None = None
        self._overflows = 0
        self._drained = asyncio.Event()
        self._refused: set[str] = set()
        self._plain: list[str] = []
        self._definitions = dict(tags)
        self._alive = Alive(source.name, tags, health)
        nodes = {tag: node for node, tag in self.nodes.items()}
        self.backfill = Backfill(source.name, nodes, intake, health, seen, root)
        self._lost_us: int | None = None
        self._warning = ""
        self._tags = pl.Series([""], dtype=WORDS)
        self._index = np.zeros(0, "i4")

    async def run(self) -> None:
        """Connect and hand on values until cancelled.

        Raises:
            SourceDownError: the server cannot be reached, or was lost for good.
            TerminalError: the security settings cannot work.
        """
        client = GapClient(self.source.endpoint, timeout_s=10.0, gate=self._may_publish)
        try:
            await self._connect(client)
            await self._flow(client)
        except (TimeoutError, UaError, OSError) as error:
            found = explained(error, self.source, self.root)
            if client.reconnecting and isinstance(found, LoginRefusedError):
                logger.error("source %s: %s", self.source.name, found)  # else told by who tries again
            raise found from error
        finally:
            await self.backfill.stop()
            await client.close()

    async def _connect(self, client: GapClient) -> None:
        self._warning = await secure(client, self.source, self.root)
        log_in(client, self.source)
        client.connection_lost_callback = self._lost

        async def judge() -> None:
            self._warning = await believe_again(client, self.source, self.root, self._warning, self.health.down)

        client.before_reconnect = judge
        client.on_reconnected = lambda: self.health.up(self._words())
        await client.connect()

    async def _lost(self, error: Exception) -> None:
        if self._lost_us is None:
            self._lost_us = self._alive.at_us()
        self.health.down(f"connection to {self.source.endpoint} lost: {error}")

    async def _flow(self, client: GapClient) -> None:
        self._live = Live(self._on_gap, self._on_overflow)
        publish_ms = duration(self.source.publish).total_seconds() * 1000
        sub = await GapSubscription.open(client, publish_ms, self._live.take, self._on_gap, self._alive.keep_alive_s)
        self._alive.follow(sub)
        self._behind, self.backfill.lacking = None, set()
        self._gap.set()
        await self._monitor(client, sub)
        self.health.up(self._words())
        asked = time.monotonic()
        while True:
            if self._gap.is_set() and client.active and not sub.restoring:
                await self._open_hole(client, sub)
            await self._drain()
            await self.backfill.look(client, _limits(sub).history)
            if not self._gap.is_set() and not sub.restoring:
                await self._hand_on(self._alive.again(self.seen, self._refused | self.backfill.silent))
            if self.health.state == "connected":
                self.health.message = self._words()
            await asyncio.sleep(min(self.intake.every_s, LONGEST_TICK_S))
            _check(client, sub)
            if sub.refused and client.active and time.monotonic() - asked > REFUSED_AGAIN_S:
                asked = time.monotonic()
                await self._monitor(client, sub, only=set(sub.refused))

    async def _monitor(self, client: GapClient, sub: GapSubscription, only: set[str] | None = None) -> None:
        """Monitor the nodes, all or some; a refused one is reported and leaves the others alone."""
        nodes = [client.get_node(n) for n in self.nodes if only is None or n.to_string() in only]
        handles = await sub.add(
            [wish_of(node, self.source, self._definitions[self.nodes[node.nodeid]]) for node in nodes]
        )
        by_node = {node.to_string(): tag for node, tag in self.nodes.items()}
        self._tags = pl.Series([by_node[n] for n in handles.values()], dtype=WORDS)
        self._index = np.full(max(handles, default=0) + 1, -1, "i4")
        self._index[list(handles)] = np.arange(len(handles))
        refused = self.bad | {by_node[n]: f"{n} is refused with {why}" for n, why in sub.refused.items()}
        self._report(refused)
        self._plain = sorted(by_node[n] for n in sub.without_deadband)
        self.health.message = self._words()

    def _report(self, refused: dict[str, str]) -> None:
        for tag in refused.keys() - self._refused:
            found = f"node {refused[tag]}: put the right node id in plant.toml; asked again every minute"
            logger.error("source %s, tag %s: %s", self.source.name, tag, found)
            now = datetime.now(UTC)
            aside = one_aside("bad_node", found, source=self.source.name, origin=tag, segment="live", now=now)
            self.intake.report(aside)
        self._refused = set(refused)

    def _words(self) -> str:
        refused = f"{len(self._refused)} node(s) refused: {', '.join(sorted(self._refused))}" if self._refused else ""
        overflows = f"{self._overflows} overflow(s) of the server's queues" if self._overflows else ""
        plain = (
            f"dead-band not taken by the server, every change comes: {', '.join(self._plain)}" if self._plain else ""
        )
        return "; ".join(filter(None, (self._warning, refused, overflows, plain, self.backfill.words)))

    async def _may_publish(self) -> None:
        await self.intake.open.wait()
        while self._live.rows > HOLD_ROWS:
            self._drained.clear()
            await self._drained.wait()

    def _on_gap(self, why: str) -> None:
        logger.info("source %s: gap, %s", self.source.name, why)
        if self._lost_us is None:
            self._lost_us = self._alive.at_us()
        self._behind = None
        self._gap.set()

    def _on_overflow(self, handles: np.ndarray) -> None:
        """The server's queue of these nodes was too short: read what it lost from history, where there is one."""
        if not self._overflows:
            tags = sorted(self._tags[int(self._index[h])] for h in set(handles.tolist()) if h < len(self._index))
            logger.error(
                "source %s: the server's queue of %d values was too short for tag %s: raise queue or shorten publish "
                "in plant.toml; what it lost is read from its history where it has one; told once, then counted",
                self.source.name, self.source.queue, ", ".join(tags),
            )  # fmt: skip
        self._overflows += len(handles)
        lacking = self.backfill.lacking
        self.health.message = self._words()
        found = set(handles.tolist())
        readable = {h for h in found if h < len(self._index) and self._tags[int(self._index[h])] not in lacking}
        if readable and not self._gap.is_set():
            self._behind = readable
            self._gap.set()
        elif self._behind is not None:
            self._behind |= readable

    async def _open_hole(self, client: GapClient, sub: GapSubscription) -> None:
        """What is missing of the nodes that are behind (None: all), before the first live value behind it goes on."""
        self._live.decode()
        behind, self._behind = self._behind, None
        self._gap.clear()
        held = self._live.oldest()
        items = {h: i.node.nodeid for h, i in sub._monitored_items.items() if i.node is not None}
        items = {h: node for h, node in items.items() if behind is None or h in behind}
        shown = self._rows(now_us(), await read_current(client.uaclient.session, items))
        now_at = shown["server_at"].max() or datetime.now(UTC)  # its clock, not ours, which may be hours off
        late_at = min([cast("datetime", now_at) - timedelta(seconds=60), *held])
        before = self.seen.last
        begin_us, reason = self._outage(before, items.values()) if behind is None else (None, REASON)
        spans = self.backfill.spans(ends_of(shown), begin_us)
        await self.backfill.open(Hole(spans, before, shown, late_at, begin_us, reason))

    def _outage(self, before: pl.DataFrame, nodes: Iterable[ua.NodeId]) -> tuple[int | None, GapReason]:
        """The last moment before the gap at which the source was known, none where it was never; and why it began."""
        away, self.health.away_since = self.health.away_since, None
        begin_us, reason = (self._lost_us, REASON) if away is None else (_us(away), "collector_stopped")
        self._lost_us = None
        if begin_us is None:
            return None, reason
        tags = open_tags(before, [self.nodes[node] for node in nodes])
        mine = before.filter(pl.col("tag").is_in(tags), pl.col("ts") <= datetime.now(UTC))["ts"].max()
        return (begin_us if mine is None else max(begin_us, _us(cast("datetime", mine)))), reason

    async def _drain(self) -> None:
        self._live.decode()
        if self._gap.is_set():  # a gap was found since: what came after it waits for the history
            return
        live = self._live.given()
        self._drained.set()
        if live is None:
            return
        rows = self._rows(*live)
        self.health.saw(await self._hand_on(self._alive.mended(rows)), datetime.now(UTC))

    async def _hand_on(self, rows: pl.DataFrame) -> int:
        if not rows.is_empty():
            rows = self.seen.fresh(rows)
            self.seen.remember(rows)
            self.backfill.saw(rows)
            await self.intake.put(rows)
        return rows.height

    def _rows(self, received_us: int, columns: Columns) -> pl.DataFrame:
        return rows_of(columns, received_us, self._tags, self._index, self.source.name)


def _limits(sub: GapSubscription) -> Limits:
    return sub.limits or Limits()


def _us(at: datetime) -> int:
    return round(at.timestamp() * 1_000_000)


def _check(client: GapClient, sub: GapSubscription) -> None:
    if client.refused is not None:
        raise client.refused
    if sub.broken is not None:
        raise SourceDownError(f"subscription could not be restored: {sub.broken}")
    if client.state is UaClientState.DISCONNECTED:
        raise SourceDownError("connection lost")
