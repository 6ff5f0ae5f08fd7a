"""The trial of one failure mode on time it has not seen: calibration, metrics beside baselines, and the gate."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl

from models import evaluation as ev
from models.risk.calibration import Calibration, calibrate
from models.risk.task import Settings, Task, out_of_fold

Floats = npt.NDArray[np.float64]
Flags = npt.NDArray[np.bool_]


def calibrated(task: Task, past: Flags) -> tuple[Calibration | None, float, dict[str, Any]]:
    """Calibration and threshold from out-of-fold scores of the training part, by blocks of time."""
    rows = task.rows.filter(past)
    score = out_of_fold(task, past, ev.time_folds(rows, task.s.folds, task.s.horizon_h))
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


def metrics(
    task: Task, past: Flags, future: Flags, score: Floats, calibration: Calibration, threshold: float
) -> dict[str, Any]:
    """What the card says of the mode: rows, precision with interval and baselines, calibration, events, cost."""
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


def _by_machine(task: Task, past: Flags) -> dict[str, Any] | None:
    """How well machines are scored by a model that never saw them; null when fewer than two of them failed."""
    rows = task.rows.filter(past)
    score = out_of_fold(task, past, ev.machine_folds(rows, task.y[past], task.s.folds))
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
        known = age[past][~np.isnan(age[past])]
        edges = np.unique(np.quantile(known, [0.2, 0.4, 0.6, 0.8])) if len(known) else np.empty(0)
        place = np.where(np.isnan(age), len(edges) + 1, np.searchsorted(edges, age))
        hazard = {b: float(y[past & (place == b)].mean()) for b in np.unique(place[past])}
        out["hazard_by_age"] = ev.average_precision(y[future], np.array([hazard.get(b, 0.0) for b in place[future]]))
    for column in (c for c in rows.columns if c.endswith("_dev_24h")):
        value = np.abs(rows[column].fill_null(0.0).to_numpy())
        out[column.removesuffix("_dev_24h") + "_deviation"] = ev.average_precision(y[future], value[future])
    return out


def gate(found_metrics: Mapping[str, Any], s: Settings) -> str | None:
    """Why the mode gets no model; null when its precision on unseen time is far enough above chance."""
    found, prevalence = found_metrics["average_precision"], found_metrics["prevalence"]
    needed = min(s.gate * prevalence, max(s.gate_cap, 2 * prevalence))
    if found is None or found < needed:
        text = "none" if found is None else f"{found:.3f}"
        return (
            f"no usable signal: average precision {text} on unseen time, needed {needed:.3f}, chance {prevalence:.3f}"
        )
    return None
