"""Silver, relational part: orders, materials, partners, quality, maintenance in ISA-95 terms.

Latest known version of each record of the MES, WMS and ERP; deleted records are left out.
"""

from __future__ import annotations

from plant.states import LossClass
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


def _site(what: str) -> C:
    return C("site", "str", f"site or warehouse {what}, as the source names it ([stock.site_of]); null: not told",
             null=True)  # fmt: skip


WORK_ORDERS = _table(
    "work_orders", "Work orders of the MES.",
    C("order_id", "str", "work order"), C("product", "str", "product made"),
    C("planned_pcs", "f64", "ordered quantity", low=0),
    C("planned_scrap_pcs", "f64", "scrap planned for (PSQ); null: not planned", null=True, low=0),
    C("status", "str", "where it stands", allowed=("planned", "released", "running", "done", "closed", "cancelled")),
    _at("planned_start_at", "planned start"), _at("planned_end_at", "planned end"),
    _at("started_at", "actual start"), _at("ended_at", "actual end"),
    _at("released_at", "released to the shop floor; null: not told, its first operation counts"),
    _site("it is made at"),
)  # fmt: skip

OPERATIONS = _table(
    "operations", "Operations of work orders on machines: the order layer of the time ledger.",
    C("operation_id", "str", "operation record"), C("order_id", "str", "work order"),
    C("machine", "str", "machine"), C("operation", "str", "operation name"),
    C("seq", "i64", "position in the routing", low=0), C("product", "str", "product made"),
    _at("started_at", "registered on the machine"), _at("ended_at", "taken off the machine; null: still on it"),
    _at("planned_start_at", "planned start"), _at("planned_end_at", "planned end"),
    C("planned_setup_s", "f64", "planned set-up time; null: not planned", null=True, low=0),
    C("planned_run_s", "f64", "planned run time of the planned quantity; null: not planned", null=True, low=0),
    C("planned_pcs", "f64", "planned quantity; null: that of the order", null=True, low=0),
    C("planned_labour_s", "f64", "planned time of people, set-up and run; null: not planned", null=True, low=0),
    C("planned_energy_kwh", "f64", "planned energy, set-up and run; null: not planned", null=True, low=0),
)  # fmt: skip

WORK_INSTRUCTIONS = _table(
    "work_instructions", "Work instructions: what is to be done in an operation, by revision.",
    C("instruction_id", "str", "instruction"), C("operation", "str", "operation name"),
    C("product", "str", "product; null: every product", null=True),
    C("machine", "str", "machine; null: every machine", null=True),
    C("seq", "i64", "step, in order", low=0), C("title", "str", "title"), C("text", "str", "what to do", null=True),
    C("document", "str", "drawing or document", null=True), C("edition", "str", "revision of the text", null=True),
    _at("valid_from_at", "valid from"), _at("valid_to_at", "valid until, exclusive; null: still valid"),
)  # fmt: skip

DOWNTIMES = _table(
    "downtimes", "Stop reasons booked by operators: the reason layer of the time ledger.",
    C("downtime_id", "str", "booking"), C("machine", "str", "machine"),
    C("start_at", "instant", "start"), _at("end_at", "end; null: still open"),
    C("reason", "str", "reason as booked"),
    C("reason_class", "str", f"class of the loss: {', '.join(LossClass)}; any other counts as that of the state"),
    C("operator", "str", "who booked it", null=True),
)  # fmt: skip

MATERIALS = _table(
    "materials", "Materials and products.",
    C("material", "str", "material"), C("description", "str", "what it is", null=True),
    C("kind", "str", "bought to be used, made to be used, made to be sold, or nothing to be kept",
      allowed=("raw", "semi", "finished", "service")),
    C("unit", "str", "unit of measure"),
    C("standard_cost_cents", "f64", "standard cost per unit, minor currency units; not rounded", low=0),
    C("price_cents", "f64", "sales price per unit, minor currency units; not rounded", null=True, low=0),
    C("space_per_unit", "f64", "space a unit takes, in the unit of silver.locations.capacity; null: 1",
      null=True, low=0),
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
    C("kind", "str", "what the location is; null: storage", null=True,
      allowed=("storage", "receiving", "shipping", "production", "supplier", "customer", "lost", "view")),
    C("travel_m", "f64", "way from the point of use or dispatch to the location and back", null=True, low=0),
    _site("it is part of"),
)  # fmt: skip

STOCK_MOVES = _table(
    "stock_moves", "Stock moves of the WMS or ERP that have happened; planned ones are not moves.",
    C("move_id", "str", "stock move"), C("at", "instant", "posting time: when the move counts"),
    C("material", "str", "material"), C("lot", "str", "lot", null=True),
    C("from_location", "str", "where it was"), C("to_location", "str", "where it went"),
    C("qty", "f64", "quantity moved, in the material's unit"),
    C("unit_cost_cents", "f64", "cost per unit, minor currency units; not rounded"),
    C("kind", "str", "receipt, issue, production, shipment, scrap, transfer or adjustment",
      allowed=("receipt", "issue", "production", "shipment", "scrap", "transfer", "adjustment")),
    C("reference", "str", "order the move belongs to", null=True),
    _at("booked_at", "when it was entered; later than `at` for a back-dated posting; null: not told"),
)  # fmt: skip

STOCK_LEVELS = _table(
    "stock_levels", "Stock as the WMS or ERP itself states it, or as somebody counted it: what the ledger is held to.",
    C("level_id", "str", "statement"), C("material", "str", "material"), C("location", "str", "location"),
    C("lot", "str", "lot; null: all lots together", null=True), C("qty", "f64", "quantity stated"),
    C("at", "instant", "as of"), C("kind", "str", "stated by the system, or counted", allowed=("system", "count")),
)  # fmt: skip

_FIRST = (
    _at("first_confirmed_at", "date first confirmed, of all versions seen; null: not told, confirmed_at counts"),
    C("first_confirmed_qty", "f64", "quantity confirmed with it; null: all that was ordered", null=True, low=0),
)

PURCHASE_ORDERS = _table(
    "purchase_orders", "Purchase order lines.",
    C("purchase_id", "str", "line"), C("supplier", "str", "supplier"), C("material", "str", "material"),
    C("qty", "f64", "ordered", low=0), C("unit_price_cents", "f64", "price per unit, minor units, not rounded", low=0),
    _at("ordered_at", "ordered"), _at("promised_at", "promised"), _at("received_at", "received"),
    C("received_qty", "f64", "received", null=True, low=0),
    C("status", "str", "where it stands", allowed=("open", "received", "cancelled")),
    C("order_id", "str", "purchase order of the line; null: a line is its own order", null=True),
    _at("requested_at", "asked for by the plant"), _at("confirmed_at", "date confirmed by the supplier"),
    C("confirmed_qty", "f64", "quantity confirmed", null=True, low=0),
    C("currency", "str", "ISO 4217; null: the plant's", null=True),
    *_FIRST, _site("it is bought for"),
)  # fmt: skip

SALES_ORDERS = _table(
    "sales_orders", "Sales order lines.",
    C("sales_id", "str", "line"), C("customer", "str", "customer"), C("product", "str", "product"),
    C("qty", "f64", "ordered", low=0), C("unit_price_cents", "f64", "price per unit, minor units, not rounded", low=0),
    _at("ordered_at", "ordered"), _at("requested_at", "requested by the customer"), _at("shipped_at", "shipped"),
    C("shipped_qty", "f64", "shipped", null=True, low=0),
    C("status", "str", "where it stands", allowed=("open", "shipped", "cancelled")),
    C("order_id", "str", "sales order of the line; null: a line is its own order", null=True),
    _at("confirmed_at", "date confirmed to the customer"),
    C("confirmed_qty", "f64", "quantity confirmed", null=True, low=0),
    C("currency", "str", "ISO 4217; null: the plant's", null=True),
    *_FIRST, _site("it is delivered from"),
)  # fmt: skip

DELIVERIES = _table(
    "deliveries", "Deliveries: what arrived from suppliers, went to customers and came back; a row a delivered line.",
    C("delivery_id", "str", "delivered line"), C("direction", "str", "which way", allowed=("inbound", "outbound")),
    C("shipment", "str", "delivery note it is a line of", null=True),
    C("order_line", "str", "purchase_id or sales_id", null=True), C("partner", "str", "supplier or customer"),
    C("material", "str", "material"), C("qty", "f64", "quantity delivered, in the material's unit", low=0),
    _at("shipped_at", "left the sender"), _at("delivered_at", "arrived; null: on its way"),
    C("rejected_qty", "f64", "refused or damaged; null: not told", null=True, low=0),
    C("documents_ok", "bool", "papers complete and right; null: not told", null=True),
    C("lot", "str", "lot", null=True),
    C("kind", "str", "delivery, or return: goods of the order line went back to their sender; null: delivery",
      null=True, allowed=("delivery", "return")),
    C("sender_fault", "bool", "of a return: damaged, wrong or too much was sent; null: not told", null=True),
)  # fmt: skip

SUPPLIERS = _table(
    "suppliers", "Suppliers.",
    C("supplier", "str", "supplier"), C("name", "str", "name"),
    C("lead_time_d", "f64", "agreed lead time in days", null=True, low=0),
    C("country", "str", "ISO 3166 code", null=True),
    C("active", "bool", "may be ordered from; null: not told", null=True),
)  # fmt: skip

CUSTOMERS = _table(
    "customers", "Customers.",
    C("customer", "str", "customer"), C("name", "str", "name"), C("country", "str", "ISO 3166 code", null=True),
    C("active", "bool", "may order; null: not told", null=True),
)  # fmt: skip

PARTNERS = _table(
    "partners", "Suppliers and customers.",
    C("partner", "str", "partner"), C("kind", "str", "which", allowed=("supplier", "customer")),
    C("name", "str", "name"),
    C("lead_time_d", "f64", "agreed lead time in days", null=True, low=0),
)  # fmt: skip

INVOICES = _table(
    "invoices", "Supplier and customer invoices.",
    C("invoice_id", "str", "invoice"),
    C("kind", "str", "from a supplier, or to a customer", allowed=("payable", "receivable")),
    C("partner", "str", "partner"), C("reference", "str", "order line"),
    C("amount_cents", "i64", "amount, minor currency units; a credit note is below 0"),
    _at("issued_at", "issued"), _at("due_at", "due"), _at("paid_at", "paid; null: open"),
    C("qty", "f64", "quantity invoiced, where the invoice is of one line", null=True),
    C("tax_cents", "i64", "tax within the amount, minor currency units; null: not told", null=True),
    C("currency", "str", "ISO 4217; null: the plant's", null=True),
)  # fmt: skip

PURCHASE_TERMS = _table(
    "purchase_terms", "What suppliers sell by: least quantities, packs, and prices by quantity; a row a price.",
    C("term_id", "str", "term"), C("material", "str", "material"),
    C("supplier", "str", "supplier; null: whoever supplies it", null=True),
    C("min_qty", "f64", "smallest order; null: any", null=True, low=0),
    C("multiple_qty", "f64", "an order is a whole multiple of it; null or 0: whole units", null=True, low=0),
    C("from_qty", "f64", "smallest order the price is for; null: any", null=True, low=0),
    C("unit_price_cents", "f64", "price of every unit of such an order, minor currency units; null: no price",
      null=True, low=0),
)  # fmt: skip

COST_RATES = _table(
    "cost_rates", "What an hour, a kilowatt hour or a unit costs, by what it is of and since when.",
    C("rate_id", "str", "rate"),
    C("kind", "str", "what is paid", allowed=("machine", "labour", "setup", "energy", "overhead")),
    C("scope", "str", "machine, line, site or operation the rate holds for; null: the plant", null=True),
    C("unit", "str", "unit it is per", allowed=("h", "kWh", "pcs")),
    C("rate_cents", "f64", "minor currency units per unit", low=0),
    _at("valid_from_at", "valid from; null: ever"), _at("valid_to_at", "valid until, exclusive; null: still"),
)  # fmt: skip

EXCHANGE_RATES = _table(
    "exchange_rates", "What other currencies are worth in the plant's, since when; each holds until the next.",
    C("exchange_id", "str", "rate"), C("currency", "str", "ISO 4217"),
    C("rate", "f64", "units of the plant's currency for one of it; 0: none from then on", low=0),
    _at("valid_from_at", "valid from; null: ever"),
)  # fmt: skip

PEOPLE_SHIFTS = _table(
    "people_shifts", "The roster: who is planned to work when and where.",
    C("roster_id", "str", "entry"), C("person", "str", "person"), C("shift", "str", "shift", null=True),
    C("line", "str", "line or work centre", null=True), C("role", "str", "role or qualification", null=True),
    C("start_at", "instant", "planned start"), C("end_at", "instant", "planned end"),
)  # fmt: skip

INSPECTIONS = _table(
    "inspections", "Quality inspections: one measured characteristic of one piece.",
    C("inspection_id", "str", "inspection"), _at("at", "time"), C("machine", "str", "machine"),
    C("order_id", "str", "work order", null=True), C("product", "str", "product"),
    C("characteristic", "str", "what was measured"), C("value", "f64", "measured value", null=True),
    C("lsl", "f64", "lower specification limit", null=True), C("usl", "f64", "upper specification limit", null=True),
    C("result", "str", "whether it passed", allowed=("pass", "fail")),
)  # fmt: skip

MAINTENANCE = _table(
    "maintenance_orders", "Corrective and preventive maintenance.",
    C("maintenance_id", "str", "maintenance order"), C("machine", "str", "machine"),
    C("kind", "str", "after a failure or before one", allowed=("corrective", "preventive")),
    C("failure_mode", "str", "failure mode", null=True),
    _at("reported_at", "booked; models may use the record from then on"), _at("started_at", "work started"),
    _at("ended_at", "back in operation"),
)  # fmt: skip

ATTENDANCE = _table(
    "attendance", "Who was logged in at which machine: the person layer of the time ledger.",
    C("attendance_id", "str", "log-in"), C("operator", "str", "person"), C("machine", "str", "machine"),
    C("start_at", "instant", "logged in"), _at("end_at", "logged out; null: still there"),
)  # fmt: skip

ENTERPRISE = (
    WORK_ORDERS, OPERATIONS, WORK_INSTRUCTIONS, DOWNTIMES, ATTENDANCE, PEOPLE_SHIFTS, MATERIALS, BILLS, LOTS, LOT_LINKS,
    LOCATIONS, STOCK_MOVES, STOCK_LEVELS, PURCHASE_ORDERS, SALES_ORDERS, DELIVERIES, SUPPLIERS, CUSTOMERS, PARTNERS,
    PURCHASE_TERMS, INVOICES, COST_RATES, EXCHANGE_RATES, INSPECTIONS, MAINTENANCE,
)  # fmt: skip
