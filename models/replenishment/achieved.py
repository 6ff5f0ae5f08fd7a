"""What reorder points keep of what they promise: walk forward, one origin after the other, only the past known."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import partial

import numpy as np

from models.replenishment.croston import croston_points
from models.replenishment.demand import Floats
from models.replenishment.intermittent import reorder_points

Rule = Callable[[Floats, int, float], Floats]
"""(history, span, target) -> reorder points."""


def _ours(history: Floats, span: int, target: float) -> Floats:
    return reorder_points(history, span, target).points


RULES: Mapping[str, Rule] = {
    "negative_binomial": _ours,
    "croston_normal": croston_points,
    "sba_normal": partial(croston_points, corrected=True),
}


@dataclass(frozen=True)
class Service:
    """Over all items and origins: share of lead times within the reorder point, share of demand within it, stock."""

    cycle: float
    fill: float
    mean_point: float
    windows: int


def walk_forward(history: Floats, span: int, target: float, origins: Iterable[int], rule: Rule) -> Service:
    """Set reorder points at each origin from the periods before it and look at the `span` periods after it.

    Args:
        history: items x periods, NaN where not known; windows with an unknown period are left out.
        span: periods of lead time.
        target: cycle service asked for.
        origins: first periods of the windows.
        rule: one of `RULES`.
    """
    kept = windows = 0
    missed = came_in_all = stocked = 0.0
    for origin in origins:
        came = history[:, origin : origin + span].sum(axis=1)
        known = ~np.isnan(came)
        point, came = rule(history[:, :origin], span, target)[known], came[known]
        kept, windows = kept + int((came <= point).sum()), windows + len(came)
        missed, came_in_all = missed + float(np.maximum(came - point, 0).sum()), came_in_all + float(came.sum())
        stocked += float(point.sum())
    return Service(kept / windows, 1 - missed / came_in_all, stocked / windows, windows)
