"""The ways from an origin to one lot, each with the quantity that took it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl

from assets.kernels.lineage.flow import Trace

MOST = 20


@dataclass(frozen=True)
class Path:
    """Lot numbers from the origin on to the lot asked for, and what took this way.

    `amount` is a quantity (forward) or a share (back), as in `Trace`; NaN where a quantity on the way is not known.
    """

    lots: tuple[int, ...]
    amount: float


def paths(traced: Trace, lot: int, most: int = MOST) -> tuple[list[Path], float]:
    """At most `most` ways from the starts to a lot that was reached, no lot twice on one way.

    Returns:
        The ways, and the amount that took others than those listed (0 when all are; NaN when it is not known).

    Raises:
        KeyError: the lot was not reached.
    """
    lots = traced.reached.lots
    at = int(np.searchsorted(lots, lot))
    if at == len(lots) or lots[at] != lot:
        raise KeyError(f"lot number {lot} was not reached")
    found: list[Path] = []
    for way in _ways(traced, at):
        if len(found) == most:
            return found, float(traced.amount[at]) - sum(p.amount for p in found)
        found.append(way)
    return found, 0.0


def _ways(traced: Trace, end: int) -> Iterator[Path]:
    """Depth first from the end to the starts: every link followed leads to a start."""
    found = traced.reached
    before: dict[int, list[tuple[int, float]]] = {}
    rows = zip(found.target.tolist(), found.source.tolist(), traced.share.tolist(), strict=True)
    for target, source, share in rows:
        before.setdefault(target, []).append((source, share))
    open_: list[tuple[tuple[int, ...], float]] = [((end,), 1.0)]
    while open_:
        way, share = open_.pop()
        if found.depth[way[0]] == 0:
            yield Path(tuple(int(found.lots[i]) for i in way), share * float(traced.amount[way[0]]))
            continue
        steps = before.get(way[0], [])
        open_ += [((source, *way), share * part) for source, part in reversed(steps) if source not in way]


def listed(traced: Trace, names: Sequence[str], lot: int, most: int = MOST) -> pl.DataFrame:
    """The ways to a lot as rows: path (lots joined by ' > ', in the direction walked), amount (as in `Trace`).

    The last row has no path and the amount of all ways that are not listed; there is none when all are.

    Raises:
        KeyError: the lot was not reached.
    """
    ways, left = paths(traced, lot, most)
    place = {int(n): i for i, n in enumerate(traced.reached.lots)}
    rows = [(" > ".join(names[place[n]] for n in way.lots), way.amount) for way in ways]
    more = [(None, left)] if left != 0.0 else []
    frame = pl.DataFrame([*rows, *more], schema={"path": pl.String(), "amount": pl.Float64()}, orient="row")
    return frame.with_columns(pl.col("amount").fill_nan(None))
