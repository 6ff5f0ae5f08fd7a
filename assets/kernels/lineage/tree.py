"""A trace as a tree to read: every lot once, below the lot it was first reached from."""

from __future__ import annotations

from dataclasses import dataclass

import polars as pl


@dataclass(frozen=True)
class Leaf:
    """One line of the tree. `also`: how many further lots it is linked to on the side it was reached from."""

    lot: str
    indent: int
    also: int


def tree(links: pl.DataFrame, starts: tuple[str, ...], direction: str, most: int) -> list[Leaf]:
    """At most `most` lines, depth first, in order of names. Ends on circular links.

    Args:
        links: parent_lot, child_lot of everything that was walked.
        starts: where the trace began.
        direction: 'forward' or 'back'.
        most: lines at most.
    """
    here, there = ("parent_lot", "child_lot") if direction == "forward" else ("child_lot", "parent_lot")
    pairs = links.select(here, there).unique().sort(here, there)
    on: dict[str, list[str]] = {}
    came: dict[str, int] = {}
    for a, b in pairs.iter_rows():
        on.setdefault(a, []).append(b)
        came[b] = came.get(b, 0) + 1
    lines: list[Leaf] = []
    seen = set(starts)
    open_ = [(lot, 0) for lot in sorted(starts, reverse=True)]
    while open_ and len(lines) < most:
        lot, indent = open_.pop()
        lines.append(Leaf(lot, indent, max(0, came.get(lot, 0) - (indent > 0))))
        fresh = [b for b in on.get(lot, []) if b not in seen]
        seen.update(fresh)
        open_ += [(b, indent + 1) for b in reversed(fresh)]
    return lines
