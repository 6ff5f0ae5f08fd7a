"""Forecasts: the history is complete weeks only, the back-test is honest, and only decisions make an approval."""

from datetime import UTC, date, datetime, timedelta

import numpy as np
import polars as pl
import pytest

from models import backtest
from models.forecast import decided, dump, forecast, load, weekly
from models.methods import METHODS
from plant.tables import table

MONDAY = date(2024, 9, 2)


def sales_of(lines):
    """Order lines (item, instant, quantity, status) shaped as silver.sales_orders."""
    rows = [
        {"sales_id": str(i), "customer": "c", "product": p, "qty": float(q), "unit_price_cents": 1, "ordered_at": at,
         "requested_at": None, "shipped_at": None, "shipped_qty": None, "status": s}
        for i, (p, at, q, s) in enumerate(lines)
    ]  # fmt: skip
    return pl.DataFrame(rows, schema=table("silver.sales_orders").schema).lazy()


def history_of(**series):
    """Weekly history of named series that all end in the same week."""
    longest = max(len(v) for v in series.values())
    rows = [
        (item, MONDAY + timedelta(weeks=longest - len(values) + i), float(v))
        for item, values in series.items()
        for i, v in enumerate(values)
    ]
    schema = {"item": pl.String(), "period_start": pl.Date(), "quantity": pl.Float64()}
    return pl.DataFrame(rows, schema=schema, orient="row")


def test_weeks_are_complete_local_and_without_cancelled_lines():
    at = datetime(2026, 1, 5, 10, tzinfo=UTC)  # a Monday
    lines = [
        ("a", at, 5, "open"),
        ("a", at + timedelta(days=6, hours=13, minutes=30), 7, "open"),  # Sunday 23:30 UTC: Monday in Berlin
        ("a", at, 100, "cancelled"),
        ("b", at + timedelta(weeks=2), 3, "shipped"),
        ("a", at + timedelta(weeks=3), 9, "open"),  # in the week that runs
    ]
    found = weekly(sales_of(lines), "Europe/Berlin")
    assert found.filter(pl.col("item") == "a").sort("period_start")["quantity"].to_list() == [5.0, 7.0, 0.0]
    assert found.filter(pl.col("item") == "b").rows() == [("b", date(2026, 1, 19), 3.0)]
    assert weekly(sales_of(lines), "UTC").filter(pl.col("item") == "a")["quantity"].to_list() == [12.0, 0.0, 0.0]


def test_a_week_is_complete_once_its_sunday_is_reached():
    at = datetime(2026, 1, 5, 10, tzinfo=UTC)
    assert weekly(sales_of([("a", at, 1, "open"), ("a", at + timedelta(days=5), 1, "open")])).is_empty()
    assert weekly(sales_of([("a", at, 1, "open"), ("a", at + timedelta(days=6), 1, "open")])).height == 1


def test_each_kind_of_demand_gets_a_method_that_beats_naive():
    rng = np.random.default_rng(4)
    weeks = np.arange(110)
    found = forecast(
        history_of(
            level=rng.poisson(100, 110),
            season=np.maximum(0, 200 * (1 + 0.5 * np.sin(2 * np.pi * weeks / 52)) + rng.normal(0, 8, 110)),
            spare=rng.poisson(6, 110) * (rng.uniform(size=110) < 0.3),
        )
    )
    assert found.items["season"]["model"] in {"seasonal_naive", "seasonal_scaled", "combined", "boosted"}
    for item in found.items.values():
        assert item["model"] != "naive"
        assert item["rmsse"] < item["naive_rmsse"] * 1.02
        assert item["rmsse"] < 1.2
        assert abs(item["bias"]) < 0.5
    assert 0.65 < found.coverage < 0.95
    rows = found.rows
    assert rows.height == 24
    assert (rows["low"] <= rows["quantity"]).all()
    assert (rows["quantity"] <= rows["high"]).all()
    assert rows["period_start"].min() == MONDAY + timedelta(weeks=110)


def test_the_published_error_is_not_the_winners_own():
    """On noise the best of many methods looks better than it is; the prequential error does not."""
    rng = np.random.default_rng(0)
    values = rng.normal(100, 20, (30, 110))
    methods = {n: m for n, m in METHODS.items() if n != "boosted"}
    test = backtest.run(values, 8, 52, 2, methods=methods)
    choice = backtest.choose(test)
    flattering = np.sqrt(np.nanmin(np.where(np.isinf(test.squared()), np.nan, test.squared()).mean(axis=1), axis=0))
    honest = choice.rmsse * np.sqrt(test.scale)
    assert honest.mean() > flattering.mean()
    assert (honest.mean() - 20) / 20 < 0.15


def test_the_future_changes_no_origin():
    rng = np.random.default_rng(1)
    values = rng.poisson(50, (3, 110)).astype(float)
    one = backtest.run(values, 8, 52, 4)
    changed = values.copy()
    changed[:, one.origins[-1] :] = 1e6
    two = backtest.run(changed, 8, 52, 4)
    assert np.array_equal(one.forecasts, two.forecasts, equal_nan=True)


def test_an_item_with_little_history_says_so_and_gets_a_mean():
    found = forecast(history_of(old=np.full(60, 10) + np.arange(60) % 3, new=[4, 8, 6]))
    assert found.items["new"]["model"] == "mean"
    assert "3 weeks of history are too few" in found.items["new"]["note"]
    row = found.rows.filter(pl.col("item") == "new").row(0, named=True)
    assert (row["quantity"], row["backtest_wape"], row["naive_wape"]) == (6.0, None, None)
    assert row["low"] < 6 < row["high"]
    assert found.items["old"]["note"] is None


def test_an_item_without_demand_is_forecast_at_nothing():
    found = forecast(history_of(dead=np.concatenate([[5.0], np.zeros(80)]), alive=np.full(81, 3.0)))
    dead = found.rows.filter(pl.col("item") == "dead")
    assert dead["quantity"].max() < 0.2
    assert found.rows.filter(pl.col("item") == "alive")["quantity"].to_list() == pytest.approx([3.0] * 8, abs=0.3)


def test_methods_know_their_closed_forms():
    line = np.array([[1.0, 2, 3, 4, 5, 6, 7, 8]])
    assert METHODS["naive"](line, 2, 4).tolist() == [[8, 8]]
    assert METHODS["seasonal_naive"](line, 5, 4).tolist() == [[5, 6, 7, 8, 5]]
    assert METHODS["mean_4"](line, 1, 4).tolist() == [[6.5]]
    assert np.isnan(METHODS["seasonal_naive"](line, 2, 9)).all()
    # Theta on a straight line moves on by half the slope a step (Hyndman and Billah 2003).
    steps = np.diff(METHODS["theta"](np.arange(40.0)[None, :], 6, 52))
    assert steps == pytest.approx(np.full((1, 5), 0.5), abs=1e-6)
    # TSB: the chance of demand fades with every week without.
    quiet = METHODS["tsb"](np.array([[4.0] * 10 + [0.0] * 5]), 1, 52)
    assert quiet[0, 0] == pytest.approx(4 * 0.9**5)
    known = np.array([[np.nan, np.nan, 2.0, 4.0], [1.0, 1.0, 1.0, 1.0]])
    for name in ("exponential", "mean_13", "tsb"):
        assert np.isfinite(METHODS[name](known, 2, 52)).all(), name


def decision(item, version, what, hour, qty=None, week=MONDAY):
    at = datetime(2026, 1, 1, hour, tzinfo=UTC)
    return {"item": item, "period_start": week, "model_version": version, "decision": what, "decided_by": "kim",
            "decided_at": at, "quantity": qty if qty is not None else 1.0, "comment": None}  # fmt: skip


def test_only_decisions_on_the_same_version_count():
    found = forecast(history_of(a=np.full(30, 5.0)))
    week, v = found.rows["period_start"][0], found.version
    later = [found.rows["period_start"][i] for i in range(1, 4)]
    decisions = pl.DataFrame(
        [
            decision("a", v, "approved", 1, 4.0, week),
            decision("a", "other", "approved", 1, 4.0, later[0]),
            decision("a", v, "approved", 1, 6.0, later[1]),
            decision("a", v, "withdrawn", 2, 6.0, later[1]),
            decision("a", v, "approved", 1, 7.0, later[2]),
            decision("a", v, "exported", 3, 7.0, later[2]),
        ],
        schema=table("bronze.decisions").schema,
    )
    rows = decided(found.rows, decisions)
    assert dict(rows.schema) == dict(table("gold.forecast").schema)
    assert rows["status"].to_list()[:4] == ["approved", "draft", "draft", "exported"]
    assert rows["approved_qty"].to_list()[:4] == [4.0, None, None, 7.0]
    assert rows["approved_by"].to_list()[:4] == ["kim", None, None, "kim"]
    assert rows["quantity"][0] == pytest.approx(5.0)


def test_version_follows_the_data_and_storing_keeps_the_rows():
    one, same = forecast(history_of(a=np.arange(40))), forecast(history_of(a=np.arange(40)))
    assert one.version == same.version
    assert one.rows.equals(same.rows)
    assert forecast(history_of(a=np.arange(41))).version != one.version
    assert load(dump(one)).equals(one.rows)
    empty = forecast(history_of(a=[]))
    assert load(dump(empty)).is_empty()
