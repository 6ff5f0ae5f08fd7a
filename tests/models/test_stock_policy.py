"""What demand looks like, how stock goes on, and what to do: figures by hand, by draws, and in words."""

from __future__ import annotations

from datetime import date

import numpy as np
import polars as pl
import pytest

from models.replenishment.outlook import outlook
from models.replenishment.pattern import described, panel, residual_variation
from models.replenishment.policy import decided
from models.replenishment.terms import Terms
from models.replenishment.words import as_table
from plant.stock import Service, Stock
from plant.tables import table

DAY = date(2026, 9, 1)
DRAW = np.random.default_rng(11)


def weeks(material, values, basis="issues"):
    """Weekly demand, oldest first."""
    n = len(values)
    return pl.DataFrame({
        "site": ["here"] * n, "material": [material] * n, "basis": [basis] * n, "week": list(range(n))[::-1],
        "qty": [float(v) for v in values], "weeks": [n] * n, "last_demand_day": [DAY] * n,
    })  # fmt: skip


def look(*frames):
    return {r["material"]: r for r in described(panel(pl.concat(frames))).iter_rows(named=True)}


def seasonal(noise, n=156, swing=0.8):
    t = np.arange(n)
    return 100 * (1 + swing * np.sin(2 * np.pi * t / 52.18)) + DRAW.normal(0, noise, n)


def test_a_seasonal_item_is_as_even_as_its_residuals():
    got = look(
        weeks("season", seasonal(8)), weeks("noise", np.abs(DRAW.normal(100, 60, 156))), weeks("short", seasonal(8, 60))
    )
    season, noise, short = got["season"], got["noise"], got["short"]
    assert season["cv"] > 0.5, "its raw variation makes it a Y"
    assert (season["seasonal"], season["xyz"]) == (True, "X")
    assert season["residual_cv"] == pytest.approx(0.08, abs=0.02)
    assert (noise["seasonal"], noise["xyz"]) == (False, "Y")
    assert noise["residual_cv"] == pytest.approx(noise["cv"], rel=0.1)
    assert (short["residual_cv"], short["seasonal"]) == (None, False), "60 weeks show no season"


def test_noise_is_called_seasonal_as_rarely_as_the_test_says():
    found = [residual_variation(np.random.default_rng(n).gamma(4, 25, 120))[1] for n in range(400)]
    assert sum(found) <= 12, "1 % of 400, and chance"
    assert residual_variation(np.full(100, 5.0)) == (0.0, False)
    assert residual_variation(np.zeros(100)) == (None, False)


def test_patterns_after_syntetos_and_boylan():
    rare = np.zeros(40)
    rare[::4] = 5
    lumpy = rare.copy()
    lumpy[::8] = 60
    got = look(weeks("smooth", [10, 11, 9, 10] * 10), weeks("erratic", [1, 30, 2, 1] * 10), weeks("rare", rare),
               weeks("lumpy", lumpy), weeks("none", np.zeros(40)))  # fmt: skip
    assert [got[m]["pattern"] for m in ("smooth", "erratic", "rare", "lumpy", "none")] == [
        "smooth", "erratic", "intermittent", "lumpy", None]  # fmt: skip
    assert (got["rare"]["adi"], got["rare"]["cv2"]) == (4.0, 0.0)
    assert (got["none"]["mean_d"], got["none"]["cv"], got["none"]["xyz"]) == (0.0, None, None)


def test_the_mean_is_of_the_last_26_weeks_and_needs_a_whole_one():
    got = look(weeks("grown", [0] * 60 + [70] * 26), weeks("new", [5]).with_columns(weeks=pl.lit(0, pl.Int64)))
    assert (got["grown"]["mean_d"], got["grown"]["sd_d"]) == (10.0, 0.0)
    assert (got["new"]["mean_d"], got["new"]["demand_qty"]) == (None, 5.0)


def test_the_chance_to_run_out_agrees_with_draws():
    mean, variance, lead = 10.0, 30.0, 6.0
    drawn = np.random.default_rng(2).gamma(mean**2 / variance, variance / mean, (100_000, 6)).sum(axis=1)
    got = outlook(75.0, [], mean, variance, lead)
    assert got.probability == pytest.approx((drawn > 75).mean(), abs=0.005)
    assert got.out_in_d == 8, "7.5 days of mean demand"


def test_what_is_on_its_way_counts_from_the_day_it_comes():
    late, soon = outlook(30.0, [(9.0, 500.0)], 10.0, 4.0, 6.0), outlook(30.0, [(2.0, 500.0)], 10.0, 4.0, 6.0)
    assert late.probability > 0.99
    assert soon.probability < 0.01
    assert (late.out_in_d, soon.out_in_d) == (4, 54)
    assert outlook(30.0, [(2.0, 5.0), (5.0, 500.0)], 10.0, 4.0, 6.0).probability > 0.9, (
        "short before the second receipt"
    )
    assert outlook(30.0, [(-4.0, 500.0)], 10.0, 4.0, 6.0).probability < 0.01, "overdue: it is taken to come tomorrow"
    assert outlook(0.0, [], 10.0, 4.0, None).out_in_d == 0
    assert outlook(5.0, [], 0.0, 0.0, 6.0).probability == 0.0
    assert outlook(5.0, [], 0.0, 0.0, 6.0).out_in_d is None


def stands(material="bar", **more):
    row = {"site": "here", "material": material, "production_day": DAY, "kind": "raw", "unit": "m",
           "on_hand_qty": 500.0,
           "location": "raw-1", "source": "buy", "supplier": "acme", "price": 2.0, "lead_d": 5.0, "lead_sd_d": 1.0,
           "due": [], "on_order_qty": 0.0}  # fmt: skip
    due = pl.List(pl.Struct({"in_d": pl.Float64(), "qty": pl.Float64()}))
    return pl.DataFrame([row | more], schema_overrides={"due": due, "lead_d": pl.Float64(), "price": pl.Float64()})


def decide(position, weekly, aims=None, known=None, **classed):
    found = panel(weekly)
    classes = described(found).with_columns(abc=pl.lit(classed.get("abc", "B")), state=pl.lit(classed.get("state")),
                                          excess_qty=pl.lit(classed.get("excess_qty", 0.0)))  # fmt: skip
    out = as_table(decided(position, classes, found, aims or Stock(), known))
    assert dict(out.schema) == table("gold.replenishment").schema
    return out.row(0, named=True)


STEADY = weeks("bar", [70, 84, 56, 70, 77, 63] * 5)


def test_enough_stock_asks_for_nothing_and_says_its_figures():
    row = decide(stands(), STEADY)
    assert (row["alert"], row["action"], row["action_qty"], row["model"]) == (None, None, None, "gamma")
    assert row["cycle_service"] >= row["target"] == 0.95
    assert row["order_qty"] == np.ceil((2 * 40 * 10 * 365.25 / (0.2 * 2)) ** 0.5)
    assert row["safety_stock_qty"] == pytest.approx(row["reorder_point_qty"] - 10 * 6)
    assert row["order_up_to_qty"] == row["reorder_point_qty"] + row["order_qty"]
    assert "lead time 5.0 +- 1.0 d and 1 d review" in row["reason"]
    assert "for 95% cycle service (gamma)" in row["reason"]


def test_at_the_reorder_point_it_buys_up_to_the_order_up_to_level():
    point = decide(stands(), STEADY)["reorder_point_qty"]
    row = decide(stands(on_hand_qty=point - 20, due=[{"in_d": 2.0, "qty": 20.0}], on_order_qty=20.0), STEADY)
    assert (row["alert"], row["action"]) == ("below_reorder_point", "buy")
    assert row["action_qty"] == row["order_up_to_qty"] - point
    assert (row["action_day"], row["next_due_day"]) == (date(2026, 9, 6), date(2026, 9, 3))
    above = decide(stands(on_hand_qty=point + 1), STEADY)
    assert above["alert"] is None
    assert decide(stands(on_hand_qty=0.0, source="make"), STEADY)["action"] == "make"
    assert decide(stands(on_hand_qty=0.0), STEADY)["alert"] == "stock_out"


@pytest.mark.parametrize(
    ("stand", "classed", "alert", "action", "quantity"),
    [
        ({"on_hand_qty": -7.0}, {}, "negative_stock", "count", 7.0),
        ({"on_hand_qty": 20.0, "due": [{"in_d": 20.0, "qty": 900.0}], "on_order_qty": 900.0}, {}, "stock_out",
         "expedite", 900.0),
        ({"on_hand_qty": 5000.0}, {"state": "excess", "excess_qty": 3800.0}, "excess", "sell_off", 3800.0),
        ({"on_hand_qty": 500.0}, {"state": "dead", "excess_qty": 500.0}, "dead", "sell_off", 500.0),
    ],
)  # fmt: skip
def test_every_alert_has_an_action(stand, classed, alert, action, quantity):
    row = decide(stands(**stand), STEADY, **classed)
    assert (row["alert"], row["action"], row["action_qty"]) == (alert, action, quantity)


def test_without_lead_time_or_history_there_is_no_point_and_the_reason_says_so():
    blind = decide(stands(lead_d=None), STEADY)
    assert (blind["reorder_point_qty"], blind["stockout_probability"], blind["alert"]) == (None, None, None)
    assert "lead time not known" in blind["reason"]
    fresh = decide(stands(), weeks("bar", [5]).with_columns(weeks=pl.lit(0, pl.Int64)))
    assert (fresh["mean_d"], fresh["reorder_point_qty"]) == (None, None)
    assert "less than a whole week of demand" in fresh["reason"]
    assert decide(stands(material="other"), STEADY)["reorder_point_qty"] is None, "no demand of its own"


def test_rare_demand_is_counted_and_uneven_demand_is_drawn():
    rare, lumpy = np.zeros(60), np.zeros(60)
    rare[::5], lumpy[::6], lumpy[::12] = 2, 3, 90
    counted, drawn = decide(stands(), weeks("bar", rare)), decide(stands(), weeks("bar", lumpy))
    assert (counted["model"], drawn["model"]) == ("negative_binomial", "bootstrap")
    assert counted["reorder_point_qty"] == int(counted["reorder_point_qty"])
    assert drawn["cycle_service"] >= 0.95


@pytest.mark.parametrize("values", [STEADY["qty"].to_list()[::-1], [0, 0, 0, 0, 2] * 12, [0, 0, 3, 0, 0, 90] * 10])
def test_a_fill_rate_is_aimed_at_where_plant_toml_says_so(values):
    aims = Stock(measure="fill", service=Service(B=0.98), order_cost=1.0)
    row = decide(stands(), weeks("bar", values), aims)
    assert row["fill_rate"] >= row["target"] - 1e-9
    assert "for 98% fill rate" in row["reason"]


ACME = Terms(least=500.0, multiple=64.0, breaks=((1000.0, 1.6),))


def decided_by(known, **stand):
    return decide(stands(**stand), STEADY, known=known)


def test_a_proposal_keeps_to_the_terms_and_says_so():
    row = decided_by({("bar", "acme"): ACME}, on_hand_qty=20.0)
    assert (row["action"], row["min_order_qty"], row["multiple_qty"], row["price"]) == ("buy", 500.0, 64.0, 1.6)
    assert row["order_qty"] == 1024.0, "a thousand is reached in whole packs"
    assert row["action_qty"] >= row["order_up_to_qty"] - 20.0
    assert row["action_qty"] % 64.0 == 0.0
    assert "cheapest order 1,024 m (at least 500, in multiples of 64) at 1.6 each from 1,000 m" in row["reason"]
    plain = decided_by({}, on_hand_qty=20.0)
    assert (plain["min_order_qty"], plain["multiple_qty"], plain["price"]) == (None, None, 2.0)
    assert "cheapest order" not in plain["reason"]


def test_a_least_quantity_that_lasts_too_long_is_said():
    row = decided_by({("bar", None): Terms(least=4000.0)}, on_hand_qty=20.0)
    assert row["order_qty"] == 4000.0
    assert "an order lasts 400 d, more than the 120 d allowed" in row["reason"]
    lots = {("bar", None): Terms(multiple=50.0)}
    made = decided_by(lots, on_hand_qty=0.0, source="make", supplier=None)
    assert (made["action"], made["action_qty"] % 50) == ("make", 0)


def test_the_section_of_plant_toml_refuses_what_makes_no_sense():
    with pytest.raises(ValueError, match=r"age_days is \[90, 30\]; give rising whole days"):
        Stock(age_days=(90, 30))
    with pytest.raises(ValueError, match="less than 1"):
        Service(A=1.0)
    assert Service().of(None) == Service().of("C")
