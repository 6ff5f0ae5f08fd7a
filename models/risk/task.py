"""One failure mode as a task: how to train, its labelled rows, and the estimator that is fitted to them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl
from sklearn.ensemble import HistGradientBoostingClassifier

from models import evaluation as ev
from models.threads import one_thread

Floats = npt.NDArray[np.float64]
Flags = npt.NDArray[np.bool_]

COSTS = ev.Costs(missed=5000.0, planned=1000.0, false_alarm=200.0)
"""Those of plant.toml when it names none."""


@dataclass(frozen=True)
class Settings:
    """How to train; all of it is part of the model's version.

    `gate`: the average precision on unseen time must reach this many times the prevalence, or `gate_cap` where
    that would be more (a mode that precedes 8 % of all rows cannot be ten times better than chance).
    """

    horizon_h: float = 24.0
    step_h: float = 3.0
    costs: ev.Costs = COSTS
    test_share: float = 0.3
    folds: int = 3
    trees: int = 60
    leaves: int = 8
    rate: float = 0.1
    l2: float = 5.0
    min_leaf: int = 20
    bins: int = 63
    min_failures: int = 6
    min_test_failures: int = 3
    gate: float = 10.0
    gate_cap: float = 0.5
    seed: int = 0


@dataclass(frozen=True)
class Task:
    """The labelled rows of one mode, and its failures within their time."""

    mode: str
    rows: pl.DataFrame
    features: tuple[str, ...]
    happened: pl.DataFrame
    s: Settings

    @cached_property
    def x(self) -> Floats:
        """Inputs, rows x features."""
        return matrix(self.rows, self.features)

    @cached_property
    def y(self) -> Floats:
        """1 where the mode fails within the horizon, else 0."""
        return self.rows["label_"].to_numpy().astype(np.float64)

    def events(self, keep: Flags, alert: Flags) -> ev.Events:
        """Event-level result of alerts on the rows of `keep`."""
        return ev.events(self.rows.filter(keep), alert, self.happened, self.s.horizon_h, self.s.step_h, self.s.costs)


def matrix(frame: pl.DataFrame, features: tuple[str, ...]) -> Floats:
    """Inputs of a model as floats, NaN where not known; a feature the frame does not have is not known."""
    known = [(pl.col(f) if f in frame.columns else pl.lit(None)).cast(pl.Float64).alias(f) for f in features]
    return np.asarray(frame.select(known).fill_null(float("nan")).to_numpy(), dtype=np.float64)


def fit(task: Task, keep: Flags) -> Any:
    """A classifier of the task, fitted on the rows of `keep`."""
    s = task.s
    model = HistGradientBoostingClassifier(
        max_iter=s.trees, max_leaf_nodes=s.leaves, learning_rate=s.rate, l2_regularization=s.l2,
        min_samples_leaf=s.min_leaf, max_bins=s.bins, early_stopping=False, random_state=s.seed,
    )  # fmt: skip
    x = task.x[keep]
    x[:, np.isnan(x).all(axis=0)] = (
        0.0  # not known in any of these rows: scikit-learn cannot bin it, a constant is ignored
    )
    return model.fit(x, task.y[keep])


def predict(estimator: Any, x: Floats) -> Floats:
    """Raw score of each row of inputs."""
    if not len(x):
        return np.empty(0)
    with one_thread():
        return np.asarray(estimator.predict_proba(x)[:, 1], dtype=np.float64)


def out_of_fold(task: Task, inside: Flags, folds: Iterator[tuple[Flags, Flags]]) -> Floats:
    """Score of every row of `inside` by a model that has not seen it; NaN where no fold could be trained."""
    out = np.full(task.rows.height, np.nan)
    places = np.flatnonzero(inside)
    for keep, held in folds:
        chosen = np.zeros(task.rows.height, dtype=np.bool_)
        chosen[places[keep]] = True
        if len(np.unique(task.y[chosen])) == 2 and held.any():
            out[places[held]] = predict(fit(task, chosen), task.x[places[held]])
    return out
