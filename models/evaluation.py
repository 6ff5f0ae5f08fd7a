"""How good a failure model is: honest splits, average precision with interval, failures caught, false alarms, cost.

Rows are decision times of machines (machine, at), sorted by both. Nothing is fitted here but the split itself.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import pairwise

import numpy as np
import numpy.typing as npt
import polars as pl
from sklearn.metrics import average_precision_score

Floats = npt.NDArray[np.float64]
Flags = npt.NDArray[np.bool_]

MONTH_H = 30.4375 * 24
BOOTSTRAPS = 200
MIN_UNITS = 5
"""With fewer machines than this the interval resamples machine-weeks instead, and the card says so."""


@dataclass(frozen=True)
class Costs:
    """Money of one failure that nobody foresaw, one that was foreseen, and one alert for nothing."""

    missed: float
    planned: float
    false_alarm: float


@dataclass(frozen=True)
class Events:
    """Event-level result of an alert policy over some rows."""

    failures: int
    caught: int
    false_alarms: int
    false_per_machine_month: float
    cost: float
    lead_h: tuple[float, ...]

    def summary(self) -> dict[str, float | int | None]:
        """For the card: counts, recall (null without failures), false alarms, cost, median lead time in hours."""
        return {
            "failures": self.failures,
            "caught": self.caught,
            "recall": round(self.caught / self.failures, 4) if self.failures else None,
            "false_alarms": self.false_alarms,
            "false_alarms_per_machine_month": round(self.false_per_machine_month, 3),
            "cost": round(self.cost, 2),
            "lead_h_median": round(float(np.median(self.lead_h)), 2) if self.lead_h else None,
        }


def average_precision(label: Floats, score: Floats) -> float | None:
    """Area under the precision-recall curve; null without a positive or without a negative."""
    if not 0 < label.sum() < len(label):
        return None
    return float(average_precision_score(label, score))


def split(rows: pl.DataFrame, cut: datetime, gap_h: float) -> tuple[Flags, Flags]:
    """Rows to train on and rows to test on: training ends `gap_h` before `cut`, so no label window is shared."""
    at = rows["at"]
    return (at < cut - timedelta(hours=gap_h)).to_numpy(), (at >= cut).to_numpy()


def time_folds(rows: pl.DataFrame, folds: int, gap_h: float) -> Iterator[tuple[Flags, Flags]]:
    """Blocked folds in time: every row is held out once; training rows within `gap_h` of the block are dropped."""
    at = rows["at"].dt.timestamp("us").to_numpy().astype(np.float64)
    edges = np.quantile(at, np.linspace(0, 1, folds + 1))
    edges[-1] += 1
    gap = gap_h * 3.6e9
    for low, high in pairwise(edges.tolist()):
        yield (at < low - gap) | (at >= high + gap), (at >= low) & (at < high)


def machine_folds(rows: pl.DataFrame, label: Floats, folds: int) -> Iterator[tuple[Flags, Flags]]:
    """Folds by machine, each with at least one machine that failed; nothing when fewer than two machines did."""
    failed = sorted(set(rows["machine"].to_numpy()[label == 1].tolist()))
    others = sorted(set(rows["machine"].to_list()) - set(failed))
    folds = min(folds, len(failed))
    if folds < 2:
        return
    of = {m: i % folds for i, m in enumerate(failed)} | {m: i % folds for i, m in enumerate(others)}
    fold = rows["machine"].replace_strict(of, return_dtype=pl.Int64).to_numpy()
    for k in range(folds):
        yield fold != k, fold == k


def interval(rows: pl.DataFrame, label: Floats, score: Floats, seed: int = 0) -> dict[str, object]:
    """95 % bootstrap interval of the average precision over machines (or machine-weeks, below MIN_UNITS machines)."""
    machines = rows["machine"].n_unique()
    week = rows["at"].dt.truncate("1w").cast(pl.String)
    unit = rows["machine"] if machines >= MIN_UNITS else rows["machine"] + week
    groups = np.unique(unit.to_numpy(), return_inverse=True)[1]
    count, rng = int(groups.max()) + 1, np.random.default_rng(seed)
    value = _weighted_precision(label, score)
    draws = rng.integers(0, count, (BOOTSTRAPS, count))
    drawn = [value(np.bincount(d, minlength=count).astype(np.float64)[groups]) for d in draws]
    values = [v for v in drawn if v is not None]
    low, high = np.quantile(values, [0.025, 0.975]).tolist() if values else (None, None)
    over = "machines" if machines >= MIN_UNITS else "machine-weeks"
    return {"low": low, "high": high, "resampled": over, "units": count}


def _weighted_precision(label: Floats, score: Floats) -> Callable[[Floats], float | None]:
    """Average precision as a function of row weights: the rows are ordered once for all resamples."""
    order = np.argsort(-score, kind="stable")
    y = label[order]
    ends = np.flatnonzero(np.append(np.diff(score[order]) != 0, True))

    def value(weight: Floats) -> float | None:
        w = weight[order]
        hits, seen = np.cumsum(w * y)[ends], np.cumsum(w)[ends]
        if hits[-1] == 0 or hits[-1] == seen[-1]:
            return None
        return float(np.sum(np.diff(hits, prepend=0.0) * hits / np.maximum(seen, 1.0)) / hits[-1])

    return value


def events(
    rows: pl.DataFrame, alert: Flags, happened: pl.DataFrame, horizon_h: float, step_h: float, costs: Costs
) -> Events:
    """Score alerts by failure instead of by row.

    A failure counts when its machine has at least one row in the horizon before it; it is caught when one of
    those rows alerts. Alerting rows outside every horizon are false: a run of them costs one false alarm per
    started horizon, so an alert that never ends is no cheap way to catch everything.
    """
    horizon = timedelta(hours=horizon_h)
    alerts = rows.select("machine", "at", alert=pl.Series(alert))
    failed = happened.select("machine", failed_at=pl.col("failed_at")).sort("failed_at")
    ahead = alerts.sort("at").join_asof(
        failed.with_columns(at="failed_at"), on="at", by="machine", strategy="forward", allow_exact_matches=False,
        check_sortedness=False,
    )  # fmt: skip
    true = (pl.col("failed_at") - pl.col("at") <= horizon).fill_null(value=False)
    ahead = ahead.sort("machine", "at").with_columns(true=true)
    per = ahead.filter("true").group_by("machine", "failed_at").agg(
        caught=pl.col("alert").any(), first=pl.col("at").filter(pl.col("alert")).min()
    ).sort("machine", "failed_at")  # fmt: skip
    lead = ((per["failed_at"] - per["first"]).dt.total_seconds() / 3600).drop_nulls().to_list()
    false = _false_alarms(ahead, horizon_h, step_h)
    caught, months = int(per["caught"].sum()), rows.height * step_h / MONTH_H
    cost = (per.height - caught) * costs.missed + caught * costs.planned + false * costs.false_alarm
    return Events(per.height, caught, false, false / months if months else 0.0, cost, tuple(lead))


def _false_alarms(ahead: pl.DataFrame, horizon_h: float, step_h: float) -> int:
    wrong = ahead.filter(pl.col("alert") & ~pl.col("true"))
    if wrong.is_empty():
        return 0
    new = (pl.col("at").diff() > timedelta(hours=step_h * 1.5)).fill_null(value=True).over("machine")
    runs = wrong.with_columns(run=new.cum_sum().over("machine")).group_by("machine", "run").agg(n=pl.len())
    return int((runs["n"] * step_h / horizon_h).ceil().cast(pl.Int64).sum())


def threshold(
    rows: pl.DataFrame, probability: Floats, happened: pl.DataFrame, horizon_h: float, step_h: float, costs: Costs
) -> float:
    """The alert threshold that would have cost least on these (out-of-fold) rows; the middle one of equals.

    The text-book threshold false / (false + missed - planned) is always among the candidates, and so is never
    to alert (1.0), for when no threshold pays.
    """
    seen = np.unique(np.round(np.quantile(probability, np.linspace(0.5, 1.0, 40)), 4))
    book = costs.false_alarm / max(costs.false_alarm + costs.missed - costs.planned, costs.false_alarm)
    candidates = sorted({*seen.tolist(), round(book, 4), 1.0}, reverse=True)
    spent = [events(rows, probability >= c, happened, horizon_h, step_h, costs).cost for c in candidates]
    best = [c for c, cost in zip(candidates, spent, strict=True) if cost <= min(spent)]
    return float(best[len(best) // 2])


def reliability(label: Floats, probability: Floats, bins: int = 5) -> list[dict[str, float]]:
    """Predicted against observed frequency, in bins of equal count of the upper half and one below."""
    edges = np.unique(np.quantile(probability, [0, *np.linspace(0.5, 1.0, bins)]))
    place = np.clip(np.searchsorted(edges, probability, "right") - 1, 0, max(len(edges) - 2, 0))
    return [
        {
            "predicted": round(float(probability[place == b].mean()), 4),
            "observed": round(float(label[place == b].mean()), 4),
            "rows": int((place == b).sum()),
        }
        for b in np.unique(place)
    ]
