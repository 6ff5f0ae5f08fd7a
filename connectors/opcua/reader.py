"""OPC UA: one subscription per source, history for what was missed, whole batches to the intake.

Order that loses nothing and doubles nothing: subscribe and hold what comes, read the history since
the last stored value of each node, hand the history on, then hand on what was held less its repeats.
The same after every gap. Wire format: decode; reconnect: session; HistoryRead: history.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import polars as pl
from asyncua import ua
from asyncua.client.ua_client import UaClientState
from asyncua.ua.uaerrors import UaError

from connectors.base import one_aside
from connectors.gaps import Gap, confirmed, gap_rows, open_tags
from connectors.intake import WORDS, Intake, Seen, coded, now_us
from connectors.opcua.alive import Alive
from connectors.opcua.history import HistoryUnavailableError, read_current, read_history
from connectors.opcua.reader_nodes import nodes_of, wish_of
from connectors.opcua.refusals import explained
from connectors.opcua.security import believe_again, log_in, secure
from connectors.opcua.session import GapClient, GapSubscription
from connectors.opcua.session_items import Limits
from connectors.opcua.wire.columns import Columns, concat
from connectors.opcua.wire.rows import oldest_of, rows_of
from connectors.retry import Health
from plant.errors import SourceDownError
from plant.sources.live import OpcUaSource
from plant.sources.tags import Tag
from plant.units import duration

logger = logging.getLogger(__name__)

LONGEST_TICK_S = 1.0
"""Most seconds between two looks at what came, however seldom the spool is written (`Intake.every_s`)."""
HOLD_ROWS = 500_000
"""Values held in memory while history is read; above it the server is asked to queue."""
REFUSED_AGAIN_S = 60.0
FIRST_HISTORY = timedelta(days=7)
"""How far back history is read for a tag that was never stored."""


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
        self._live: list[tuple[int, Columns]] = []
        self._live_rows = 0
        self._gap = asyncio.Event()
        self._behind: set[int] | None = None
        self._overflows = 0
        self._without_history: set[int] = set()
        self._drained = asyncio.Event()
        self._refused: set[str] = set()
        self._plain: list[str] = []
        self._definitions = dict(tags)
        self._alive = Alive(source.name, tags, health)
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
            raise explained(error, self.source, self.root) from error
        finally:
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
        self._live, self._live_rows = [], 0
        publish_ms = duration(self.source.publish).total_seconds() * 1000
        sub = await GapSubscription.open(client, publish_ms, self._take, self._on_gap, self._alive.keep_alive_s)
        self._alive.follow(sub)
        self._behind, self._without_history = None, set()
        self._gap.set()
        await self._monitor(client, sub)
        self.health.up(self._words())
        asked = time.monotonic()
        while True:
            if self._gap.is_set() and not sub.restoring:
                await self._catch_up(client, sub)
            await self._drain()
            if not self._gap.is_set() and not sub.restoring:
                await self._hand_on(self._alive.again(self.seen, self._refused))
            await asyncio.sleep(min(self.intake.every_s, LONGEST_TICK_S))
            _check(client, sub)
            if sub.refused and time.monotonic() - asked > REFUSED_AGAIN_S:
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
        return "; ".join(filter(None, (self._warning, refused, overflows, plain)))

    async def _may_publish(self) -> None:
        await self.intake.open.wait()
        while self._live_rows > HOLD_ROWS:
            self._drained.clear()
            await self._drained.wait()

    def _take(self, columns: Columns) -> None:
        lost = columns.overflowed
        if len(lost):
            self._on_overflow(lost)
        self._live.append((now_us(), columns))
        self._live_rows += len(columns)

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
        self.health.message = self._words()
        readable = set(handles.tolist()) - self._without_history
        if readable and not self._gap.is_set():
            self._behind = readable
            self._gap.set()
        elif self._behind is not None:
            self._behind |= readable

    async def _catch_up(self, client: GapClient, sub: GapSubscription) -> None:
        """History since the last stored value of each node that is behind (None: all); live values wait meanwhile."""
        behind, self._behind = self._behind, None
        self._gap.clear()
        held = [at for _, columns in self._live if (at := oldest_of(columns)) is not None]
        started = min([datetime.now(UTC) - timedelta(seconds=60), *held])
        last = self.seen.since()
        first = datetime.now(UTC) - FIRST_HISTORY
        items = {h: i.node.nodeid for h, i in sub._monitored_items.items() if i.node is not None}
        items = {h: node for h, node in items.items() if behind is None or h in behind}
        since = {h: (node, last.get(self.nodes[node], first)) for h, node in items.items()}
        count, lacking = 0, set[int]()
        try:
            async for columns in read_history(client.uaclient.session, since, _limits(sub).history, lacking):
                count += await self._put_back(columns, started)
        except HistoryUnavailableError as error:
            lacking = set(items)
            logger.info("source %s: %s; nothing is read back", self.source.name, error)
        self._without_history |= lacking
        if behind is None:
            await self._tell_gap(client, {h: items[h] for h in lacking})
            self._lost_us = None
        log = logger.info if behind is None else logger.debug  # a short queue may overflow all day long
        log("source %s: %d values read back from history", self.source.name, count)

    async def _put_back(self, columns: Columns, started: datetime) -> int:
        rows = self.seen.fresh(self._rows(now_us(), columns))
        await self.intake.put(rows)
        self.seen.remember(rows.filter(pl.col("ts") >= started))
        self.seen.advance(rows)
        self.health.saw(rows.height, datetime.now(UTC))
        return rows.height

    async def _tell_gap(self, client: GapClient, nodes: dict[int, ua.NodeId]) -> None:
        """Rows that open and close the gap of nodes without history: what they showed meanwhile is not known."""
        away, self.health.away_since = self.health.away_since, None
        begin_us, reason = (self._lost_us, "disconnected") if away is None else (_us(away), "collector_stopped")
        tags = open_tags(self.seen.last, [self.nodes[node] for node in nodes.values()])
        if begin_us is None or not tags:
            return
        mine = self.seen.last.filter(pl.col("tag").is_in(tags), pl.col("ts") <= datetime.now(UTC))["ts"].max()
        begin_us = begin_us if mine is None else max(begin_us, _us(mine))
        rows = coded(gap_rows(Gap(self.source.name, tuple(tags), begin_us, None, reason)))
        shown = self._rows(now_us(), await read_current(client.uaclient.session, nodes))
        end_us = max(begin_us + 2, _us(shown["server_at"].max() or shown["received_at"].max()))
        rows = self.seen.fresh(pl.concat([rows, shown.filter(pl.col("tag").is_in(tags)), confirmed(shown, end_us)]))
        self.seen.remember(rows)
        await self.intake.put(rows)

    async def _drain(self) -> None:
        live, self._live, self._live_rows = self._live, [], 0
        if self._gap.is_set():  # a gap was found since: what came after it waits for the history
            self._live, self._live_rows = live + self._live, sum(len(c) for _, c in live)
            return
        self._drained.set()
        if not live:
            return
        rows = self._rows(live[-1][0], concat([columns for _, columns in live]))
        self.health.saw(await self._hand_on(self._alive.mended(rows)), datetime.now(UTC))

    async def _hand_on(self, rows: pl.DataFrame) -> int:
        if not rows.is_empty():
            rows = self.seen.fresh(rows)
            self.seen.remember(rows)
            await self.intake.put(rows)
        return rows.height

    def _rows(self, received_us: int, columns: Columns) -> pl.DataFrame:
        return rows_of(columns, received_us, self._tags, self._index, self.source.name)


def _limits(sub: GapSubscription) -> Limits:
    return sub.limits or Limits()


def _us(at: datetime) -> int:
    return int(at.timestamp() * 1_000_000)


def _check(client: GapClient, sub: GapSubscription) -> None:
    if sub.broken is not None:
        raise SourceDownError(f"subscription could not be restored: {sub.broken}")
    if client.state is UaClientState.DISCONNECTED:
        raise SourceDownError("connection lost")
