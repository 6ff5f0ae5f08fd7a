"""Hours to the next failure with an interval: quantile boosting made honest by split conformal prediction.

Needs many completed runs (from one failure to the next); without them there is no estimate, only the reason.
Runs are taken in the order they ended: the first half is learnt from, the next 30 % set the width, the last
fifth tests it.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl
from sklearn.ensemble import HistGradientBoostingRegressor

from models.threads import one_thread

Floats = npt.NDArray[np.float64]
Flags = npt.NDArray[np.bool_]

MIN_RUNS = 40
"""Completed runs needed in all: fewer than 12 to set the width and 8 to test it would prove nothing."""

CAP_H = 28 * 24.0
"""Further away than this nobody plans: the target is capped here."""

COVERAGE = 0.9
QUANTILES = (0.05, 0.5, 0.95)
MIN_TEST_COVERAGE = 0.75


@dataclass(frozen=True)
class RemainingLife:
    """Models of the three quantiles with the conformal margin; `reason` says why there is no estimate."""

    reason: str | None
    estimators: tuple[Any, ...] = ()
    margin_h: float = 0.0
    metrics: dict[str, Any] = field(default_factory=dict)

    def estimate(self, x: Floats) -> tuple[Floats, Floats, Floats]:
        """Low, median and high hours to failure of each row of inputs."""
        with one_thread():
            low, mid, high = (np.asarray(e.predict(x), dtype=np.float64) for e in self.estimators)
        low, high = np.clip(low - self.margin_h, 0, CAP_H), np.clip(high + self.margin_h, 0, CAP_H)
        high = np.maximum(low, high)
        return low, np.clip(mid, low, high), high


def fit_remaining_life(
    rows: pl.DataFrame, features: tuple[str, ...], happened: pl.DataFrame, seed: int = 0
) -> RemainingLife:
    """Learn from rows (machine, at, features) and failures (machine, failed_at); rows after the last are left out."""
    ahead = happened.select("machine", failed_at="failed_at", at="failed_at").sort("at")
    known = rows.sort("at").join_asof(
        ahead, on="at", by="machine", strategy="forward", allow_exact_matches=False, check_sortedness=False
    )
    known = known.filter(pl.col("failed_at").is_not_null()).sort("machine", "at")
    run = known.select(run=pl.struct("failed_at", "machine").rank("dense") - 1)["run"].to_numpy().astype(np.int64)
    runs = int(run.max()) + 1 if len(run) else 0
    if runs < MIN_RUNS:
        return RemainingLife(f"not enough completed runs to estimate the remaining life: {runs} of {MIN_RUNS}")
    x = known.select(pl.col(f).cast(pl.Float64) for f in features).fill_null(float("nan")).to_numpy()
    left = ((known["failed_at"] - known["at"]).dt.total_seconds() / 3600).to_numpy()
    return fit(x, np.minimum(left, CAP_H), run, seed)


def fit(x: Floats, hours: Floats, run: npt.NDArray[np.int64], seed: int = 0) -> RemainingLife:
    """Fit, widen and test on rows of numbered runs (0 ended first); refused when the test fails."""
    share = run / (run.max() + 1)
    learn, widen, test = share < 0.5, (share >= 0.5) & (share < 0.8), share >= 0.8
    with one_thread():
        estimators = tuple(_quantile(q, seed).fit(x[learn], hours[learn]) for q in QUANTILES)
        low, high = estimators[0].predict(x[widen]), estimators[2].predict(x[widen])
    margin = _margin(np.maximum(low - hours[widen], hours[widen] - high), run[widen])
    life = RemainingLife(None, estimators, margin)
    metrics = _tested(life, x[test], hours[test], run[test], float(np.median(hours[learn])))
    if metrics["coverage"] < MIN_TEST_COVERAGE or metrics["mae_h"] >= metrics["constant_mae_h"]:
        text = (
            f"remaining life refused: interval covers {metrics['coverage']:.0%} of unseen runs, "
            f"error {metrics['mae_h']:.0f} h against {metrics['constant_mae_h']:.0f} h of a constant"
        )
        return RemainingLife(text, metrics=metrics)
    return RemainingLife(None, estimators, margin, metrics)


def _quantile(q: float, seed: int) -> HistGradientBoostingRegressor:
    return HistGradientBoostingRegressor(
        loss="quantile", quantile=q, max_iter=60, max_leaf_nodes=8, learning_rate=0.1, l2_regularization=5.0,
        min_samples_leaf=40, max_bins=63, early_stopping=False, random_state=seed,
    )  # fmt: skip


def _margin(miss: Floats, run: npt.NDArray[np.int64]) -> float:
    """Split conformal margin with every run weighing one, so that long runs do not decide it alone."""
    runs, counts = np.unique(run, return_counts=True)
    weight = 1 / counts[np.searchsorted(runs, run)]
    order = np.argsort(miss)
    share = np.cumsum(weight[order]) / len(runs)
    needed = min(1.0, COVERAGE * (len(runs) + 1) / len(runs))
    return float(miss[order][min(int(np.searchsorted(share, needed - 1e-9)), len(miss) - 1)])


def _tested(
    life: RemainingLife, x: Floats, hours: Floats, run: npt.NDArray[np.int64], constant: float
) -> dict[str, Any]:
    low, mid, high = life.estimate(x)
    inside = (low <= hours) & (hours <= high)
    near = hours < CAP_H / 4
    return {
        "runs": len(np.unique(run)),
        "coverage": float(np.mean([inside[run == r].mean() for r in np.unique(run)])),
        "coverage_last_week": float(inside[near].mean()) if near.any() else None,
        "width_h": float(np.mean(high - low)),
        "width_last_week_h": float(np.mean((high - low)[near])) if near.any() else None,
        "mae_h": float(np.mean(np.abs(mid - hours))),
        "constant_mae_h": float(np.mean(np.abs(constant - hours))),
    }
