"""Gold, supply chain: order lines against their dates, sums of suppliers and customers, orders, lead times, prices."""

from __future__ import annotations

from plant.tables import Column as C
from plant.tables import Table

BASES = ("requested", "confirmed", "promised")
OUTCOMES = (
    "on_time", "early", "late", "overdue", "untold", "not_due", "undated", "cancelled",
)  # fmt: skip
"""What became of a line; the first four are due and count."""

DIRECTION = C("direction", "str", "inbound: from suppliers, outbound: to customers", allowed=("inbound", "outbound"))
BASIS = C("basis", "str", "held to the date asked for, first confirmed or last promised", allowed=BASES)
DUE_DAY = C("due_day", "day", "day it was due at the site, on this basis; null: no such date is known", null=True)
AS_OF = C("as_of_day", "day", "judged as of this day: of the newest booking in the order books; null: none has a date",
          null=True)  # fmt: skip


def _at(name: str, doc: str) -> C:
    return C(name, "instant", doc, null=True)


def _n(name: str, doc: str) -> C:
    return C(name, "i64", doc, low=0)


def _days(name: str, doc: str) -> C:
    return C(name, "f64", doc, null=True)


LINES = Table(
    name="gold.supply_lines",
    doc="Every purchase and sales order line against each of its dates: on time, in full, or what became of it.",
    grain="order line x basis",
    key=("direction", "line", "basis"),
    write="replace",
    sort=("direction", "partner", "line", "basis"),
    columns=(
        DIRECTION, C("line", "str", "purchase_id or sales_id"), BASIS,
        C("order_id", "str", "order of the line; a line without one is its own order"),
        C("partner", "str", "supplier or customer"), C("material", "str", "material or product"),
        C("status", "str", "open, cancelled, or closed (received, shipped): as the source says"),
        C("as_of_at", "instant", "judged as of this instant: the newest booking in the order books", null=True),
        AS_OF, _at("ordered_at", "ordered"), DUE_DAY,
        C("limit_day", "day", "last day that is on time", null=True),
        C("due_qty", "f64", "quantity due: ordered, or first confirmed where the basis is confirmed", low=0),
        C("arrived_qty", "f64", "arrived as of the day, rejected included", low=0),
        C("in_time_qty", "f64", "arrived up to limit_day, at most due_qty; null without a day", null=True, low=0),
        C("on_the_way_qty", "f64", "sent and not arrived", low=0),
        C("rejected_qty", "f64", "refused or damaged; null: not told of any delivery", null=True, low=0),
        C("rejection_told_qty", "f64", "arrived quantity of which rejection is told", low=0),
        C("returned_qty", "f64", "sent back after it arrived, as of the day; is not taken off arrived_qty", low=0),
        C("documents_ok", "bool", "papers of all deliveries right; null: not told of all, and none wrong", null=True),
        C("damage_free", "bool", "nothing rejected, nothing sent back by the sender's fault; null: cannot be said",
          null=True),
        C("deliveries", "i64", "deliveries that arrived", low=0),
        C("told_by", "str", "arrival from silver.deliveries or from the order line; null: nothing arrived",
          null=True, allowed=("deliveries", "order")),
        _at("first_at", "first arrival"),
        _at("ended_at", "arrival that made it full, or the last one of a line closed short; null: open, or not told"),
        C("days_late", "i64", "day it ended (overdue: as_of_day) minus due day; negative: early; null: does not count",
          null=True),
        C("outcome", "str", "what became of it as of the day", allowed=OUTCOMES),
        C("due", "bool", "counts: its last day is over and it is known what came"),
        C("on_time", "bool", "within the window; null: does not count", null=True),
        C("in_full", "bool", "all of it, tolerance kept; null: does not count", null=True),
        C("otif", "bool", "on time and in full; null: does not count", null=True),
        C("value", "f64", "quantity ordered at the order's price, in its currency"),
        C("currency", "str", "ISO 4217; null: the plant's", null=True),
    ),
)  # fmt: skip

SUMS = (
    _n("lines", "order lines: due + untold + not_due + undated + cancelled"),
    _n("due", "lines that count: on_time + early + late + overdue"), _n("on_time", "within the window"),
    _n("early", "before the window"), _n("late", "ended after the window"),
    _n("overdue", "after the window and still not (fully) there"), _n("in_full", "due lines in full"),
    _n("otif", "due lines on time and in full"), _n("untold", "closed, and nobody said when anything came"),
    _n("not_due", "window not over as of the day"), _n("undated", "without a date or a quantity on this basis"),
    _n("cancelled", "cancelled"), _n("late_days", "days behind the due day, late and overdue lines"),
    _n("due_micro", "quantity due, millionths of the unit"),
    _n("in_time_micro", "of it arrived in time, millionths of the unit"),
    _n("checked_micro", "arrived on due lines and told whether rejected, millionths of the unit"),
    _n("rejected_micro", "of it rejected, millionths of the unit"),
    _n("returned_micro", "of due lines sent back after it arrived, millionths of the unit"),
    _n("papers_told", "due lines of which it is told whether the papers were right"),
    _n("papers_ok", "of them with all papers right"),
)  # fmt: skip


def _performance(name: str, partner: str, material: str, doc: str) -> Table:
    return Table(
        name=f"gold.{name}",
        doc=doc,
        grain=f"{partner} x {material} x due day x basis",
        key=(partner, material, "due_day", "basis"),
        write="replace",
        sort=(partner, material, "due_day", "basis"),
        columns=(C(partner, "str", partner), C(material, "str", material), DUE_DAY, BASIS, AS_OF, *SUMS),
    )


SUPPLIER_PERFORMANCE = _performance(
    "supplier_performance", "supplier", "material", "What suppliers delivered of what was due: sums to divide."
)
CUSTOMER_PERFORMANCE = _performance(
    "customer_performance", "customer", "product", "What customers got of what was due: sums to divide."
)

PERFECT_ORDERS = Table(
    name="gold.perfect_orders",
    doc="Every order: in full, on time, damage free, papers right; perfect only where all four are told.",
    grain="order x basis",
    key=("direction", "partner", "order_id", "basis"),
    write="replace",
    sort=("direction", "partner", "order_id", "basis"),
    columns=(
        DIRECTION, C("partner", "str", "supplier or customer"), C("order_id", "str", "order"), BASIS, AS_OF,
        C("due_day", "day", "due day of its last line; null: a line has no date", null=True),
        _n("lines", "lines that are not cancelled"), _n("otif_lines", "of them on time and in full"),
        C("due", "bool", "counts: every line that is not cancelled counts"),
        C("on_time", "bool", "every line on time; null: the order does not count", null=True),
        C("in_full", "bool", "every line in full; null: the order does not count", null=True),
        C("damage_free", "bool", "nothing rejected or sent back by fault of the sender; null: not told, or not due",
          null=True),
        C("documents_ok", "bool", "papers right; null: not told, or the order does not count", null=True),
        C("perfect", "bool", "all four; false as soon as one is not; null: cannot be said", null=True),
    ),
)  # fmt: skip

LEAD_TIMES = Table(
    name="gold.lead_times",
    doc="Days from order to receipt of what was bought: distribution, with open lines as survivors.",
    grain="supplier x material (null: all materials of the supplier)",
    key=("supplier", "material"),
    write="replace",
    sort=("supplier", "material"),
    columns=(
        C("supplier", "str", "supplier"), C("material", "str", "material; null: all of them", null=True),
        AS_OF, C("since_day", "day", "lines ordered from this day on"),
        _days("agreed_d", "agreed lead time; null: none"),
        _n("n", "lines received in full, or closed with what came"), _n("open", "lines still open: survivors"),
        _n("left_out", "lines cancelled, without order date, or received before they were ordered"),
        _n("sum_us", "sum of the n lead times, microseconds"),
        _days("mean_d", "mean of the n; null without one"), _days("sd_d", "sample standard deviation; null below 2"),
        _days("p10_d", "10 % quantile of the n (linear between ranks)"), _days("p50_d", "median of the n"),
        _days("p90_d", "90 % quantile of the n"), _days("min_d", "shortest"), _days("max_d", "longest"),
        _days("km_p50_d", "median with open lines as survivors (Kaplan-Meier); null: not reached"),
        _days("km_p90_d", "90 % quantile with open lines as survivors; null: not reached"),
        _days("oldest_open_d", "age of the oldest open line; null: none"),
        _n("over_agreed", "of the n longer than agreed; 0 where none is agreed"),
    ),
)  # fmt: skip

PRICE_VARIANCE = Table(
    name="gold.price_variance",
    doc="What purchase prices differ from standard cost and from the price before: sums of order lines.",
    grain="supplier x material x day ordered",
    key=("supplier", "material", "ordered_day"),
    write="replace",
    sort=("supplier", "material", "ordered_day"),
    columns=(
        C("supplier", "str", "supplier"), C("material", "str", "material"),
        C("ordered_day", "day", "day ordered at the site; null: no date", null=True),
        _n("lines", "lines not cancelled"),
        _n("foreign", "of them in another currency without an exchange rate: in no sum of money"),
        _n("against_standard", "lines with a standard cost"), _n("against_previous", "lines with a price before"),
        C("ordered_cents", "i64", "quantity x price, each line rounded to the cent"),
        C("standard_cents", "i64", "the same lines at standard cost, where there is one"),
        C("over_standard_cents", "i64", "quantity x (price - standard); above 0: dearer"),
        C("over_previous_cents", "i64", "quantity x (price - price of the line before of supplier and material)"),
        C("last_price_cents", "f64", "price a unit of the last line of the day; null: only foreign lines",
          null=True, low=0),
    ),
)  # fmt: skip

SUPPLY = (LINES, SUPPLIER_PERFORMANCE, CUSTOMER_PERFORMANCE, PERFECT_ORDERS, LEAD_TIMES, PRICE_VARIANCE)
