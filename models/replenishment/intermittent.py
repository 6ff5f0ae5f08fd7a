"""Reorder points for demand that mostly is not there: a shrunk negative binomial, taught by what it achieved.

The mean of each item is one of its recent periods, pulled towards that of all items while there is little history; so
is its dispersion. Items are pooled per their own usual size, so one counted in thousands says nothing wrong of one
counted in ones. How fast the past is forgotten is what foretold the windows best that are over by now. What a quantile
promises and what it keeps differ (whole pieces, demand that fades), so the level asked for is the one that would have
given the target over all items in these windows: only the past is looked at.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import stats

from models.replenishment.demand import Demand, Floats

DISCOUNTS = (0.80, 0.84, 0.88, 0.92, 0.95, 0.98)
"""Weights of a period against the one after it, to choose from."""
DISCOUNT = 0.92
"""The weight while nothing is over to choose by."""
PRIOR_MEAN, PRIOR_SPREAD = 0.7, 6.0
"""Periods of the average item added to each item's own."""
LEVELS: Floats = np.concatenate([np.linspace(0.50, 0.98, 49), np.linspace(0.981, 0.9999, 40)])
REACH = 6
"""Latest periods a window may begin to be over in. A span of so many periods or more is taught by one window, a
shorter one by more: never by what is older than that, since demand fades and rises."""
EVIDENCE = 100.0
"""Windows that say a level keeps what it promises, added to what was seen: a few items alone prove little."""
LEAST_HISTORY = 12


@dataclass(frozen=True)
class Points:
    """Reorder points of all items, the level of the distribution they stand at, and the distribution."""

    points: Floats
    level: float
    demand: Demand


def lead_demand(history: Floats, span: int, discount: float = DISCOUNT) -> Demand:
    """Demand of the next `span` periods per item. `history` is items x periods, NaN where not known."""
    known = ~np.isnan(history)
    values = np.where(known, history, 0.0)
    size = _sizes(values)
    scaled = values / size[:, None]
    weights = np.where(known, discount ** np.arange(history.shape[1])[::-1], 0.0)
    seen = weights.sum(axis=1)
    overall = scaled.sum() / max(int(known.sum()), 1)
    mean = ((weights * scaled).sum(axis=1) + PRIOR_MEAN * overall) / (seen + PRIOR_MEAN)
    squares = (weights * (scaled - mean[:, None]) ** 2).sum(axis=1)
    ratio = squares.sum() / max(float((mean * seen).sum()), 1e-12)
    variance = (squares + PRIOR_SPREAD * ratio * mean) / (seen + PRIOR_SPREAD)
    expected = np.maximum(mean * span * size, 1e-9)
    return Demand("negative_binomial", expected, np.maximum(span * variance * size**2, expected * 1.01))


def _sizes(values: Floats) -> Floats:
    """Mean demand of the periods with some; of an item without any: the median of the others' (1 without others)."""
    times = (values > 0).sum(axis=1)
    own = values.sum(axis=1) / np.maximum(times, 1)
    usual = float(np.median(own[times > 0])) if (times > 0).any() else 1.0
    return np.asarray(np.where(times > 0, own, usual))


def reorder_points(history: Floats, span: int, target: float) -> Points:
    """Reorder points whose cycle service over all items is to be `target`.

    Args:
        history: items x periods, NaN where not known.
        span: periods of lead time and review.
        target: share of lead times in which demand is to stay within the reorder point.
    """
    origins = _over(history.shape[1], span)
    discount = _discount(history, span, origins)
    demand = lead_demand(history, span, discount)
    level = _level(history, span, target, origins, discount)
    return Points(demand.quantile(level), level, demand)


def _over(periods: int, span: int) -> list[int]:
    """First periods of the windows that are over and teach, latest first."""
    last = periods - span
    return [o for o in range(last, last - max(1, REACH - span + 1), -1) if o >= LEAST_HISTORY]


def _discount(history: Floats, span: int, origins: list[int]) -> float:
    """The discount under which what came in the windows that are over was likeliest."""
    if not origins:
        return DISCOUNT
    told = {d: sum(_likelihood(history, o, span, d) for o in origins) for d in DISCOUNTS}
    return max(told, key=lambda d: told[d])


def _window(history: Floats, origin: int, span: int, discount: float) -> tuple[Demand, Floats]:
    """What was foretold at `origin` and what came, of the items whose window is known."""
    came = history[:, origin : origin + span].sum(axis=1)
    known = ~np.isnan(came)
    return lead_demand(history[known, :origin], span, discount), came[known]


def _likelihood(history: Floats, origin: int, span: int, discount: float) -> float:
    demand, came = _window(history, origin, span, discount)
    chance = demand.mean / demand.variance
    sizes = demand.mean * chance / (1 - chance)
    return float(stats.nbinom.logpmf(np.rint(came), sizes, chance).sum())


def _level(history: Floats, span: int, target: float, origins: list[int], discount: float) -> float:
    """The level nearest to the target in the windows that are over; the target itself with too short a past."""
    if not origins:
        return target
    kept, seen = np.zeros_like(LEVELS), 0
    for origin in origins:
        demand, came = _window(history, origin, span, discount)
        # The quantile at a level covers what came where the chance of less than that is below the level.
        before = np.sort(demand.within(came - 1))
        kept, seen = kept + np.searchsorted(before, LEVELS), seen + len(came)
    share = (kept + EVIDENCE * LEVELS) / (seen + EVIDENCE)
    return float(LEVELS[int(np.argmin(np.abs(share - target)))])
