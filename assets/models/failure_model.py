"""models/failure_model: trained on all telemetry, alarms and maintenance but the last production day."""

from __future__ import annotations

from typing import TYPE_CHECKING

import dagster as dg
import polars as pl

from models.card import Artefact, readings_digest, rows_digest
from plant.config import Plant

if TYPE_CHECKING:
    from models.failure import Settings

NAME = "failure_model"


@dg.asset(
    key=["models", NAME], group_name="models", kinds={"scikitlearn", "polars"},
    ins={name: dg.AssetIn(key=["silver", name]) for name in ("readings", "maintenance_orders", "machines")},
)  # fmt: skip
def failure_model(
    readings: pl.LazyFrame,
    maintenance_orders: pl.LazyFrame,
    machines: pl.LazyFrame,
    plant: dg.ResourceParam[Plant],
) -> Artefact:
    """Failure risk per mode, tested on the last part of the time; a mode that cannot be learnt says why."""
    # Late: scikit-learn takes a second to load, and every start of Dagster loads this file.
    from models.events import alarms
    from models.failure import train
    from models.features import TELEMETRY, features, grid
    from models.moments import learnt_at, moments
    from models.risk import storage
    from models.summary import failure_card

    telemetry = readings.filter(pl.col("role").is_in(TELEMETRY)).collect().lazy()
    orders, places, settings = maintenance_orders.collect(), machines.collect(), _settings(plant)
    when = moments(telemetry)
    times = learnt_at(when, settings.horizon_h, settings.step_h)
    made = {"readings": readings_digest(telemetry), "maintenance_orders": rows_digest(orders), "orders": orders.height}
    frame = features(telemetry, alarms(telemetry), orders, places, grid(places["machine"], times))
    model = train(frame, orders, places, when.day_at, settings, fingerprint=str(made))
    payload = storage.dump(model)
    version = storage.version_of(payload)
    span = (times[0], times[-1]) if times else (None, None)
    return Artefact(NAME, version, payload, failure_card(model, NAME, version, made, span))


def _settings(plant: Plant) -> Settings:
    from models.evaluation import Costs
    from models.failure import Settings

    a = plant.file.alerts
    return Settings(horizon_h=a.horizon_h, costs=Costs(a.cost_missed, a.cost_planned, a.cost_false_alarm))
