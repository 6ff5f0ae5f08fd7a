"""From a failure model and as-of features to rows of gold.failure_risk. Pure; the times come with the rows."""

from __future__ import annotations

import numpy as np
import polars as pl

from models.explain import effects, explain
from models.failure import FailureModel, ModeModel
from models.risk.task import matrix
from plant.tables import table

DECIMALS = 6


def score(model: FailureModel, frame: pl.DataFrame, machines: pl.DataFrame, version: str) -> pl.DataFrame:
    """One row a machine, failure mode its kind is known for, and decision time of `frame`.

    A mode without a model has no probability and no threshold and says why in `explained_by`; so does a machine
    that is already down for repair: it cannot be said to be about to fail.

    Args:
        model: from `models.failure.train`.
        frame: from `models.features.features`, with `codes=model.codes`.
        machines: shaped as silver.machines.
        version: of the model, as on its card.
    """
    contract = table("gold.failure_risk")
    placed = frame.join(machines.select("machine", "site", "area", "line", "kind"), on="machine", how="inner")
    parts = [_score_mode(model, m, placed.filter(pl.col("kind").is_in(m.kinds)), version) for m in model.modes]
    parts = [p for p in parts if not p.is_empty()]
    if not parts:
        return contract.empty()
    scored = pl.concat(parts).rename({"at": "scored_at"})
    exact = {c.name: c.dtype for c in contract.columns}
    return scored.select(pl.col(n).cast(t) for n, t in exact.items()).sort(contract.sort)


def _score_mode(model: FailureModel, m: ModeModel, frame: pl.DataFrame, version: str) -> pl.DataFrame:
    head = frame.sort("machine", "at").with_columns(
        failure_mode=pl.lit(m.mode), horizon_h=pl.lit(model.settings.horizon_h), model_version=pl.lit(version)
    )
    kept = ["site", "area", "line", "machine", "at", "failure_mode", "horizon_h", "model_version"]
    if head.is_empty() or m.reason:
        return _unscored(head.select(kept), f"no score: {m.reason}")
    down = pl.col("context_under_repair") == 1
    return pl.concat([
        _scored(m, head.filter(~down), kept),
        _unscored(head.filter(down).select(kept), "no score: the machine is down for repair"),
    ])  # fmt: skip


def _scored(m: ModeModel, rows: pl.DataFrame, kept: list[str]) -> pl.DataFrame:
    if rows.is_empty():
        return _unscored(rows.select(kept), "")
    x, limit = matrix(rows, m.features), np.inf if m.threshold is None else m.threshold
    p = m.probability(x).round(DECIMALS)
    texts = explain(rows, effects(m.probability, x, m.features, m.reference), m.mode)
    life = m.life.estimate(x) if m.life and not m.life.reason else (None, None, None)
    low, mid, high = (pl.lit(None, pl.Float64) if v is None else pl.Series(v.round(1)) for v in life)
    return rows.select(kept).with_columns(
        probability=pl.Series(p), threshold=pl.lit(m.threshold, pl.Float64), alert=pl.Series(p >= limit),
        rul_h=mid, rul_low_h=low, rul_high_h=high, explained_by=pl.Series(texts, dtype=pl.String),
    )  # fmt: skip


def _unscored(rows: pl.DataFrame, why: str) -> pl.DataFrame:
    nothing = pl.lit(None, pl.Float64)
    return rows.with_columns(
        probability=nothing, threshold=nothing, alert=pl.lit(value=False), rul_h=nothing, rul_low_h=nothing,
        rul_high_h=nothing, explained_by=pl.lit(why),
    )  # fmt: skip
