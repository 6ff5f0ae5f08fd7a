"""From a classifier's score to a probability: fitted on out-of-fold scores only, and only with enough failures."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from sklearn.isotonic import IsotonicRegression
from sklearn.linear_model import LogisticRegression

Floats = npt.NDArray[np.float64]
MIN_ISOTONIC_FAILURES = 30
MIN_SIGMOID_FAILURES = 4
EDGE = 5e-4
"""No probability is said to be more certain than this."""


@dataclass(frozen=True)
class Calibration:
    """A monotone map of scores: isotonic by its knots, sigmoid by slope and offset on the log-odds, or none."""

    kind: str
    x: tuple[float, ...] = ()
    y: tuple[float, ...] = ()

    def __call__(self, score: Floats) -> Floats:
        """Calibrated probability of each score."""
        if self.kind == "isotonic":
            out = np.interp(score, self.x, self.y)
        elif self.kind == "sigmoid":
            out = 1 / (1 + np.exp(-(self.x[0] * _logit(score) + self.y[0])))
        else:
            out = score
        return np.clip(np.asarray(out, dtype=np.float64), EDGE, 1 - EDGE)


NO_CALIBRATION = Calibration("none")


def calibrate(score: Floats, label: Floats, failures: int) -> Calibration:
    """Fit on out-of-fold scores: isotonic with many failures, sigmoid with some, none (raw score) with too few."""
    if failures >= MIN_ISOTONIC_FAILURES:
        fitted = IsotonicRegression(out_of_bounds="clip").fit(score, label)
        return Calibration("isotonic", tuple(fitted.X_thresholds_.tolist()), tuple(fitted.y_thresholds_.tolist()))
    if failures >= MIN_SIGMOID_FAILURES and 0 < label.sum() < len(label):
        logistic = LogisticRegression(C=1.0).fit(_logit(score).reshape(-1, 1), label)
        slope = float(logistic.coef_[0, 0])
        if slope > 0:
            return Calibration("sigmoid", (slope,), (float(logistic.intercept_[0]),))
    return NO_CALIBRATION


def _logit(p: Floats) -> Floats:
    q = np.clip(p, 1e-6, 1 - 1e-6)
    return np.asarray(np.log(q / (1 - q)), dtype=np.float64)
