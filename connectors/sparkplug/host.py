"""Sparkplug B host application: births, data and deaths of one group, from messages to the intake.

MQTT: connectors.mqtt.messages, connectors.sparkplug.link; meaning of messages: connectors.sparkplug.state.
"""

from __future__ import annotations

import asyncio
import json
import logging
import os
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

import polars as pl

from connectors.base import one_aside
from connectors.health import Health
from connectors.intake import ROWS, Intake, Seen, now_us
from connectors.mqtt.link import Link, Message
from connectors.mqtt.messages import MessageReader, Taken, unforeseen
from connectors.repeats import Repeats, promises
from connectors.sparkplug.link import HostLink
from connectors.sparkplug.state import Host, Outcome
from plant.sources.live import SparkplugSource
from plant.sources.tags import Tag

logger = logging.getLogger(__name__)

NAMED = 20
"""Most names in one message."""


class SparkplugReader(MessageReader):
    """Hosts one Sparkplug group until cancelled. Arguments as `MessageReader`, `tags` with their settings.

    Births are remembered under root/spool/sparkplug.
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
        super().__init__(source, [name for name, _ in tags], intake, health, seen, root)
        self.source = source
        self.births = root / "spool" / "sparkplug" / f"{source.name}.json"
        self._addresses = {name: tag.address for name, tag in tags}
        self._unknown: set[str] = set()
        self._limit = source.max_payload_kib * 1024
        self.repeats = Repeats(source.name, promises(tags))
        self.host = Host({tag.address: name for name, tag in tags})
        if self.births.exists():
            self.host.load(json.loads(self.births.read_text()))

    def link(self) -> HostLink:
        """A connection that says STATE online, and offline when it ends."""
        return HostLink(self.source, self.arrived, self.root)

    def up(self, link: Link) -> set[str]:
        """Whether something was lost, the sequence numbers of the nodes will say."""
        self.host.reconnected(kept=link.session_present and not self.source.clean_start)
        doubted = [f"{g}/{e}/" for (g, e), edge in self.host.edges.items() if edge.doubted]
        lost = {t for a, t in self.host.tags.items() if not any(a.startswith(prefix) for prefix in doubted)}
        self.forget_gaps(lost)
        self._ask(link)
        return set()

    def tick(self, link: Link) -> None:
        """Nodes that still wait to be asked for their births."""
        super().tick(link)
        self._ask(link)

    def unchanged(self) -> pl.DataFrame:
        """Values that the nodes have not spoken of while they spoke of others."""
        last = self.seen.last
        rows = [self.repeats.due(last.filter(pl.col("tag").is_in(tags)), at) for tags, at in self.host.alive() if tags]
        # Received when the node spoke, by our clock: these rows are to add nothing to what is known of its clock.
        heard = pl.col("ts") + pl.duration(microseconds=round((self.health.skew_s or 0.0) * 1e6))
        return pl.concat([super().unchanged(), *rows]).with_columns(received_at=heard.cast(ROWS["received_at"]))

    def gap_opened(self, tags: Sequence[str]) -> None:
        """The next births say these values again."""
        self.host.turned_bad(list(tags))

    async def take(self, messages: Sequence[Message], link: Link) -> Taken:
        """Work messages in; what cannot be read is reported."""
        out, born = Taken(), False
        for message in messages:
            found = self._outcome(message, link)
            out.rows.extend(found.kept)
            out.received_us += [message.received_us] * len(found.kept)
            out.repeats |= found.repeats
            out.sure.update(found.sure)
            born |= found.born
            if found.settled:
                self.forget_gaps(found.settled)
            if found.problem:
                self.asides.add(*found.problem, message)
            if found.born:
                self._report_unknown(message.topic, found)
        self._ask(link)
        if born:
            self.health.message = self.words()
            await asyncio.to_thread(self._keep_births)
        return out

    def _outcome(self, message: Message, link: Link) -> Outcome:
        if isinstance(link, HostLink) and message.topic == link.state_topic:
            found = link.correct(message)
            return Outcome(problem=("foreign_state", found) if found else None)
        if len(message.payload) > self._limit:
            found = f"{len(message.payload)} bytes; at most {self._limit} are read: see max_payload_kib"
            return Outcome(problem=("payload_too_large", found))
        try:
            return self.host.take(message.topic, message.payload, message.received_us, dup=message.dup)
        except Exception as error:  # noqa: BLE001  unacknowledged, it would be sent again and stop the source for ever
            return Outcome(problem=unforeseen(error))

    def _ask(self, link: Link) -> None:
        if isinstance(link, HostLink):
            for node in self.host.rebirths.due(now_us()):
                link.ask_rebirth(*node)

    def _report_unknown(self, topic: str, out: Outcome) -> None:
        """Report, once each, the tags whose edge node or device was born without their metric."""
        self._unknown -= set(out.known)
        for tag in (t for t in out.unknown if t not in self._unknown):
            found = (
                f"metric of address {self._addresses[tag]!r} is not in the birth {topic}; born are {_some(out.names)}: "
                "correct address in plant.toml (a running collector takes it up), or let the edge node publish it"
            )
            logger.error("source %s, tag %s: %s", self.source.name, tag, found)
            now = datetime.now(UTC)
            aside = one_aside("unknown_metric", found, source=self.source.name, origin=tag, segment="live", now=now)
            self.intake.report(aside)
        self._unknown |= set(out.unknown)

    def words(self) -> str:
        """Tags that no birth has named, nodes that never answered."""
        unborn = self.host.unborn()
        words = [f"{len(unborn)} tag(s) in no birth so far: {_some(unborn)}"] if unborn else []
        silent = ["/".join(node) for node in self.host.rebirths.silent()]
        return "; ".join(words + ([f"no answer to requests for births: {_some(silent)}"] if silent else []))

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
