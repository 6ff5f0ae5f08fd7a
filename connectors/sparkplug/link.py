"""The MQTT connection of a Sparkplug host: STATE, and the request for births.

The host is the primary one: its retained STATE tells edge nodes to store while it is away. Birth and will of one
connection carry the same time stamp, as Sparkplug 3.0 asks.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Callable
from pathlib import Path

from connectors.intake import now_us
from connectors.mqtt.link import Link, Message
from connectors.sparkplug.state import NAMESPACE, rebirth_command
from plant.sources.live import SparkplugSource

logger = logging.getLogger(__name__)

STATE_EVERY_US = 1_000_000
"""STATE is corrected no more often than this: two hosts of one id must not answer each other in a storm."""


class HostLink(Link):
    """One connection of the host: from CONNECT to the end."""

    def __init__(self, source: SparkplugSource, arrived: Callable[[Message], None], root: Path) -> None:
        self.state_topic = f"{NAMESPACE}/STATE/{source.host_id}"
        filters = [f"{NAMESPACE}/{source.group}/#", self.state_topic]
        super().__init__(source, f"{source.host_id}-{source.name}", filters, arrived, root)
        self._said_us = 0
        self.will(self.state_topic, self.state(online=False))

    def state(self, *, online: bool) -> str:
        """What STATE says of this connection (JSON, time stamp in ms)."""
        return json.dumps({"online": online, "timestamp": self.at_us // 1000})

    def on_ready(self) -> None:
        """Publish STATE online."""
        self._say_online()

    def correct(self, message: Message) -> str | None:
        """Say STATE online again when somebody else has said something else.

        Returns what was found, where that was no will of an older connection of ours.
        """
        if message.payload == self.state(online=True).encode():
            return None
        if now_us() - self._said_us >= STATE_EVERY_US:
            self._say_online()
        older = _stamp(message.payload)
        if message.retain or (older is not None and older <= self.at_us // 1000):
            return None
        return (
            f"somebody published STATE of this host: {message.payload[:80]!r}; edge nodes may have stopped for it. It "
            "was said right again: give every host an id of its own (host_id), and let only this one write its STATE"
        )

    def close(self) -> None:
        """Say STATE offline where possible, then disconnect. Blocks shortly."""
        if self.connected:
            told = self.publish(self.state_topic, self.state(online=False), qos=1, retain=True)
            try:
                told.wait_for_publish(2.0)
            except (RuntimeError, ValueError):
                logger.debug("%s: STATE offline could not be published", self.where)
        super().close()

    def ask_rebirth(self, group: str, edge: str) -> None:
        """Ask an edge node for its births (NCMD)."""
        logger.info("source %s: asking edge node %s/%s for its births", self.source.name, group, edge)
        self.publish(f"{NAMESPACE}/{group}/NCMD/{edge}", rebirth_command(now_us() // 1000), qos=0)

    def _say_online(self) -> None:
        self._said_us = now_us()
        self.publish(self.state_topic, self.state(online=True), qos=1, retain=True)


def _stamp(payload: bytes) -> int | None:
    """The time stamp (ms) of a STATE that says offline; None for anything else."""
    try:
        said = json.loads(payload)
    except (ValueError, RecursionError):
        return None
    if not isinstance(said, dict) or said.get("online") is not False:
        return None
    stamp = said.get("timestamp")
    return stamp if isinstance(stamp, int) and not isinstance(stamp, bool) else None
