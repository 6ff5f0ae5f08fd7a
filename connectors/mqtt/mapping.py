"""From the messages of plain topics to readings: JSON paths, time stamps, qualities. No network here."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from connectors.mqtt.link import Message
from connectors.mqtt.rows import Row
from plant.sources.live import MqttSource
from plant.sources.tags import Tag
from plant.sources.topics import Path, covers, is_pattern, path_of, topic_of
from plant.states import BAD_NO_COMMUNICATION

LAST_USABLE = 0x40900000
"""Uncertain_LastUsableValue: a retained message without a time stamp; nobody knows when it was true."""
BAD = 0x80000000
UNCERTAIN = 0x40000000
LATEST_US = 253_402_300_799_000_000
_PER = {"s": (1_000_000, 1), "ms": (1_000, 1), "us": (1, 1), "ns": (1, 1_000)}
"""To microseconds: times, divided by."""
_MISSING = object()
REMEMBERED = 10_000
"""Topics whose tags are remembered, for addresses with `+`; anybody may publish under ever new ones."""


class TimeError(ValueError):
    """A time stamp that cannot be read."""


@dataclass(frozen=True)
class Wanted:
    """A tag of a topic: where its value stands, and whether it is text."""

    tag: str
    path: Path
    text: bool


@dataclass
class Read:
    """What a message meant: rows, and (reason, what was found) of what could not be read."""

    rows: list[Row] = field(default_factory=list)
    problems: list[tuple[str, str]] = field(default_factory=list)


class Mapping:
    """The topics of one source. `topics` are those its tags name. No message makes a tag: it feeds those there are."""

    def __init__(self, source: MqttSource, tags: Sequence[tuple[str, Tag]]) -> None:
        self._exact: dict[str, list[Wanted]] = {}
        self._patterns: dict[str, list[Wanted]] = {}
        self._found: dict[str, list[Wanted]] = {}
        for name, tag in tags:
            topic, path = topic_of(tag.address)
            place = self._patterns if is_pattern(topic) else self._exact
            place.setdefault(topic, []).append(Wanted(name, path, tag.type == "string"))
        self._at = path_of(source.timestamp) if source.timestamp else None
        self._format, self._zone = source.timestamp_format, ZoneInfo(source.timezone)
        self._quality = path_of(source.quality) if source.quality else None
        self._good = source.quality_good
        self._limit = source.max_payload_kib * 1024
        self.met: set[str] = set()

    @property
    def topics(self) -> list[str]:
        """Topics and filters that tags are read from; none that another covers, else a broker may send it twice."""
        named = [*self._patterns, *self._exact]
        return [t for t in named if not any(covers(p, t) for p in self._patterns if p != t)]

    def tags_of(self, topic: str) -> list[str]:
        """Tags that are read from a topic."""
        return [wanted.tag for wanted in self._wanted(topic)]

    def _wanted(self, topic: str) -> list[Wanted]:
        if not self._patterns:
            return self._exact.get(topic, [])
        if topic not in self._found:
            if len(self._found) >= REMEMBERED:
                self._found.clear()
            fitting = [wanted for pattern, wanted in self._patterns.items() if covers(pattern, topic)]
            self._found[topic] = [one for wanted in (self._exact.get(topic, []), *fitting) for one in wanted]
        return self._found[topic]

    def take(self, message: Message) -> Read:
        """Read one message. A topic that no tag names means nothing."""
        wanted = self._wanted(message.topic)
        if not wanted:
            return Read()
        if len(message.payload) > self._limit:
            found = f"{len(message.payload)} bytes; at most {self._limit} are read: send less, or raise max_payload_kib"
            return Read(problems=[("payload_too_large", found)])
        try:
            content = self._content(message.payload, wanted)
        except (ValueError, RecursionError) as error:
            said = str(error) or type(error).__name__
            return Read(problems=[("bad_payload", f"{said}; valid is JSON in UTF-8: correct the publisher")])
        out = Read()
        for one in wanted:
            self._read(one, content, message, out)
        return out

    def _content(self, payload: bytes, wanted: Sequence[Wanted]) -> Any:
        """The JSON of a payload; bare text where only whole payloads are wanted and it is no JSON."""
        bare = all(one.path.head == () and one.path.each is None for one in wanted)
        try:
            return json.loads(payload)
        except UnicodeDecodeError:
            raise
        except ValueError:
            if bare and payload:
                return payload.decode()
            raise

    def _read(self, one: Wanted, content: Any, message: Message, out: Read) -> None:
        for n, value in _values(one.path, content):
            self.met.add(one.tag)
            try:
                at_us, stamped = self._time(content, n, message)
            except TimeError as error:
                out.problems.append(("bad_timestamp", f"tag {one.tag}: {error}"))
                continue
            try:
                number, text = _typed(value, text=one.text)
            except (TypeError, OverflowError) as error:
                out.problems.append(("wrong_type", f"tag {one.tag}: {error}"))
                continue
            status = self._status(content, n, missing=value is None)
            if status == 0 and message.retain and not stamped:
                status = LAST_USABLE
            out.rows.append((at_us, one.tag, number, text, status))

    def _time(self, content: Any, n: int, message: Message) -> tuple[int, bool]:
        """Source time (us), and whether the message says it."""
        if self._at is None:
            return message.received_us, False
        found = _at(self._at, content, n)
        if found is _MISSING:
            raise TimeError("no time stamp where the source's `timestamp` says: correct the path or the publisher")
        return _instant(found, self._format, self._zone), True

    def _status(self, content: Any, n: int, *, missing: bool) -> int:
        if missing:
            return BAD_NO_COMMUNICATION
        if self._quality is None:
            return 0
        found = _at(self._quality, content, n)
        if found is _MISSING or found is None:
            return UNCERTAIN
        return 0 if any(found == good and type(found) is type(good) for good in self._good) else BAD


def _values(path: Path, content: Any) -> Iterator[tuple[int, Any]]:
    """Position in the array (0 where there is none) and value; nothing where the path leads nowhere."""
    found = _step(content, path.head)
    if path.each is None:
        if found is not _MISSING:
            yield 0, found
    elif isinstance(found, list):
        for n, element in enumerate(found):
            if (value := _step(element, path.each)) is not _MISSING:
                yield n, value


def _at(path: Path, content: Any, n: int) -> Any:
    """The value a path names for the n-th element of an array."""
    found = _step(content, path.head)
    if path.each is None or found is _MISSING:
        return found
    return _step(found[n], path.each) if isinstance(found, list) and n < len(found) else _MISSING


def _step(content: Any, steps: Sequence[str | int]) -> Any:
    for step in steps:
        if isinstance(step, str) and isinstance(content, dict):
            content = content.get(step, _MISSING)
        elif isinstance(step, int) and isinstance(content, list) and step < len(content):
            content = content[step]
        else:
            return _MISSING
    return content


def _typed(value: Any, *, text: bool) -> tuple[float | None, str | None]:
    """Number and text of a JSON value.

    Raises:
        TypeError: a text where a number is wanted, a number where a text is, an array, an object.
        OverflowError: an integer no float holds.
    """
    if value is None:
        return None, None
    if text and isinstance(value, str):
        return None, value
    if not text and isinstance(value, bool | int | float):
        return float(value), None
    words = {str: "text", bool: "true or false", int: "number", float: "number", list: "array", dict: "object"}
    valid = 'a text, since its type is "string"' if text else 'a number or true or false; texts need type = "string"'
    raise TypeError(f"found {words.get(type(value), 'something')} {str(value)[:80]!r}; valid is {valid}")


def _instant(found: Any, style: str, zone: ZoneInfo) -> int:
    """Microseconds since 1970.

    >>> _instant("2026-11-22T10:00:00+01:00", "iso", ZoneInfo("UTC")), _instant(1700000000123, "ms", ZoneInfo("UTC"))
    (1795338000000000, 1700000000123000)

    Raises:
        TimeError: not a time stamp of that style.
    """
    try:
        if style == "iso":
            at = datetime.fromisoformat(found)
            aware = at if at.tzinfo else at.replace(tzinfo=zone)
            us = round(aware.timestamp() * 1e6)
        elif isinstance(found, bool) or not isinstance(found, int | float | str):
            raise TypeError
        else:
            times, by = _PER[style]
            whole = isinstance(found, int) or (isinstance(found, str) and found.isdigit())
            us = int(found) * times // by if whole else round(float(found) * times / by)
    except (TypeError, ValueError, OverflowError) as error:
        words = {"iso": "ISO 8601"}.get(style, f"{style} since 1970")
        raise TimeError(f"time stamp {str(found)[:60]!r}; valid is {words} (timestamp_format)") from error
    if not 0 <= us <= LATEST_US:
        raise TimeError(f"time stamp {str(found)[:60]!r} is outside 1970 to 9999: check timestamp_format")
    return us
