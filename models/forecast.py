"""Demand per item and week: history out of sales orders, the method that won the back-test, quantiles, approvals.

Demand counts on the day it was ordered, in the site's time zone, cancelled lines left out. Only complete weeks
are history; the first week forecast is the one that runs.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl

from models import backtest
from models.card import digest, rows_digest
from models.methods import METHODS
from plant.tables import table

Floats = npt.NDArray[np.float64]

CODE = "forecast-1"
"""Raised when the method changes: it is part of the version."""

HORIZON_WEEKS = 8
SEASON_WEEKS = 52
STEP_WEEKS = 2
DECIMALS = 3

ROWS = "forecast.json"


@dataclass(frozen=True)
class Forecasts:
    """Forecasts of all items: rows of gold.forecast without status, and what the card tells of each item."""

    version: str
    rows: pl.DataFrame
    items: dict[str, dict[str, Any]]
    coverage: float | None


ROW_COLUMNS = (
    "item", "period_start", "period", "quantity", "low", "high", "model", "model_version", "backtest_wape",
    "naive_wape", "backtest_bias", "note",
)  # fmt: skip


def weekly(sales: pl.LazyFrame, timezone: str = "UTC") -> pl.DataFrame:
    """Ordered quantity per item and complete ISO week: item, period_start (Monday), quantity.

    Weeks without an order between an item's first order and the last complete week are 0; earlier ones are not
    there. The last week is complete when the data (any item) reach its Sunday.

    Args:
        sales: shaped as silver.sales_orders.
        timezone: zone whose days count.
    """
    wanted = sales.filter(pl.col("ordered_at").is_not_null() & (pl.col("status") != "cancelled"))
    days = wanted.select("qty", item="product", day=pl.col("ordered_at").dt.convert_time_zone(timezone).dt.date())
    lines = days.with_columns(period_start=pl.col("day").dt.truncate("1w")).collect()
    if lines.is_empty():
        return pl.DataFrame(schema={"item": pl.String(), "period_start": pl.Date(), "quantity": pl.Float64()})
    last_day: date = lines["day"].max()  # type: ignore[assignment]
    running = (last_day + timedelta(days=1)) - timedelta(days=(last_day + timedelta(days=1)).weekday())
    sums = (
        lines.filter(pl.col("period_start") < running)
        .group_by("item", "period_start")
        .agg(quantity=pl.col("qty").sum())
    )
    weeks = lines.select(
        period_start=pl.date_range(pl.col("period_start").min(), pl.lit(running - timedelta(days=7)), "1w")
    )
    first = sums.group_by("item").agg(first=pl.col("period_start").min())
    every = first.join(weeks, how="cross").filter(pl.col("period_start") >= pl.col("first"))
    full = every.select("item", "period_start").join(sums, on=["item", "period_start"], how="left")
    return full.with_columns(pl.col("quantity").fill_null(0.0)).sort("item", "period_start")


def forecast(
    history: pl.DataFrame, horizon: int = HORIZON_WEEKS, season: int = SEASON_WEEKS, step: int = STEP_WEEKS
) -> Forecasts:
    """Forecast every item of a weekly history (item, period_start, quantity) `horizon` weeks ahead."""
    version = digest(CODE, horizon, season, step, list(METHODS), rows_digest(history))
    if history.is_empty():
        return Forecasts(
            version, pl.DataFrame(schema={n: table("gold.forecast").schema[n] for n in ROW_COLUMNS}), {}, None
        )
    items, values = panel(history)
    test = backtest.run(values, horizon, season, step)
    choice = backtest.choose(test)
    start: date = history["period_start"].max() + timedelta(days=7)  # type: ignore[operator, assignment]
    ahead = {name: METHODS[name](values, horizon, season) for name in test.names}
    told = {item: _item(i, test, choice, values[i]) for i, item in enumerate(items)}
    rows = [
        row
        for i, item in enumerate(items)
        for row in _rows(item, told[item], start, version, *_quantities(i, test, choice, ahead, values[i], horizon))
    ]
    exact = {n: table("gold.forecast").schema[n] for n in ROW_COLUMNS}
    coverage = None if np.isnan(choice.coverage) else round(choice.coverage, 4)
    return Forecasts(version, pl.DataFrame(rows, schema=exact, orient="row"), told, coverage)


def panel(history: pl.DataFrame) -> tuple[list[str], Floats]:
    """Items and their quantities, items x periods, NaN before an item's first period."""
    wide = history.pivot("item", index="period_start", values="quantity").sort("period_start")
    items = sorted(c for c in wide.columns if c != "period_start")
    return items, wide.select(items).cast(pl.Float64).to_numpy().T.copy()


def _item(i: int, test: backtest.Backtest, choice: backtest.Choice, values: Floats) -> dict[str, Any]:
    known = values[~np.isnan(values)]
    told: dict[str, Any] = {"periods": len(known), "zero_share": round(float((known == 0).mean()), 4)}
    w = int(choice.winner[i])
    if w < 0:
        note = f"{len(known)} weeks of history are too few to back-test: mean of them"
        return told | {
            "model": "mean",
            "note": note,
            "wape": None,
            "naive_wape": None,
            "bias": None,
            "rmsse": None,
            "naive_rmsse": None,
        }
    error = {n: _plain(v[i]) for n, v in (("wape", choice.wape), ("naive_wape", choice.naive_wape))}
    error |= {
        n: _plain(v[i])
        for n, v in (("bias", choice.bias), ("rmsse", choice.rmsse), ("naive_rmsse", choice.naive_rmsse))
    }
    mean = test.squared()[:, :, i]
    mean = np.where(np.isnan(mean), 0.0, mean).mean(axis=1)
    candidates = {
        n: _plain(np.sqrt(m / test.scale[i])) for n, m in zip(test.names, mean, strict=True) if np.isfinite(m)
    }
    return told | {"model": test.names[w], "note": None, **error, "candidates_rmsse": candidates}


def _plain(value: float) -> float | None:
    return None if np.isnan(value) else round(float(value), 4)


def _quantities(
    i: int, test: backtest.Backtest, choice: backtest.Choice, ahead: dict[str, Floats], values: Floats, horizon: int
) -> tuple[Floats, Floats, Floats]:
    """Expected, low and high quantity of each step."""
    known, w = values[~np.isnan(values)], int(choice.winner[i])
    if w < 0:
        flat = np.ones(horizon)
        return known.mean() * flat, np.quantile(known, backtest.LOW) * flat, np.quantile(known, backtest.HIGH) * flat
    expected = np.maximum(ahead[test.names[w]][i], 0.0)
    band = [backtest.quantiles(backtest.residuals(test.actuals, test.forecasts[w], i, h)) for h in range(horizon)]
    low = np.array([max(0.0, e + b[0]) for e, b in zip(expected, band, strict=True)])
    high = np.array([max(0.0, e + b[1]) for e, b in zip(expected, band, strict=True)])
    return expected, np.minimum(low, expected), np.maximum(high, expected)


def _rows(
    item: str, told: dict[str, Any], start: date, version: str, expected: Floats, low: Floats, high: Floats
) -> list[tuple[Any, ...]]:
    rounded = zip(*(np.round(v, DECIMALS).tolist() for v in (expected, low, high)), strict=True)
    tail = (told["model"], version, told["wape"], told["naive_wape"], told["bias"], told["note"])
    return [(item, start + timedelta(weeks=h), "week", *row, *tail) for h, row in enumerate(rounded)]


def decided(rows: pl.DataFrame, decisions: pl.DataFrame) -> pl.DataFrame:
    """Forecast rows with what people decided on them: status, approved_by, approved_at, approved_qty.

    A decision counts for the same item, period and model version only: a new forecast needs a new approval. The
    last decision decides; who approved, when and how much comes from the last approval and goes when it is withdrawn.

    Args:
        rows: `Forecasts.rows`.
        decisions: shaped as bronze.decisions.
    """
    key = ["item", "period_start", "model_version"]
    said = decisions.sort("decided_at", "decision")
    approval = pl.col("decision") == "approved"
    last = said.group_by(key, maintain_order=True).agg(
        decision=pl.col("decision").last(),
        approved_by=pl.col("decided_by").filter(approval).last(),
        approved_at=pl.col("decided_at").filter(approval).last(),
        approved_qty=pl.col("quantity").filter(approval).last(),
    )
    joined = rows.join(last, on=key, how="left")
    standing = pl.col("decision").is_in(["approved", "exported"]).fill_null(value=False)
    status = pl.when(standing).then(pl.col("decision")).otherwise(pl.lit("draft")).alias("status")
    kept = [pl.when(standing).then(pl.col(c)).alias(c) for c in ("approved_by", "approved_at", "approved_qty")]
    return joined.with_columns(status, *kept).select(list(table("gold.forecast").schema))


def dump(found: Forecasts) -> dict[str, bytes]:
    """The file of a forecast run: its rows as JSON. There is no estimator to keep, the next run learns anew."""
    return {ROWS: found.rows.write_json().encode()}


def load(files: Mapping[str, bytes]) -> pl.DataFrame:
    """The rows that `dump` wrote."""
    exact = {n: table("gold.forecast").schema[n] for n in ROW_COLUMNS}
    return pl.read_json(files[ROWS], schema=exact) if len(files[ROWS]) > len("[]") else pl.DataFrame(schema=exact)
