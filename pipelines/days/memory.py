"""Results that depend on one version of something, kept until another version takes its place.

A plan is made before every job of a build and at every tick of the sensor. What it reads of the whole history is
read once per version of a table in a process, and once per file of bronze at all.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Hashable
from typing import Any, TypeVar
from weakref import WeakKeyDictionary

from pipelines.days.fingerprints import fingerprints
from warehouse.lake import Lake
from warehouse.snapshot import Snapshot

T = TypeVar("T")
LOOK_S = 30
"""So long it is believed that no file of a version was deleted from disk behind our back."""


class Memory:
    """Holds one result a name, for the key it was made of."""

    def __init__(self) -> None:
        self._held: dict[Hashable, tuple[Hashable, Any]] = {}

    def of(self, name: Hashable, key: Hashable, make: Callable[[], T]) -> T:
        """The result held for this key, else a new one in its place."""
        held = self._held.get(name)
        if held is None or held[0] != key:
            held = self._held[name] = (key, make())
        result: T = held[1]
        return result


_OF: WeakKeyDictionary[Lake, Memory] = WeakKeyDictionary()


def memory_of(lake: Lake) -> Memory:
    """The memory that goes with a lake object, shared by the plans of a process."""
    return _OF.setdefault(lake, Memory())


def prints_of(memory: Memory, name: str, snapshot: Snapshot | None) -> dict[str, str]:
    """`fingerprints` of a table at a version, made once in `LOOK_S`: it looks at every file on disk."""
    key = None if snapshot is None else (snapshot.version, int(time.monotonic() // LOOK_S))
    return memory.of(("prints", name), key, lambda: fingerprints(snapshot))
