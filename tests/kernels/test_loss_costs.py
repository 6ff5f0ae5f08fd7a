"""What a loss costs, by hand: its time at the rate then, and at a bottleneck the margin of pieces not made."""

from __future__ import annotations

from datetime import date

import polars as pl
import pytest
from plant_books import _frame, bills
from plant_floor import count_ledger, machines, time_ledger
from test_order_days import rates

from assets.kernels.figures.losses import losses
from assets.kernels.finance.loss_costs import worth
from assets.kernels.finance.rates import timeline

SHAFT = {"product": "shaft-20"}
IDEAL = pl.DataFrame({"machine": ["cnc-1", "cnc-1"], "product": ["shaft-20", "bolt"],
                      "ideal_us": [60_000_000, 30_000_000],
                      "valid_from": [date(2026, 1, 1)] * 2})  # fmt: skip
MATERIALS = _frame("materials", [
    {"material": "shaft-20", "kind": "finished", "unit": "pcs", "standard_cost_cents": 700, "price_cents": 1000},
    {"material": "wip", "kind": "semi", "unit": "pcs", "standard_cost_cents": 500},
    {"material": "blank", "kind": "raw", "unit": "pcs", "standard_cost_cents": 150},
    {"material": "box", "kind": "raw", "unit": "pcs", "standard_cost_cents": 100},
    {"material": "bolt", "kind": "finished", "unit": "pcs", "standard_cost_cents": 5},
]).collect()  # fmt: skip
BILLS = bills(
    ("shaft-20", "wip", 1.0), ("wip", "blank", 1.0), ("shaft-20", "box", 0.5), ("bolt", "blank", 1.0)
).collect()


def lost(*stretches, cost_rates=(), bottlenecks=("cnc-1",), counts=None):
    time = time_ledger(*stretches)
    lines = timeline(rates(*cost_rates), machines(time).with_columns(operation=pl.lit("turning")))
    counted = count_ledger() if counts is None else counts
    value = worth(IDEAL, list(bottlenecks), MATERIALS, BILLS)
    return losses(time, counted, ["cnc-1"], lines, value).collect()


def of(frame, account):
    return frame.filter(account=account).row(0, named=True)


def test_time_costs_the_rate_and_a_rate_that_changes_is_weighed():
    found = lost(("setup", 30, SHAFT), ("delay", 60, SHAFT), ("down_no_order", 10),
                 cost_rates=[("machine", None, 6000, None, 60), ("machine", None, 12000, 60, None)])  # fmt: skip
    assert of(found, "setup")["cost"] == pytest.approx(30.0)
    assert of(found, "delay")["cost"] == pytest.approx(30.0 + 60.0)
    assert of(found, "down_no_order")["cost"] == pytest.approx(20.0)
    assert lost(("delay", 60, SHAFT))["cost"].to_list() == [None]
    half = lost(("delay", 60, SHAFT), cost_rates=[("machine", None, 6000, 30, None)])
    assert half["cost"].to_list() == [None], "a part of it has no rate"


def test_only_a_bottleneck_loses_margin_and_only_of_a_known_product():
    assert worth(IDEAL, ["cnc-1"], MATERIALS, BILLS)["product"].to_list() == ["shaft-20"], "a bolt has no price"
    # 30 minutes are 30 pieces, each 10.00 less a blank (1.50) and half a box (0.50).
    assert of(lost(("delay", 30, SHAFT)), "delay")["margin"] == pytest.approx(240.0)
    assert lost(("delay", 30, SHAFT), bottlenecks=())["margin"].to_list() == [None]
    assert lost(("down_no_order", 30))["margin"].to_list() == [None], "nobody says what would have been made"
    assert lost(("delay", 30, {"product": "bolt"}))["margin"].to_list() == [None]


def test_speed_scrap_and_rework_cost_the_time_of_production():
    found = lost(("production", 60, SHAFT), cost_rates=[("machine", None, 6000, None, None)],
                 counts=count_ledger((40, 5, 60.0)))  # fmt: skip
    by_class = {r["reason_class"]: (round(r["cost"], 6), round(r["margin"], 6)) for r in found.iter_rows(named=True)}
    assert by_class == {"reduced_speed": (15.0, 120.0), "scrap": (5.0, 40.0)}
