"""Probability that a machine fails in a mode within the horizon: one model a mode, or an honest refusal.

One-vs-rest HistGradientBoosting with l2 regularisation (the multiclass form without it diverges silently on
rare classes). A mode with too few failures, or whose model does not beat chance by far on time it has not
seen, gets no model and no score, with the reason. Inputs come from `models.features`, scoring is in
`models.scoring`, storing in `models.storage`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field
from datetime import datetime, timedelta
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl
from sklearn.ensemble import HistGradientBoostingClassifier
from threadpoolctl import threadpool_limits

from models import evaluation as ev
from models.calibration import Calibration, calibrate
from models.card import digest
from models.events import failures, label
from models.features import names
from models.remaining_life import RemainingLife, fit_remaining_life

Floats = npt.NDArray[np.float64]
Flags = npt.NDArray[np.bool_]

CODE = "failure-1"
"""Raised when the method changes: it is part of the version of every model."""

ANY = "any"
"""Mode that stands for a failure of any mode: single modes are often too rare to learn, the machine is not."""


@dataclass(frozen=True)
class Settings:
    """How to train; all of it is part of the model's version.

    `gate`: the average precision on unseen time must reach this many times the prevalence, or `gate_cap` where
    that would be more (a mode that precedes 8 % of all rows cannot be ten times better than chance).
    """

    horizon_h: float = 24.0
    step_h: float = 3.0
    costs: ev.Costs = ev.Costs(missed=5000.0, planned=1000.0, false_alarm=200.0)
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
class ModeModel:
    """The model of one failure mode on the kinds of machine it occurs on; `reason` says why there is none."""

    mode: str
    kinds: tuple[str, ...]
    reason: str | None = None
    features: tuple[str, ...] = ()
    estimator: Any = None
    calibration: Calibration = Calibration("none")
    threshold: float | None = None
    reference: Mapping[str, float] = field(default_factory=dict)
    metrics: Mapping[str, Any] = field(default_factory=dict)
    life: RemainingLife | None = None

    def probability(self, x: Floats) -> Floats:
        """Calibrated probability of each row of inputs (columns in the order of `features`)."""
        return self.calibration(_predict(self.estimator, x))


@dataclass(frozen=True)
class FailureModel:
    """All modes of a plant; `recipe` is the hash of code, settings, inputs and data it was made from."""

    recipe: str
    settings: Settings
    features: tuple[str, ...]
    codes: tuple[int, ...]
    modes: tuple[ModeModel, ...]


@dataclass(frozen=True)
class _Task:
    """The labelled rows of one mode, and its failures within their time."""

    mode: str
    rows: pl.DataFrame
    features: tuple[str, ...]
    happened: pl.DataFrame
    s: Settings

    @cached_property
    def x(self) -> Floats:
        return matrix(self.rows, self.features)

    @cached_property
    def y(self) -> Floats:
        return self.rows["label_"].to_numpy().astype(np.float64)

    def events(self, keep: Flags, alert: Flags) -> ev.Events:
        return ev.events(self.rows.filter(keep), alert, self.happened, self.s.horizon_h, self.s.step_h, self.s.costs)


def train(
    frame: pl.DataFrame,
    maintenance: pl.DataFrame,
    machines: pl.DataFrame,
    known_until: datetime | None,
    settings: Settings = Settings(),  # noqa: B008 - frozen
    fingerprint: str = "",
) -> FailureModel:
    """Train and test one model for every failure mode on record, and one for a failure of `any` mode.

    Args:
        frame: from `features.features`, one row a decision time, `settings.step_h` apart.
        maintenance: shaped as silver.maintenance_orders; its corrective orders are the failures.
        machines: shaped as silver.machines; a mode is learnt on the kinds of machine it has occurred on.
        known_until: failures are known to here; a horizon reaching past it is not counted as "no failure".
            None: there are no data.
        settings: how to train.
        fingerprint: of the data, for the version.

    Returns:
        A model; a mode that could not be learnt carries its reason instead of an estimator.
    """
    happened, inputs = failures(maintenance), tuple(names(frame))
    modes = sorted(happened["failure_mode"].unique().to_list())
    if len(modes) > 1 and ANY not in modes:
        happened = pl.concat([happened, happened.with_columns(failure_mode=pl.lit(ANY))])
        modes = [ANY, *modes]
    with threadpool_limits(limits=1):
        trained = tuple(_train_mode(m, frame, happened, machines, known_until, settings) for m in modes)
    codes = tuple(sorted({int(n.split("_")[1]) for n in inputs if n.startswith("alarm_")}))
    return FailureModel(digest(CODE, asdict(settings), inputs, fingerprint), settings, inputs, codes, trained)


def matrix(frame: pl.DataFrame, features: tuple[str, ...]) -> Floats:
    """Inputs of a model as floats, NaN where not known; a feature the frame does not have is not known."""
    known = [(pl.col(f) if f in frame.columns else pl.lit(None)).cast(pl.Float64).alias(f) for f in features]
    return np.asarray(frame.select(known).fill_null(float("nan")).to_numpy(), dtype=np.float64)


def _train_mode(
    mode: str, frame: pl.DataFrame, happened: pl.DataFrame, machines: pl.DataFrame, known_until: datetime | None, s: Settings
) -> ModeModel:
    own = happened.filter(pl.col("failure_mode") == mode)
    where = machines.filter(pl.col("machine").is_in(own["machine"].unique().to_list()))
    kinds = tuple(sorted(where["kind"].unique().to_list()))
    # How long ago another mode was repaired tells nothing of this one, and there are few failures to find that out.
    others = [f"since_{m}_h" for m in happened["failure_mode"].unique() if m not in (mode, ANY)]
    ours = machines.filter(pl.col("kind").is_in(kinds))
    task = _task(mode, frame.drop(others, strict=False), own, ours, known_until, s)
    cut = _cut(task.rows, s) if task else None
    refusal = _too_few(task, cut, s)
    if refusal or task is None or cut is None:
        return ModeModel(mode, kinds, refusal)
    return _test_and_fit(task, kinds, cut)


def _task(
    mode: str, frame: pl.DataFrame, own: pl.DataFrame, machines: pl.DataFrame, known_until: datetime | None, s: Settings
) -> _Task | None:
    rows = frame.filter(pl.col("machine").is_in(machines["machine"].to_list())).sort("machine", "at")
    if rows.is_empty() or known_until is None:
        return None
    rows = rows.with_columns(label(own, rows, s.horizon_h, known_until).alias("label_"))
    rows = rows.filter(pl.col("label_").is_not_null() & (pl.col("context_under_repair") != 1))
    if rows.is_empty():
        return None
    seen = pl.col("failed_at").is_between(rows["at"].min(), known_until)
    varying = [n for n in names(rows) if rows[n].drop_nulls().n_unique() > 1]
    return _Task(mode, rows, tuple(varying), own.filter(seen), s)


def _cut(rows: pl.DataFrame, s: Settings) -> datetime:
    first, last = rows["at"].min(), rows["at"].max()
    span = (last - first).total_seconds() * (1 - s.test_share)  # type: ignore[operator, union-attr]
    return first + timedelta(hours=span // 3600)  # type: ignore[operator, return-value]


def _too_few(task: _Task | None, cut: datetime | None, s: Settings) -> str | None:
    if task is None or cut is None:
        return "no telemetry before the failures on record"
    if not task.features:
        return "no input varies: there is nothing to learn from"
    before = task.happened.filter(pl.col("failed_at") < cut).height
    after = task.happened.height - before
    if before < s.min_failures or after < s.min_test_failures:
        return (
            f"not enough failures: {before} to learn from and {after} to test on, "
            f"needed are {s.min_failures} and {s.min_test_failures}"
        )
    return None


def _test_and_fit(task: _Task, kinds: tuple[str, ...], cut: datetime) -> ModeModel:
    s = task.s
    past, future = ev.split(task.rows, cut, s.horizon_h)
    calibration, threshold, inner = _calibrate(task, past)
    if calibration is None:
        return ModeModel(task.mode, kinds, "failures lie in too few periods to calibrate on data not trained on")
    score = _predict(_fit(task, past), task.x[future])
    metrics = _metrics(task, past, future, score, calibration, threshold) | {"inner": inner, "test_from": str(cut)}
    refusal = _gate(metrics, s)
    if refusal:
        return ModeModel(task.mode, kinds, refusal, metrics=metrics)
    everything = np.ones(task.rows.height, dtype=np.bool_)
    return ModeModel(
        task.mode, kinds, None, task.features, _fit(task, everything), calibration, threshold, _reference(task),
        metrics, fit_remaining_life(task.rows, task.features, task.happened, s.seed),
    )  # fmt: skip


def _fit(task: _Task, keep: Flags) -> Any:
    s = task.s
    model = HistGradientBoostingClassifier(
        max_iter=s.trees, max_leaf_nodes=s.leaves, learning_rate=s.rate, l2_regularization=s.l2,
        min_samples_leaf=s.min_leaf, max_bins=s.bins, early_stopping=False, random_state=s.seed,
    )  # fmt: skip
    x = task.x[keep]
    x[:, np.isnan(x).all(axis=0)] = 0.0  # not known in any of these rows: scikit-learn cannot bin it, a constant is ignored
    return model.fit(x, task.y[keep])


def _predict(estimator: Any, x: Floats) -> Floats:
    if not len(x):
        return np.empty(0)
    with threadpool_limits(limits=1):
        return np.asarray(estimator.predict_proba(x)[:, 1], dtype=np.float64)


def _out_of_fold(task: _Task, inside: Flags, folds: Iterator[tuple[Flags, Flags]]) -> Floats:
    """Score of every row of `inside` by a model that has not seen it; NaN where no fold could be trained."""
    out = np.full(task.rows.height, np.nan)
    places = np.flatnonzero(inside)
    for keep, held in folds:
        chosen = np.zeros(task.rows.height, dtype=np.bool_)
        chosen[places[keep]] = True
        if len(np.unique(task.y[chosen])) == 2 and held.any():
            out[places[held]] = _predict(_fit(task, chosen), task.x[places[held]])
    return out


def _calibrate(task: _Task, past: Flags) -> tuple[Calibration | None, float, dict[str, Any]]:
    """Calibration and threshold from out-of-fold scores of the training part, by blocks of time."""
    rows = task.rows.filter(past)
    score = _out_of_fold(task, past, ev.time_folds(rows, task.s.folds, task.s.horizon_h))
    scored = ~np.isnan(score)
    y = task.y[scored]
    if not 0 < y.sum() < len(y):
        return None, 1.0, {}
    held = task.events(scored, np.ones(int(scored.sum()), dtype=np.bool_)).failures
    calibration = calibrate(score[scored], y, held)
    p = calibration(score[scored])
    s = task.s
    threshold = ev.threshold(task.rows.filter(scored), p, task.happened, s.horizon_h, s.step_h, s.costs)
    summary = {"average_precision": ev.average_precision(y, p), "calibration": calibration.kind, "failures": held}
    return calibration, threshold, summary | {"events": task.events(scored, p >= threshold).summary()}


def _metrics(
    task: _Task, past: Flags, future: Flags, score: Floats, calibration: Calibration, threshold: float
) -> dict[str, Any]:
    rows, y, p = task.rows.filter(future), task.y[future], calibration(score)
    prevalence = float(y.mean())
    never = np.zeros(len(y), dtype=np.bool_)
    return {
        "rows": {"train": int(past.sum()), "test": int(future.sum())},
        "positive_rows": {"train": int(task.y[past].sum()), "test": int(y.sum())},
        "prevalence": prevalence,
        "average_precision": ev.average_precision(y, score),
        "interval_95": ev.interval(rows, y, score, task.s.seed),
        "baselines": baselines(task.rows, task.y, past, future, task.mode),
        "by_machine": _by_machine(task, past),
        "brier": {
            "raw": float(np.mean((score - y) ** 2)),
            "calibrated": float(np.mean((p - y) ** 2)),
            "always_prevalence": prevalence * (1 - prevalence),
        },
        "reliability": ev.reliability(y, p),
        "threshold": threshold,
        "events": task.events(future, p >= threshold).summary(),
        "run_to_failure": task.events(future, never).summary(),
    }


def _by_machine(task: _Task, past: Flags) -> dict[str, Any] | None:
    """How well machines are scored by a model that never saw them; null when fewer than two of them failed."""
    rows = task.rows.filter(past)
    score = _out_of_fold(task, past, ev.machine_folds(rows, task.y[past], task.s.folds))
    scored = ~np.isnan(score)
    if not scored.any():
        return None
    y = task.y[scored]
    return {"average_precision": ev.average_precision(y, score[scored]), "prevalence": float(y.mean())}


def baselines(rows: pl.DataFrame, y: Floats, past: Flags, future: Flags, mode: str) -> dict[str, float | None]:
    """Average precision of what needs no learning: hazard by age since maintenance, the strongest deviation."""
    out: dict[str, float | None] = {"prevalence": float(y[future].mean())}
    age = rows[f"since_{mode}_h"].to_numpy() if f"since_{mode}_h" in rows.columns else None
    if age is not None:
        edges = np.unique(np.nanquantile(age[past], [0.2, 0.4, 0.6, 0.8])) if (~np.isnan(age[past])).any() else []
        place = np.where(np.isnan(age), len(edges) + 1, np.searchsorted(edges, age))
        hazard = {b: float(y[past & (place == b)].mean()) for b in np.unique(place[past])}
        out["hazard_by_age"] = ev.average_precision(y[future], np.array([hazard.get(b, 0.0) for b in place[future]]))
    for column in (c for c in rows.columns if c.endswith("_dev_24h")):
        value = np.abs(rows[column].fill_null(0.0).to_numpy())
        out[column.removesuffix("_dev_24h") + "_deviation"] = ev.average_precision(y[future], value[future])
    return out


def _gate(metrics: Mapping[str, Any], s: Settings) -> str | None:
    found, prevalence = metrics["average_precision"], metrics["prevalence"]
    needed = min(s.gate * prevalence, max(s.gate_cap, 2 * prevalence))
    if found is None or found < needed:
        text = "none" if found is None else f"{found:.3f}"
        return f"no usable signal: average precision {text} on unseen time, needed {needed:.3f} ({s.gate:g} x prevalence)"
    return None


def _reference(task: _Task) -> dict[str, float]:
    """What each input usually is while no failure is near: the median of the rows without one."""
    quiet = task.rows.filter(pl.col("label_") == 0)
    medians = quiet.select(pl.col(f).median() for f in task.features).row(0)
    return {f: float(m) for f, m in zip(task.features, medians, strict=True) if m is not None}
