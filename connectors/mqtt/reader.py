"""Plain topics of a unified namespace: JSON or bare values, from messages to the intake."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence
from pathlib import Path

from connectors.health import Health
from connectors.intake import Intake, Seen
from connectors.mqtt.link import Link, Message
from connectors.mqtt.mapping import Mapping, Read
from connectors.mqtt.messages import MessageReader, Taken, unforeseen
from connectors.mqtt.rows import Rows
from plant.sources.live import MqttSource
from plant.sources.tags import Tag

NAMED = 20
"""Most names in one message."""


class MqttReader(MessageReader):
    """Reads the topics of one source until cancelled. Arguments as `MessageReader`, `tags` with their settings."""

    def __init__(
        self,
        source: MqttSource,
        tags: Sequence[tuple[str, Tag]],
        intake: Intake,
        health: Health,
        seen: Seen,
        root: Path,
    ) -> None:
        super().__init__(source, [name for name, _ in tags], intake, health, seen, root)
        self.source = source
        self.mapping = Mapping(source, tags)
        self._memory = root / "spool" / "mqtt" / f"{source.name}.json"
        self._kept: set[str] = set(json.loads(self._memory.read_text())) if self._memory.exists() else set()

    def link(self) -> Link:
        """A connection with the session of this source."""
        filters = list(self.source.subscribe) or self.mapping.topics
        client_id = self.source.client_id or f"shopfloor-{self.source.name}"
        return Link(self.source, client_id, filters, self.arrived, self.root)

    def up(self, link: Link) -> set[str]:
        """What is published with QoS 1 the broker has kept, when it still had our session."""
        sure = self._kept & set(self._tags) if link.session_present and not self.source.clean_start else set()
        self.forget_gaps(set(self._tags) - sure)
        return sure

    def gap_opened(self, tags: Sequence[str]) -> None:
        """Nothing to remember."""

    async def take(self, messages: Sequence[Message], link: Link) -> Taken:
        """Work messages in; what cannot be read is reported."""
        out, kept = Taken(), set(self._kept)
        for message in messages:
            tags = self.mapping.tags_of(message.topic)
            if not message.retain:  # what is published with QoS 0 no broker keeps while we are away
                kept = kept.union(tags) if message.qos else kept.difference(tags)
            taken = self._read(message)
            out.rows.extend(Rows(taken.rows))
            out.received_us += [message.received_us] * len(taken.rows)
            out.repeats |= message.retain
            for reason, found in taken.problems:
                self.asides.add(reason, found, message)
        if kept != self._kept:
            self._kept = kept
            await asyncio.to_thread(self._remember)
        words = self.words()
        if words != self.health.message:
            self.health.message = words
        return out

    def _read(self, message: Message) -> Read:
        try:
            return self.mapping.take(message)
        except Exception as error:  # noqa: BLE001  unacknowledged, it would be sent again and stop the source for ever
            return Read(problems=[unforeseen(error)])

    def _remember(self) -> None:
        """Which tags come with QoS 1, for the next start."""
        self._memory.parent.mkdir(parents=True, exist_ok=True)
        aside = self._memory.with_suffix(".new")
        aside.write_text(json.dumps(sorted(self._kept)))
        aside.replace(self._memory)

    def words(self) -> str:
        """Tags of which no message has said anything yet."""
        unmet = sorted(set(self._tags) - self.mapping.met)
        more = f" and {len(unmet) - NAMED} more" if len(unmet) > NAMED else ""
        return f"{len(unmet)} tag(s) in no message so far: {', '.join(unmet[:NAMED])}{more}" if unmet else ""
