"""What pages ask about stock: one alert a need, classes, age and room summed by hand, empty lakes answered empty."""

from __future__ import annotations

import inspect
from datetime import UTC, date, datetime

import pytest

from warehouse import marts
from warehouse.connect import connect
from warehouse.marts import stock

DAY = date(2026, 11, 21)
QUESTIONS = {n: f for n, f in inspect.getmembers(stock, inspect.isfunction) if n != "run"}


def asked(lake, name, **given):
    days = {"first": DAY, "last": DAY} if name == "space_use" else {}
    return QUESTIONS[name](connect(lake.root), **days, **given)


@pytest.mark.parametrize("name", QUESTIONS)
def test_an_empty_lake_is_answered_without_rows(lake, name):
    assert asked(lake, name).is_empty()


def test_an_order_speaks_for_the_reorder_point_of_every_location(lake, frame):
    low = {"production_day": DAY, "alert": "below_reorder_point", "material": "bar", "location": "stores", "unit": "kg",
           "on_hand_qty": 4.0, "reorder_point_qty": 6.0}  # fmt: skip
    lake.replace_days(
        "gold.inventory", frame("gold.inventory", low, low | {"location": "b", "alert": "negative_stock"}), [DAY]
    )
    found = marts.alerts(connect(lake.root))["subject"].to_list()
    assert found == ["bar at b", "bar at stores"]
    order = {"production_day": DAY, "material": "bar", "unit": "kg", "on_hand_qty": 4.0, "reorder_point_qty": 6.0,
             "alert": "stock_out", "action": "buy", "action_qty": 20.0}  # fmt: skip
    lake.replace("gold.replenishment", frame("gold.replenishment", order, order | {"material": "tin", "alert": None}))
    found = marts.alerts(connect(lake.root))
    assert found["subject"].to_list() == ["bar", "bar at b"]
    assert found["message"][0] == "stock_out: 4.0 kg on hand, reorder at 6.0, buy 20.0 kg"


def test_orders_come_worst_first_and_of_one_site(lake, frame):
    row = {"production_day": DAY, "site": "here"}
    alerts = {
        "a": None,
        "b": "dead",
        "c": "below_reorder_point",
        "d": "negative_stock",
        "e": "stock_out",
        "f": "excess",
    }
    rows = [row | {"material": m, "alert": alert} for m, alert in alerts.items()]
    lake.replace("gold.replenishment", frame("gold.replenishment", *rows, row | {"site": "there", "material": "z"}))
    assert asked(lake, "replenishment", site="here")["material"].to_list() == ["d", "e", "c", "f", "b", "a"]


def test_classes_age_and_room_are_sums(lake, frame):
    good = {"abc": "A", "xyz": "X", "demand_value": 10.0, "on_hand_value": 5.0, "excess_value": 2.0}
    dead = {"material": "b", "state": "dead", "demand_value": 30.0}
    rows = [good | {"material": "a", "state": "excess"}, good | dead,
            good | {"material": "c", "state": None, "abc": None}]  # fmt: skip
    lake.replace("gold.stock_classes", frame("gold.stock_classes", *rows))
    first = asked(lake, "stock_classes").row(0, named=True)
    assert first == {"abc": "A", "xyz": "X", "materials": 2, "demand_value": 40.0, "on_hand_value": 10.0,
                     "excess_value": 2.0, "dead_value": 5.0, "names": "b, a"}  # fmt: skip
    ages = [{"material": "a", "location": place, "from_d": 30, "bucket": "30 to 90 d", "value": 4.0} for place in "xy"]
    lake.replace("gold.stock_ageing", frame("gold.stock_ageing", *ages))
    lake.replace("silver.materials", frame("silver.materials", {"material": "a", "kind": "raw"}))
    assert asked(lake, "stock_ageing").select("bucket", "kind", "value", "materials").rows() == [
        ("30 to 90 d", "raw", 8.0, 1)
    ]
    zones = [
        {"production_day": DAY, "site": s, "zone": "raw", "used": 10.0, "capacity": c}
        for s, c in (("a", 40.0), ("b", None))
    ]
    lake.replace_days("gold.space_use", frame("gold.space_use", *zones), [DAY])
    assert asked(lake, "space_use").select("used", "capacity", "share").rows() == [(20.0, None, None)]
    assert asked(lake, "space_use", site="a")["share"].to_list() == [0.25]


def test_moves_carry_the_sums_and_differences_come_by_worth(lake, frame):
    rows = [{"material": m, "now_m_week": 9.0, "saved_m_week": s, "move_m": 1.0} for m, s in (("a", 1.0), ("b", 4.0))]
    lake.replace("gold.slotting", frame("gold.slotting", *rows))
    got = asked(lake, "slotting")
    assert got.select("material", "all_now_m_week", "all_saved_m_week", "all_move_m").rows() == [
        ("b", 18.0, 5.0, 2.0), ("a", 18.0, 5.0, 2.0)]  # fmt: skip
    at = datetime(2026, 11, 20, tzinfo=UTC)
    told = [("s1", "agrees", 0.0), ("s2", "differs", -3.0), ("s3", "late_posting", 9.0), ("s4", "differs", 7.0)]
    lake.replace("gold.stock_differences", frame("gold.stock_differences", *(
        {"statement": s, "finding": f, "difference_value": v, "at": at} for s, f, v in told)))  # fmt: skip
    assert asked(lake, "stock_differences")["statement"].to_list() == ["s4", "s2", "s3", "s1"]
