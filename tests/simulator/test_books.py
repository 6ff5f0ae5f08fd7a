"""The tables of the MES, WMS and ERP close among each other and with what happened on the floor."""

from __future__ import annotations

from datetime import timedelta

import polars as pl
import pytest
from polars.testing import assert_frame_equal

import simulator
from plant.contracts import ENTERPRISE
from plant.errors import TerminalError
from simulator import truth
from simulator.enterprise.journal import SCHEMAS, Journal, known_at
from simulator.enterprise.stock import Stock
from simulator.instants import to_us

_FIRST = {"first_confirmed_at", "first_confirmed_qty"}
UNTOLD = {
    "work_orders": {"site"}, "purchase_orders": _FIRST, "sales_orders": _FIRST, "deliveries": {"kind", "sender_fault"},
}  # fmt: skip
"""What the simulator's books do not say: the first confirmation is read from their history, nothing is sent back."""


@pytest.fixture(scope="module")
def now(week):
    """Every table as a query at the end of the run sees it."""
    return {name: known_at(frame, to_us(week.end_at)) for name, frame in week.tables.items()}


def balance(moves: pl.DataFrame, *by: str) -> pl.DataFrame:
    """Sum of the moves by location (and more), the outside left out."""
    into = moves.select(*by, "at", location="to_location", qty="qty")
    out = moves.select(*by, "at", location="from_location", qty=-pl.col("qty"))
    return pl.concat([into, out]).filter(pl.col("location") != "external")


def test_every_silver_table_of_the_contract_has_its_source():
    """silver.* is the source table with `id` renamed; bills_of_material comes from bom_lines."""
    for contract in ENTERPRISE:
        name = contract.name.removeprefix("silver.").replace("bills_of_material", "bom_lines")
        untold = UNTOLD.get(name, set())
        assert [(c.name, c.dtype) for c in contract.columns[1:] if c.name not in untold] == list(SCHEMAS[name].items())
        assert all(c.null for c in contract.columns if c.name in untold)


def test_required_columns_are_filled(now):
    for contract in ENTERPRISE:
        name = contract.name.removeprefix("silver.").replace("bills_of_material", "bom_lines")
        assert now[name].height > 0, name
        assert now[name]["id"].is_unique().all()
        for column in contract.columns[1:]:
            if not column.null:
                assert now[name][column.name].null_count() == 0, (name, column.name)


def test_stock_is_the_sum_of_the_moves_and_never_below_zero(week, now):
    posted = balance(now["stock_moves"], "material", "lot")
    level = posted.sort("at", maintain_order=True)
    order = pl.col("qty").cum_sum().over("material", "lot", "location")
    # Within one instant moves are listed as they were made, so no running balance may dip.
    ids = now["stock_moves"].sort("id")
    both = (
        pl.concat(
            [
                ids.select("id", "material", "lot", location="from_location", qty=-pl.col("qty")),
                ids.select("id", "material", "lot", location="to_location", qty="qty"),
            ]
        )
        .filter(pl.col("location") != "external")
        .sort("id", maintain_order=True)
    )
    assert both.with_columns(level=order)["level"].min() >= 0
    summed = level.group_by("material", "location").agg(pl.col("qty").sum()).sort("material", "location")
    assert_frame_equal(summed, truth.until(dict(week.truth), week.end_at)["stock"])


@pytest.mark.parametrize("hours", [30, 75.5, 140])
def test_truth_of_the_stock_holds_at_any_instant(week, hours):
    at = week.start_at + timedelta(hours=hours)
    moves = known_at(week.tables["stock_moves"], to_us(at))
    summed = balance(moves, "material").group_by("material", "location").agg(pl.col("qty").sum())
    told = truth.until(dict(week.truth), at)["stock"]
    assert_frame_equal(summed.sort("material", "location"), told)


def test_material_in_work_is_what_the_floor_has_not_finished(week, now):
    """Issued minus good minus scrap booked: stock of material in work equals the orders' open pieces."""
    stock = truth.until(dict(week.truth), week.end_at)["stock"]
    in_work = stock.filter(pl.col("location").str.starts_with("wip-"))["qty"].sum()
    started = now["work_orders"].filter(pl.col("started_at").is_not_null())["planned_pcs"].sum()
    moves = now["stock_moves"]
    finished = moves.filter(pl.col("kind") == "production", pl.col("to_location") == "fg-1")["qty"].sum()
    scrapped = moves.filter(kind="scrap")["qty"].sum()
    assert in_work == started - finished - scrapped


def test_scrap_is_booked_by_the_hour(week, now):
    last_hour = week.end_at - timedelta(hours=1)
    counted = week.truth["pieces"].filter(pl.col("at") < last_hour)["scrap_pcs"].sum()
    booked = now["stock_moves"].filter(pl.col("kind") == "scrap")["qty"].sum()
    assert booked == counted


def test_lots_come_from_lots(now):
    lots, links = now["lots"], now["lot_links"]
    assert set(links["parent_lot"]) | set(links["child_lot"]) <= set(lots["id"])
    used = links.group_by("parent_lot").agg(pl.col("qty").sum()).join(lots, left_on="parent_lot", right_on="id")
    assert (used["qty"] <= used["qty_right"]).all()
    order_lots = lots.filter(pl.col("material").str.ends_with("-wip"))
    from_blanks = (
        links.group_by("child_lot").agg(pl.col("qty").sum()).join(order_lots, left_on="child_lot", right_on="id")
    )
    assert (from_blanks["qty"] == from_blanks["qty_right"]).all()
    assert from_blanks.height == order_lots.height


def test_finished_lots_sum_to_the_good_pieces_of_the_last_machine(week, now):
    done = now["work_orders"].filter(status="done")["id"]
    lots = now["lots"].filter(pl.col("order_id").is_in(done.implode()), ~pl.col("material").str.ends_with("-wip"))
    last = week.truth["pieces"].filter(pl.col("machine").is_in(["pack-1", "pack-2"]))
    good = last.group_by("order_id").agg(pl.col("good_pcs").sum())
    both = lots.group_by("order_id").agg(pl.col("qty").sum()).join(good, on="order_id")
    assert both.height == done.len()
    assert (both["qty"] == both["good_pcs"]).all()


def test_sales_reach_back_two_years_with_a_weekly_pattern(week, now):
    sales = now["sales_orders"]
    assert sales["ordered_at"].min() < week.start_at - timedelta(days=725)
    for product in ("shaft-20", "shaft-35", "bracket-s", "bracket-l"):
        weekday = sales.filter(product=product).group_by(pl.col("ordered_at").dt.weekday()).agg(pl.col("qty").sum())
        share = dict(weekday.iter_rows())
        assert 7 not in share
        assert share[6] < 0.5 * share[1]


def test_shipments_are_sales_and_leave_from_stock(week, now):
    shipped = now["sales_orders"].filter(pl.col("shipped_at") >= week.start_at)
    moves = now["stock_moves"].filter(kind="shipment").group_by("reference").agg(pl.col("qty").sum())
    both = shipped.join(moves, left_on="id", right_on="reference", how="full")
    assert both.height == shipped.height == moves.height > 20
    assert (both["shipped_qty"] == both["qty_right"]).all()
    assert (shipped["status"] == "shipped").all()


def test_invoices_follow_shipments_and_receipts(now):
    invoices = now["invoices"]
    sales = now["sales_orders"].with_columns(
        expected=(pl.col("shipped_qty") * pl.col("unit_price_cents") + 0.5).cast(pl.Int64)
    )
    bills = invoices.filter(kind="receivable").join(sales, left_on="reference", right_on="id")
    assert (bills["amount_cents"] == bills["expected"]).all()
    assert (bills["issued_at"] > bills["shipped_at"]).all()
    bought = invoices.filter(kind="payable").join(now["purchase_orders"], left_on="reference", right_on="id")
    assert (bought["amount_cents"] == (bought["received_qty"] * bought["unit_price_cents"] + 0.5).cast(pl.Int64)).all()
    assert bills.height + bought.height == invoices.height
    assert 0 < invoices["paid_at"].null_count() < invoices.height


def test_purchases_come_in_through_the_dock(week, now):
    orders = now["purchase_orders"]
    assert set(orders["status"]) == {"open", "received", "cancelled"}
    assert (orders.filter(status="open")["received_at"].null_count()) == orders.filter(status="open").height
    moves = now["stock_moves"].filter(kind="receipt")
    assert moves.height >= 2
    assert moves["reference"].is_in(orders["id"].implode()).all()
    docked = moves.filter(to_location="dock-1")["reference"]
    put_away = now["stock_moves"].filter(pl.col("kind") == "transfer", pl.col("from_location") == "dock-1")["reference"]
    assert set(put_away) <= set(docked)


def test_material_rarely_runs_out(plant, week):
    """Spot purchases are the exception: the reorder points carry the plant."""
    run = simulator.plant_run(plant, 4, week.start_at, week.end_at)
    orders = run.tables["purchase_orders"].filter(pl.col("ordered_at") >= week.start_at)
    spot = orders.filter(pl.col("ordered_at") == pl.col("promised_at"))["id"].n_unique()
    assert spot <= 2


def test_inspections_judge_by_their_limits(now):
    found = now["inspections"]
    above = (pl.col("value") >= pl.col("lsl")).fill_null(value=True)
    inside = found.select(inside=above & (pl.col("value") <= pl.col("usl")).fill_null(value=True))["inside"]
    assert (inside == (found["result"] == "pass")).all()
    assert 0 < (~inside).sum() < 0.05 * found.height


def test_several_characteristics_are_measured_often_enough_for_a_capability(now):
    """Each machine and characteristic: at least 30 values a day, limits that do not move within a product."""
    found = now["inspections"].filter(pl.col("at") >= pl.col("at").min().dt.offset_by("1d"))
    daily = found.group_by("machine", "characteristic", pl.col("at").dt.date()).len()
    assert daily.group_by("machine", "characteristic").agg(pl.col("len").median())["len"].min() >= 30
    assert found.group_by("machine").agg(pl.col("characteristic").n_unique())["characteristic"].min() >= 2
    limits = found.group_by("machine", "characteristic", "product").agg(pl.col("lsl", "usl").n_unique())
    assert (limits["lsl"] == 1).all()
    assert (limits["usl"] == 1).all()
    sides = found.select("characteristic", low=pl.col("lsl").is_null(), high=pl.col("usl").is_null()).unique()
    assert sides.filter("low").height == 2  # roughness, height of a burr: only an upper limit
    assert sides.filter("high").height == 2  # strength of a seal, adhesion: only a lower limit
    assert sides.filter(pl.col("low") & pl.col("high")).is_empty()


def test_planned_scrap_is_the_usual_scrap_of_the_route(week, now):
    orders = now["work_orders"]
    share = orders.select(pl.col("planned_scrap_pcs").sum() / pl.col("planned_pcs").sum()).item()
    assert 0.015 < share < 0.035
    assert (orders["planned_scrap_pcs"] >= 1).all()
    assert (orders["planned_scrap_pcs"] == orders["planned_scrap_pcs"].round()).all()
    # The planner is about right: what is scrapped of the finished orders is within a factor of two.
    done = orders.filter(status="done").join(
        week.truth["pieces"].group_by("order_id").agg(pl.col("scrap_pcs").sum()), left_on="id", right_on="order_id"
    )
    assert 0.5 < done["scrap_pcs"].sum() / done["planned_scrap_pcs"].sum() < 2


def test_a_record_reads_as_it_was_last_changed(week, now):
    operations = now["operations"]
    last = pl.when(pl.col("ended_at").is_not_null()).then("ended_at").otherwise("started_at")
    assert (operations["updated_at"] == operations.select(last).to_series()).all()
    assert operations["ended_at"].null_count() > 0
    status = {"planned", "released", "running", "done"}
    assert set(now["work_orders"]["status"]) == {"planned", "running", "done"} - (status - status)
    for frame in week.tables.values():
        assert frame["updated_at"].max() < week.end_at


def test_order_status_follows_time(week):
    versions = week.tables["work_orders"].with_columns(
        rank=pl.col("status").replace_strict({"planned": 0, "released": 1, "running": 2, "done": 3})
    )
    assert (versions.select(pl.col("rank").diff().over("id").drop_nulls() > 0).to_series()).all()


def test_stock_refuses_to_go_below_zero():
    stock = Stock(Journal(), {"bolt": 5})
    stock.move(1, "bolt", "a", "external", "raw-1", 10, "receipt", None)
    stock.move(2, "bolt", "b", "external", "raw-1", 4, "receipt", None)
    assert stock.oldest("bolt", "raw-1", 12) == [("a", 10), ("b", 2)]
    with pytest.raises(TerminalError, match="holds 10 of bolt lot a, 11 cannot be taken"):
        stock.move(3, "bolt", "a", "raw-1", "external", 11, "issue", None)


def test_journal_refuses_columns_the_table_does_not_have():
    with pytest.raises(KeyError, match="lots has no column colour"):
        Journal().put("lots", 1, "x", colour="red")
