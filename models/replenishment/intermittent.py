"""Reorder points for demand that mostly is not there: a shrunk negative binomial, its level set by what it achieved.

The mean of each item is one of its recent periods, pulled towards that of all items while there is little history; so
is its dispersion. What a quantile promises and what it keeps differ (whole pieces, demand that fades), so the level
asked for is the one that would have given the target over all items in the windows that are over by now: only the past
is looked at. Croston's rule (1972) and Syntetos and Boylan's correction (SBA, 2005) with normal safety stock are here
for comparison.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import stats

from models.replenishment.demand import Demand, Floats

DISCOUNT = 0.93
"""Weight of a period against the one after it."""
PRIOR_MEAN, PRIOR_SPREAD = 0.7, 6.0
"""Periods of the average item added to each item's own."""
LEVELS: Floats = np.concatenate([np.linspace(0.50, 0.98, 49), np.linspace(0.981, 0.9999, 40)])
WINDOWS = 6
"""Windows of the past that set the level: the latest ones that are over."""
LEAST_HISTORY = 12
SMOOTHING = 0.1


@dataclass(frozen=True)
class Points:
    """Reorder points of all items, the level of the distribution they stand at, and the distribution."""

    points: Floats
    level: float
    demand: Demand


def lead_demand(history: Floats, span: int) -> Demand:
    """Demand of the next `span` periods per item. `history` is items x periods, NaN where not known."""
    known = ~np.isnan(history)
    values = np.where(known, history, 0.0)
    weights = np.where(known, DISCOUNT ** np.arange(history.shape[1])[::-1], 0.0)
    seen = weights.sum(axis=1)
    overall = values.sum() / max(int(known.sum()), 1)
    mean = ((weights * values).sum(axis=1) + PRIOR_MEAN * overall) / (seen + PRIOR_MEAN)
    squares = (weights * (values - mean[:, None]) ** 2).sum(axis=1)
    ratio = squares.sum() / max(float((mean * seen).sum()), 1e-12)
    variance = (squares + PRIOR_SPREAD * ratio * mean) / (seen + PRIOR_SPREAD)
    expected = np.maximum(mean * span, 1e-9)
    return Demand("negative_binomial", expected, np.maximum(span * variance, expected * 1.01))


def reorder_points(history: Floats, span: int, target: float) -> Points:
    """Reorder points whose cycle service over all items is to be `target`.

    Args:
        history: items x periods, NaN where not known.
        span: periods of lead time and review.
        target: share of lead times in which demand is to stay within the reorder point.
    """
    demand = lead_demand(history, span)
    level = _level(history, span, target)
    return Points(demand.quantile(level), level, demand)


def _level(history: Floats, span: int, target: float) -> float:
    """The level nearest to the target in the last windows that are over; the target itself with too short a past."""
    last = history.shape[1] - span
    origins = [o for o in range(last, last - WINDOWS, -1) if o >= LEAST_HISTORY]
    if not origins:
        return target
    kept = np.mean([_achieved(history, origin, span) for origin in origins], axis=0)
    return float(LEVELS[int(np.argmin(np.abs(kept - target)))])


def _achieved(history: Floats, origin: int, span: int) -> Floats:
    """Share of items whose demand after `origin` stayed within the quantile, for each of `LEVELS`."""
    came = history[:, origin : origin + span].sum(axis=1)
    known = ~np.isnan(came)
    demand = lead_demand(history[known, :origin], span)
    # The quantile at a level covers what came where the chance of less than that is below the level.
    before = demand.within(came[known] - 1)
    return np.array([float((before < level).mean()) for level in LEVELS])


def croston(history: Floats, *, corrected: bool = False) -> Floats:
    """Mean demand a period by Croston's rule; `corrected`: with the factor of Syntetos and Boylan (SBA)."""
    size, gap = np.full(len(history), np.nan), np.full(len(history), np.nan)
    waited = np.ones(len(history))
    for value in history.T:
        known, sold = ~np.isnan(value), value > 0
        first = sold & np.isnan(size)
        gap = np.where(first, waited, np.where(sold, gap + SMOOTHING * (waited - gap), gap))
        size = np.where(first, value, np.where(sold, size + SMOOTHING * (value - size), size))
        waited = np.where(sold, 1.0, np.where(known, waited + 1, waited))
    mean = np.nan_to_num(size / gap)
    return np.asarray(mean * (1 - SMOOTHING / 2) if corrected else mean)


def croston_points(history: Floats, span: int, target: float, *, corrected: bool = False) -> Floats:
    """Reorder points of Croston (or SBA) with normal safety stock: L m + z sqrt(L) times the one-step error, whole."""
    origins = range(min(LEAST_HISTORY, history.shape[1] - 1), history.shape[1])
    missed = np.array([history[:, o] - croston(history[:, :o], corrected=corrected) for o in origins])
    count = np.maximum((~np.isnan(missed)).sum(axis=0), 1)
    error = np.sqrt(np.nansum(missed**2, axis=0) / count)
    safe = stats.norm.ppf(target) * np.sqrt(span) * error
    return np.asarray(np.ceil(np.maximum(span * croston(history, corrected=corrected) + safe, 0.0)))
