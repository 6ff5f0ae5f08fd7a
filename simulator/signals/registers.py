"""Cumulative registers: piece counters with resets and roll-over, in the values a controller would show."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from plant.sources.tags import Tag
from simulator.streams import stream


def first_value(seed: int, machine: str, tag: Tag) -> int:
    """What a register shows when the run starts; near its end when it rolls over, so that this is seen."""
    if tag.rollover is not None:
        return max(0, tag.rollover - 700)
    return stream(seed, "register", machine, tag.name).randrange(500 if "16" in tag.type else 60_000)


def counter(
    pieces_us: np.ndarray, resets_us: Sequence[int], first: int, rollover: int | None, start_us: int
) -> tuple[np.ndarray, np.ndarray]:
    """Samples (instants us, values) of a counter that steps at each piece and drops to 0 at each reset.

    It opens with its value at start_us. With `rollover` it shows 0 after that value.
    """
    resets = np.asarray(resets_us, dtype=np.int64)
    at = np.concatenate([[start_us], pieces_us, resets]).astype(np.int64)
    step = np.concatenate([[0], np.ones(len(pieces_us)), np.zeros(len(resets))]).astype(np.int64)
    order = np.argsort(at, kind="stable")
    at, total = at[order], np.cumsum(step[order])
    value = total + first
    for reset in np.sort(resets):
        after = at >= reset
        value[after] = total[after] - total[np.searchsorted(at, reset)]
    return at, value if rollover is None else value % (rollover + 1)
