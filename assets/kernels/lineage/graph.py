"""Walks over lot links: every lot that can be reached from some, each once, however the links run in circles."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal, Protocol

import numpy as np
from numpy.typing import NDArray

Ints = NDArray[np.integer[Any]]
Floats = NDArray[np.float64]
Direction = Literal["forward", "back"]


class Genealogy(Protocol):
    """Lot links by parent and by child. Lots are numbers 0..n-1; links are numbered in order of their parent."""

    @property
    def made(self) -> Floats:
        """Quantity each lot was made or received with, in its own unit; NaN where it is not known. Length n."""

    @property
    def qty(self) -> Floats:
        """Quantity of the parent a link consumed, in the parent's unit; NaN where it is not known. Length m."""

    @property
    def out_start(self) -> Ints:
        """Links of parent i are out_start[i]..out_start[i+1]. Length n + 1."""

    @property
    def out_to(self) -> Ints:
        """Child of each link. Length m."""

    @property
    def in_start(self) -> Ints:
        """Places of child i are in_start[i]..in_start[i+1] in `in_from` and `in_edge`. Length n + 1."""

    @property
    def in_from(self) -> Ints:
        """Parent, in order of the child. Length m."""

    @property
    def in_edge(self) -> Ints:
        """Number of the link, in order of the child. Length m."""


@dataclass(frozen=True)
class Reached:
    """What a walk found.

    `lots`: rising lot numbers, with `depth`: fewest steps from a start (0: a start). `source`, `target`: places in
    `lots` of the nearer and the farther end of every link walked, with `edge`: its number. Every link out
    of a lot that was reached is in here once.
    """

    lots: Ints
    depth: Ints
    source: Ints
    target: Ints
    edge: Ints


NONE: Ints = np.empty(0, dtype=np.int64)


def reach(graph: Genealogy, starts: Ints, direction: Direction, still: Ints = NONE) -> Reached:
    """Every lot made from the starts (forward), or every lot that went into them (back), the starts included.

    Lots of `still` are starts that are not walked from.
    Work and memory follow what is found, not the size of the graph. Ends on any graph: a lot is walked from once.
    """
    first = graph.out_start if direction == "forward" else graph.in_start
    there = graph.out_to if direction == "forward" else graph.in_from
    seen = np.zeros(len(graph.made), dtype=bool)  # pages that are never touched cost nothing
    front = np.unique(np.asarray(starts, dtype=np.int64))
    both = np.union1d(front, np.asarray(still, dtype=np.int64))
    seen[both] = True
    lots, sources, targets, places = [both], [], [], []
    while front.size:
        at, count = _places(first, front)
        found = np.asarray(there[at], dtype=np.int64)
        sources.append(np.repeat(front, count))
        targets.append(found)
        places.append(at)
        front = np.unique(found[~seen[found]])
        seen[front] = True
        lots.append(front)
    return _local(lots, sources, targets, places, graph if direction == "back" else None)


def _places(first: Ints, front: Ints) -> tuple[Ints, Ints]:
    """Places of all links of the lots of a front, and how many each has."""
    begin = np.asarray(first[front], dtype=np.int64)
    count = np.asarray(first[front + 1], dtype=np.int64) - begin
    ahead = np.cumsum(count) - count
    return np.arange(int(count.sum()), dtype=np.int64) + np.repeat(begin - ahead, count), count


def _local(
    lots: Sequence[Ints],
    sources: Sequence[Ints],
    targets: Sequence[Ints],
    places: Sequence[Ints],
    by_child: Genealogy | None,
) -> Reached:
    """Number what was found from 0 on."""
    found = np.concatenate(lots)
    depth = np.repeat(np.arange(len(lots)), [len(front) for front in lots])
    order = np.argsort(found, kind="stable")
    known = found[order]
    at = np.concatenate(places) if places else np.empty(0, dtype=np.int64)
    edge = at if by_child is None else np.asarray(by_child.in_edge[at], dtype=np.int64)
    ends = [np.concatenate(e) if e else np.empty(0, dtype=np.int64) for e in (sources, targets)]
    source, target = (np.searchsorted(known, end) for end in ends)
    return Reached(known, depth[order], source, target, edge)
