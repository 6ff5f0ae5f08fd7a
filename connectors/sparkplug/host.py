"""Sparkplug B host application over MQTT (paho): births, data and deaths of one group.

The host is the primary one: its retained STATE tells edge nodes to store while it is away. Messages
are subscribed with QoS 1 in a persistent session and acknowledged by hand, after their rows are
durable. Meaning of messages: connectors.sparkplug.state.
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
from typing import Any, NamedTuple

import paho.mqtt.client as mqtt
import polars as pl

from connectors.base import set_aside
from connectors.intake import ROWS, Intake, Seen, as_instant, now_us
from connectors.retry import Health
from connectors.sparkplug.state import NAMESPACE, Host, Row, rebirth_command
from plant.errors import SourceDownError, TerminalError
from plant.model import SparkplugSource, Tag

logger = logging.getLogger(__name__)

TICK_S = 0.05
QUEUED = 10_000
"""Messages waiting to be read in; above it the socket is not read (back-pressure)."""
BATCH = 1_000
CONNECT_S = 10.0
_LOOPBACK = {"127.0.0.1", "localhost", "::1"}


class Message(NamedTuple):
    """An MQTT message as it arrived."""

    topic: str
    payload: bytes
    mid: int
    qos: int
    received_us: int


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
            self.health.up()
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
            if out.rebirth:
                link.ask_rebirth(*out.rebirth)
        if born:
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

    def _keep_births(self) -> None:
        self.births.parent.mkdir(parents=True, exist_ok=True)
        aside = self.births.with_suffix(".new")
        with aside.open("w") as handle:
            json.dump(self.host.dump(), handle)
            handle.flush()
            os.fsync(handle.fileno())
        aside.rename(self.births)


class Link:
    """One MQTT connection of the host: from CONNECT to the end. Callbacks run on paho's thread."""

    def __init__(self, source: SparkplugSource, arrived: Any) -> None:
        self.source, self._arrived = source, arrived
        self.where = f"MQTT broker {source.host}:{source.port}"
        self.lost = threading.Event()
        self._ready = threading.Event()
        self._refused = ""
        self._at_us = now_us()
        self._client = mqtt.Client(
            mqtt.CallbackAPIVersion.VERSION2,
            client_id=f"{source.host_id}-{source.name}",
            clean_session=False,
            manual_ack=True,
            reconnect_on_failure=False,
        )
        self._client.on_connect = self._on_connect
        self._client.on_disconnect = self._on_disconnect
        self._client.on_message = self._on_message
        self._client.will_set(self._state_topic, self._state(online=False), qos=1, retain=True)

    @property
    def young(self) -> bool:
        """True in the first minute: what comes may be repeated from before."""
        return now_us() - self._at_us < 60_000_000

    async def open(self) -> None:
        """Connect, subscribe, publish STATE online.

        Raises:
            OSError: no connection. SourceDownError: the broker refuses. TerminalError: bad login settings.
        """
        self._log_in()
        await asyncio.to_thread(self._client.connect, self.source.host, self.source.port, 15)
        self._client.loop_start()
        if not await asyncio.to_thread(self._ready.wait, CONNECT_S) or self._refused:
            raise SourceDownError(f"{self.where} refuses: {self._refused or 'no answer'}; check user and password")

    def close(self) -> None:
        """Say STATE offline where possible, then disconnect. Blocks shortly."""
        if self._client.is_connected():
            told = self._client.publish(self._state_topic, self._state(online=False), qos=1, retain=True)
            try:
                told.wait_for_publish(2.0)
            except (RuntimeError, ValueError):
                logger.debug("%s: STATE offline could not be published", self.where)
        self._client.disconnect()
        self._client.loop_stop()

    def acknowledge(self, messages: list[Message]) -> None:
        """PUBACK messages whose rows are durable."""
        for message in messages:
            if message.qos and not self.lost.is_set():
                self._client.ack(message.mid, message.qos)

    def ask_rebirth(self, group: str, edge: str) -> None:
        """Ask an edge node for its births (NCMD)."""
        logger.info("source %s: asking edge node %s/%s for its births", self.source.name, group, edge)
        self._client.publish(f"{NAMESPACE}/{group}/NCMD/{edge}", rebirth_command(now_us() // 1000), qos=0)

    @property
    def _state_topic(self) -> str:
        return f"{NAMESPACE}/STATE/{self.source.host_id}"

    def _state(self, *, online: bool) -> str:
        """The will and the birth of one connection carry the same time stamp (ms)."""
        return json.dumps({"online": online, "timestamp": self._at_us // 1000})

    def _log_in(self) -> None:
        if self.source.tls:
            self._client.tls_set()
        if self.source.user_env is None:
            return
        if not self.source.tls and self.source.host not in _LOOPBACK:
            raise TerminalError(
                f"source {self.source.name}: a password would travel in clear: set tls = true, or remove user_env"
            )
        user = os.environ.get(self.source.user_env)
        if user is None:
            raise TerminalError(f"source {self.source.name}: variable {self.source.user_env} (user_env) is not set")
        self._client.username_pw_set(user, os.environ.get(self.source.password_env or ""))

    def _on_connect(self, client: mqtt.Client, _data: Any, _flags: Any, reason: Any, _properties: Any) -> None:
        if reason.is_failure:
            self._refused = str(reason)
        else:
            client.subscribe(f"{NAMESPACE}/{self.source.group}/#", qos=1)
            client.publish(self._state_topic, self._state(online=True), qos=1, retain=True)
        self._ready.set()

    def _on_disconnect(self, _client: mqtt.Client, _data: Any, _flags: Any, _reason: Any, _properties: Any) -> None:
        self.lost.set()

    def _on_message(self, _client: mqtt.Client, _data: Any, message: mqtt.MQTTMessage) -> None:
        self._arrived(Message(message.topic, message.payload, message.mid, message.qos, now_us()))
