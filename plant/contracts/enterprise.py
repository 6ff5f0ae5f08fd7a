"""Silver, relational part: orders, materials, partners, quality, maintenance in ISA-95 terms.

Latest known version of each record of the MES, WMS and ERP; deleted records are left out.
"""

from __future__ import annotations

from plant.tables import Column as C
from plant.tables import Table


def _table(name: str, doc: str, *columns: C) -> Table:
    return Table(
        name=f"silver.{name}",
        doc=doc,
        grain=f"one row per {columns[0].name}",
        key=(columns[0].name,),
        write="replace",
        columns=columns,
        sort=(columns[0].name,),
    )


def _at(name: str, doc: str) -> C:
    return C(name, "instant", doc, null=True)


WORK_ORDERS = _table(
    "work_orders", "Work orders of the MES.",
    C("order_id", "str", "work order"), C("product", "str", "product made"),
    C("planned_pcs", "f64", "ordered quantity", low=0),
    C("planned_scrap_pcs", "f64", "scrap planned for (PSQ); null: not planned", null=True, low=0),
    C("status", "str", "planned, released, running, done or closed"),
    _at("planned_start_at", "planned start"), _at("planned_end_at", "planned end"),
    _at("started_at", "actual start"), _at("ended_at", "actual end"),
)  # fmt: skip

OPERATIONS = _table(
    "operations", "Operations of work orders on machines: the order layer of the time ledger.",
    C("operation_id", "str", "operation record"), C("order_id", "str", "work order"),
    C("machine", "str", "machine"), C("operation", "str", "operation name"),
    C("seq", "i64", "position in the routing", low=0), C("product", "str", "product made"),
    _at("started_at", "registered on the machine"), _at("ended_at", "taken off the machine; null: still on it"),
)  # fmt: skip

DOWNTIMES = _table(
    "downtimes", "Stop reasons booked by operators: the reason layer of the time ledger.",
    C("downtime_id", "str", "booking"), C("machine", "str", "machine"),
    C("start_at", "instant", "start"), _at("end_at", "end; null: still open"),
    C("reason", "str", "reason as booked"), C("reason_class", "str", "class of the loss"),
    C("operator", "str", "who booked it", null=True),
)  # fmt: skip

MATERIALS = _table(
    "materials", "Materials and products.",
    C("material", "str", "material"), C("description", "str", "what it is", null=True),
    C("kind", "str", "raw, semi or finished"), C("unit", "str", "unit of measure"),
    C("standard_cost_cents", "i64", "standard cost per unit, minor currency units", low=0),
    C("price_cents", "i64", "sales price per unit, minor currency units", null=True, low=0),
)  # fmt: skip

BILLS = _table(
    "bills_of_material", "Components of products.",
    C("bom_line_id", "str", "line"), C("product", "str", "product made"), C("component", "str", "material used"),
    C("qty_per_pc", "f64", "quantity used per piece", low=0),
)  # fmt: skip

LOTS = _table(
    "lots", "Lots and batches.",
    C("lot", "str", "lot"), C("material", "str", "material"), C("qty", "f64", "quantity at creation", low=0),
    _at("created_at", "creation"), C("order_id", "str", "work order that made it", null=True),
    C("supplier", "str", "supplier it came from", null=True),
)  # fmt: skip

LOT_LINKS = _table(
    "lot_links", "Which lot went into which.",
    C("link_id", "str", "link"), C("parent_lot", "str", "lot consumed"), C("child_lot", "str", "lot made"),
    C("qty", "f64", "quantity of the parent consumed", low=0), _at("at", "time of consumption"),
    C("order_id", "str", "work order", null=True),
    C("unit", "str", "unit of the quantity; null: the unit of the parent's material", null=True),
)  # fmt: skip

LOCATIONS = _table(
    "locations", "Storage locations of the WMS.",
    C("location", "str", "location; 'external' is outside the plant"), C("zone", "str", "zone"),
    C("capacity", "f64", "capacity in units", null=True, low=0),
)  # fmt: skip

PURCHASE_ORDERS = _table(
    "purchase_orders", "Purchase order lines.",
    C("purchase_id", "str", "line"), C("supplier", "str", "supplier"), C("material", "str", "material"),
    C("qty", "f64", "ordered", low=0), C("unit_price_cents", "i64", "price per unit", low=0),
    _at("ordered_at", "ordered"), _at("promised_at", "promised"), _at("received_at", "received"),
    C("received_qty", "f64", "received", null=True, low=0), C("status", "str", "open, received or cancelled"),
)  # fmt: skip

SALES_ORDERS = _table(
    "sales_orders", "Sales order lines.",
    C("sales_id", "str", "line"), C("customer", "str", "customer"), C("product", "str", "product"),
    C("qty", "f64", "ordered", low=0), C("unit_price_cents", "i64", "price per unit", low=0),
    _at("ordered_at", "ordered"), _at("requested_at", "requested by the customer"), _at("shipped_at", "shipped"),
    C("shipped_qty", "f64", "shipped", null=True, low=0), C("status", "str", "open, shipped or cancelled"),
)  # fmt: skip

PARTNERS = _table(
    "partners", "Suppliers and customers.",
    C("partner", "str", "partner"), C("kind", "str", "supplier or customer"), C("name", "str", "name"),
    C("lead_time_d", "f64", "agreed lead time in days", null=True, low=0),
)  # fmt: skip

INVOICES = _table(
    "invoices", "Supplier and customer invoices.",
    C("invoice_id", "str", "invoice"), C("kind", "str", "payable or receivable"), C("partner", "str", "partner"),
    C("reference", "str", "order line"), C("amount_cents", "i64", "amount, minor currency units"),
    _at("issued_at", "issued"), _at("due_at", "due"), _at("paid_at", "paid; null: open"),
)  # fmt: skip

INSPECTIONS = _table(
    "inspections", "Quality inspections: one measured characteristic of one piece.",
    C("inspection_id", "str", "inspection"), _at("at", "time"), C("machine", "str", "machine"),
    C("order_id", "str", "work order", null=True), C("product", "str", "product"),
    C("characteristic", "str", "what was measured"), C("value", "f64", "measured value", null=True),
    C("lsl", "f64", "lower specification limit", null=True), C("usl", "f64", "upper specification limit", null=True),
    C("result", "str", "pass or fail"),
)  # fmt: skip

MAINTENANCE = _table(
    "maintenance_orders", "Corrective and preventive maintenance.",
    C("maintenance_id", "str", "maintenance order"), C("machine", "str", "machine"),
    C("kind", "str", "corrective or preventive"), C("failure_mode", "str", "failure mode", null=True),
    _at("reported_at", "booked; models may use the record from then on"), _at("started_at", "work started"),
    _at("ended_at", "back in operation"),
)  # fmt: skip

ATTENDANCE = _table(
    "attendance", "Who was logged in at which machine: the person layer of the time ledger.",
    C("attendance_id", "str", "log-in"), C("operator", "str", "person"), C("machine", "str", "machine"),
    C("start_at", "instant", "logged in"), _at("end_at", "logged out; null: still there"),
)  # fmt: skip

ENTERPRISE = (
    WORK_ORDERS, OPERATIONS, DOWNTIMES, ATTENDANCE, MATERIALS, BILLS, LOTS, LOT_LINKS, LOCATIONS, PURCHASE_ORDERS,
    SALES_ORDERS, PARTNERS, INVOICES, INSPECTIONS, MAINTENANCE,
)  # fmt: skip
