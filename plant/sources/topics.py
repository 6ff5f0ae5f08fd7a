"""Addresses of values in MQTT messages: a topic, and the path of the value in its JSON.

`plant/press/telemetry#$.data.temp`; `$.samples[*].temp` is one value for each element of an array, `$.v[0]` one
element, `$['odd name']` a name with dots. A topic without `#` means the whole payload: a bare number or text.
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
    """Topic and path of a tag's address.

    >>> topic_of("hall/meter")
    ('hall/meter', Path(head=(), each=None))

    Raises:
        PathError: no topic, a wildcard in it, or no path behind the `#`.
    """
    topic, mark, path = address.partition("#")
    if not topic or "+" in topic or "\0" in topic or len(topic.encode()) > LONGEST_TOPIC:
        raise PathError("a topic without + and #, then # and a path, or the topic alone for a bare value")
    return topic, path_of(path) if mark else WHOLE
