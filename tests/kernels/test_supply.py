"""Order lines against their dates: cases worked out by hand."""

from __future__ import annotations

import polars as pl
import pytest
from supply_rows import ZONE, at, bought, came, clock, frame, on, sold

from assets.kernels.supply.lines import supply_lines
from assets.kernels.supply.performance import orders, performance
from plant.supply import Supply
from plant.tables import table


def held(purchases, deliveries=(), sales=(), rules=None):
    parts = (
        frame("purchase_orders", purchases),
        frame("sales_orders", list(sales)),
        frame("deliveries", list(deliveries)),
    )
    return supply_lines(*parts, rules or Supply(), ZONE, "EUR").collect()


def one(lines: pl.DataFrame, line: str = "a", basis: str = "requested") -> dict:
    return lines.row(by_predicate=(pl.col("line") == line) & (pl.col("basis") == basis), named=True)


CASES = {  # what arrived (quantity, day), how the line stands; then outcome, in full, days late
    "the whole on the day": ([(10, 5)], "received", "on_time", True, 0),
    "early": ([(10, 3)], "received", "on_time", True, -2),
    "a day late": ([(10, 6)], "received", "late", True, 1),
    "in two parts, both in time": ([(4, 3), (6, 5)], "received", "on_time", True, 0),
    "in two parts, the second late": ([(4, 3), (6, 7)], "received", "late", True, 2),
    "closed short, in time": ([(9, 5)], "received", "on_time", False, 0),
    "closed short, late": ([(4, 5), (5, 8)], "received", "late", False, 3),
    "a part came, the rest is open": ([(9, 5)], "open", "overdue", False, 15),
    "nothing came": ([], "open", "overdue", False, 15),
    "on its way": ([(10, None)], "open", "overdue", False, 15),
    "closed, a part still on its way": ([(4, 5), (6, None)], "received", "overdue", False, 15),
    "closed, and nobody said when": ([], "received", "untold", None, None),
    "cancelled": ([(10, 5)], "cancelled", "cancelled", None, None),
    "more than ordered": ([(12, 5)], "received", "on_time", True, 0),
    "full, then more, late": ([(10, 5), (1, 9)], "received", "on_time", True, 0),
}


@pytest.mark.parametrize("case", CASES, ids=str)
def test_a_line_by_hand(case):
    parts, status, outcome, full, late = CASES[case]
    deliveries = [came("a", qty, day, n=n) for n, (qty, day) in enumerate(parts)]
    row = one(held([bought("a", status=status), clock(20)], deliveries))
    assert (row["outcome"], row["in_full"], row["days_late"]) == (outcome, full, late)
    assert row["otif"] == (None if full is None else outcome == "on_time" and full)
    assert row["as_of_day"] == on(20)


@pytest.mark.parametrize(
    ("rules", "parts", "outcome", "full"),
    [
        (Supply(late_d=2), [(10, 7)], "on_time", True),
        (Supply(late_d=2), [(10, 8)], "late", True),
        (Supply(early_d=1), [(10, 4)], "on_time", True),
        (Supply(early_d=1), [(10, 3)], "early", True),
        (Supply(early_d=1), [(1, 3), (9, 5)], "early", True),
        (Supply(short_share=0.05), [(9.5, 5)], "on_time", True),
        (Supply(short_share=0.05), [(9.499999, 5)], "on_time", False),
        (Supply(over_share=0.1), [(11, 5)], "on_time", True),
        (Supply(over_share=0.1), [(11.000001, 5)], "on_time", False),
    ],
)
def test_tolerances(rules, parts, outcome, full):
    row = one(held([bought("a", status="received"), clock(20)], [came("a", q, d) for q, d in parts], rules=rules))
    assert (row["outcome"], row["in_full"]) == (outcome, full)


def test_three_dates_are_told_apart():
    """Asked for day 5, first confirmed day 7 and 8 of 10, promised day 9; 8 came on day 7, 2 on day 9."""
    line = bought("a", status="received", confirmed_at=at(7), confirmed_qty=8.0, promised_at=at(9))
    lines = held([line, clock(20)], [came("a", 8, 7), came("a", 2, 9)])
    told = {b: one(lines, basis=b) for b in ("requested", "confirmed", "promised")}
    assert {b: (r["outcome"], r["in_full"], r["otif"]) for b, r in told.items()} == {
        "requested": ("late", True, False), "confirmed": ("on_time", True, True), "promised": ("on_time", True, True),
    }  # fmt: skip
    assert [told[b]["in_time_qty"] for b in told] == [0.0, 8.0, 10.0]


@pytest.mark.parametrize(("now", "outcome"), [(5, "not_due"), (6, "on_time"), (5.6, "on_time")])
def test_who_counts_is_decided_by_the_date_alone(now, outcome):
    """A line in time counts no earlier than one that is not: day 5.6 is 02:24 UTC, day 6 at the site."""
    lines = held([bought("a", status="received"), bought("b"), clock(now)], [came("a", 10, 4)])
    assert one(lines)["outcome"] == outcome
    assert one(lines, "b")["outcome"] == ("not_due" if outcome == "not_due" else "overdue")


def test_a_day_is_that_of_the_site():
    """Due on 7 March, 23:30 UTC: 8 March at the site; in time when it came there on the 8th."""
    due = at(5).replace(hour=23, minute=30)
    lines = held([bought("a", status="received", requested_at=due), clock(20)], [came("a", 10, 6.4)])
    assert one(lines)["due_day"] == on(6)
    assert one(lines)["outcome"] == "on_time"


def test_a_line_without_deliveries_is_told_by_its_own_receipt():
    lines = held([bought("a", status="received", received_at=at(5), received_qty=9.0), clock(20)])
    row = one(lines)
    assert (row["told_by"], row["arrived_qty"], row["in_full"]) == ("order", 9.0, False)
    assert row["damage_free"] is None
    assert row["documents_ok"] is None


def test_a_mistyped_year_does_not_make_everything_overdue():
    """Received in 2062: the books are as of the newest order; the line itself has not arrived."""
    wrong = bought("b", status="received", received_at=at(13_000), received_qty=10.0, requested_at=at(1))
    lines = held([bought("a", requested_at=at(30)), wrong, clock(20)])
    assert lines["as_of_day"].unique().to_list() == [on(20)]
    assert one(lines)["outcome"] == "not_due"
    assert one(lines, "b")["outcome"] == "overdue"


def test_sums_of_a_supplier():
    purchases = [
        bought("a", status="received"), bought("b", status="received"), bought("c"), bought("d", requested_at=at(40)),
        bought("e", status="cancelled"), bought("f", requested_at=None), bought("g", status="received"), clock(20),
    ]  # fmt: skip
    deliveries = [
        came("a", 10, 5, rejected_qty=0.0, documents_ok=True),
        came("b", 7.5, 8, rejected_qty=0.5, documents_ok=False),
    ]
    sums = performance(held(purchases, deliveries).lazy(), "inbound", "supplier", "material").collect()
    assert sums.schema == table("gold.supplier_performance").schema
    total = sums.filter(pl.col("supplier") == "acme", pl.col("basis") == "requested").sum()
    expected = {
        "lines": 7, "due": 3, "on_time": 1, "late": 1, "overdue": 1, "early": 0, "in_full": 1, "otif": 1, "untold": 1,
        "not_due": 1, "undated": 1, "cancelled": 1, "late_days": 3 + 15, "due_micro": 30_000_000,
        "in_time_micro": 10_000_000, "checked_micro": 17_500_000, "rejected_micro": 500_000, "papers_told": 2,
        "papers_ok": 1,
    }  # fmt: skip
    assert {name: total[name].item() for name in expected} == expected


@pytest.mark.parametrize(
    ("second", "expected"),
    [
        ({"rejected_qty": 0.0, "documents_ok": True}, (True, True, True, True, True)),
        ({"rejected_qty": 1.0, "documents_ok": True}, (True, True, False, True, False)),
        ({"rejected_qty": None, "documents_ok": True}, (True, True, None, True, None)),
        ({"rejected_qty": None, "documents_ok": False}, (True, True, None, False, False)),
        ({"rejected_qty": 0.0, "documents_ok": None}, (True, True, True, None, None)),
    ],
)
def test_a_perfect_order_is_claimed_only_on_what_is_told(second, expected):
    lines = [sold(x, order_id="o", status="shipped") for x in "ab"] + [sold("c", order_id="o", status="cancelled")]
    good = came("a", 10, 5, out=True, rejected_qty=0.0, documents_ok=True)
    told = orders(held([clock(20)], [good, came("b", 10, 4, out=True, **second)], lines).lazy()).collect()
    assert told.schema == table("gold.perfect_orders").schema
    row = told.row(by_predicate=(pl.col("order_id") == "o") & (pl.col("basis") == "requested"), named=True)
    assert (row["lines"], row["due"], row["due_day"]) == (2, True, on(5))
    assert tuple(row[c] for c in ("on_time", "in_full", "damage_free", "documents_ok", "perfect")) == expected


def test_an_order_counts_when_all_its_lines_do():
    lines = [sold("a", order_id="o", status="shipped"), sold("b", order_id="o", requested_at=at(40))]
    told = orders(held([clock(20)], [came("a", 10, 9, out=True)], lines).lazy()).collect()
    row = told.row(by_predicate=(pl.col("order_id") == "o") & (pl.col("basis") == "requested"), named=True)
    assert (row["due"], row["on_time"], row["perfect"]) == (False, None, None)


def test_nothing_gives_nothing():
    assert held([]).is_empty()
    assert held([]).schema == table("gold.supply_lines").schema
