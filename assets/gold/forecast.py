"""gold.forecast: the forecast of the last model run with the decisions people took on it."""

from __future__ import annotations

import dagster as dg
import polars as pl

from models.card import Shelved


@dg.asset(
    key=["gold", "forecast"], group_name="gold", kinds={"polars", "delta"},
    ins={
        "model": dg.AssetIn(key=["models", "forecast_model"]),
        "decisions": dg.AssetIn(key=["bronze", "decisions"]),
    },
)  # fmt: skip
def forecast(model: Shelved, decisions: pl.LazyFrame) -> pl.DataFrame:
    """Item x week with quantity, interval, back-test error and approval state."""
    from models.forecast import decided, load

    return decided(load(model.files), decisions.collect())
