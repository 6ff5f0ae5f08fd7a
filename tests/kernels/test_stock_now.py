"""Stock as it stands: statements against the ledger, age, space, demand, classes; each by hand or by a plain loop."""

from __future__ import annotations

from collections import defaultdict
from datetime import UTC, date, datetime, timedelta

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from assets.kernels.stock.ageing import ageing
from assets.kernels.stock.classes import classes, on_hand
from assets.kernels.stock.demand import weekly
from assets.kernels.stock.differences import differences
from assets.kernels.stock.sites import Sites
from assets.kernels.stock.space import space_use
from plant.tables import table

DAY0, SITE, HOUR = date(2026, 1, 1), "here", timedelta(hours=1)


def at(day, hour=12.0):
    return datetime(2026, 1, 1, tzinfo=UTC) + timedelta(days=day, hours=hour)


def frame(name, *rows):
    """Rows by name; what they leave out is null."""
    schema = table(name).schema
    return pl.LazyFrame([dict.fromkeys(schema) | r for r in rows], schema=schema, orient="row")


def post(n, day, qty, hour=12.0, **more):
    when = at(day, hour)
    row = {"production_day": when.date(), "site": SITE, "at": when, "move_id": f"m{n}", "material": "bar",
           "location": "raw-1", "kind": "receipt" if qty > 0 else "issue", "qty": float(qty),
           "value_cents": round(qty * 100)}  # fmt: skip
    return row | more


MATERIALS = frame("silver.materials", {"material": "bar", "kind": "raw", "unit": "m", "standard_cost_cents": 100,
                                       "space_per_unit": 2.0},
                  {"material": "nut", "kind": "raw", "unit": "pcs", "standard_cost_cents": 10})  # fmt: skip
PLACES = frame(
    "silver.locations", {"location": "raw-1", "zone": "raw", "capacity": 100.0}, {"location": "scrap", "zone": "scrap"},
    {"location": "raw-2", "zone": "raw", "capacity": 20.0}, {"location": "fg-1", "zone": "finished"},
    {"location": "external", "zone": "external", "kind": "view"},
)  # fmt: skip


def ends(day):
    rows = {"site": [SITE], "production_day": [DAY0 + timedelta(days=day)], "end_at": [at(day + 1, 0)]}
    return pl.LazyFrame(rows, schema_overrides={"end_at": pl.Datetime("us", "UTC")})


def level(name, qty, day, hour=13.0, kind="system", **more):
    return {
        "level_id": name,
        "material": "bar",
        "location": "raw-1",
        "qty": qty,
        "at": at(day, hour),
        "kind": kind,
    } | more


def judged(postings, levels, booked=()):
    moves = frame("silver.stock_moves", *({"move_id": f"m{n}", "booked_at": when} for n, when in booked))
    out = differences(frame("silver.stock_ledger", *postings), moves, frame("silver.stock_levels", *levels), MATERIALS,
                      PLACES, Sites((SITE,))).collect()  # fmt: skip
    assert dict(out.schema) == table("gold.stock_differences").schema
    return {r["statement"]: r for r in out.iter_rows(named=True)}


def test_a_statement_is_held_to_the_ledger_at_its_own_instant():
    rows = [post(1, 0, 10), post(2, 1, -4), post(3, 2, 5)]
    got = judged(
        rows, [level("a", 10.0, 0), level("b", 6.0, 1), level("c", 7.5, 1, 14, "count"), level("d", 0.0, 0, 11)]
    )
    assert {k: (r["ledger_qty"], r["finding"]) for k, r in got.items()} == {
        "a": (10.0, "agrees"), "b": (6.0, "agrees"), "c": (6.0, "differs"), "d": (0.0, "agrees")}  # fmt: skip
    assert (got["c"]["difference_qty"], got["c"]["difference_value"], got["c"]["kind"]) == (1.5, 1.5, "count")
    assert judged(rows, [level("e", 10.0, 0, 12)])["e"]["finding"] == "agrees", (
        "a posting of that very instant is in it"
    )


def test_a_posting_entered_after_the_statement_explains_the_difference():
    rows = [post(1, 0, 10), post(2, 1, -4)]
    late, early = [(2, at(3))], [(2, at(1, 12.5))]
    assert judged(rows, [level("a", 10.0, 1)], late)["a"] | {"at": 0} == {
        "statement": "a", "site": SITE, "material": "bar", "location": "raw-1", "lot": None, "unit": "m",
        "kind": "system", "at": 0, "ledger_qty": 6.0, "stated_qty": 10.0, "difference_qty": 4.0, "late_qty": -4.0,
        "difference_value": 4.0, "finding": "late_posting",
    }  # fmt: skip
    assert judged(rows, [level("a", 10.0, 1)], early)["a"]["finding"] == "differs"
    assert judged(rows, [level("a", 9.0, 1)], late)["a"]["finding"] == "differs", "it explains 4 of the 5"


def test_what_only_the_ledger_holds_is_said_where_the_system_speaks_at_all():
    rows = [post(1, 0, 10), post(2, 0, 3, material="nut"), post(3, 0, 3, material="nut", location="fg-1")]
    got = judged(rows, [level("a", 10.0, 1)])
    assert got["ledger only nut @ raw-1"]["finding"] == "not_stated"
    assert set(got) == {"a", "ledger only nut @ raw-1"}, "nothing was stated of fg-1"


def test_a_statement_by_lot_is_of_that_lot():
    rows = [post(1, 0, 10, lot="L1"), post(2, 0, 4, lot="L2")]
    got = judged(rows, [level("a", 10.0, 1, lot="L1"), level("b", 5.0, 1, lot="L2"), level("c", 14.0, 1)])
    assert [got[k]["finding"] for k in "abc"] == ["agrees", "differs", "agrees"]


def aged(postings, lots, day, edges=(30, 90)):
    out = ageing(
        frame("silver.stock_ledger", *postings), frame("silver.lots", *lots), MATERIALS, PLACES, ends(day), edges
    )
    found = out.collect()
    assert dict(found.schema) == table("gold.stock_ageing").schema
    return {(r["location"], r["bucket"], r["basis"]): (r["qty"], r["value"]) for r in found.iter_rows(named=True)}


def test_a_lot_is_as_old_as_its_creation_wherever_it_moved():
    lots = [
        {"lot": "old", "created_at": at(0)},
        {"lot": "new", "created_at": at(95)},
        {"lot": "odd", "created_at": None},
    ]
    rows = [post(1, 0, 10, lot="old"), post(2, 99, -4, lot="old"), post(3, 99, 4, lot="old", location="raw-2"),
            post(4, 95, 5, lot="new"), post(5, 10, 2, lot="odd"), post(6, 10, 1, lot="lost"),
            post(7, 99, 9, lot="old", location="scrap")]  # fmt: skip
    assert aged(rows, lots, 99) == {
        ("raw-1", "over 90 d", "lot"): (6.0, 6.0), ("raw-2", "over 90 d", "lot"): (4.0, 4.0),
        ("raw-1", "0 to 30 d", "lot"): (5.0, 5.0), ("raw-1", "unknown", "lot"): (3.0, 3.0)}  # fmt: skip


def test_stock_without_lot_is_what_came_last():
    rows = [post(1, 0, 10, value_cents=1000), post(2, 50, 6, value_cents=1200), post(3, 80, -9, value_cents=-900)]
    # 7 are left, worth 13.00: the 6 of day 50 and one of day 0
    got = aged(rows, [], 99)
    assert got == {("raw-1", "30 to 90 d", "fifo"): (6.0, pytest.approx(13 * 6 / 7, abs=1e-4)),
                   ("raw-1", "over 90 d", "fifo"): (1.0, pytest.approx(13 / 7, abs=1e-4))}  # fmt: skip
    assert aged([post(1, 0, -3)], [], 9) == {}, "negative stock has no age; it is a finding elsewhere"


@settings(max_examples=25, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 120), st.integers(-9, 12)), max_size=20))
def test_the_buckets_sum_to_the_stock_and_match_a_queue(moves):
    moves = sorted((day, qty) for day, qty in moves if qty)
    rows = [post(n, day, qty) for n, (day, qty) in enumerate(moves)]
    held = sum(qty for _, qty in moves)
    got = aged(rows, [], 120)
    assert sum(qty for qty, _ in got.values()) == max(held, 0)
    layers, need, want = [(d, q) for d, q in moves if q > 0][::-1], held, defaultdict(float)
    for day, qty in layers:
        age, taken = 120.5 - day, min(qty, max(need, 0))
        want["over 90 d" if age >= 90 else "30 to 90 d" if age >= 30 else "0 to 30 d"] += taken
        need -= taken
    assert {b: q for (_, b, _), (q, _) in got.items()} == {b: q for b, q in want.items() if q}


def test_space_is_taken_by_what_is_there_against_what_there_is():
    def stock(day, material, location, qty):
        return {"production_day": DAY0 + timedelta(days=day), "site": SITE, "material": material, "location": location,
                "unit": "m", "on_hand_qty": qty}  # fmt: skip

    rows = [stock(0, "bar", "raw-1", 30.0), stock(0, "nut", "raw-2", 10.0), stock(0, "bar", "raw-2", -5.0),
            stock(1, "nut", "fg-1", 7.0), stock(1, "nut", "lost-1", 1.0)]  # fmt: skip
    out = space_use(frame("gold.inventory", *rows), MATERIALS, PLACES, Sites((SITE,))).collect()
    assert dict(out.schema) == table("gold.space_use").schema
    got = {((r["production_day"] - DAY0).days, r["zone"]): (r["used"], r["capacity"], r["materials"])
           for r in out.iter_rows(named=True)}  # fmt: skip
    assert got[0, "raw"] == (70.0, 120.0, 2), "30 bars of 2 and 10 nuts of 1; what is negative takes no space"
    assert got[1, "raw"] == (0.0, 120.0, 0)
    assert got[1, "finished"] == (7.0, None, 1), "a zone without a stated capacity has no share"
    assert got[1, "unknown"] == (1.0, None, 1)
    assert out.filter(pl.col("zone") == "raw")["share"].to_list() == [70 / 120, 0.0]


def asked(postings, sales=(), bills=(), day=20):
    out = weekly(frame("silver.stock_ledger", *postings), frame("silver.sales_orders", *sales),
                 frame("silver.bills_of_material", *bills), ends(day).collect(), Sites((SITE,)))  # fmt: skip
    return {key: part.sort("week")["qty"].to_list() for key, part in
            ((k, p) for k, p in out.partition_by("material", "basis", as_dict=True).items())}  # fmt: skip


def test_weeks_are_whole_end_with_the_last_day_and_reversals_take_back():
    rows = [post(0, 0, 100), post(1, 0, -3), post(2, 13, -5), post(3, 14, -8), post(4, 20, -1),
            post(5, 20, 6, kind="issue"), post(6, 19, -9, kind="scrap")]  # fmt: skip
    # days 14..20: 8 + 1 - 6 taken back; scrap is no demand
    assert asked(rows) == {("bar", "issues"): [3.0, 5.0, 3.0]}
    assert asked([post(0, 0, 100), post(1, 19, 4, kind="shipment")]) == {("bar", "issues"): [0.0, 0.0, 0.0]}


def test_customers_orders_come_before_issues_and_bills_stand_in_for_a_young_ledger():
    sale = {"sales_id": "s", "customer": "c", "product": "nut", "qty": 6.0, "status": "open", "requested_at": at(20)}
    sales = [sale, sale | {"sales_id": "t", "requested_at": at(7), "qty": 2.0}, sale | {"status": "cancelled"},
             sale | {"requested_at": at(21)}]  # fmt: skip
    bills = [{"bom_line_id": "b", "product": "nut", "component": "bar", "qty_per_pc": 0.5},
             {"bom_line_id": "c", "product": "bar", "component": "nut", "qty_per_pc": 1.0}]  # fmt: skip
    rows = [post(0, 0, 100), post(1, 20, -70), post(2, 20, -70, material="nut", kind="shipment")]
    got = asked(rows, sales, bills[:1])
    assert got == {("nut", "sales"): [6.0, 2.0], ("bar", "bill"): [3.0, 1.0]}
    assert asked([post(0, -50, 9), *rows], sales, bills[:1])["bar", "issues"][0] == 70.0, "an old ledger knows better"
    assert asked(rows, sales, bills)["bar", "bill"][0] > 3.0, "a circle of bills ends"


def classed(postings, described, day=200):
    days = sorted({p["production_day"] for p in postings})
    inventory = frame("gold.inventory", *({"production_day": d, "site": SITE, "material": "bar", "location": "raw-1",
                                           "average_value": 10.0} for d in days))  # fmt: skip
    stock = on_hand(frame("silver.stock_ledger", *postings), inventory, PLACES, ends(day))
    known = {"site": SITE, "basis": "issues", "weeks": 28, "last_demand_day": None, "demand_qty": 0.0, "mean_d": 0.0,
             "sd_d": 0.0, "cv": None, "residual_cv": None, "seasonal": False, "xyz": None, "adi": None, "cv2": None,
             "pattern": None}  # fmt: skip
    types = {n: t for n, t in table("gold.stock_classes").schema.items() if n in known or n == "material"}
    rows = pl.LazyFrame([known | d for d in described], schema_overrides=types)
    out = classes(rows, stock, MATERIALS, 180, 30.0).collect()
    assert dict(out.schema) == table("gold.stock_classes").schema
    return {r["material"]: r for r in out.iter_rows(named=True)}


def test_dead_stock_has_neither_demand_nor_arrivals_for_long_enough():
    last = DAY0 + timedelta(days=200)
    quiet = {"material": "bar"}
    states = {
        "old": [post(0, 0, 10)],
        "came lately": [post(0, 0, 10), post(1, 100, 1)],
    }
    assert [classed(rows, [quiet])["bar"]["state"] for rows in states.values()] == ["dead", "active"]
    asked_for = {"material": "bar", "last_demand_day": last - timedelta(days=9), "mean_d": 0.1, "demand_qty": 20.0}
    row = classed(states["old"], [asked_for])["bar"]
    assert (row["state"], row["excess_qty"], row["excess_value"], row["cover_d"]) == ("excess", 7.0, 7.0, 100.0)
    assert classed(states["old"], [quiet | {"weeks": 3}])["bar"]["state"] == "dead"
    assert classed([post(0, 190, 10)], [quiet], 200)["bar"]["state"] == "active", "records of ten days prove nothing"


def test_abc_by_value_and_turns_over_all_locations():
    rows = [post(0, 190, 100), post(1, 200, -4), post(2, 200, 9, material="nut")]
    both = [
        {"material": "bar", "demand_qty": 90.0, "mean_d": 1.0},
        {"material": "nut", "demand_qty": 90.0, "mean_d": 1.0},
    ]
    got = classed(rows, both)
    assert {m: (r["abc"], r["demand_value"]) for m, r in got.items()} == {"bar": ("A", 90.0), "nut": ("B", 9.0)}
    assert got["bar"]["turns"] == pytest.approx(365 * 4 / 20), "two days of 10.00 on average, 4.00 issued"
    assert got["bar"]["dio_d"] == pytest.approx(365 / got["bar"]["turns"])
    assert got["nut"]["turns"] is None
