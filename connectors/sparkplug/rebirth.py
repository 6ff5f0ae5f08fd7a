"""When to ask an edge node for its births: soon, but never in a storm and never for ever.

A node that does not answer is asked after 1, 2, 4 ... minutes, and no more after `UNANSWERED` times, until it sends a
birth by itself or the connection is new (then too no sooner than a minute after the last request). All nodes together
are asked at most `BURST` times at once and then `PER_S` a second: each request brings every metric of a node.
"""

from __future__ import annotations

from dataclasses import dataclass

Node = tuple[str, str]
"""Group and edge node."""
FIRST_US = 60_000_000
LONGEST_US = 3_600_000_000
UNANSWERED = 5
BURST = 20.0
PER_S = 2.0


@dataclass
class _Asked:
    times: int = 0
    next_us: int = 0


class Rebirths:
    """The requests of one connection."""

    def __init__(self) -> None:
        self._asked: dict[Node, _Asked] = {}
        self._wanted: dict[Node, None] = {}
        self._left = BURST
        self._at_us = 0

    def want(self, node: Node) -> None:
        """Births of a node are needed."""
        self._wanted[node] = None

    def born(self, node: Node) -> None:
        """A node has sent its births."""
        self._asked.pop(node, None)
        self._wanted.pop(node, None)

    def renew(self) -> None:
        """The connection is new: nodes that never answered get another chance, in their time."""
        for asked in self._asked.values():
            asked.times = 0

    def due(self, now_us: int) -> list[Node]:
        """The nodes to ask now, the longest waiting first."""
        self._left = min(BURST, self._left + max(0, now_us - self._at_us) * PER_S / 1e6)
        self._at_us = now_us
        out = []
        for node in list(self._wanted):
            asked = self._asked.setdefault(node, _Asked())
            if asked.times >= UNANSWERED or now_us < asked.next_us:
                del self._wanted[node]  # the next message that needs a birth wishes for it again
            elif self._left >= 1:
                del self._wanted[node]
                self._left -= 1
                asked.next_us = now_us + min(FIRST_US << asked.times, LONGEST_US)
                asked.times += 1
                out.append(node)
        return out

    def silent(self) -> list[Node]:
        """Nodes that were asked as often as we ask and never answered."""
        return [node for node, asked in self._asked.items() if asked.times >= UNANSWERED]
