"""One MQTT connection (paho): TLS, login, session, subscription, acknowledgement by hand.

Subscribed with QoS 1 in a persistent session: what is published with QoS 1 while we are away, the broker keeps. A
message is acknowledged by the caller once its rows are durable.
"""

from __future__ import annotations

import asyncio
import logging
import ssl
import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import paho.mqtt.client as mqtt
from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties

from connectors.intake import now_us
from connectors.login import SELDOM, LoginRefusedError, from_environment, needs_user
from connectors.tls import context_of
from plant.errors import SourceDownError, TerminalError
from plant.sources.secured import Broker
from plant.units import duration

logger = logging.getLogger(__name__)

CONNECT_S = 10.0
KEEPALIVE_S = 15
YOUNG_US = 60_000_000
FILTERS = 100
"""Most filters in one SUBSCRIBE."""
LOGIN = {"Bad user name or password", "Not authorized"}
"""Reasons of a CONNACK: asked again seldom, many brokers and directories lock a user who is wrong too often."""
_LOOPBACK = {"127.0.0.1", "localhost", "::1"}


class Message(NamedTuple):
    """An MQTT message as it arrived."""

    topic: str
    payload: bytes
    mid: int
    qos: int
    received_us: int
    retain: bool = False
    dup: bool = False


class Link:
    """One MQTT connection, from CONNECT to the end. Callbacks run on paho's thread.

    Args:
        source: the broker's section of plant.toml.
        client_id: name of the session at the broker.
        filters: topic filters.
        arrived: called with every message, on paho's thread.
        root: --root, for the files of TLS.

    `session_present` says after `open` whether the broker still had our session.
    """

    def __init__(
        self, source: Broker, client_id: str, filters: Sequence[str], arrived: Callable[[Message], None], root: Path
    ) -> None:
        self.source, self.root, self._filters, self._arrived = source, root, list(filters), arrived
        self.where = f"MQTT broker {source.host}:{source.port}"
        self.lost = threading.Event()
        self.session_present = False
        self._ready = threading.Event()
        self._refused = ""
        self._login_refused = False
        self._waiting: set[int] = set()
        self.at_us = now_us()
        self._five = source.mqtt == "5"
        self._client = mqtt.Client(
            CallbackAPIVersion.VERSION2,
            client_id=client_id,
            clean_session=None if self._five else source.clean_start,
            protocol=MQTTProtocolVersion.MQTTv5 if self._five else MQTTProtocolVersion.MQTTv311,
            manual_ack=True,
            reconnect_on_failure=False,
        )
        self._client.connect_timeout = CONNECT_S
        self._client.on_connect = self._on_connect
        self._client.on_subscribe = self._on_subscribe
        self._client.on_disconnect = self._on_disconnect
        self._client.on_message = self._on_message

    @property
    def young(self) -> bool:
        """True in the first minute: what comes may be repeated from before."""
        return now_us() - self.at_us < YOUNG_US

    def will(self, topic: str, payload: str) -> None:
        """What the broker publishes (retained, QoS 1) when we are lost; before `open`."""
        self._client.will_set(topic, payload, qos=1, retain=True)

    async def open(self) -> None:
        """Connect and subscribe.

        Raises:
            SourceDownError: no connection, or the broker refuses (a login: LoginRefusedError).
            TerminalError: login or TLS that cannot work.
        """
        self._log_in()
        try:
            await asyncio.to_thread(self._connect)
        except ssl.SSLError as error:
            found = getattr(error, "verify_message", "") or error.reason or str(error)
            raise SourceDownError(
                f"{self.where}: TLS failed ({found}): check ca, client_cert, and that host is a name in the "
                "certificate of the broker"
            ) from error
        except OSError as error:
            raise SourceDownError(f"{self.where}: {error}; check host and port and that the broker runs") from error
        self._client.loop_start()
        if not await asyncio.to_thread(self._ready.wait, CONNECT_S) or self._refused:
            found = f"{self.where} refuses: {self._refused or 'no answer'}; check user, password and client_cert"
            raise LoginRefusedError(f"{found}; {SELDOM}") if self._login_refused else SourceDownError(found)

    def publish(self, topic: str, payload: str | bytes, qos: int = 0, *, retain: bool = False) -> mqtt.MQTTMessageInfo:
        """Send a message."""
        return self._client.publish(topic, payload, qos=qos, retain=retain)

    def close(self) -> None:
        """Disconnect. Blocks shortly."""
        self._client.disconnect()
        self._client.loop_stop()

    @property
    def connected(self) -> bool:
        """Whether the broker can be talked to."""
        return self._client.is_connected()

    def acknowledge(self, messages: Sequence[Message]) -> None:
        """PUBACK messages whose rows are durable."""
        for message in messages:
            if message.qos and not self.lost.is_set():
                self._client.ack(message.mid, message.qos)

    def on_ready(self) -> None:
        """Called on paho's thread when the broker has accepted us, before we subscribe."""

    def _connect(self) -> None:
        more: dict[str, Any] = {}
        if self._five:
            more = {"clean_start": self.source.clean_start, "properties": Properties(PacketTypes.CONNECT)}  # type: ignore[no-untyped-call]
            kept_s = 0 if self.source.clean_start else duration(self.source.session_expiry).total_seconds()
            more["properties"].SessionExpiryInterval = min(int(kept_s), 0xFFFF_FFFE)
        self._client.connect(self.source.host, self.source.port, KEEPALIVE_S, **more)

    def _log_in(self) -> None:
        context = context_of(self.source, self.root)
        if context is not None:
            self._client.tls_set_context(context)
        if self.source.user_env is None:
            needs_user(self.source.name, self.source.password_env)
            return
        if context is None and self.source.host not in _LOOPBACK and not self.source.allow_plain_password:
            raise TerminalError(
                f"source {self.source.name}: a password would travel in clear: set tls = true, or remove user_env, or "
                "set allow_plain_password = true for a network you trust"
            )
        name, word = self.source.user_env, self.source.password_env
        user = from_environment(self.source.name, "user_env", name)
        password = from_environment(self.source.name, "password_env", word) if word is not None else None
        self._client.username_pw_set(user, password)

    def _on_connect(self, client: mqtt.Client, _data: Any, flags: Any, reason: Any, _properties: Any) -> None:
        if reason.is_failure:
            self._refused = str(reason)
            self._login_refused = self._refused in LOGIN
            self._ready.set()
            return
        self.session_present = bool(flags.session_present)
        self.on_ready()
        for n in range(0, len(self._filters), FILTERS):
            _, mid = client.subscribe([(text, 1) for text in self._filters[n : n + FILTERS]])
            if mid is not None:
                self._waiting.add(mid)
        if not self._filters:
            self._ready.set()

    def _on_subscribe(self, _client: mqtt.Client, _data: Any, mid: int, reasons: Any, _properties: Any) -> None:
        if any(reason.is_failure for reason in reasons):
            self._refused = f"subscription ({', '.join({str(r) for r in reasons if r.is_failure})})"
        self._waiting.discard(mid)
        if not self._waiting:
            self._ready.set()

    def _on_disconnect(self, _client: mqtt.Client, _data: Any, _flags: Any, reason: Any, _properties: Any) -> None:
        self.lost.set()
        if not self._ready.is_set():
            self._refused = self._refused or f"connection closed ({reason})"
            self._ready.set()

    def _on_message(self, _client: mqtt.Client, _data: Any, message: mqtt.MQTTMessage) -> None:
        try:
            topic = message.topic
        except UnicodeDecodeError:
            topic = message._topic.decode("utf8", "backslashreplace")  # bytes that are no topic: reported with it
        self._arrived(
            Message(topic, bytes(message.payload), message.mid, message.qos, now_us(), message.retain, message.dup)
        )
