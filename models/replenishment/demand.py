"""Demand over a span of time as a distribution: its quantiles, its chance to stay within a stock, what it misses.

Everything is in the material's unit and works on whole arrays. Sources: Silver, Pyke, Thomas, *Inventory and Production
Management in Supply Chains* (normal, gamma); Snyder and Shen, *Fundamentals of Supply Chain Theory* (loss functions).
The loss functions of gamma and negative binomial follow from x f(x; k) = k f(x; k + 1) up to scale.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import special, stats

Floats = npt.NDArray[np.float64]
SMALL = 1e-12
DISCRETE = ("poisson", "negative_binomial")
MODELS = ("normal", "gamma", *DISCRETE)


@dataclass(frozen=True)
class Demand:
    """Demand of a span: `model` (one of `MODELS`) with mean and variance, one a row.

    Gamma is never negative and skewed; the discrete ones count whole pieces. A negative binomial without more variance
    than its mean is a Poisson.

    Raises:
        ValueError: an unknown model.
    """

    model: str
    mean: Floats
    variance: Floats

    def __post_init__(self) -> None:
        if self.model not in MODELS:
            raise ValueError(f"model is {self.model!r}; valid: {', '.join(MODELS)}")

    def quantile(self, share: float | Floats) -> Floats:
        """The least stock that meets demand with this chance."""
        if self.model == "normal":
            return np.asarray(self.mean + stats.norm.ppf(share) * self._sd)
        if self.model == "gamma":
            return np.asarray(special.gammaincinv(self._shape, share) * self._scale)
        over, r, p = self._binomial
        plain = stats.poisson.ppf(share, self.mean)
        return np.asarray(np.where(over, stats.nbinom.ppf(share, r, p), plain))

    def within(self, stock: float | Floats) -> Floats:
        """Chance that demand is at most `stock`."""
        x = np.asarray(stock, dtype=np.float64)
        if self.model == "normal":
            return np.asarray(stats.norm.cdf((x - self.mean) / self._sd))
        if self.model == "gamma":
            return np.asarray(special.gammainc(self._shape, np.maximum(x, 0.0) / self._scale) * (x >= 0))
        over, r, p = self._binomial
        return np.asarray(np.where(over, stats.nbinom.cdf(x, r, p), stats.poisson.cdf(x, self.mean)))

    def missed(self, stock: float | Floats) -> Floats:
        """Expected demand above `stock`: E[(D - x)+]."""
        x = np.asarray(stock, dtype=np.float64)
        if self.model == "normal":
            z = (x - self.mean) / self._sd
            return np.asarray(self._sd * (stats.norm.pdf(z) - z * stats.norm.sf(z)))
        below = self.mean - x
        if self.model == "gamma":
            y = np.maximum(x, 0.0) / self._scale
            above = self.mean * special.gammaincc(self._shape + 1, y) - x * special.gammaincc(self._shape, y)
            return np.asarray(np.where(x < 0, below, above))
        over, r, p = self._binomial
        n = np.floor(x)
        counted = self.mean * stats.nbinom.sf(n - 1, r + 1, p) - x * stats.nbinom.sf(n, r, p)
        plain = self.mean * stats.poisson.sf(n - 1, self.mean) - x * stats.poisson.sf(n, self.mean)
        return np.asarray(np.where(x < 0, below, np.where(over, counted, plain)))

    @property
    def _sd(self) -> Floats:
        return np.asarray(np.sqrt(np.maximum(self.variance, SMALL)))

    @property
    def _shape(self) -> Floats:
        return np.asarray(np.maximum(self.mean, SMALL) ** 2 / np.maximum(self.variance, SMALL))

    @property
    def _scale(self) -> Floats:
        return np.asarray(np.maximum(self.variance, SMALL) / np.maximum(self.mean, SMALL))

    @property
    def _binomial(self) -> tuple[npt.NDArray[np.bool_], Floats, Floats]:
        """Where it is over-dispersed, and the parameters r, p there (harmless ones elsewhere)."""
        over = (self.variance > self.mean * (1 + 1e-9)) & (self.model == "negative_binomial")
        p = np.where(over, self.mean / np.where(over, self.variance, 1.0), 0.5)
        r = np.where(over, np.maximum(self.mean, SMALL) * p / (1 - p), 1.0)
        return over, r, p


def over_lead_time(
    model: str, mean: Floats, variance: Floats, lead: Floats, lead_variance: Floats, review: float = 0.0
) -> Demand:
    """Demand of a period (mean, variance) over a random lead time and a review interval, in periods.

    Mean d (L + R), variance (L + R) var(d) + d^2 var(L): demand of periods and lead time independent of each other.
    """
    span = lead + review
    return Demand(model, mean * span, span * variance + mean**2 * lead_variance)


@dataclass(frozen=True)
class Sampled:
    """Demand of a span as seen: samples of one item, e.g. the sums of all windows of that length in its history."""

    samples: Floats

    def quantile(self, share: float) -> float:
        """The least sample that at least this share of them does not exceed."""
        return float(np.quantile(self.samples, share, method="inverted_cdf"))

    def within(self, stock: float) -> float:
        """Share of the samples up to `stock`."""
        return float(np.mean(self.samples <= stock))

    def missed(self, stock: float) -> float:
        """Mean of what the samples exceed `stock` by."""
        return float(np.mean(np.maximum(self.samples - stock, 0.0)))


def bootstrapped(history: Floats, span: int, draws: int = 2000, seed: int = 0) -> Sampled:
    """Sums of `span` periods drawn from the history with replacement (periods independent of each other).

    Raises:
        ValueError: no known period, or a span below 1.
    """
    known = history[~np.isnan(history)]
    if not len(known) or span < 1:
        raise ValueError(f"{len(known)} known periods and a span of {span}: at least one of each is needed")
    picked = np.random.default_rng(seed).integers(0, len(known), (draws, span))
    return Sampled(known[picked].sum(axis=1))
