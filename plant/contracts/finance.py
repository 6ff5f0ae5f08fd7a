"""Gold: what orders took and cost against their plan, work in progress, cash to cash. Money in whole cents."""

from __future__ import annotations

from plant.contracts.silver import DAY, SITE
from plant.tables import Column as C
from plant.tables import Table

COMPONENTS = ("material", "machine", "setup", "labour", "energy", "overhead")
_ORDER = C("order_id", "str", "work order")
_MACHINE = C("machine", "str", "machine; null: the order as a whole", null=True)
_PRODUCT = C("product", "str", "product made", null=True)
_AREA, _LINE = (C(n, "str", f"{n} of the machine; of an order as a whole: of its first operation", null=True)
                for n in ("area", "line"))  # fmt: skip


def _us(name: str, doc: str) -> C:
    return C(name, "i64", f"{doc}, microseconds", low=0)


def _uc(kind: str, of: str) -> C:
    return C(f"{kind}_ucents", "i64", f"{of}, millionths of a cent; null: no rate for a part of it", null=True)


def _cents(name: str, doc: str) -> C:
    return C(name, "i64", f"{doc}, minor currency units", null=True)


def _at(name: str, doc: str) -> C:
    return C(name, "instant", doc, null=True)


def _f(name: str, doc: str, low: float | None = None) -> C:
    return C(name, "f64", doc, null=True, low=low)


LEAD = (
    _us("queue_us", "released, its first operation not yet begun"), _us("setup_us", "a machine sets up, none produces"),
    _us("run_us", "a machine produces"), _us("interrupted_us", "on machines that all stand"),
    _us("wait_us", "between operations, on no machine"), _us("planned_us", "on machines in a break or planned stop"),
    _us("not_scheduled_us", "outside every shift"), _us("unknown_us", "no signal, and no machine known to produce"),
)  # fmt: skip
"""Where the time of an order goes: every microsecond from its release to its end in exactly one of these."""

ORDER_DAYS = Table(
    name="gold.order_days",
    doc="What each order took on a day: on each machine its time, pieces, people, energy and their cost; without "
    "machine where its lead time went.",
    grain="order x operation x machine x production day; one row more without machine",
    key=("production_day", "site", "order_id", "operation", "machine"),
    write="replace_day",
    partition="production_day",
    sort=("order_id", "machine", "operation"),
    columns=(
        DAY, SITE, _AREA, _LINE, _MACHINE, _ORDER, C("operation", "str", "operation", null=True), _PRODUCT, *LEAD,
        C("good_pcs", "i64", "good pieces", low=0), C("scrap_pcs", "i64", "scrapped pieces", low=0),
        C("rework_pcs", "i64", "rework pieces", low=0),
        C("ideal_us", "i64", "ideal time of all pieces; null without an ideal cycle", null=True, low=0),
        _us("person_us", "time of people at the machine; at two machines at once half of it counts at each"),
        C("energy_j", "i64", "energy while set up, producing or standing with the order, joules", low=0),
        _uc("machine", "machine time: producing, standing, without signal"), _uc("setup", "set-up time"),
        _uc("labour", "people"), _uc("energy", "energy"), _uc("overhead", "overhead on all of that machine time"),
    ),
)  # fmt: skip

ORDER_PERFORMANCE = Table(
    name="gold.order_performance",
    doc="Orders against their plan: quantity, dates, adherence, and where the lead time went.",
    grain="order",
    key=("order_id",),
    write="replace",
    sort=("order_id",),
    columns=(
        _ORDER, _PRODUCT, SITE, _AREA, _LINE, C("open", "bool", "not ended yet: figures are as of as_of_at"),
        C("status", "str", "status in the MES; null: it has no such order", null=True),
        _f("planned_pcs", "planned quantity", 0), C("good_pcs", "i64", "good pieces of the last operation", low=0),
        C("scrap_pcs", "i64", "scrapped pieces of all operations", low=0),
        C("started_pcs", "i64", "pieces of the first operation", low=0),
        _at("planned_start_at", "planned start"), _at("planned_end_at", "planned end"),
        _at("released_at", "released; null: not told"), _at("started_at", "first operation begun"),
        _at("ended_at", "end; null: open"), C("as_of_at", "instant", "how far the ledger of the site reaches"),
        _f("start_deviation_s", "actual minus planned start; below 0: early; null without either"),
        _f("end_deviation_s", "actual minus planned end, of an open order so far, where it is over; null without plan"),
        C("adherence", "str", "in time, or what missed it", null=True,
          allowed=("on_time", "late_end", "late_start", "early_start", "early_end", "late_so_far")),
        _us("lead_us", "from release (or the first operation, if that is earlier) to the end or as_of_at"), *LEAD,
        C("note", "str", "finding: what is missing or odd", null=True),
    ),
)  # fmt: skip

OPERATION_PERFORMANCE = Table(
    name="gold.operation_performance",
    doc="Operations of orders on machines against their plan.",
    grain="order x operation x machine",
    key=("order_id", "operation", "machine"),
    write="replace",
    sort=("order_id", "machine", "operation"),
    columns=(
        _ORDER, C("operation", "str", "operation"), C("machine", "str", "machine"), _PRODUCT, SITE, _AREA, _LINE,
        C("seq", "i64", "position in the routing", null=True, low=0), C("open", "bool", "still on the machine"),
        _f("planned_pcs", "planned quantity", 0), C("good_pcs", "i64", "good pieces", low=0),
        C("scrap_pcs", "i64", "scrapped pieces", low=0), C("rework_pcs", "i64", "rework pieces", low=0),
        _at("planned_start_at", "planned start"), _at("planned_end_at", "planned end"),
        _at("started_at", "registered"), _at("ended_at", "taken off; null: still on"),
        _f("start_deviation_s", "actual minus planned start"), _f("end_deviation_s", "actual minus planned end"),
        C("adherence", "str", "in time, or what missed it", null=True,
          allowed=("on_time", "late_end", "late_start", "early_start", "early_end")),
        _f("planned_setup_s", "planned set-up", 0), _f("planned_run_s", "planned run time", 0),
        _us("setup_us", "set-up"), _us("run_us", "producing"), _us("interrupted_us", "standing"),
        _us("planned_us", "break or planned stop"), _us("not_scheduled_us", "out of shift"),
        _us("unknown_us", "without signal"),
        _f("standard_run_s", "standard run time of the pieces made: plan a piece, else ideal cycles", 0),
        _us("person_us", "time of people"), C("energy_j", "i64", "energy, joules", low=0),
    ),
)  # fmt: skip

ORDER_COSTS = Table(
    name="gold.order_costs",
    doc="Actual cost of each order against standard, with the difference explained. The parts sum to it to the cent.",
    grain="order x component x item",
    key=("order_id", "component", "item"),
    write="replace",
    sort=("order_id", "component", "item"),
    columns=(
        _ORDER, _PRODUCT, SITE, _LINE, C("open", "bool", "not ended: cost so far, no standard"),
        _at("ended_at", "end; null: open"), C("component", "str", "kind of cost", allowed=COMPONENTS),
        C("item", "str", "material or machine"), _f("quantity", "quantity used"),
        C("unit", "str", "unit of the quantity: h, kWh, or the material's"),
        _cents("actual_cents", "actual cost; null: a rate is missing"),
        _cents("standard_cents", "standard cost of the good pieces; null: open, or no standard"),
        _cents("planned_cents", "standard cost of the planned quantity"),
        _cents("variance_cents", "actual minus standard = price + usage + efficiency + downtime + unknown + yield"),
        _cents("price_variance_cents", "other price or rate than standard"),
        _cents("usage_variance_cents", "more or less material or energy for the pieces made"),
        _cents("efficiency_variance_cents", "more or less time for the pieces made"),
        _cents("downtime_variance_cents", "machine time in which it stood"),
        _cents("unknown_variance_cents", "machine time without signal"),
        _cents("yield_variance_cents", "standard cost of pieces that did not become good"),
        _cents("volume_variance_cents", "standard minus planned: another quantity than planned"),
        _cents("scrap_cents", "thereof for pieces that were scrapped: a part of actual_cents, not beside it"),
        C("note", "str", "why a figure is null", null=True),
    ),
)  # fmt: skip

WIP = Table(
    name="gold.wip",
    doc="Work in progress by day, and Little's law as a check on it.",
    grain="site x production day",
    key=("production_day", "site"),
    write="replace",
    sort=("production_day", "site"),
    columns=(
        DAY, SITE, C("orders", "i64", "orders released and not ended at the end of the day", low=0),
        _f("average_orders", "time-weighted over the day", 0),
        C("pieces", "i64", "pieces between the first and the last operation at the end of the day"),
        _f("value", "cost of the open orders so far minus the goods they delivered, currency units; null: a rate is "
           "missing"),
        C("ended_orders", "i64", "orders that ended on the day", low=0),
        _f("window_orders", "average_orders of the trailing 7 days", 0),
        _f("little_orders", "orders ended a day x their mean lead time, trailing 7 days; null: none ended", 0),
        C("note", "str", "finding: the two differ by more than a quarter", null=True),
    ),
)  # fmt: skip

CASH_TO_CASH = Table(
    name="gold.cash_to_cash",
    doc="Days between paying for material and being paid for goods: DIO + DSO - DPO, from balances over time.",
    grain="window",
    key=("grain", "first_day"),
    write="replace",
    sort=("grain", "first_day"),
    columns=(
        C("grain", "str", "calendar month of the plant, or the 28 days to last_day",
          allowed=("month", "trailing")),
        C("first_day", "day", "first day"), C("last_day", "day", "last day, included"),
        _f("days", "days of the window the books cover", 0),
        _f("inventory_days", "of these, days with a stock ledger", 0),
        _f("inventory", "time-weighted inventory value, currency units"),
        _f("receivable", "time-weighted receivables less credit notes, currency units; null: one has no exchange rate"),
        _f("payable", "time-weighted payables less credit notes, currency units; null: one has no exchange rate"),
        _f("cost_of_sales", "value of goods shipped, less returns, while there is a stock ledger, currency units"),
        _f("revenue", "receivables issued less credit notes, currency units"),
        _f("purchases", "payables issued less credit notes, currency units"),
        _f("dio_d", "inventory / cost of sales a day; null: nothing shipped"),
        _f("dso_d", "receivables / revenue a day; null: nothing sold"),
        _f("dpo_d", "payables / purchases a day; null: nothing bought"),
        _f("cash_to_cash_d", "DIO + DSO - DPO; null where one of them is"),
        C("note", "str", "why a figure is null, or what the window lacks", null=True),
    ),
)  # fmt: skip

FINANCE = (ORDER_DAYS, ORDER_PERFORMANCE, OPERATION_PERFORMANCE, ORDER_COSTS, WIP, CASH_TO_CASH)
