"""What was made of a run's source tables, kept for the next SELECT that reads them, within bounds of memory."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Hashable
from typing import Generic, TypeVar

T = TypeVar("T")
MOST_BYTES = 512 * 1024 * 1024


class Kept(Generic[T]):
    """The values last used, up to a number of bytes; one that is larger alone is made each time it is asked for."""

    def __init__(self, size: Callable[[T], int], most_bytes: int = MOST_BYTES) -> None:
        self._size, self._most = size, most_bytes
        self._held: OrderedDict[Hashable, tuple[T, int]] = OrderedDict()

    def of(self, key: Hashable, make: Callable[[], T]) -> T:
        """The value kept for a key, else a new one, which stays until others push it out."""
        if key in self._held:
            self._held.move_to_end(key)
            return self._held[key][0]
        value = make()
        self._held[key] = (value, self._size(value))
        while sum(bytes_ for _, bytes_ in self._held.values()) > self._most:
            self._held.popitem(last=False)
        return value
