"""Goods that went back: what a return takes from a line, by whose fault it is; cases worked out by hand."""

from __future__ import annotations

import polars as pl
import pytest
from supply_rows import ZONE, at, bought, came, clock, frame

from assets.kernels.supply.lines import supply_lines
from assets.kernels.supply.performance import orders, performance
from plant.supply import Supply

GOOD = {"rejected_qty": 0.0, "documents_ok": True}


def back(qty, day, fault, **more):
    return came("a", qty, day, n="back", kind="return", sender_fault=fault) | more


def held(deliveries, rules=None, **line):
    lines = [bought("a", status="received", **line), clock(20)]
    parts = (frame("purchase_orders", lines), frame("sales_orders", []), frame("deliveries", deliveries))
    return supply_lines(*parts, rules or Supply(), ZONE, "EUR").filter(line="a", basis="requested").collect()


@pytest.mark.parametrize(
    ("fault", "unharmed", "perfect"), [(True, False, False), (False, True, True), (None, None, None)]
)
def test_a_return_spoils_the_condition_by_the_senders_fault_alone(fault, unharmed, perfect):
    found = held([came("a", 10, 5, **GOOD), back(4, 9, fault)])
    row = found.row(0, named=True)
    assert (row["outcome"], row["in_full"], row["otif"]) == ("on_time", True, True), "judged at receipt (SCOR)"
    assert (row["arrived_qty"], row["returned_qty"], row["deliveries"]) == (10.0, 4.0, 1)
    assert row["damage_free"] is unharmed
    assert orders(found.lazy()).collect()["perfect"].to_list() == [perfect]
    [sums] = performance(found.lazy(), "inbound", "supplier", "material").collect().to_dicts()
    assert (sums["returned_micro"], sums["otif"]) == (4_000_000, 1)


def test_one_return_by_fault_settles_it_whatever_is_not_told():
    """Of the delivery nobody said anything, of one return nobody said whose fault it was, of the other they did."""
    row = held([came("a", 10, 5), back(1, 8, None), back(1, 9, True)]).row(0, named=True)
    assert row["damage_free"] is False
    assert held([came("a", 10, 5), back(1, 8, False)]).row(0, named=True)["damage_free"] is None


@pytest.mark.parametrize(
    ("more", "returned"),
    [({}, 4.0), ({"delivered_at": None, "shipped_at": at(9)}, 4.0), ({"delivered_at": None}, 0.0),
     ({"delivered_at": at(300)}, 0.0), ({"order_line": "b"}, 0.0), ({"direction": "outbound"}, 0.0)],
    ids=["arrived", "sent", "without a day", "mistyped year", "of another line", "of a sale"],
)  # fmt: skip
def test_a_return_counts_from_its_day_on_its_line(more, returned):
    row = held([came("a", 10, 5, **GOOD), back(4, 9, True, **more)]).row(0, named=True)
    assert (row["returned_qty"], row["damage_free"]) == (returned, returned == 0.0)


def test_what_came_too_much_and_went_back_is_not_too_much():
    rules = Supply(over_share=0.1)
    assert held([came("a", 12, 5)], rules).row(0, named=True)["in_full"] is False
    assert held([came("a", 12, 5), back(2, 6, True)], rules).row(0, named=True)["in_full"] is True


def test_a_replacement_ends_nothing_anew():
    """Ten came in time, three went back, three came again late: the line was over when it was full."""
    found = held([came("a", 10, 5, **GOOD), back(3, 7, True), came("a", 3, 12, **GOOD)]).row(0, named=True)
    assert (found["outcome"], found["arrived_qty"], found["days_late"]) == ("on_time", 13.0, 0)


def test_a_return_alone_is_no_delivery():
    """The order line tells of its own receipt; the return does not replace that."""
    found = held([back(4, 9, True)], received_at=at(5), received_qty=10.0)
    row = found.row(0, named=True)
    assert (row["told_by"], row["arrived_qty"], row["returned_qty"]) == ("order", 10.0, 4.0)
    assert row["damage_free"] is False
    nothing = held([back(4, 9, True)], received_at=None)
    assert nothing.select(pl.col("damage_free").is_null()).item()
