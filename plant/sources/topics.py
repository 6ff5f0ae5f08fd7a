"""Addresses of values in MQTT messages: a topic, and the path of the value in its JSON.

`plant/press/telemetry#$.data.temp`; `$.samples[*].temp` is one value for each element of an array, `$.v[0]` one
element, `$['odd name']` a name with dots. A topic without `#` means the whole payload: a bare number or text.
A level that is `+` stands for any one level, as in `plant/+/press/telemetry#$.data.temp`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from plant.errors import TerminalError

Step = str | int
_STEP = re.compile(r"\.([^.\[\]'\"]+)|\[(\d{1,6})\]|\[(\*)\]|\[(['\"])(.+?)\4\]")
LONGEST_TOPIC = 65_535


class PathError(TerminalError):
    """A topic or a path cannot be read; the message says what is valid."""


@dataclass(frozen=True)
class Path:
    """Steps to a value: names and positions before an array, and those inside each of its elements.

    `each` is None where the path has no `[*]`.
    """

    head: tuple[Step, ...]
    each: tuple[Step, ...] | None = None


WHOLE = Path(())
"""The whole payload."""


def path_of(text: str) -> Path:
    """Read a path.

    >>> path_of("$.samples[*].temp")
    Path(head=('samples',), each=('temp',))

    Raises:
        PathError: not a path.
    """
    steps: list[Step | None] = []
    at = 1
    while text[:1] == "$" and at < len(text):
        match = _STEP.match(text, at)
        if not match:
            break
        name, number, star, _, quoted = match.groups()
        steps.append(None if star else int(number) if number else name or quoted)
        at = match.end()
    if text[:1] != "$" or at < len(text) or steps.count(None) > 1:
        raise PathError(f"a path from $ with names, [numbers] and at most one [*]; {text!r} is none")
    cut = steps.index(None) if None in steps else len(steps)
    head, each = ([s for s in part if s is not None] for part in (steps[:cut], steps[cut:]))
    return Path(tuple(head), tuple(each) if cut < len(steps) else None)


def topic_of(address: str) -> tuple[str, Path]:
    """Topic (a filter where a level of it is `+`) and path of a tag's address.

    >>> topic_of("hall/meter")
    ('hall/meter', Path(head=(), each=None))

    Raises:
        PathError: no topic, a `+` that is not a whole level, nothing but `+`, or no path behind the `#`.
    """
    topic, mark, path = address.partition("#")
    levels = topic.split("/")
    odd = any("+" in level and level != "+" for level in levels) or all(level == "+" for level in levels)
    if not topic or odd or "\0" in topic or len(topic.encode()) > LONGEST_TOPIC:
        raise PathError(
            "a topic (a level of it may be +, for any one), then # and a path, or the topic alone for a bare value"
        )
    return topic, path_of(path) if mark else WHOLE


def is_pattern(topic: str) -> bool:
    """Whether a topic of an address stands for many."""
    return "+" in topic


def covers(pattern: str, topic: str) -> bool:
    """Whether a topic, or every topic another pattern stands for, is one the pattern stands for.

    A `+` at the beginning stands for no level that begins with `$`, as brokers have it.

    >>> covers("plant/+/temp", "plant/a/temp"), covers("plant/+/temp", "plant/a/b/temp"), covers("+/x", "$SYS/x")
    (True, False, False)
    """
    ours, theirs = pattern.split("/"), topic.split("/")
    if len(ours) != len(theirs) or (ours[0] == "+" and theirs[0].startswith("$")):
        return False
    return all(a in {"+", b} for a, b in zip(ours, theirs, strict=True))
