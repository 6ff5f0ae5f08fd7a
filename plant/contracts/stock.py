"""Gold, stock: what differs from what was stated, how old and of which class stock is, what to order and to move."""

from __future__ import annotations

from plant.contracts.silver import DAY, SITE
from plant.tables import Column as C
from plant.tables import Table

MATERIAL = C("material", "str", "material")
LOCATION = C("location", "str", "location")
UNIT = C("unit", "str", "unit of measure of the material")
AS_OF = C("production_day", "day", "stock as of the end of this production day")


def _some(name: str, doc: str, high: float | None = None) -> C:
    return C(name, "f64", doc, null=True, low=0, high=high)


def _qty(name: str, doc: str) -> C:
    return C(name, "f64", doc, null=True)


def _word(name: str, doc: str, *allowed: str) -> C:
    return C(name, "str", doc, null=True, allowed=allowed or None)


SPACE_USE = Table(
    name="gold.space_use",
    doc="Space taken in each zone at the end of each production day, against what there is.",
    grain="zone x day",
    key=("production_day", "site", "zone"),
    write="replace_day",
    partition="production_day",
    sort=("site", "zone"),
    columns=(
        DAY, SITE, C("zone", "str", "zone of the WMS"),
        C("used", "f64", "space taken: stock above 0 times silver.materials.space_per_unit (null: 1)", low=0),
        _some("capacity", "space of the zone's locations; null when one of them has none stated"),
        _some("share", "used / capacity; above 1 is kept; null without a capacity"),
        C("locations", "i64", "locations of the zone", low=0),
        C("materials", "i64", "materials with stock above 0 in the zone", low=0),
    ),
)  # fmt: skip

DIFFERENCES = Table(
    name="gold.stock_differences",
    doc="Stock as stated or counted against the ledger at that instant: one row a statement, also where both agree.",
    grain="statement",
    key=("statement",),
    write="replace",
    sort=("statement",),
    columns=(
        C("statement", "str", "level_id; 'ledger only MATERIAL @ LOCATION' where nothing was stated of held stock"),
        SITE, MATERIAL, LOCATION, C("lot", "str", "lot; null: all lots together", null=True), UNIT,
        C("kind", "str", "who stated it", allowed=("system", "count")),
        C("at", "instant", "as of"),
        C("ledger_qty", "f64", "sum of postings up to and with that instant"),
        _qty("stated_qty", "quantity stated; null: nothing was stated, though the system stated others there"),
        C("difference_qty", "f64", "stated (or 0) minus ledger"),
        C("late_qty", "f64", "part of the ledger's quantity that was entered after the statement (back-dated)"),
        _qty("difference_value", "difference at standard cost, currency units; null without a cost"),
        C("finding", "str", "agrees; late_posting: gone without what was entered after it; not_stated; differs",
          allowed=("agrees", "late_posting", "not_stated", "differs")),
    ),
)  # fmt: skip

AGEING = Table(
    name="gold.stock_ageing",
    doc="How old the stock on hand is, in buckets.",
    grain="material x location x bucket x basis",
    key=("site", "material", "location", "from_d", "basis"),
    write="replace",
    sort=("site", "material", "location", "from_d"),
    columns=(
        AS_OF, SITE, MATERIAL, LOCATION, UNIT,
        C("bucket", "str", "age in days, in words"),
        C("from_d", "i64", "least age in days; -1: age not known", low=-1),
        C("to_d", "i64", "age below which it ends; null: open", null=True, low=0),
        C("basis", "str", "lot: since the lot's creation; fifo: stock without lot, oldest gone first",
          allowed=("lot", "fifo")),
        C("qty", "f64", "quantity", low=0), C("value", "f64", "value at cost, currency units"),
        C("oldest_at", "instant", "oldest of it; null: not known", null=True),
    ),
)  # fmt: skip

CLASSES = Table(
    name="gold.stock_classes",
    doc="Class of each material by value, evenness and pattern of demand, and its dead or excess stock.",
    grain="site x material",
    key=("site", "material"),
    write="replace",
    sort=("site", "material"),
    columns=(
        AS_OF, SITE, MATERIAL, UNIT, _word("kind", "raw, semi or finished"),
        _word("basis", "where demand is from", "sales", "issues", "bill"),
        C("weeks", "i64", "whole weeks of demand looked at", low=0),
        C("demand_qty", "f64", "demand of the last 52 of them", low=0),
        _some("demand_value", "the same at standard cost, currency units; null without a cost"),
        _some("mean_d", "mean demand a day over the last 26 of them; null: not one whole week"),
        _some("sd_d", "standard deviation of a day's demand, from weeks; null with less than 2"),
        _some("cv", "standard deviation / mean of weekly demand; null without demand or with less than 4 weeks"),
        _some("residual_cv", "the same of what is left without trend and season; null where not estimated"),
        C("seasonal", "bool", "season and trend explain demand: xyz goes by residual_cv"),
        _word("abc", "class by value of demand (80/95/100 %)", "A", "B", "C"),
        _word("xyz", "class by variation (0.5/1.0)", "X", "Y", "Z"),
        _some("adi", "weeks per week with demand"), _some("cv2", "squared variation of the sizes above 0"),
        _word("pattern", "after Syntetos, Boylan and Croston (2005)", "smooth", "erratic", "intermittent", "lumpy"),
        C("last_demand_day", "day", "last day with demand; null: none known", null=True),
        C("on_hand_qty", "f64", "stock over all locations but scrap"),
        C("on_hand_value", "f64", "its value at cost, currency units"),
        _some("turns", "annual value of issues / time-weighted value, trailing 28 days, all locations but scrap"),
        _some("dio_d", "days of inventory outstanding: 365 / turns"),
        _some("cover_d", "stock above 0 / mean_d; null without demand"),
        _word("state", "dead, excess, active; null: no stock", "dead", "excess", "active"),
        C("excess_qty", "f64", "stock that is dead or above the cover allowed", low=0),
        C("excess_value", "f64", "its value, currency units"),
    ),
)  # fmt: skip

REPLENISHMENT = Table(
    name="gold.replenishment",
    doc="When and how much to reorder, how likely stock runs out before that arrives, and what to do now.",
    grain="site x material",
    key=("site", "material"),
    write="replace",
    sort=("site", "material"),
    columns=(
        AS_OF, SITE, MATERIAL, UNIT, _word("kind", "raw or finished"), _word("abc", "class", "A", "B", "C"),
        _word("xyz", "class", "X", "Y", "Z"), _word("pattern", "pattern of demand"),
        C("source", "str", "how it comes", allowed=("buy", "make")),
        _word("supplier", "supplier of the last order line"), _word("location", "where it is received"),
        C("on_hand_qty", "f64", "usable stock: storage and receiving"), C("on_order_qty", "f64", "on its way", low=0),
        C("next_due_day", "day", "when the next of it is due", null=True),
        _some("mean_d", "mean demand a day"), _some("sd_d", "its standard deviation"),
        _some("lead_d", "lead time in days, mean; null: never received, nothing agreed"),
        _some("lead_sd_d", "its standard deviation"),
        _word("model", "distribution of demand over lead time and review", "normal", "gamma", "negative_binomial",
              "bootstrap"),
        _word("measure", "what is aimed at", "cycle", "fill"), _some("target", "aim", 1.0),
        _some("reorder_point_qty", "order when stock and orders are at or below this"),
        _qty("safety_stock_qty", "reorder point minus mean demand of lead time and review"),
        _some("order_qty", "cheapest order quantity that the terms allow, at least a day's demand"),
        _some("min_order_qty", "smallest order of the terms; null: none is stated"),
        _some("multiple_qty", "pack or lot an order is a multiple of; null: no terms, whole units"),
        _some("order_up_to_qty", "reorder point and order quantity: S of (s, S)"),
        _some("cycle_service", "share of cycles without a stock-out at this reorder point", 1.0),
        _some("fill_rate", "share of demand met from stock at this reorder point and quantity", 1.0),
        _some("stockout_probability", "chance to run out before an order placed now could arrive", 1.0),
        C("stockout_day", "day", "first day stock is more likely out than not, within 180 days; null: none",
          null=True),
        _word("alert", "finding", "negative_stock", "stock_out", "below_reorder_point", "excess", "dead"),
        _word("action", "what to do", "buy", "make", "expedite", "count", "sell_off"),
        _some("action_qty", "how much"), C("action_day", "day", "by when it is needed", null=True),
        _some("price", "price of a unit, currency units: of the terms, else of the last order line, else at cost"),
        C("reason", "str", "why, with the figures; also why there is no reorder point"),
    ),
)  # fmt: skip

SLOTTING = Table(
    name="gold.slotting",
    doc="Which material should lie in which location, so that least is travelled; and which moves that takes.",
    grain="material x location now x location proposed",
    key=("site", "material", "from_location", "to_location"),
    write="replace",
    sort=("site", "material", "from_location", "to_location"),
    columns=(
        AS_OF, SITE, C("zone", "str", "zone of the location proposed"), MATERIAL, UNIT,
        C("from_location", "str", "where it lies"), C("to_location", "str", "where it should lie; the same: stays"),
        C("qty", "f64", "quantity", low=0), C("space", "f64", "space it takes", low=0),
        C("trips_week", "f64", "trips a week to this much of it", low=0),
        C("now_m_week", "f64", "way a week from where it lies, m", low=0),
        C("then_m_week", "f64", "way a week from where it should lie, m", low=0),
        C("saved_m_week", "f64", "now minus then, m a week; a material may lose for another to gain more"),
        C("move_m", "f64", "way of moving it, m", low=0),
        _some("payback_weeks", "way of all moves of the site / what they save a week; null: nothing saved"),
    ),
)  # fmt: skip

STOCK = (SPACE_USE, DIFFERENCES, AGEING, CLASSES, REPLENISHMENT, SLOTTING)
