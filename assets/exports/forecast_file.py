"""exports/forecast_file: the approved forecasts, ready to be written as a file for the ERP."""

from __future__ import annotations

import dagster as dg
import polars as pl

COLUMNS = (
    "item", "period_start", "period", "quantity", "forecast_quantity", "low", "high", "model", "model_version",
    "approved_by", "approved_at",
)  # fmt: skip


@dg.asset(
    key=["exports", "forecast_file"], group_name="exports", kinds={"polars"},
    ins={"forecast": dg.AssetIn(key=["gold", "forecast"])},
)  # fmt: skip
def forecast_file(forecast: pl.LazyFrame) -> pl.DataFrame:
    """Approved and not yet exported rows; `quantity` is what was approved, `forecast_quantity` what was forecast."""
    approved = forecast.filter(pl.col("status") == "approved").rename({"quantity": "forecast_quantity"})
    agreed = approved.with_columns(quantity=pl.col("approved_qty").fill_null(pl.col("forecast_quantity")))
    return agreed.select(COLUMNS).sort("item", "period_start").collect()
