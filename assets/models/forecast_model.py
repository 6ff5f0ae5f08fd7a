"""models/forecast_model: the back-test of every item's demand and the forecast of the method that won it."""

from __future__ import annotations

import dagster as dg
import polars as pl

from models.card import Artefact, rows_digest
from plant.config import Plant

NAME = "forecast_model"


@dg.asset(
    key=["models", NAME], group_name="models", kinds={"scikitlearn", "polars"},
    ins={"sales_orders": dg.AssetIn(key=["silver", "sales_orders"])},
)  # fmt: skip
def forecast_model(sales_orders: pl.LazyFrame, plant: dg.ResourceParam[Plant]) -> Artefact:
    """Demand of the next eight weeks per item, in weeks of the first site's time zone."""
    from models.forecast import dump, forecast, weekly
    from models.summary import forecast_card

    history = weekly(sales_orders, plant.file.site[0].timezone)
    found = forecast(history)
    made = {
        "sales_orders": rows_digest(history), "weeks": history.height,
        "from": str(history["period_start"].min()), "to": str(history["period_start"].max()),
    }  # fmt: skip
    return Artefact(NAME, found.version, dump(found), forecast_card(found, NAME, made))
