"""Lot genealogy in plain Python, one lot at a time: what the arrays of `assets.kernels.lineage` must agree with."""

from __future__ import annotations

from fractions import Fraction

Link = tuple[int, int, int]  # parent, child, quantity of the parent


def reached(links: list[Link], start: int, direction: str) -> dict[int, int]:
    """Every lot reached with the fewest steps to it."""
    steps, front = {start: 0}, [start]
    while front:
        following = []
        for lot in front:
            for parent, child, _ in links:
                a, b = (parent, child) if direction == "forward" else (child, parent)
                if a == lot and b not in steps:
                    steps[b] = steps[lot] + 1
                    following.append(b)
        front = following
    return steps


def ways(links: list[Link], start: int, end: int) -> list[tuple[list[int], list[Link]]]:
    """Every way from one lot to another along the links, with the links; no lot twice. For graphs without circles."""
    if start == end:
        return [([start], [])]
    out = []
    for link in links:
        if link[0] == start:
            out += [([start, *lots], [link, *taken]) for lots, taken in ways(links, link[1], end)]
    return out


def carried(links: list[Link], made: dict[int, int], start: int, end: int) -> Fraction:
    """How much of `start` is in `end`: over all ways, the product of the shares taken."""
    total = Fraction(0)
    for _, taken in ways(links, start, end):
        amount = Fraction(made[start])
        for parent, _, qty in taken:
            amount *= Fraction(qty, made[parent])
        total += amount
    return total


def on_circle(links: list[Link], lot: int) -> bool:
    """Whether some way leads from a lot back to itself."""
    return any(lot in reached(links, child, "forward") for parent, child, _ in links if parent == lot)
