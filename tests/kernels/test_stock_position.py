"""Where a material stands when it is decided on, and what lies where: out of the ledger and the books, by hand."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import polars as pl
import pytest

from assets.kernels.stock.position import position
from assets.kernels.stock.shelves import bins, shelved
from assets.kernels.stock.sites import Sites
from assets.kernels.stock.supply import on_order
from assets.kernels.supply.prices import in_own_money
from plant.tables import table

SITE, LAST = "here", date(2026, 1, 31)
HERE = Sites((SITE,))


def at(day, hour=12.0):
    return datetime(2026, 1, 1, tzinfo=UTC) + timedelta(days=day, hours=hour)


def frame(name, *rows):
    schema = table(name).schema
    return pl.LazyFrame([dict.fromkeys(schema) | r for r in rows], schema=schema, orient="row")


def post(n, day, qty, **more):
    when = at(day)
    row = {"production_day": when.date(), "site": SITE, "at": when, "move_id": f"m{n}", "material": "bar",
           "location": "raw-1", "kind": "receipt" if qty > 0 else "issue", "qty": float(qty),
           "value_cents": 0}  # fmt: skip
    return row | more


ENDS = pl.LazyFrame({"site": [SITE], "production_day": [LAST], "end_at": [at(31, 0)]},
                    schema_overrides={"end_at": pl.Datetime("us", "UTC")})  # fmt: skip
MATERIALS = frame("silver.materials", {"material": "bar", "kind": "raw", "unit": "m", "standard_cost_cents": 150},
                  {"material": "shaft", "kind": "finished", "unit": "pcs", "standard_cost_cents": 900},
                  {"material": "half", "kind": "semi", "unit": "pcs"})  # fmt: skip
PLACES = frame(
    "silver.locations", {"location": "raw-1", "zone": "raw", "travel_m": 80.0, "capacity": 100.0},
    {"location": "dock", "zone": "in", "kind": "receiving", "travel_m": 5.0},
    {"location": "raw-2", "zone": "raw", "kind": "storage", "travel_m": 20.0},
    {"location": "line", "zone": "work", "kind": "production"}, {"location": "scrap", "zone": "scrap"},
    {"location": "attic", "zone": "raw"}, {"location": "external", "zone": "x", "kind": "view"},
)  # fmt: skip
PARTNERS = frame("silver.partners", {"partner": "acme", "kind": "supplier", "name": "Acme", "lead_time_d": 4.0})


def bought(n, ordered, received=None, **more):
    line = {"purchase_id": f"po{n}", "supplier": "acme", "material": "bar", "qty": 10.0, "unit_price_cents": 100 + n,
            "ordered_at": at(ordered), "status": "open" if received is None else "received"}  # fmt: skip
    return line | ({} if received is None else {"received_at": at(received), "received_qty": 10.0}) | more


def stands(postings=(), purchases=(), orders=()):
    out = position(
        frame("silver.stock_ledger", *postings), frame("silver.purchase_orders", *purchases),
        frame("silver.work_orders", *orders), PARTNERS, MATERIALS, PLACES, ENDS, HERE,
    ).collect()  # fmt: skip
    return {r["material"]: r for r in out.iter_rows(named=True)}


def test_usable_stock_lies_in_storage_and_receiving():
    rows = [post(1, 1, 10), post(2, 2, 5, location="dock"), post(3, 3, 7, location="line"),
            post(4, 3, 9, location="scrap"), post(5, 30, 3, location="attic"), post(6, 31, 99),
            post(7, 4, 2, material="half")]  # fmt: skip
    got = stands(rows)
    assert (got["bar"]["on_hand_qty"], got["bar"]["location"], got["bar"]["source"]) == (18.0, "attic", "buy")
    assert set(got) == {"bar"}, "semi-finished material follows its orders"


def test_lead_time_price_and_supplier_are_of_the_lines_known_by_then():
    lines = [bought(1, 0, 3), bought(2, 5, 10), bought(3, 28, promised_at=at(32)), bought(4, 29, status="cancelled"),
             bought(5, 40)]  # fmt: skip
    row = stands([post(1, 1, 1)], lines)["bar"]
    assert (row["lead_d"], row["lead_sd_d"]) == (4.0, pytest.approx(2**0.5))
    assert (row["supplier"], row["price"], row["on_order_qty"]) == ("acme", 1.03, 10.0)
    assert [(round(d["in_d"], 3), d["qty"]) for d in row["due"]] == [(1.5, 10.0)]
    assert stands([post(1, 1, 1)], [bought(1, 0)])["bar"]["lead_d"] == 4.0, "nothing came yet: what was agreed"
    alone = stands([post(1, 1, 1)])["bar"]
    assert (alone["lead_d"], alone["price"], alone["due"]) == (None, 1.5, None)


def test_what_came_in_part_is_on_its_way_in_part():
    part = bought(1, 1, 3, status="open", received_qty=4.0)
    closed = bought(2, 1, 3, received_qty=8.0)
    late = bought(3, 1, 35)
    row = stands([post(1, 1, 1)], [part, closed, late])["bar"]
    assert row["on_order_qty"] == 6.0 + 10.0, "the short line is closed; what comes later is still on its way"
    steps = on_order(frame("silver.purchase_orders", part, closed)).collect()
    assert steps["on_order_qty"].to_list()[-1] == 6.0


def test_what_work_orders_make_is_made():
    done = {"order_id": "w1", "product": "shaft", "planned_pcs": 50.0, "status": "done", "planned_start_at": at(1),
            "started_at": at(2), "ended_at": at(4)}  # fmt: skip
    orders = [done, done | {"order_id": "w2", "ended_at": at(3)},
              done | {"order_id": "w3", "status": "planned", "ended_at": None, "planned_end_at": at(33)},
              done | {"order_id": "w4", "status": "closed", "ended_at": None}]  # fmt: skip
    row = stands([post(1, 1, 5, material="shaft")], (), orders)["shaft"]
    assert (row["source"], row["lead_d"], row["on_order_qty"], row["supplier"]) == ("make", 2.5, 50.0, None)
    assert [(round(d["in_d"], 3), d["qty"]) for d in row["due"]] == [(2.5, 50.0)]


def test_what_lies_where_and_how_often_somebody_goes_there():
    rows = [post(0, 0, 100, kind="adjustment"), post(1, 20, 40), post(2, 21, -30), post(3, 22, -5, kind="transfer"),
            post(4, 22, 5, kind="transfer", location="raw-2"), post(5, 1, -1),
            post(6, 25, 3, location="attic")]  # fmt: skip
    known = bins(PLACES, HERE)
    assert known.collect().sort("location").select("location", "zone", "capacity").rows() == [
        ("raw-1", "raw", 100.0), ("raw-2", "raw", None)], "storage whose way is known"  # fmt: skip
    out = shelved(frame("silver.stock_ledger", *rows), MATERIALS, known, ENDS).collect()
    got = {r["location"]: r for r in out.iter_rows(named=True)}
    assert {k: (r["qty"], r["trips_week"], r["load"]) for k, r in got.items()} == {
        "raw-1": (104.0, 3 * 7 / 28, 40.0), "raw-2": (5.0, 7 / 28, 5.0)}  # fmt: skip
    assert (got["raw-1"]["zone"], got["raw-1"]["each"], got["raw-1"]["unit"]) == ("raw", 1.0, "m")


def test_a_price_is_in_the_money_of_the_plant_and_of_something_paid_for():
    lines = [bought(1, 1, currency="EUR"), bought(2, 2, currency="CNY", unit_price_cents=800.0),
             bought(3, 3, currency="XXX", unit_price_cents=5.0), bought(4, 4, unit_price_cents=0.0)]  # fmt: skip
    rates = frame("silver.exchange_rates", {"rate_id": "r", "currency": "CNY", "rate": 0.1455})
    own = in_own_money(frame("silver.purchase_orders", *lines), rates, "EUR")
    assert own.collect()["unit_price_cents"].to_list() == pytest.approx([101.0, 116.4, None, 0.0], nan_ok=True)
    assert stands([post(1, 1, 1)], own.collect().to_dicts())["bar"]["price"] == 1.164


def test_what_is_received_nobody_says_when_is_not_on_its_way():
    lines = [bought(1, 1), bought(2, 2, status="received", qty=7.0)]
    assert stands([post(1, 1, 1)], lines)["bar"]["on_order_qty"] == 10.0
    steps = on_order(frame("silver.purchase_orders", *lines).with_columns(site=pl.lit(SITE))).collect()
    assert steps["on_order_qty"].to_list() == [10.0]
