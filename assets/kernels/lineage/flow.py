"""How much of an origin is in each lot: shares handed on from lot to lot in proportion, and circles found on the way.

What leaves a lot is taken to be mixed as the lot is: a link that took q of a parent of which m was made carries q / m
of everything that is in the parent. Shares have no unit: nothing is converted between the units of two materials.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from assets.kernels.lineage.graph import NONE, Direction, Floats, Genealogy, Ints, Reached, reach

Flags = NDArray[np.bool_]


@dataclass(frozen=True)
class Trace:
    """What was reached, with quantities. Arrays are as long as `reached.lots` unless said.

    `amount`, forward: quantity of the origin that is in the lot, in the origin's unit. Back: share (0..1) of the lot
    that is in the target. NaN where a quantity on the way is not known, and in and beyond a circle of links.
    `share`: by link, the share of the parent that it took. `circular`: the lot is part of a circle.
    """

    direction: Direction
    starts: Ints
    reached: Reached
    amount: Floats
    share: Floats
    circular: Flags


def trace(graph: Genealogy, starts: Ints, direction: Direction, still: Ints = NONE) -> Trace:
    """Walk from some lots and share their quantities out.

    Forward, the starts begin with the quantity they were made with; several starts make sense as a sum only in one
    unit, which is the caller's to know. Back, they begin with 1. What one start hands to another is not added: a
    start counts as a whole. Lots of `still` are starts that hand nothing on.
    """
    found = reach(graph, starts, direction, still)
    parent = found.lots[found.source if direction == "forward" else found.target]
    with np.errstate(divide="ignore", invalid="ignore"):
        share = np.asarray(graph.qty[found.edge], dtype=np.float64) / graph.made[parent]
    share = np.where(np.isfinite(share), share, np.nan)
    is_start = found.depth == 0
    begin = np.where(is_start, graph.made[found.lots] if direction == "forward" else 1.0, 0.0)
    amount, left = _handed_on(found, share, begin, is_start)
    circular = _circular(found, left)
    return Trace(direction, np.asarray(starts), found, amount, share, circular)


def _handed_on(found: Reached, share: Floats, begin: Floats, is_start: Flags) -> tuple[Floats, Flags]:
    """Amounts of all lots, those before first; and the lots that come in or after a circle, whose amount is NaN."""
    n = len(found.lots)
    order = np.argsort(found.source, kind="stable")
    source, target, part = found.source[order], found.target[order], share[order]
    first = np.searchsorted(source, np.arange(n + 1))
    waiting = np.bincount(target, minlength=n)
    adds = ~is_start[target]
    amount, left = np.array(begin, dtype=np.float64), np.ones(n, dtype=bool)
    ready = np.flatnonzero(waiting == 0)
    while ready.size:
        left[ready] = False
        count = first[ready + 1] - first[ready]
        ahead = np.cumsum(count) - count
        at = np.arange(int(count.sum())) + np.repeat(first[ready] - ahead, count)
        kept = at[adds[at]]
        np.add.at(amount, target[kept], amount[source[kept]] * part[kept])
        done = target[at]
        np.subtract.at(waiting, done, 1)
        ready = np.unique(done[waiting[done] == 0])
    amount[left] = np.nan
    return amount, left


def _circular(found: Reached, left: Flags) -> Flags:
    """Of the lots left over, those that are in a circle and not only beyond one."""
    inside = left.copy()
    keep = left[found.source] & left[found.target]
    source, target = found.source[keep], found.target[keep]
    while True:  # a lot that nothing left leads out of is beyond; what then has no way on, too
        goes_on = np.zeros(len(inside), dtype=bool)
        alive = inside[source] & inside[target]
        goes_on[source[alive]] = True
        ends = inside & ~goes_on
        if not ends.any():
            break
        inside &= ~ends
    return _on_circles(inside, source, target)


def _on_circles(inside: Flags, source: Ints, target: Ints) -> Flags:
    """Lots on a circle: those between two circles have ways in and on, but none back to themselves."""
    out = np.zeros(len(inside), dtype=bool)
    for group in groups(inside, source, target):
        out[group] = True
    return out


def circles(traced: Trace) -> list[list[int]]:
    """Each circle of links, or knot of circles, as the lot numbers that are in it, rising; empty when there is none."""
    found = traced.reached
    lots = [found.lots[group] for group in groups(traced.circular, found.source, found.target)]
    return sorted([int(lot) for lot in np.sort(group)] for group in lots)


def groups(inside: Flags, source: Ints, target: Ints) -> list[Ints]:
    """Strongly connected groups of more than one lot, and lots that lead to themselves, among those inside."""
    alive = inside[source] & inside[target]
    ways: dict[int, list[int]] = {int(i): [] for i in np.flatnonzero(inside)}
    for a, b in zip(source[alive].tolist(), target[alive].tolist(), strict=True):
        ways[a].append(b)
    return [np.array(g) for g in _Tarjan(ways).groups if len(g) > 1 or g[0] in ways[g[0]]]


class _Tarjan:
    """Strongly connected groups of a small graph, without recursion."""

    def __init__(self, ways: dict[int, list[int]]) -> None:
        self.ways, self.groups = ways, list[list[int]]()
        self._met: dict[int, int] = {}
        self._low: dict[int, int] = {}
        self._stack: list[int] = []
        self._stacked: set[int] = set()
        for start in ways:
            if start not in self._met:
                self._walk(start)

    def _walk(self, start: int) -> None:
        open_: list[tuple[int, int]] = [(start, 0)]
        while open_:
            lot, step = open_.pop()
            if step == 0:
                self._meet(lot)
            if step < len(self.ways[lot]):
                open_.append((lot, step + 1))
                way = self.ways[lot][step]
                if way not in self._met:
                    open_.append((way, 0))
                elif way in self._stacked:
                    self._low[lot] = min(self._low[lot], self._met[way])
                continue
            self._close(lot)
            if open_:
                before = open_[-1][0]
                self._low[before] = min(self._low[before], self._low[lot])

    def _meet(self, lot: int) -> None:
        self._met[lot] = self._low[lot] = len(self._met)
        self._stack.append(lot)
        self._stacked.add(lot)

    def _close(self, lot: int) -> None:
        if self._low[lot] != self._met[lot]:
            return
        group = [self._stack.pop()]
        while group[-1] != lot:
            group.append(self._stack.pop())
        self._stacked.difference_update(group)
        self.groups.append(group)
