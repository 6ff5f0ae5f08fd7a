"""Messages that could not be read, on their way to the quarantine: each with its reason, a flood in few rows."""

from __future__ import annotations

import base64
import json
import logging
from collections import Counter
from collections.abc import Callable
from datetime import UTC, datetime

import polars as pl

from connectors.base import set_aside
from connectors.mqtt.link import Message

logger = logging.getLogger(__name__)

KEPT = 100
"""Messages kept whole per reason and minute; the others are counted."""
LONGEST_B = 65_536
"""Bytes of a payload that are kept."""
WINDOW_US = 60_000_000


class Asides:
    """Reports of one source. `report` takes bronze.quarantine rows."""

    def __init__(self, source: str, report: Callable[[pl.DataFrame], None]) -> None:
        self._source, self._report = source, report
        self._seen: Counter[str] = Counter()
        self._since_us = 0
        self._logged: set[str] = set()

    def add(self, reason: str, found: str, message: Message) -> None:
        """A message that could not be read, or a part of it. `found` says what was found, what is valid, what to do."""
        self.tick(message.received_us)
        if reason not in self._logged:
            self._logged.add(reason)
            logger.error("source %s, topic %s: %s: %s", self._source, message.topic, reason, found)
        self._seen[reason] += 1
        if self._seen[reason] <= KEPT:
            self._put(reason, found, message.topic, message.received_us, message.payload)

    def tick(self, now_us: int) -> None:
        """When a minute is over, report how many were not kept, and start a new one."""
        if now_us - self._since_us <= WINDOW_US:
            return
        for reason, count in self._seen.items():
            if count > KEPT:
                found = f"{count - KEPT} more messages within a minute, not kept; the first {KEPT} are"
                self._put(reason, found, "", now_us, b"")
        self._seen.clear()
        self._logged.clear()
        self._since_us = now_us

    def _put(self, reason: str, found: str, topic: str, at_us: int, payload: bytes) -> None:
        kept = base64.b64encode(payload[:LONGEST_B]).decode()
        row = {
            "position": [at_us],
            "reason": [reason],
            "message": [found],
            "payload": [json.dumps({"topic": topic, "bytes": len(payload), "payload": kept})],
            "booked": [False],
        }
        origin = topic or self._source
        aside = set_aside(pl.DataFrame(row), source=self._source, origin=origin, segment="live", now=datetime.now(UTC))
        self._report(aside)
