"""The shipped adapter for Tryton, on tables written by hand: what its schema means, without a Tryton."""

import sys
from datetime import UTC, datetime
from pathlib import Path

import polars as pl
import pytest

sys.path.insert(0, str(Path(__file__).parent))
from tryton_rows import ADAPTER, TABLES, mapped

NOT_THERE = {"work_instructions", "downtimes", "attendance", "people_shifts", "maintenance_orders"}


def at(month, day, hour, minute=0):
    return datetime(2026, month, day, hour, minute, tzinfo=UTC)


def of(name, *columns):
    """Rows of a canonical table as tuples, by its first column; nothing may be rejected."""
    rows, rejected = mapped(name)
    assert rejected.is_empty(), rejected["message"].to_list()
    return sorted(rows.select(columns).iter_rows(), key=str)


def test_every_table_that_tryton_has_is_filled():
    from plant.adapters.canonical import CANONICAL

    assert set(CANONICAL) - {m.into for m in ADAPTER.tables} == NOT_THERE
    assert set(TABLES) == set(ADAPTER.types)


@pytest.mark.parametrize("name", [m.into for m in ADAPTER.tables])
def test_an_erp_without_a_row_gives_tables_without_a_row(name):
    rows, rejected = mapped(name, {})
    assert rows.is_empty() and rejected.is_empty()


def test_a_stock_move_is_where_it_was_and_when_it_counts():
    noon, night = 9, at(11, 22, 22, 30)  # 12:00 in Istanbul is 09:00 UTC
    assert of("stock_moves", "move_id", "at", "lot", "from_location", "to_location", "qty", "kind", "reference") == [
        ("stock.move,1", at(11, 2, 10), "S-7 #1", "external", "IN", 100.0, "receipt", "purchase.line,1"),
        ("stock.move,10", at(11, 6, 10), "S-7 #1", "STO", "external", 3.0, "adjustment", "stock.inventory.line,1"),
        ("stock.move,2", at(11, 2, 10), "S-7 #1", "IN", "STO", 100.0, "transfer", "purchase.line,1"),
        ("stock.move,3", at(11, 5, noon), "S-7 #1", "STO", "external", 30.0, "issue", "MO-1"),
        ("stock.move,4", at(11, 5, noon), "F-1", "external", "STO", 2.0, "production", "MO-1"),
        ("stock.move,5", at(11, 5, noon), "F-2", "external", "STO", 1.0, "production", "MO-1"),
        ("stock.move,6", night, "F-1", "STO", "OUT", 1.0, "transfer", "sale.line,1"),
        ("stock.move,7", night, "F-1", "OUT", "external", 1.0, "shipment", "sale.line,1"),
    ]
    costs = of("stock_moves", "move_id", "unit_cost_cents", "booked_at")
    assert costs[:3] == [("stock.move,1", 250.0, at(11, 2, 10)), ("stock.move,10", 250.0, at(11, 6, 10)),
                         ("stock.move,2", 200.0, at(11, 2, 10))]  # fmt: skip


def test_what_was_counted_and_what_a_closed_period_says():
    assert of("stock_levels", "level_id", "material", "location", "lot", "qty", "at", "kind") == [
        ("stock.inventory.line,1", "RM-1", "STO", "S-7 #1", 67.0, at(11, 6, 10), "count"),
        ("stock.period.cache,1", "product.product,3", "STO", None, 12.0, at(10, 31, 21), "system"),
    ]


def test_zones_come_from_the_tree_of_the_warehouse():
    assert of("locations", "location", "zone", "kind") == [
        ("A1", "Warehouse / Storage Zone", "storage"), ("Customer", "Customer", "customer"),
        ("IN", "Warehouse / Input Zone", "receiving"), ("Lost", "Lost", "lost"),
        ("OUT", "Warehouse / Output Zone", "shipping"), ("PROD", "Warehouse / Production", "production"),
        ("STO", "Warehouse / Storage Zone", "storage"), ("SUP", "Supplier", "supplier"), ("WH", "Warehouse", "view"),
    ]  # fmt: skip


def test_the_site_is_the_name_of_the_warehouse_and_null_outside_of_one():
    house = "Warehouse"
    assert of("locations", "location", "site") == [
        ("A1", house), ("Customer", None), ("IN", house), ("Lost", None), ("OUT", house), ("PROD", house),
        ("STO", house), ("SUP", None), ("WH", house),
    ]  # fmt: skip
    assert of("work_orders", "order_id", "site") == [("MO-1", house), ("MO-3", house), ("production,2", None)]
    assert mapped("purchase_orders")[0].select("purchase_id", "site").rows() == [("purchase.line,1", house)]
    assert of("sales_orders", "sales_id", "site") == [("sale.line,1", house)]


def test_lots_and_what_went_into_them():
    noon = at(11, 5, 9)
    assert of("lots", "lot", "material", "qty", "order_id", "supplier") == [
        ("F-1", "FG-1", 2.0, "MO-1", None), ("F-2", "FG-1", 1.0, "MO-1", None),
        ("S-7 #1", "RM-1", 100.0, None, "S1"), ("S-7 #4", "FG-1", 0.0, None, None),
    ]  # fmt: skip
    assert of("lot_links", "parent_lot", "child_lot", "qty", "at", "order_id", "unit") == [
        ("S-7 #1", "F-1", 20.0, noon, "MO-1", "kg"),
        ("S-7 #1", "F-2", 10.0, noon, "MO-1", "kg"),
    ]


def test_a_production_is_timed_by_the_button_where_that_was_on_its_day():
    pressed, noon = at(11, 22, 22, 30), at(11, 5, 9)
    assert of("work_orders", "order_id", "planned_pcs", "status", "released_at", "started_at", "ended_at") == [
        ("MO-1", 3.0, "done", None, noon, noon),
        ("MO-3", 1.0, "running", at(11, 21, 10), pressed, None),
        ("production,2", 5.0, "planned", None, None, None),
    ]
    assert of("operations", "operation_id", "order_id", "machine", "operation", "seq", "started_at") == [
        ("production.work,1", "MO-1", "Weld-1", "Weld", 1, None),
        ("production.work,2", "MO-1", "Test-1", "Test", 2, None),
        ("production.work,3", "MO-3", "Welding", "Weld", 1, pressed),
    ]


def test_a_bill_is_per_piece_in_the_components_own_unit_and_phantoms_are_opened():
    assert of("bills_of_material", "product", "component", "qty_per_pc") == [
        ("FG-1", "RM-1", 12.5),  # 25,000 g for two
        ("FG-1", "product.product,3", 20.0),  # 5 of a phantom of 10 with 80 bolts, for two
    ]


def test_an_inspection_has_a_row_for_each_point_measured():
    said = of("inspections", "inspection_id", "at", "machine", "order_id", "characteristic", "value", "usl", "result")
    assert said == [
        ("quality.inspection,1:1", at(11, 5, 10), "Test-1", "MO-1", "torque", 11.5, 11.0, "fail"),
        ("quality.inspection,1:2", at(11, 5, 10), "Test-1", "MO-1", "looks", None, None, "pass"),
    ]


def test_orders_are_what_was_confirmed_in_the_materials_unit():
    rows, rejected = mapped("purchase_orders")
    told = rows.select("purchase_id", "order_id", "supplier", "qty", "unit_price_cents", "currency", "status")
    assert told.rows() == [("purchase.line,1", "PO-1", "S1", 100.0, 410, "JPY", "received")]  # per kilogram
    dates = rows.select("ordered_at", "requested_at", "confirmed_at", "received_at", "received_qty").row(0)
    assert dates == (at(10, 20, 9), at(11, 2, 9), at(11, 1, 9), at(11, 2, 10), 100.0)
    assert rejected.select("reason", "record_key").rows() == [("unit_mismatch", "[3]")]  # kilograms bought in pieces
    sold = of("sales_orders", "sales_id", "customer", "qty", "unit_price_cents", "shipped_qty", "status", "shipped_at")
    assert sold == [("sale.line,1", "C1", 2.0, 7999, 1.0, "open", None)]


def test_a_price_list_is_in_the_materials_unit_and_not_of_who_supplies_no_more():
    assert of("purchase_terms", "term_id", "material", "supplier", "from_qty", "unit_price_cents") == [
        ("purchase.product_supplier.price,1:1", "RM-1", "S1", 0.0, 250.0),
        ("purchase.product_supplier.price,2:1", "RM-1", "S1", 500.0, 210.0),
        ("purchase.product_supplier.price,3:3", "product.product,3", "S1", 1000.0, 4.17),
    ]  # fmt: skip


def test_a_delivery_is_the_move_over_the_border_and_merged_parties_are_one():
    assert of("deliveries", "delivery_id", "direction", "shipment", "order_line", "partner", "qty", "lot") == [
        ("stock.move,1", "inbound", "IN-1", "purchase.line,1", "S1", 100.0, "S-7 #1"),
        ("stock.move,7", "outbound", "OUT-1", "sale.line,1", "C1", 1.0, "F-1"),
    ]
    assert of("customers", "customer", "name", "active") == [("C1", "Lift Ltd", True)]
    assert of("suppliers", "supplier", "lead_time_d", "country") == [("S1", 4.0, "TR")]
    assert of("partners", "partner", "kind") == [("C1", "customer"), ("S1", "supplier")]


def test_invoices_are_posted_or_paid_in_their_own_currency():
    told = of("invoices", "invoice_id", "kind", "partner", "reference", "amount_cents", "tax_cents", "currency", "qty")
    assert told == [
        ("account.invoice,1", "payable", "S1", "purchase.line,1", 48800, 7800, "JPY", 100.0),
        ("account.invoice,2", "receivable", "C1", "sale.line,1", 9519, 1520, "TRY", 1.0),
        ("account.invoice,4", "receivable", "C1", "SO-1", -9519, -1520, "TRY", None),
    ]
    assert of("invoices", "issued_at", "due_at", "paid_at")[1] == (at(11, 23, 9), at(12, 23, 9), at(11, 25, 9))


def test_a_rate_is_the_companys_over_the_currencys_and_begins_at_its_midnight():
    assert of("exchange_rates", "exchange_id", "currency", "rate", "valid_from_at") == [
        ("JPY 2026-10-01", "JPY", 0.3125, at(9, 30, 21)), ("JPY 2026-10-20", "JPY", 0.25, at(10, 19, 21)),
        ("JPY 2026-11-02", "JPY", 0.375, at(11, 1, 21)),
    ]  # fmt: skip


def test_master_data():
    assert of("materials", "material", "kind", "unit", "standard_cost_cents", "price_cents") == [
        ("FG-1", "finished", "pcs", 4000, 7999), ("KIT", "raw", "pcs", 100, None),
        ("RM-1", "raw", "kg", 200, None), ("product.product,3", "raw", "pcs", 5, None),
    ]  # fmt: skip
    assert of("cost_rates", "scope", "unit", "rate_cents") == [("Weld-1", "h", 3800.0)]


def test_a_value_that_cannot_be_read_costs_its_row_only():
    lots = [row | {"product": "none"} if row["id"] == 4 else row for row in TABLES["stock_lot"]]
    rows, rejected = mapped("lots", TABLES | {"stock_lot": lots})
    assert rows.height == 3 and rejected.select("reason", "record_key").rows() == [("unreadable_value", "[4]")]
    assert rows.filter(pl.col("material") == "RM-1")["lot"].to_list() == ["S-7"]
