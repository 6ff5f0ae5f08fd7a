"""Croston's rule (1972) and Syntetos and Boylan's correction (SBA, 2005) with normal safety stock: for comparison."""

from __future__ import annotations

import numpy as np
from scipy import stats

from models.replenishment.demand import Floats
from models.replenishment.intermittent import LEAST_HISTORY

SMOOTHING = 0.1


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
