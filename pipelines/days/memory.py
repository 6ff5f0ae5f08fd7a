"""Results that depend on one version of something, kept until another version takes its place.

A plan is made before every job of a build and at every tick of the sensor. What it reads of the whole history is
read once per version of a table in a process, and once per file of bronze at all.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable
from typing import Any, TypeVar
from weakref import WeakKeyDictionary

from warehouse.lake import Lake

T = TypeVar("T")


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
