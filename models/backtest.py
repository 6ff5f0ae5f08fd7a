"""Rolling-origin back-test: forecast from the past of each origin, compare with what came, choose per item.

The error that is published is prequential: at each origin the method is the one that was best on origins
whose outcome was already known then. The winner's own error would flatter, it was chosen for it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from models.methods import BENCHMARKS, METHODS, Method

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Flags = npt.NDArray[np.bool_]

MIN_ORIGINS = 3
LOW, HIGH = 0.1, 0.9
NEIGHBOURS = 1
"""Residuals of this many steps to either side help to set the quantiles of a step."""

TIE = 1.04
"""Squared errors this close (2 % of RMSSE) count as equal."""

MOST_COVERED = 200
"""Items the coverage is measured on."""


@dataclass(frozen=True)
class Backtest:
    """Forecasts and outcomes at every origin.

    Attributes:
        names: methods, simple ones first.
        origins: number of known periods at each origin, oldest first.
        forecasts: method x origin x item x step; NaN where the method has no answer.
        actuals: origin x item x step; NaN where the item is not tested at the origin.
        scale: in-sample mean squared first difference per item, of RMSSE; NaN for a constant series.
    """

    names: tuple[str, ...]
    origins: tuple[int, ...]
    forecasts: Floats
    actuals: Floats
    scale: Floats

    @property
    def horizon(self) -> int:
        """Steps ahead."""
        return int(self.actuals.shape[2])

    def squared(self) -> Floats:
        """Mean squared error: method x origin x item. Infinite where a method has no answer for a tested item."""
        error = (self.forecasts - self.actuals[None]) ** 2
        with_answer = np.where(np.isnan(self.forecasts) & ~np.isnan(self.actuals)[None], np.inf, error)
        return np.asarray(with_answer.mean(axis=3), dtype=np.float64)


@dataclass(frozen=True)
class Choice:
    """The method of each item, and how well choosing so went; NaN where an item could not be tested.

    The naive errors are those of the better of last value and last season's value. Compare items with weeks
    without demand by RMSSE: WAPE rewards forecasting nothing.

    `winner` is -1 for items with fewer than MIN_ORIGINS tested origins.
    """

    winner: Ints
    rmsse: Floats
    wape: Floats
    bias: Floats
    naive_wape: Floats
    naive_rmsse: Floats
    coverage: float


def run(
    history: Floats, horizon: int, season: int, step: int, most: int = 16, methods: Mapping[str, Method] = METHODS
) -> Backtest:
    """Back-test every method at up to `most` origins `step` periods apart, the last one `horizon` before the end.

    An item is tested at an origin when it has max(2 x horizon, 12) known periods there.
    """
    length, least = history.shape[1], max(2 * horizon, 12)
    origins = [o for o in range(length - horizon, least - 1, -step)][:most][::-1]  # noqa: C416 - a range cannot be cut
    known = np.cumsum(~np.isnan(history), axis=1)
    shape = (len(origins), len(history), horizon)
    actuals, forecasts = np.full(shape, np.nan), np.full((len(methods), *shape), np.nan)
    for i, o in enumerate(origins):
        tested = known[:, o - 1] >= least
        actuals[i, tested] = history[tested, o : o + horizon]
        for j, method in enumerate(methods.values()):
            forecasts[j, i, tested] = method(history[:, :o], horizon, season)[tested]
    return Backtest(tuple(methods), tuple(origins), forecasts, actuals, _scale(history, origins))


def _scale(history: Floats, origins: list[int]) -> Floats:
    before = history[:, : origins[0]] if origins else history
    steps = np.diff(before, axis=1) ** 2
    count = (~np.isnan(steps)).sum(axis=1)
    mean = np.divide(np.nansum(steps, axis=1), count, out=np.full(len(history), np.nan), where=count > 0)
    return np.where(mean > 0, mean, np.nan)


def choose(test: Backtest) -> Choice:
    """The method of each item by its mean squared error over all origins, with the prequential error of choosing so."""
    squared = test.squared()
    tested: Flags = np.asarray(~np.isnan(test.actuals).any(axis=2))
    winner = np.where(tested.sum(axis=0) >= MIN_ORIGINS, _best(squared, tested), -1)
    picked, used = _prequential(test, squared, tested)
    actual = np.where(used[:, :, None], test.actuals, np.nan)
    error = picked - actual
    total = np.nansum(actual, axis=(0, 2))
    spread = np.sqrt(_mean_of(error**2) / test.scale)
    naive = [_benchmark(test, b, actual, used) for b in BENCHMARKS if b in test.names]
    naive_wape = _least([_divided(_mean_of(np.abs(e)), _mean_of(actual)) for e in naive], len(total))
    naive_rmsse = _least([np.sqrt(_mean_of(e**2) / test.scale) for e in naive], len(total))
    wape = _divided(np.nansum(np.abs(error), axis=(0, 2)), total)
    bias = _divided(np.nansum(error, axis=(0, 2)), total)
    return Choice(winner, spread, wape, bias, naive_wape, naive_rmsse, _coverage(test, squared, picked, used))


def _best(squared: Floats, tested: Flags) -> Ints:
    """The simplest method of each item whose error over its tested origins is within TIE of the smallest."""
    total = np.where(tested[None], squared, 0.0).sum(axis=1)
    return np.asarray(np.argmax(total <= total.min(axis=0) * TIE, axis=0), dtype=np.int64)


def _prequential(test: Backtest, squared: Floats, tested: Flags) -> tuple[Floats, Flags]:
    """At each origin the forecast of the method best on origins already over; and where there were two such."""
    picked, used = np.full_like(test.actuals, np.nan), np.zeros_like(tested)
    for i, origin in enumerate(test.origins):
        over = np.array([o + test.horizon <= origin for o in test.origins])
        earlier = tested & over[:, None]
        used[i] = tested[i] & (earlier.sum(axis=0) >= 2)
        best = _best(squared, earlier)
        picked[i, used[i]] = test.forecasts[best, i, np.arange(len(best))][used[i]]
    return picked, used


def _benchmark(test: Backtest, name: str, actual: Floats, used: Flags) -> Floats:
    """Error of a benchmark at the used origins; NaN for an item it had no answer for at one of them."""
    ahead = test.forecasts[test.names.index(name)]
    answered = (~np.isnan(ahead).any(axis=2) | ~used).all(axis=0)
    return np.where(answered[None, :, None], ahead - actual, np.nan)


def _least(errors: list[Floats], items: int) -> Floats:
    """The smaller error of the benchmarks: the harder one to beat. NaN where none is known."""
    return np.asarray(np.fmin.reduce([*errors, np.full(items, np.nan)]), dtype=np.float64)


def _divided(part: Floats, whole: Floats) -> Floats:
    return np.asarray(np.divide(part, whole, out=np.full(len(whole), np.nan), where=whole > 0))


def _mean_of(values: Floats) -> Floats:
    known = (~np.isnan(values)).sum(axis=(0, 2))
    return _divided(np.nansum(values, axis=(0, 2)), known)


def residuals(actuals: Floats, forecasts: Floats, item: int, step: int) -> Floats:
    """Outcome minus forecast of an item (origin x item x step) at a step and its neighbours; known ones only."""
    near = slice(max(step - NEIGHBOURS, 0), step + NEIGHBOURS + 1)
    left = (actuals[:, item, near] - forecasts[:, item, near]).ravel()
    return left[~np.isnan(left)]


def quantiles(left: Floats) -> tuple[float, float]:
    """10 % and 90 % quantile of residuals, one rank further out each, as few of them know little of the tails."""
    ordered = np.sort(left)
    n = len(ordered)
    down, up = int(np.floor(LOW * (n + 1))) - 1, int(np.ceil(HIGH * (n + 1))) - 1
    return float(ordered[max(down, 0)]), float(ordered[min(up, n - 1)])


def _coverage(test: Backtest, squared: Floats, picked: Floats, used: Flags) -> float:
    """Share of outcomes inside the 80 % interval that was known at their origin; NaN when none could be set."""
    hits, count = 0, 0
    for i, origin in enumerate(test.origins):
        over = np.array([o + test.horizon <= origin for o in test.origins])
        if over.sum() < 2:
            continue
        best = _best(squared, np.repeat(over[:, None], len(used[i]), axis=1))
        for item in np.flatnonzero(used[i])[:MOST_COVERED]:
            for step in range(test.horizon):
                left = residuals(test.actuals[over], test.forecasts[best[item]][over], int(item), step)
                low, high = quantiles(left)
                miss = test.actuals[i, item, step] - picked[i, item, step]
                hits, count = hits + int(low <= miss <= high), count + 1
    return hits / count if count else float("nan")
