"""Deliveries, confirmations and prices: consistent with stock, receipts and invoices; verdicts equal the truth's."""

from __future__ import annotations

from datetime import timedelta
from zoneinfo import ZoneInfo

import polars as pl
import pytest
from polars.testing import assert_frame_equal

from assets.kernels.supply.lines import supply_lines
from plant.supply import Supply
from plant.tables import table
from simulator import truth
from simulator.enterprise.journal import known_at
from simulator.enterprise.supply.otif import verdicts
from simulator.instants import to_us

ZONE = "Europe/Berlin"
KEYS = {"purchase_orders": "purchase_id", "sales_orders": "sales_id", "deliveries": "delivery_id"}


def silver(run, name: str, until) -> pl.LazyFrame:
    """The silver table a query at an instant would make."""
    rows = known_at(run.tables[name], to_us(until)).rename({"id": KEYS[name]})
    schema = table(f"silver.{name}").schema
    # What the plant in a box does not tell (returns, a column of the first confirmation) is null.
    return rows.select(c if c in rows.columns else pl.lit(None, t).alias(c) for c, t in schema.items()).lazy()


@pytest.fixture(scope="module")
def now(week):
    return {name: known_at(frame, to_us(week.end_at)) for name, frame in week.tables.items()}


@pytest.mark.parametrize("hours", [168, 100, 31.7])
def test_every_verdict_is_that_of_the_truth(week, hours):
    """Each line against each date, at the end of the run and before it: due day, outcome, in full, days late."""
    until = week.start_at + timedelta(hours=hours)
    books = [silver(week, name, until) for name in KEYS]
    found = supply_lines(*books, Supply(), ZONE, "EUR").collect()
    told = verdicts(truth.until(dict(week.truth), until)["supply"], ZoneInfo(ZONE))
    keys = ["direction", "line", "basis"]
    assert_frame_equal(found.select(told.columns).sort(keys), told.sort(keys))
    assert found.filter("due").height > 6_000


def test_every_way_to_fail_occurs(week):
    told = verdicts(week.truth["supply"], ZoneInfo(ZONE))
    assert {"on_time", "late", "overdue", "not_due", "cancelled"} <= set(told["outcome"])
    assert 0.01 < told.filter(pl.col("in_full").not_()).height / told["in_full"].count() < 0.1


def test_deliveries_say_what_was_received_and_shipped(now):
    arrived = now["deliveries"].filter(pl.col("delivered_at").is_not_null())
    came = (
        arrived.filter(direction="inbound")
        .group_by("order_line")
        .agg(pl.col("qty").sum(), pl.col("delivered_at").max())
    )
    received = (
        now["purchase_orders"].filter(status="received").join(came, left_on="id", right_on="order_line", how="left")
    )
    assert (received["received_qty"] == received["qty_right"]).all()
    assert (received["received_at"] == received["delivered_at"]).all()
    sent = (
        now["deliveries"]
        .filter(direction="outbound")
        .group_by("order_line")
        .agg(pl.col("qty").sum(), pl.col("shipped_at").max())
    )
    shipped = now["sales_orders"].filter(status="shipped").join(sent, left_on="id", right_on="order_line", how="left")
    assert (shipped["shipped_qty"] == shipped["qty_right"]).all()
    assert (shipped["shipped_at"] == shipped["shipped_at_right"]).all()


def test_deliveries_of_the_run_carry_the_lots_that_left(week, now):
    left = now["stock_moves"].filter(kind="shipment").group_by("reference", "lot").agg(pl.col("qty").sum())
    sent = now["deliveries"].filter(pl.col("direction") == "outbound", pl.col("lot").is_not_null())
    both = left.join(sent, left_on=["reference", "lot"], right_on=["order_line", "lot"], how="full")
    assert both.height == left.height == sent.height > 20
    assert (both["qty"] == both["qty_right"]).all()


def test_a_first_confirmation_is_never_overwritten(week):
    for name in ("purchase_orders", "sales_orders"):
        versions = week.tables[name].filter(pl.col("confirmed_at").is_not_null())
        different = versions.group_by("id").agg(pl.col("confirmed_at", "confirmed_qty").n_unique())
        assert different.select(pl.col("confirmed_at", "confirmed_qty").max()).row(0) == (1, 1)
    moved = week.tables["purchase_orders"].group_by("id").agg(pl.col("promised_at").n_unique())
    assert (moved["promised_at"] > 1).sum() > 20


def test_prices_change_and_invoices_follow_them(now):
    prices = now["purchase_orders"].group_by("material").agg(pl.col("unit_price_cents").n_unique())
    assert (prices["unit_price_cents"] >= 2).all()
    paid = now["invoices"].filter(kind="payable").join(now["purchase_orders"], left_on="reference", right_on="id")
    assert (paid["amount_cents"] == (paid["qty"] * paid["unit_price_cents"] + 0.5).cast(pl.Int64)).all()
    assert (paid["qty"] == paid["received_qty"]).all()


def test_suppliers_and_customers_are_the_partners(now):
    partners = now["partners"]
    for kind in ("supplier", "customer"):
        mine = partners.filter(kind=kind).select("id", "name").sort("id")
        assert_frame_equal(now[f"{kind}s"].select("id", "name").sort("id"), mine)


def test_damage_and_papers_are_known_later_or_never(week):
    deliveries = known_at(week.tables["deliveries"], to_us(week.end_at))
    old = deliveries.filter(pl.col("delivered_at") < week.end_at - timedelta(days=1))
    assert 0 < old["rejected_qty"].null_count() < 0.05 * old.height
    assert (old["rejected_qty"].is_null() == old["documents_ok"].is_null()).all()
    assert 0 < (old["rejected_qty"] > 0).sum() < 0.1 * old.height
    assert (old["rejected_qty"] <= old["qty"]).all()
