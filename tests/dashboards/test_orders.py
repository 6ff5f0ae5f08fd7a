"""The page of orders: late ones first, cost that adds up, dashes where a rate is missing; and what losses cost."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import ModuleType

import polars as pl
import pytest
from streamlit.testing.v1 import AppTest

from plant.tables import table
from warehouse.lake import Lake

Open = Callable[..., AppTest]
HOUR = timedelta(hours=1)
HOUR_US = 3_600_000_000


def frame(name: str, *rows: dict[str, object]) -> pl.DataFrame:
    """Rows of a table; numbers that are not given and may not be null are 0."""
    contract = table(name)
    zero = {c.name: 0 for c in contract.columns if c.kind == "i64" and not c.null}
    full = [dict.fromkeys(contract.schema) | zero | row for row in rows]
    return pl.DataFrame(full, schema=contract.schema, orient="row")


@pytest.fixture
def root(own_root: Path, tiny: ModuleType) -> Path:
    """The tiny lake with an order that is late and open, and one that ended in time, both with their cost."""
    lake, day = Lake(own_root), tiny.DAYS[-1]
    start = datetime(day.year, day.month, day.day, 6, tzinfo=UTC)
    place = {"site": lake.scan("silver.machines").select("site").collect().item(0, 0), "product": "shaft"}
    order = {**place, "planned_pcs": 100.0, "started_pcs": 100, "as_of_at": start + 9 * HOUR, "started_at": start}
    late = {"order_id": "wo-late", "open": True, "good_pcs": 40, "planned_end_at": start, "end_deviation_s": 32400.0,
            "start_deviation_s": 0.0, "adherence": "late_so_far", "run_us": 3 * HOUR_US, "interrupted_us": 2 * HOUR_US,
            "lead_us": 5 * HOUR_US}  # fmt: skip
    done = {"order_id": "wo-done", "open": False, "good_pcs": 98, "adherence": "on_time", "lead_us": HOUR_US,
            "run_us": HOUR_US, "ended_at": start + HOUR, "end_deviation_s": -60.0}  # fmt: skip
    lake.replace("gold.order_performance", frame("gold.order_performance", order | late, order | done))
    days = [{**place, "production_day": day, "order_id": o, "run_us": HOUR_US} for o in ("wo-late", "wo-done")]
    lake.replace_days("gold.order_days", frame("gold.order_days", *days), [day])
    cost = {"order_id": "wo-done", "open": False, **place, "component": "machine", "item": "cnc-1", "unit": "h",
            "actual_cents": 120_000, "standard_cents": 100_000, "planned_cents": 102_000, "variance_cents": 20_000,
            "price_variance_cents": 1_000, "usage_variance_cents": 0, "efficiency_variance_cents": 4_000,
            "downtime_variance_cents": 14_000, "unknown_variance_cents": 0, "yield_variance_cents": 1_000,
            "volume_variance_cents": -2_000, "scrap_cents": 2_400}  # fmt: skip
    open_ = {"order_id": "wo-late", "open": True, **place, "component": "labour", "item": "cnc-1", "unit": "h",
             "note": "no labour rate for a part of it"}  # fmt: skip
    lake.replace("gold.order_costs", frame("gold.order_costs", cost, open_))
    wip = {"production_day": day, "site": place["site"], "orders": 1, "pieces": 58, "average_orders": 1.5,
           "value": 812.5, "note": "1.5 orders were under way, Little's law gives 0.4"}  # fmt: skip
    lake.replace("gold.wip", frame("gold.wip", wip))
    return own_root


def words(app: AppTest) -> str:
    parts = [*app.markdown, *app.caption, *app.info, *app.warning, *app.success, *app.subheader]
    return "\n".join([str(p.value) for p in parts] + [f"{m.label} {m.value}" for m in app.metric])


def test_late_orders_come_first_and_money_adds_up(root: Path, open_page: Open) -> None:
    app = open_page(root, "orders")
    assert not app.exception
    told = words(app)
    assert "**wo-late** (shaft): **9 h late and not done**" in told
    assert "40 of 100 pcs good; 2 h stopped" in told
    assert "Late now 1" in told
    assert "On schedule 100 %" in told
    assert "Against standard +200" in told
    assert "Scrap 24" in told
    assert "**1 order**, 58 pieces between operations, **812" in told
    assert "Little's law" in told
    assert "no invoices and no stock postings" in told
    orders = app.dataframe[0].value
    assert orders["order_id"].to_list() == ["wo-late", "wo-done"]
    assert orders["actual"].to_list()[1] == 1200.0
    assert orders["actual"].isna().to_list() == [True, False], "a missing rate is a dash"
    assert "no labour rate" in orders["note"].to_list()[0]


def test_one_order_says_what_a_good_piece_cost_and_why_it_is_over(root: Path, open_page: Open) -> None:
    app = open_page(root, "orders")
    app.selectbox(key="order").set_value("wo-done").run()
    assert not app.exception
    told = words(app)
    assert "1,200" in told and "12.24" in told and "10.20" in told, "over 98 good pieces"
    assert "{tolerance}" not in told
    costs = app.dataframe[1].value
    assert costs["component"].to_list() == ["machine", "total"]
    for row in costs.to_dict("records"):
        assert row["variance"] == row["prices"] + row["use"] + row["standing"] + row["lost"] == 200.0


def test_a_loss_says_what_it_cost_or_that_nothing_says_so(
    root: Path, tiny: ModuleType, open_page: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("dashboards.data.LOOK_AGAIN_S", 0.0)  # the page looks for new versions every few seconds
    assert "Nothing says what an hour costs" in words(open_page(root, "oee"))
    lake = Lake(root)
    rows = lake.scan("gold.losses").with_columns(cost=pl.lit(10.0)).collect()
    lake.replace_days("gold.losses", rows, rows["production_day"].unique().to_list())
    assert "All of it cost " in words(open_page(root, "oee"))
