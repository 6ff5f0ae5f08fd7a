"""The MQTT connection of a Sparkplug host (paho): login, STATE, subscription, acknowledgement by hand.

The host is the primary one: its retained STATE tells edge nodes to store while it is away. Messages
are subscribed with QoS 1 in a persistent session. What they mean: connectors.sparkplug.state.
"""

from __future__ import annotations

import asyncio
import json
import logging
import threading
from typing import Any, NamedTuple

import paho.mqtt.client as mqtt

from connectors.intake import now_us
from connectors.login import from_environment, needs_user
from connectors.sparkplug.state import NAMESPACE, rebirth_command
from plant.errors import SourceDownError, TerminalError
from plant.sources.live import SparkplugSource

logger = logging.getLogger(__name__)

CONNECT_S = 10.0
_LOOPBACK = {"127.0.0.1", "localhost", "::1"}


class Message(NamedTuple):
    """An MQTT message as it arrived."""

    topic: str
    payload: bytes
    mid: int
    qos: int
    received_us: int


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
            needs_user(self.source.name, self.source.password_env)
            return
        if not self.source.tls and self.source.host not in _LOOPBACK:
            raise TerminalError(
                f"source {self.source.name}: a password would travel in clear: set tls = true, or remove user_env"
            )
        name, word = self.source.user_env, self.source.password_env
        user = from_environment(self.source.name, "user_env", name)
        password = from_environment(self.source.name, "password_env", word) if word is not None else None
        self._client.username_pw_set(user, password)

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
