"""Ways to forecast a panel of series: a history in, the next periods out. Simple ones first.

Every method takes `history` (items x periods, NaN before an item's first demand), the number of periods to
forecast and the length of a season, and returns items x horizon, never below 0, NaN where it has no answer.
Choosing between them is the back-test's work (`models.backtest`).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np
import numpy.typing as npt
from numpy.lib.stride_tricks import sliding_window_view
from sklearn.ensemble import HistGradientBoostingRegressor

from models.threads import one_thread

Floats = npt.NDArray[np.float64]
Method = Callable[[Floats, int, int], Floats]

ALPHAS = (0.05, 0.1, 0.2, 0.35, 0.5, 0.8)
TSB_DEMAND, TSB_CHANCE = 0.1, 0.1
SHORT, MIDDLE, LONG = 4, 13, 26
"""Windows of recent periods, in periods."""

MOST_ROWS = 30_000
"""Rows the boosted model learns from; with more items, fewer origins of each."""


def naive(history: Floats, horizon: int, season: int) -> Floats:
    """The last value again."""
    return np.repeat(history[:, -1:], horizon, axis=1)


def seasonal_naive(history: Floats, horizon: int, season: int) -> Floats:
    """The value of one season before; no answer below one season of history."""
    if history.shape[1] < season:
        return _none(history, horizon)
    steps = np.arange(horizon) % season
    return history[:, history.shape[1] - season + steps]


def mean_of(periods: int) -> Method:
    """The mean of the last `periods`."""

    def method(history: Floats, horizon: int, season: int) -> Floats:
        return np.repeat(_mean(history[:, -periods:])[:, None], horizon, axis=1)

    return method


def seasonal_scaled(history: Floats, horizon: int, season: int) -> Floats:
    """Last season's values (smoothed over three periods), scaled by how much the last quarter has changed since."""
    length, width = history.shape[1], max(1, min(MIDDLE, season // 4))
    if length < season + width:
        return _none(history, horizon)
    now, then = _mean(history[:, -width:]), _mean(history[:, length - season - width : length - season])
    steps = length - season + np.arange(horizon) % season
    around = np.stack([history[:, np.clip(steps + d, 0, length - 1)] for d in (-1, 0, 1)])
    scale = np.divide(now, then, out=np.full_like(now, np.nan), where=then > 0)
    return np.asarray(around.mean(axis=0) * np.clip(scale, 0.2, 5.0)[:, None], dtype=np.float64)


def combined(history: Floats, horizon: int, season: int) -> Floats:
    """The mean of exponential smoothing and the scaled last season: what moves and what returns."""
    return (exponential(history, horizon, season) + seasonal_scaled(history, horizon, season)) / 2


def exponential(history: Floats, horizon: int, season: int) -> Floats:
    """Simple exponential smoothing, the weight chosen per item by its one-step errors (Brown 1956)."""
    return np.repeat(_smoothed(history)[0][:, None], horizon, axis=1)


def theta(history: Floats, horizon: int, season: int) -> Floats:
    """Smoothing with half the linear trend as drift (Assimakopoulos and Nikolopoulos 2000; form of Hyndman 2003)."""
    level, alpha = _smoothed(history)
    known = ~np.isnan(history)
    n = known.sum(axis=1)
    t = np.where(known, np.cumsum(known, axis=1), np.nan)
    centred = t - _mean(t)[:, None]
    spread = np.nansum(centred**2, axis=1)
    slope = np.divide(np.nansum(centred * history, axis=1), spread, out=np.zeros(len(history)), where=spread > 0)
    start = (1 - (1 - alpha) ** n) / alpha
    steps = np.arange(horizon)[None, :] + start[:, None]
    return np.asarray(np.maximum(level[:, None] + 0.5 * slope[:, None] * steps, 0.0))


def theta_seasonal(history: Floats, horizon: int, season: int) -> Floats:
    """Theta on the history without its season (ratio to the centred moving average), the season put back on.

    No answer with less than two seasons, or where a phase of the season was never seen.
    """
    length, half = history.shape[1], season // 2
    if season < 2 or length < 2 * season:
        return _none(history, horizon)
    edge = 1.0 if season % 2 else 0.5
    weights = np.array([edge, *np.ones(2 * half - 1), edge]) / season
    trend = np.full_like(history, np.nan)
    trend[:, half : length - half] = sliding_window_view(history, 2 * half + 1, axis=1) @ weights
    ratio = np.divide(history, trend, out=np.full_like(history, np.nan), where=trend > 0)
    index = np.column_stack([_mean(ratio[:, phase::season]) for phase in range(season)])
    mean = _mean(index)[:, None]
    index = np.clip(np.divide(index, mean, out=np.full_like(index, np.nan), where=mean > 0), 0.1, 10.0)
    adjusted = theta(history / index[:, np.arange(length) % season], horizon, season)
    return np.asarray(adjusted * index[:, (length + np.arange(horizon)) % season], dtype=np.float64)


def tsb(history: Floats, horizon: int, season: int) -> Floats:
    """Intermittent demand: its chance, fading while none comes, times its size (Teunter, Syntetos, Babai 2011)."""
    size, chance = np.full(len(history), np.nan), np.full(len(history), np.nan)
    for value in history.T:
        known, sold = ~np.isnan(value), value > 0
        first = known & np.isnan(chance)
        chance = np.where(first, sold, np.where(known, chance + TSB_CHANCE * (sold - chance), chance))
        size = np.where(sold, np.where(np.isnan(size), value, size + TSB_DEMAND * (value - size)), size)
    return np.repeat((np.nan_to_num(size) * chance)[:, None], horizon, axis=1)


def boosted(history: Floats, horizon: int, season: int) -> Floats:
    """One gradient boosting over all items on lags and season, each item scaled by its recent mean."""
    length = history.shape[1]
    origins = np.arange(MIDDLE, length - 1)
    stride = max(1, len(origins) * len(history) * horizon // MOST_ROWS)
    parts = [_examples(history, o, horizon, season) for o in origins[::-1][::stride]]
    x = np.concatenate([p[0] for p in parts]) if parts else np.empty((0, 1))
    y = np.concatenate([p[1] for p in parts]) if parts else np.empty(0)
    keep = ~np.isnan(y)
    if keep.sum() < 200:
        return _none(history, horizon)
    model = HistGradientBoostingRegressor(
        max_iter=60, max_leaf_nodes=8, learning_rate=0.08, l2_regularization=5.0, min_samples_leaf=30, max_bins=63,
        early_stopping=False, random_state=0,
    )  # fmt: skip
    now, _, scale = _examples(history, length, horizon, season)
    x, y = x[keep], y[keep]
    x[:, np.isnan(x).all(axis=0)] = 0.0  # no item is a season old: scikit-learn cannot bin a column without a value
    with one_thread():
        ahead = model.fit(x, y).predict(now)
    out = np.maximum(ahead, 0).reshape(horizon, len(history)).T * scale[:, None]
    out[np.isnan(history[:, -1])] = np.nan
    return np.asarray(out, dtype=np.float64)


def _examples(history: Floats, origin: int, horizon: int, season: int) -> tuple[Floats, Floats, Floats]:
    """Inputs and scaled targets of every step after `origin`, steps outermost; and each item's scale."""
    past = history[:, :origin]
    recent = past[:, -MIDDLE:]
    scale = np.maximum(_mean(recent), 1e-9)
    with np.errstate(invalid="ignore"):
        spread = np.std(recent, axis=1) / scale
        empty = np.mean(past[:, -LONG:] == 0, axis=1)
    shared = [past[:, -k] / scale for k in range(1, SHORT + 1)]
    shared += [_mean(past[:, -SHORT:]) / scale, _mean(past[:, -LONG:]) / scale, spread, empty]
    rows, targets = [], []
    for h in range(1, horizon + 1):
        target, angle = origin + h - 1, 2 * np.pi * ((origin + h - 1) % season) / season
        before = history[:, target - season] / scale if 0 <= target - season < origin else np.full_like(scale, np.nan)
        own = [before, np.full_like(scale, h), np.full_like(scale, np.sin(angle)), np.full_like(scale, np.cos(angle))]
        rows.append(np.column_stack([*shared, *own]))
        targets.append(history[:, target] / scale if target < history.shape[1] else np.full_like(scale, np.nan))
    return np.concatenate(rows), np.concatenate(targets), scale


def _smoothed(history: Floats) -> tuple[Floats, Floats]:
    """Last level and chosen weight per item."""
    best = np.full(len(history), np.inf)
    level, weight = np.full(len(history), np.nan), np.full(len(history), ALPHAS[0])
    for alpha in ALPHAS:
        now, error = np.full(len(history), np.nan), np.zeros(len(history))
        for value in history.T:
            miss = value - now
            error += np.nan_to_num(miss) ** 2
            now = np.where(np.isnan(now), value, np.where(np.isnan(miss), now, now + alpha * miss))
        better = error < best
        best, level, weight = (
            np.where(better, error, best),
            np.where(better, now, level),
            np.where(better, alpha, weight),
        )
    return level, weight


def _mean(values: Floats) -> Floats:
    """Mean of the known values of each row; NaN without one (numpy would warn)."""
    known = ~np.isnan(values)
    count = known.sum(axis=1)
    total = np.where(known, values, 0.0).sum(axis=1)
    return np.asarray(np.divide(total, count, out=np.full(len(values), np.nan), where=count > 0))


def _none(history: Floats, horizon: int) -> Floats:
    return np.full((len(history), horizon), np.nan)


METHODS: Mapping[str, Method] = {
    "naive": naive,
    "seasonal_naive": seasonal_naive,
    "mean_4": mean_of(4),
    "mean_13": mean_of(13),
    "exponential": exponential,
    "theta": theta,
    "theta_seasonal": theta_seasonal,
    "seasonal_scaled": seasonal_scaled,
    "combined": combined,
    "tsb": tsb,
    "boosted": boosted,
}
"""Candidates, simple ones first: of equal ones the simpler wins."""

BENCHMARKS = ("naive", "seasonal_naive")
