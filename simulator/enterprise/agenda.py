"""The day book of the enterprise: what is to happen when, handled strictly in order of time."""

from __future__ import annotations

from collections.abc import Callable
from heapq import heappop, heappush


class Agenda:
    """Calls handlers at their instants (us). Of two at one instant the one entered first goes first."""

    def __init__(self) -> None:
        self._heap: list[tuple[int, int, Callable[[int], None]]] = []
        self._count = 0

    def at(self, at_us: int, handler: Callable[[int], None]) -> None:
        """Enter a handler; it is called with its instant."""
        self._count += 1
        heappush(self._heap, (at_us, self._count, handler))

    def run(self, end_us: int) -> None:
        """Handle everything before end_us, also what handlers enter on the way."""
        while self._heap and self._heap[0][0] < end_us:
            at, _, handler = heappop(self._heap)
            handler(at)
