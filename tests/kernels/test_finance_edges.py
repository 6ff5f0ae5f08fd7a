"""Orders, work in progress and cash at their edges: two sites, cancelled orders, credit notes, nothing recorded."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import polars as pl
import pytest
from plant_books import _frame, at, locations, stock
from plant_floor import DAY, START, count_ledger, energy_ledger, machines, time_ledger
from test_order_costs import NO_RATES, RATES
from test_order_days import ORDER, rates

from assets.kernels.finance.cash import cash_to_cash
from assets.kernels.finance.order_days import order_days
from assets.kernels.finance.performance import order_performance
from assets.kernels.finance.rates import timeline
from assets.kernels.finance.reach import reach, records_reach_us
from assets.kernels.finance.wip import wip
from plant.tables import table
from warehouse.writing import enforce

FAR = {"site": "far", "area": "a", "line": "l"}
NOBODY = {"order_id": None, "operation": None, "product": None}


def step(order, machine, name, seq, begin, end, **more):
    """An operation; minutes of its begin and end, None: not yet."""
    row = {"operation_id": f"{order}-{machine}-{name}", "order_id": order, "machine": machine, "operation": name,
           "seq": seq, "product": "shaft-20", "started_at": None if begin is None else at(begin),
           "ended_at": None if end is None else at(end)}  # fmt: skip
    return row | more


def work_order(order, status, released=None, ended=None, **more):
    row = {"order_id": order, "product": "shaft-20", "planned_pcs": 100.0, "status": status,
           "released_at": None if released is None else at(released),
           "ended_at": None if ended is None else at(ended)}  # fmt: skip
    return row | more


def performed(time, steps, orders, counts=None, moves=()):
    """gold.order_days and gold.order_performance of a floor."""
    places = machines(time).with_columns(operation=pl.lit("turning"))
    steps, orders = _frame("operations", list(steps)), _frame("work_orders", list(orders))
    counts = count_ledger() if counts is None else counts
    days = order_days(time, counts, energy_ledger(), steps, orders, places, timeline(rates(*RATES), places))
    found = order_performance(days.lazy(), steps, orders, places, reach(time), 14_400, stock(*moves))
    enforce(table("gold.order_performance"), found)
    return days, found


def progress(days, orders, steps, bounds, moves=()):
    """gold.wip; bounds are (site, days after DAY, first minute, last minute)."""
    rows = [(s, DAY + timedelta(days=n), at(a), at(b)) for s, n, a, b in bounds]
    instant = pl.Datetime("us", "UTC")
    frame = pl.DataFrame(rows, orient="row", schema={"site": pl.String, "production_day": pl.Date,
                                                     "start_at": instant, "end_at": instant})  # fmt: skip
    places = locations(("raw-1", "raw"))
    found = wip(days.lazy(), orders, _frame("operations", list(steps)), stock(*moves), places, frame)
    enforce(table("gold.wip"), found)
    return found


def test_a_site_whose_ledger_ends_earlier_keeps_its_orders():
    early = {"start": START - timedelta(days=1), "day": DAY - timedelta(days=1)}
    mine = ORDER | {"order_id": "F"}
    time = pl.concat([time_ledger(("production", 60, ORDER)), time_ledger(("production", 60, mine), machine="far-1",
                                                                          **FAR, **early)])  # fmt: skip
    steps = [step("A", "cnc-1", "turning", 1, 0, None), step("F", "far-1", "turning", 1, -1440, None)]
    found = performed(time, steps, [])[1]
    assert found.select("order_id", "as_of_at").rows() == [("A", at(60)), ("F", at(-1380))]


def test_cost_of_a_day_is_in_progress_at_the_end_of_the_day_of_its_own_site():
    mine = ORDER | {"order_id": "F"}
    time = pl.concat([
        time_ledger(("production", 60, ORDER), ("production", 1380, ORDER)),
        time_ledger(("production", 60, mine), machine="far-1", start=START + timedelta(hours=7), **FAR),
    ])  # fmt: skip
    steps = [step("A", "cnc-1", "turning", 1, 0, None), step("F", "far-1", "turning", 1, 420, None)]
    days, orders = performed(time, steps, [])
    bounds = (("far", 0, 420, 1860), ("northmill", 0, 0, 1440))
    worth = dict(progress(days, orders, steps, bounds).select("site", "value").rows())
    # The machine costs 60.00 an hour before the second hour of the floor, then 72.00; overhead 6.00 throughout.
    assert worth["northmill"] == pytest.approx((6000 + 23 * 7200 + 24 * 600) / 100)
    assert worth["far"] == pytest.approx((7200 + 600) / 100)


def test_an_order_that_ended_leaves_no_pieces_in_progress_and_one_that_waits_no_unknown_cost():
    time = time_ledger(("production", 60, ORDER), ("down_no_order", 30, NOBODY))
    lost = count_ledger((97, 0, 30.0, ORDER), (90, 2, 30.0, ORDER | {"operation": "milling"}))
    steps = [step("A", "cnc-1", "turning", 1, 0, 60), step("A", "cnc-1", "milling", 2, 30, 60)]
    waits = [work_order("W", "released", 70)]
    for ended, pieces in ((None, 5), (60, 0)):
        days, orders = performed(time, steps, [work_order("A", "running", 0, ended), *waits], lost)
        row = progress(days, orders, steps, [("northmill", 0, 0, 1440)]).row(0, named=True)
        assert (row["pieces"], row["orders"]) == (pieces, 1 if ended else 2)
        if ended:
            assert row["value"] == 0.0, "nothing was spent on it yet, and no rate is missing"


@pytest.mark.parametrize(
    ("orders", "steps", "end"),
    [
        ([work_order("A", "cancelled", 5)], [], 5),
        ([work_order("A", "cancelled", 5)], [step("A", "cnc-1", "turning", 1, None, None)], 5),
        ([work_order("A", "cancelled", 0)],
         [step("A", "cnc-1", "turning", 1, 10, 60), step("A", "cnc-1", "milling", 2, None, None)], 60),
        ([work_order("A", "done", 0)],
         [step("A", "cnc-1", "turning", 1, 10, 60), step("A", "cnc-1", "milling", 2, None, None)], 60),
        ([work_order("A", "cancelled", 0)], [step("A", "cnc-1", "turning", 1, 10, None)], None),
        ([work_order("A", "running", 0)],
         [step("A", "cnc-1", "turning", 1, 10, 60), step("A", "cnc-1", "milling", 2, None, None)], None),
    ],
)  # fmt: skip
def test_an_order_that_is_over_ends_with_the_last_that_is_known_of_it(orders, steps, end):
    time = time_ledger(("down_no_order", 10, NOBODY), ("production", 50, ORDER), ("down_no_order", 300, NOBODY))
    row = performed(time, steps, orders)[1].row(0, named=True)
    assert (row["open"], row["ended_at"]) == (end is None, None if end is None else at(end))
    told = "says that it is over" in (row["note"] or "")
    assert told == (end is None and orders[0]["status"] == "cancelled")


def test_pieces_are_those_of_the_first_and_last_operation_in_the_plant():
    time = time_ledger(("production", 60, ORDER))
    steps = [step("A", "sawmill", "sawing", 0, None, None), step("A", "cnc-1", "turning", 1, 0, 60),
             step("A", "hardener", "hardening", 2, 70, 90)]  # fmt: skip
    orders = [work_order("A", "running", 0)]
    days, found = performed(time, steps, orders, count_ledger((97, 3, 30.0, ORDER)))
    assert found.select("good_pcs", "scrap_pcs", "started_pcs").rows() == [(97, 3, 100)], "others count nothing here"
    assert progress(days, found, steps[1:2], [("northmill", 0, 0, 1440)])["pieces"].to_list() == [0]


def test_littles_law_is_held_against_whole_windows_only():
    piled = [work_order(name, "released", 0) for name in "ABCD"] + [work_order("E", "done", 0, 60)]
    time = pl.concat([time_ledger(("down_no_order", 1440, NOBODY), start=START + timedelta(days=n),
                                  day=DAY + timedelta(days=n)) for n in range(8)])  # fmt: skip
    days, orders = performed(time, [], piled)
    bounds = [("northmill", n, 1440 * n, 1440 * (n + 1)) for n in range(8)]
    told = progress(days, orders, [], bounds)["note"]
    assert told.is_not_null().to_list() == [False] * 6 + [True, False], "E ended on the first of the days"


def test_a_cancelled_order_is_not_judged_by_its_plan():
    planned = {"planned_start_at": at(-600), "planned_end_at": at(-300)}
    for status, word in (("cancelled", None), ("done", "late_end")):
        order = work_order("A", status, 0, 60, **planned)
        row = performed(time_ledger(("production", 60, ORDER)), [step("A", "cnc-1", "turning", 1, 0, 60)], [order])[1]
        assert row["adherence"].to_list() == [word]


def test_goods_taken_back_of_an_order_nobody_counted_are_no_good_pieces():
    back = (30, "shaft-20", "raw-1", "production", -500, {"qty": -5.0, "reference": "A"})
    time = time_ledger(("production", 60, ORDER))
    row = performed(time, [step("A", "cnc-1", "turning", 1, 0, 60)], [work_order("A", "done", 0, 60)], moves=[back])[1]
    assert row["good_pcs"].to_list() == [0]


def day(n):
    return datetime(2026, 3, n, tzinfo=UTC)


def cash(*invoices):
    """The month of invoices: (kind, cents, issued, paid)."""
    rows = [{"invoice_id": str(n), "kind": k, "partner": "p", "reference": "r", "amount_cents": c, "issued_at": a,
             "paid_at": b} for n, (k, c, a, b) in enumerate(invoices)]  # fmt: skip
    end = round(day(31).timestamp() * 1e6)
    found = cash_to_cash(_frame("stock_ledger", []), _frame("invoices", rows), NO_RATES, "UTC", "EUR", end)
    enforce(table("gold.cash_to_cash"), found)
    return found.filter(grain="month").row(0, named=True)


def test_a_credit_note_takes_away_and_one_that_is_more_than_was_invoiced_is_told():
    row = cash(("receivable", 9_000, day(1), None), ("receivable", -3_000, day(16), None))
    assert row["revenue"] == pytest.approx(60.0)
    assert row["receivable"] == pytest.approx((90 * 15 + 60 * 15) / 30)
    more = cash(("payable", 1_000, day(1), None), ("payable", -4_000, day(11), None))
    assert (more["purchases"], more["dpo_d"]) == (-30.0, None)
    assert more["payable"] == pytest.approx((10 * 10 - 30 * 20) / 30)
    assert "suppliers credited more than they invoiced" in more["note"]


def test_an_invoice_is_open_from_its_issue_only():
    early = cash(("receivable", 9_000, day(1), day(11)), ("receivable", 6_000, day(21), day(6)))
    assert early["receivable"] == pytest.approx(90 * 10 / 30), "paid before it was written: never owed"
    assert early["revenue"] == pytest.approx(150.0)
    undated = cash(("receivable", 9_000, day(1), day(11)), ("receivable", 6_000, None, day(6)))
    assert (undated["receivable"], undated["revenue"]) == (pytest.approx(30.0), pytest.approx(90.0))
    assert "1 paid invoices without a date of issue are in no sum" in undated["note"]


def test_a_date_typed_wrong_does_not_carry_the_books_into_the_future():
    def bills(*dates):
        return _frame("invoices", [{"invoice_id": str(n), "kind": "payable", "partner": "p", "reference": "r",
                                    "amount_cents": 100, "issued_at": d} for n, d in enumerate(dates)])  # fmt: skip

    ledger, moved = time_ledger(("production", 60)), stock((90, "blank", "raw-1", "receipt", 500))
    typo, next_week = START.replace(year=2062), START + timedelta(days=7)
    end = round(next_week.timestamp() * 1e6) + 1
    assert records_reach_us(ledger, moved, bills(next_week)) == end
    assert records_reach_us(ledger, moved, bills(START, next_week, typo)) == end
    assert records_reach_us(ledger, moved, bills(typo)) == round(at(90).timestamp() * 1e6) + 1
    alone = _frame("time_ledger", []), _frame("stock_ledger", [])
    assert records_reach_us(*alone, bills(typo)) == round(typo.timestamp() * 1e6) + 1, "nothing else says what is now"
    assert records_reach_us(*alone, bills()) == 0
    found = cash_to_cash(moved, bills(START, typo), NO_RATES, "UTC", "EUR", end)
    last = found.filter(grain="trailing").sort("last_day")["note"]
    assert "1 invoices or postings are dated after all others" in last[-1]
    assert "dated after" not in last[-2]
