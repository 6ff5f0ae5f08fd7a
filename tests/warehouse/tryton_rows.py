"""Tables of a tiny Tryton, written by hand: every trap of its schema in a handful of rows."""

import json
from datetime import UTC, datetime

import polars as pl

from assets.silver.adapted import filled
from plant.adapters.read import read_adapter, shipped
from plant.sources.batch import SqlSource
from plant.tables import table
from warehouse.adapting.select import run_mapping

ADAPTER = read_adapter(shipped()["tryton"]).adapter
SOURCE = SqlSource(kind="sql", name="erp", url="sqlite:///none.sqlite", adapter="tryton")
NIGHT = "2026-11-22T22:30:00.000000Z"  # 01:30 on 23 November in Istanbul


def stamped(day, hour=10):
    return f"2026-11-{day:02d}T{hour:02d}:00:00.000000Z"


def rows(names, *values):
    """Rows of a table: column names, then one tuple a row."""
    return [dict(zip(names.split(), v, strict=True)) for v in values]


def move(n, day, way, product, quantity, state="done", **more):
    """A stock move made on a day of November, written at ten that day; `way` is (from, to)."""
    base = {"id": n, "company": 1, "state": state, "effective_date": f"2026-11-{day:02d}", "product": product}
    written = {"create_date": stamped(day), "internal_quantity": float(quantity), "cost_price": "2.5000"}
    return base | written | {"from_location": way[0], "to_location": way[1]} | more


SUP, IN, STO, OUT, CUS, PROD, LOST = 6, 1, 3, 2, 7, 9, 4
STEEL, FRAME, BOLT, KIT = 1, 2, 3, 4
LINES = "id type product quantity unit unit_price"
TABLES = {
    "company_company": rows("id timezone currency", (1, "Europe/Istanbul", 1)),
    "currency_currency": rows("id code", (1, "TRY"), (2, "JPY")),
    "currency_currency_rate": rows(
        "id currency date rate", (1, 1, "2026-10-01", "1.0"), (2, 2, "2026-10-01", "3.2"), (3, 2, "2026-10-20", "4.0"),
        (4, 1, "2026-11-02", "1.5")),
    "product_uom": rows(
        "id category symbol factor digits", (1, 1, "u", 1.0, 0), (2, 2, "kg", 1.0, 2), (3, 2, "g", 0.001, 2)),
    "product_template": rows(
        "id name type default_uom purchase_uom producible salable", (1, "Steel", "goods", 2, 3, False, False),
        (2, "Frame", "goods", 1, None, True, True), (3, "Bolt", "goods", 1, 1, False, False),
        (4, "Kit", "goods", 1, 1, False, False)),
    "product_product": rows("id code template", (STEEL, "RM-1", 1), (FRAME, "FG-1", 2), (BOLT, "", 3), (KIT, "KIT", 4)),
    "product_cost_price": rows(
        "id product cost_price", (1, 1, "2.0000"), (2, 2, "40.0000"), (3, 3, "0.05"), (4, 4, "1")),
    "product_list_price": rows("id template list_price", (1, 2, "79.9900")),
    "party_party": rows(
        "id code name active replaced_by", (1, "S1", "Steel AG", True, None), (2, "C1", "Lift Ltd", True, None),
        (3, "C2", "Lift Limited", False, 4), (4, "C3", "Lift Ltd.", False, 2)),
    "party_address": rows("id party country sequence active", (1, 1, 90, None, True), (2, 1, 91, 1, False)),
    "country_country": rows("id code", (90, "TR"), (91, "DE")),
    "stock_location": rows(
        "id code name type parent input_location output_location", (IN, "IN", "Input Zone", "storage", 5, None, None),
        (OUT, "OUT", "Output Zone", "storage", 5, None, None), (STO, "STO", "Storage Zone", "storage", 5, None, None),
        (5, "WH", "Warehouse", "warehouse", None, IN, OUT), (SUP, "SUP", "Supplier", "supplier", None, None, None),
        (CUS, None, "Customer", "customer", None, None, None),
        (PROD, "PROD", "Production", "production", 5, None, None),
        (LOST, None, "Lost", "lost_found", None, None, None), (8, "A1", "Bin A1", "storage", STO, None, None)),
    "stock_lot": rows("id number product", (1, "S-7", STEEL), (2, "F-1", FRAME), (3, "F-2", FRAME), (4, "S-7", FRAME)),
    "stock_move": [
        move(1, 2, (SUP, IN), STEEL, 100, lot=1, origin="purchase.line,1", shipment="stock.shipment.in,1",
             origin_planned_date="2026-11-01", planned_date="2026-11-03"),
        move(2, 2, (IN, STO), STEEL, 100, lot=1, origin="stock.move,1", cost_price=None),
        move(3, 5, (STO, PROD), STEEL, 30, lot=1, production_input=1, write_date=stamped(20)),
        move(4, 5, (PROD, STO), FRAME, 2, lot=2, production_output=1, write_date=stamped(20)),
        move(5, 5, (PROD, STO), FRAME, 1, lot=3, production_output=1, write_date=stamped(20)),
        move(6, 23, (STO, OUT), FRAME, 1, lot=2, origin="stock.move,7", write_date=NIGHT),
        move(7, 23, (OUT, CUS), FRAME, 1, lot=2, origin="sale.line,1", shipment="stock.shipment.out,1",
             write_date=NIGHT),
        move(8, 23, (OUT, CUS), FRAME, 1, state="draft", origin="sale.line,1"),
        move(9, 23, (STO, OUT), FRAME, 4, state="cancelled"),
        move(10, 6, (STO, LOST), STEEL, 3, lot=1, origin="stock.inventory.line,1"),
    ],
    "stock_shipment_in": rows("id number supplier", (1, "IN-1", 1)),
    "stock_shipment_out": rows("id number customer", (1, "OUT-1", 3)),
    "stock_inventory": rows("id company location date state empty_quantity write_date create_date",
                            (1, 1, STO, "2026-11-06", "done", "keep", stamped(6), stamped(6))),
    "stock_inventory_line": rows("id inventory product lot quantity", (1, 1, STEEL, 1, 67.0), (2, 1, BOLT, None, None)),
    "stock_period": rows("id company date state", (1, 1, "2026-10-31", "closed")),
    "stock_period_cache": rows("id period product location internal_quantity", (1, 1, BOLT, STO, 12.0)),
    "production": rows(
        "id company number state product unit quantity warehouse effective_start_date effective_date planned_date",
        (1, 1, "MO-1", "done", FRAME, 1, 3.0, 5, "2026-11-05", "2026-11-05", "2026-11-04"),
        (2, 1, None, "request", FRAME, 1, 5.0, None, None, None, "2026-12-01"),
        (3, 1, "MO-3", "running", FRAME, 1, 1.0, 5, "2026-11-23", None, "2026-11-24")),
    "production_bom": rows("id active phantom_quantity phantom_unit", (1, True, None, None), (2, True, 10.0, 1)),
    "production_bom_input": rows(
        "id bom product phantom_bom quantity unit", (1, 1, STEEL, None, 25000.0, 3), (2, 1, None, 2, 5.0, 1),
        (3, 2, BOLT, None, 80.0, 1)),
    "production_bom_output": rows("id bom product quantity unit", (1, 1, FRAME, 2.0, 1), (2, 2, None, 10.0, 1)),
    "product_product-production_bom": rows("id product bom sequence", (1, FRAME, 1, None)),
    "production_routing_operation": rows("id name work_center_category", (1, "Weld", 1), (2, "Test", 1)),
    "production_work": rows(
        "id production operation work_center sequence state", (1, 1, 1, 1, None, "done"), (2, 1, 2, 2, None, "done"),
        (3, 3, 1, None, None, "running")),
    "production_work_cycle": rows("id work state", (1, 1, "done"), (2, 3, "running")),
    "production_work_center": rows(
        "id name company cost_price cost_method", (1, "Weld-1", 1, "38", "hour"), (2, "Test-1", 1, "4", "cycle")),
    "production_work_center_category": rows("id name", (1, "Welding")),
    "purchase_purchase": rows(
        "id company number state shipment_state party currency warehouse purchase_date delivery_date",
        (1, 1, "PO-1", "processing", "received", 1, 2, 5, "2026-10-20", "2026-11-02"),
        (2, 1, None, "quotation", "none", 1, 1, 5, "2026-10-21", None),
        (3, 1, "PO-3", "confirmed", "none", 1, 1, 5, "2026-10-22", None)),
    "purchase_line": [
        line | {"purchase": purchase} for purchase, line in zip((1, 2, 3), rows(
            LINES, (1, "line", STEEL, 100000.0, 3, "0.0041"), (2, "line", STEEL, 5.0, 2, "4"),
            (3, "line", STEEL, 5.0, 1, "4"),
        ), strict=True)],
    "purchase_product_supplier": rows(
        "id company party product template currency active lead_time", (1, 1, 1, None, 1, 1, True, 259200.0),
        (2, 1, 1, BOLT, 3, 1, True, 432000.0), (3, 1, 1, BOLT, 3, 1, False, None)),
    "purchase_product_supplier_price": rows(
        "id product_supplier quantity unit_price", (1, 1, 0.0, "0.0025"), (2, 1, 500000.0, "0.0021"),
        (3, 2, 1000.0, "0.0417"), (4, 3, 0.0, "9")),
    "sale_sale": rows(
        "id company number state shipment_state party currency warehouse sale_date shipping_date",
        (1, 1, "SO-1", "processing", "waiting", 3, 1, 5, "2026-11-10", "2026-11-20"),
        (2, 1, "SO-2", "cancelled", "none", 2, 1, 5, "2026-11-11", None)),
    "sale_line": [
        line | {"sale": sale} for sale, line in zip((1, 2), rows(
            LINES, (1, "line", FRAME, 2.0, 1, "79.9900"), (2, "line", FRAME, 9.0, 1, "79.9900")), strict=True)],
    "account_invoice": rows(
        "id company type state number party account currency move invoice_date total_amount_cache tax_amount_cache",
        (1, 1, "in", "posted", "I-1", 1, 5, 2, 1, "2026-11-03", "488", "78"),
        (2, 1, "out", "paid", "O-1", 4, 6, 1, 2, "2026-11-23", "95.19", "15.20"),
        (3, 1, "out", "draft", None, 2, 6, 1, None, None, None, None),
        (4, 1, "out", "posted", "O-2", 2, 6, 1, 3, "2026-11-23", "-95.19", "-15.20")),
    "account_invoice_line": rows(
        "id invoice type product quantity unit origin", (1, 1, "line", STEEL, 100000.0, 3, "purchase.line,1"),
        (2, 2, "line", FRAME, 1.0, 1, "sale.line,1"), (3, 4, "line", FRAME, -1.0, 1, "sale.line,1"),
        (4, 4, "line", BOLT, 0.0, 1, "sale.line,1")),
    "account_move_line": rows(
        "id move account maturity_date reconciliation", (1, 1, 5, "2026-12-03", None), (2, 2, 6, "2026-12-23", 1),
        (3, 2, 8, None, None)),
    "account_move_reconciliation": rows("id date", (1, "2026-11-25")),
    "quality_inspection": rows(
        "id control origin points processed_at state",
        (1, 1, "production,1", '{"torque": 11.5, "looks": true}', stamped(5), "failed"),
        (2, 1, "production,1", '{"torque": null, "looks": null}', None, "pending")),
    "quality_control_point": rows(
        "id control name type_ tolerance_lower tolerance_upper", (1, 1, "torque", "float", 9.0, 11.0),
        (2, 1, "looks", "boolean", None, None)),
    "ir_model_log": rows(
        "id event resource target create_date", (1, "transition", "production,3", "state:waiting", stamped(21)),
        (2, "transition", "production,3", "state:running", NIGHT),
        (3, "transition", "production,1", "state:running", stamped(20)),
        (4, "transition", "production.work.cycle,1", "state:running", stamped(20)),
        (5, "transition", "production.work.cycle,2", "state:running", NIGHT)),
}  # fmt: skip
"""Tables by name; columns that are declared and not written here are null."""


def records(tables):
    """bronze.records with these tables."""
    at = datetime(2026, 11, 23, tzinfo=UTC)
    said = [
        {"record_set": f"erp.{name}", "record_key": f"[{row['id']}]", "row_hash": "", "watermark": None,
         "payload": json.dumps(dict.fromkeys(ADAPTER.types[name]) | row), "deleted": False, "ingested_at": at,
         "segment": "s", "seq": n}
        for name, content in tables.items() for n, row in enumerate(content)
    ]  # fmt: skip
    return pl.DataFrame(said, schema=table("bronze.records").schema).lazy()


def mapped(name, tables=None):
    """Rows of a canonical table, and what was rejected."""
    decoded = filled([(SOURCE, ADAPTER)], records(TABLES if tables is None else tables), name, run_mapping)
    return decoded.rows.collect(), decoded.rejected.collect()
