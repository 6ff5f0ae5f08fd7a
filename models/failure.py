"""Probability that a machine fails in a mode within the horizon: one model a mode, or an honest refusal.

One-vs-rest HistGradientBoosting with l2 regularisation (the multiclass form without it diverges silently on
rare classes). A mode with too few failures, or whose model does not beat chance by far on time it has not
seen, gets no model and no score, with the reason. Inputs come from `models.features`; the parts (task, trial,
calibration, scoring, storage) are in `models.risk`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from datetime import datetime, timedelta
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl

from models import evaluation as ev
from models.card import digest
from models.events import failures, label
from models.features import names
from models.risk.calibration import NO_CALIBRATION, Calibration
from models.risk.remaining_life import RemainingLife, fit_remaining_life
from models.risk.task import Settings, Task, fit, predict
from models.risk.trial import calibrated, gate, metrics
from models.threads import one_thread

Floats = npt.NDArray[np.float64]
Flags = npt.NDArray[np.bool_]

DEFAULT = Settings()

CODE = "failure-1"
"""Raised when the method changes: it is part of the version of every model."""

ANY = "any"
"""Mode that stands for a failure of any mode: single modes are often too rare to learn, the machine is not."""


@dataclass(frozen=True)
class ModeModel:
    """The model of one failure mode on the kinds of machine it occurs on; `reason` says why there is none."""

    mode: str
    kinds: tuple[str, ...]
    reason: str | None = None
    features: tuple[str, ...] = ()
    estimator: Any = None
    calibration: Calibration = NO_CALIBRATION
    threshold: float | None = None
    reference: Mapping[str, float] = field(default_factory=dict)
    metrics: Mapping[str, Any] = field(default_factory=dict)
    life: RemainingLife | None = None

    def probability(self, x: Floats) -> Floats:
        """Calibrated probability of each row of inputs (columns in the order of `features`)."""
        return self.calibration(predict(self.estimator, x))


@dataclass(frozen=True)
class FailureModel:
    """All modes of a plant; `recipe` is the hash of code, settings, inputs and data it was made from."""

    recipe: str
    settings: Settings
    features: tuple[str, ...]
    codes: tuple[int, ...]
    modes: tuple[ModeModel, ...]


def train(
    frame: pl.DataFrame,
    maintenance: pl.DataFrame,
    machines: pl.DataFrame,
    known_until: datetime | None,
    settings: Settings = DEFAULT,
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
    with one_thread():
        trained = tuple(_train_mode(m, frame, happened, machines, known_until, settings) for m in modes)
    codes = tuple(sorted({int(n.split("_")[1]) for n in inputs if n.startswith("alarm_")}))
    return FailureModel(digest(CODE, asdict(settings), inputs, fingerprint), settings, inputs, codes, trained)


def _train_mode(
    mode: str,
    frame: pl.DataFrame,
    happened: pl.DataFrame,
    machines: pl.DataFrame,
    known_until: datetime | None,
    s: Settings,
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
) -> Task | None:
    rows = frame.filter(pl.col("machine").is_in(machines["machine"].to_list())).sort("machine", "at")
    if rows.is_empty() or known_until is None:
        return None
    rows = rows.with_columns(label(own, rows, s.horizon_h, known_until).alias("label_"))
    rows = rows.filter(pl.col("label_").is_not_null() & (pl.col("context_under_repair") != 1))
    if rows.is_empty():
        return None
    seen = pl.col("failed_at").is_between(rows["at"].min(), known_until)
    varying = [n for n in names(rows) if rows[n].drop_nulls().n_unique() > 1]
    return Task(mode, rows, tuple(varying), own.filter(seen), s)


def _cut(rows: pl.DataFrame, s: Settings) -> datetime:
    first, last = rows["at"].min(), rows["at"].max()
    span = (last - first).total_seconds() * (1 - s.test_share)  # type: ignore[operator, union-attr]
    return first + timedelta(hours=span // 3600)  # type: ignore[operator, return-value]


def _too_few(task: Task | None, cut: datetime | None, s: Settings) -> str | None:
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


def _test_and_fit(task: Task, kinds: tuple[str, ...], cut: datetime) -> ModeModel:
    s = task.s
    past, future = ev.split(task.rows, cut, s.horizon_h)
    calibration, threshold, inner = calibrated(task, past)
    if calibration is None:
        return ModeModel(task.mode, kinds, "failures lie in too few periods to calibrate on data not trained on")
    score = predict(fit(task, past), task.x[future])
    found = metrics(task, past, future, score, calibration, threshold) | {"inner": inner, "test_from": str(cut)}
    refusal = gate(found, s)
    if refusal:
        return ModeModel(task.mode, kinds, refusal, metrics=found)
    everything = np.ones(task.rows.height, dtype=np.bool_)
    return ModeModel(
        task.mode, kinds, None, task.features, fit(task, everything), calibration, threshold, _reference(task),
        found, fit_remaining_life(task.rows, task.features, task.happened, s.seed),
    )  # fmt: skip


def _reference(task: Task) -> dict[str, float]:
    """What each input usually is while no failure is near: the median of the rows without one."""
    quiet = task.rows.filter(pl.col("label_") == 0)
    medians = quiet.select(pl.col(f).median() for f in task.features).row(0)
    return {f: float(m) for f, m in zip(task.features, medians, strict=True) if m is not None}
