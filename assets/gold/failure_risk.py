"""gold.failure_risk: every machine and failure mode, scored at each full hour of the last production day."""

from __future__ import annotations

from datetime import timedelta

import dagster as dg
import polars as pl

from models.card import Shelved

INPUTS = ("readings", "maintenance_orders", "machines")


@dg.asset(
    key=["gold", "failure_risk"], group_name="gold", kinds={"polars", "delta"},
    ins={"model": dg.AssetIn(key=["models", "failure_model"])} | {n: dg.AssetIn(key=["silver", n]) for n in INPUTS},
)  # fmt: skip
def failure_risk(
    model: Shelved, readings: pl.LazyFrame, maintenance_orders: pl.LazyFrame, machines: pl.LazyFrame
) -> pl.DataFrame:
    """Probability per machine, mode and hour with its drivers; null with the reason where there is no model."""
    from models.events import alarms
    from models.failure import ANY
    from models.features import TELEMETRY, features, grid
    from models.moments import LOOK_BACK_D, moments, scored_at
    from models.risk import storage
    from models.risk.scoring import score

    fitted, places = storage.load(model.files), machines.collect()
    recent = pl.col("production_day") >= pl.col("production_day").max() - timedelta(days=LOOK_BACK_D)
    telemetry = readings.filter(pl.col("role").is_in(TELEMETRY) & recent).collect().lazy()
    at = grid(places["machine"], scored_at(moments(telemetry)))
    modes = [m.mode for m in fitted.modes if m.mode != ANY]
    known = maintenance_orders.collect()
    frame = features(telemetry, alarms(telemetry), known, places, at, codes=fitted.codes, modes=modes)
    return score(fitted, frame, places, model.version)
