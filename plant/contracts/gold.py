"""Gold: numbers. Ratios are 0..1 unless said, null where nothing was planned or nothing is known."""

from __future__ import annotations

from plant.contracts.silver import ACCOUNTS, AREA, CLASSES, DAY, LINE, MACHINE, SHIFT, SITE
from plant.kpi.measures import MEASURES
from plant.tables import Column as C
from plant.tables import Table

REVISION = C("revision", "i64", "number of times this row has changed since it was first published, from 1", low=1)
KNOWN_FROM = C("known_from", "instant", "since when the number has read so")


def _s(name: str, doc: str) -> C:
    return C(name, "f64", doc, low=0)


def _ratio(name: str, doc: str, high: float | None = 1.0) -> C:
    return C(name, "f64", doc, null=True, low=0, high=high)


def _pcs(name: str, doc: str) -> C:
    return C(name, "i64", doc, low=0)


def _dim(name: str, doc: str) -> C:
    return C(name, "str", doc, null=True)


OEE = Table(
    name="gold.oee",
    doc="OEE after ISO 22400-2 with its time accounts, pieces and bounds.",
    grain="machine x shift x production day",
    key=("production_day", "machine", "shift"),
    write="replace_day",
    partition="production_day",
    sort=("machine", "start_at"),
    revisioned=True,
    columns=(
        SITE, AREA, LINE, MACHINE, DAY, SHIFT,
        C("start_at", "instant", "start of the shift"), C("end_at", "instant", "end of the shift"),
        _s("pot_s", "planned operation time: the shift"), _s("pbt_s", "planned busy time: POT minus planned down"),
        _s("apt_s", "actual production time"), _s("aust_s", "actual unit set-up time"),
        _s("adet_s", "actual unit delay time"), _s("adot_s", "actual unit down time, no order registered"),
        _s("unknown_s", "time without a trustworthy signal"),
        _pcs("produced_pcs", "good + scrap + rework"), _pcs("good_pcs", "good pieces"),
        _pcs("scrap_pcs", "scrapped pieces"), _pcs("rework_pcs", "rework pieces"),
        C("ideal_s", "f64", "sum of ideal cycle times of produced pieces; null without an ideal cycle",
          null=True, low=0),
        _ratio("availability", "APT / (PBT - unknown); null when nothing was planned or nothing is known"),
        _ratio("effectiveness", "ideal_s / APT; above 1 is kept and is a standard-time finding", None),
        _ratio("quality", "good / produced"),
        _ratio("oee", "availability x effectiveness x quality", None),
        _ratio("oee_low", "OEE if all unknown time had been loss", None),
        _ratio("oee_high", "OEE if all unknown time had been perfect production", None),
        _ratio("coverage", "share of PBT with a trustworthy signal"),
        C("note", "str", "why a ratio is null or out of range", null=True),
        REVISION, KNOWN_FROM,
    ),
)  # fmt: skip

LOSSES = Table(
    name="gold.losses",
    doc="Where the time went: stops and duration by reason.",
    grain="machine x shift x reason",
    key=("production_day", "machine", "shift", "account", "reason", "reason_class"),
    write="replace_day",
    partition="production_day",
    sort=("machine", "shift"),
    columns=(
        DAY, SITE, AREA, LINE, MACHINE, SHIFT,
        C("account", "str", "leaf account", allowed=ACCOUNTS), C("reason", "str", "reason"),
        C("reason_class", "str", "class of the loss", allowed=CLASSES),
        _pcs("stops", "stops in which this reason first came up in this shift"), _s("duration_s", "time lost"),
        C("cost", "f64", "that time at the machine's rate, currency units; null: no rate", null=True, low=0),
        C("margin", "f64", "contribution margin of the pieces not made in it, currency units; null: the machine is no "
          "bottleneck, or product, ideal cycle or price is not known", null=True),
    ),
)  # fmt: skip

YIELD = Table(
    name="gold.yield",
    doc="Yield by product and operation.",
    grain="product x operation x production day",
    key=("production_day", "site", "product", "operation"),
    write="replace_day",
    partition="production_day",
    revisioned=True,
    columns=(
        DAY, SITE, C("product", "str", "product"), C("operation", "str", "operation"),
        _pcs("good_pcs", "good pieces"), _pcs("scrap_pcs", "scrapped pieces"), _pcs("rework_pcs", "rework pieces"),
        _ratio("first_pass_yield", "good / (good + scrap + rework)"),
        _ratio("rolled_throughput_yield", "product of the first pass yields of the product's operations that day"),
        _ratio("scrap_ratio", "scrap / produced"),
        REVISION, KNOWN_FROM,
    ),
)  # fmt: skip

INVENTORY = Table(
    name="gold.inventory",
    doc="Stock on hand at the end of each production day, with turns, cover and alert.",
    grain="material x location x day",
    key=("production_day", "material", "location"),
    write="replace_day",
    partition="production_day",
    revisioned=True,
    columns=(
        DAY, SITE, C("material", "str", "material"), C("location", "str", "location"), C("unit", "str", "unit"),
        C("on_hand_qty", "f64", "quantity at the end of the day; negative is a finding"),
        C("on_hand_value", "f64", "value at cost, currency units"),
        C("average_value", "f64", "time-weighted average value of the day, currency units"),
        C("issued_qty", "f64", "issued that day", low=0),
        _ratio("turns", "annualised cost of issues / time-weighted average value, trailing 28 days", None),
        _ratio("dio_d", "days of inventory outstanding: 365 / turns", None),
        _ratio("days_of_cover", "on hand / mean daily issues, trailing 28 days; null without issues", None),
        C("reorder_point_qty", "f64", "lead-time demand plus safety stock; null without demand", null=True, low=0),
        C("alert", "str", "finding: below_reorder_point, negative_stock, no_movement", null=True),
        REVISION, KNOWN_FROM,
    ),
)  # fmt: skip

ENERGY = Table(
    name="gold.energy",
    doc="Energy by machine and hour against a baseline.",
    grain="machine x hour",
    key=("production_day", "machine", "hour_at"),
    write="replace_day",
    partition="production_day",
    sort=("machine", "hour_at"),
    revisioned=True,
    columns=(
        DAY, SITE, AREA, LINE, MACHINE, C("hour_at", "instant", "start of the hour"),
        _s("energy_kwh", "metered energy"), _s("production_kwh", "part used while producing"),
        _s("idle_kwh", "part used while not producing"), _pcs("good_pcs", "good pieces of the hour"),
        _ratio("kwh_per_good_pc", "energy / good pieces; null without good pieces", None),
        C("co2e_kg", "f64", "greenhouse gas of the energy; null without a factor", null=True, low=0),
        C("cost", "f64", "cost of the energy, currency units; null without a tariff", null=True, low=0),
        C("expected_kwh", "f64", "what the baseline (ISO 50006: linear in production and on-time) expects",
          null=True),
        C("cusum_kwh", "f64", "running sum of actual minus expected since the day's start", null=True),
        REVISION, KNOWN_FROM,
    ),
)  # fmt: skip

KPI = Table(
    name="gold.kpi",
    doc="Every KPI at every level: a ratio of sums over the ledgers, with its numerator and denominator.",
    grain="KPI x scope x period",
    key=("production_day", "kpi", "level", "scope", "grain", "period_start"),
    write="replace_day",
    partition="production_day",
    revisioned=True,
    columns=(
        DAY, C("kpi", "str", "name"), C("definition_id", "str", "definition and edition"),
        C("level", "str", "machine, line, area or site", allowed=("machine", "line", "area", "site")),
        C("scope", "str", "which one"), C("grain", "str", "shift or day", allowed=("shift", "day")),
        C("period_start", "instant", "start of the period"),
        C("shift", "str", "shift of the period; null for grain day", null=True),
        C("numerator", "f64", "sum in the numerator", null=True),
        C("denominator", "f64", "sum in the denominator", null=True),
        C("value", "f64", "numerator / denominator; null when the denominator is 0", null=True),
        C("value_low", "f64", "lower bound under unknown time", null=True),
        C("value_high", "f64", "upper bound under unknown time", null=True),
        C("unit", "str", "unit of value"), C("note", "str", "why null, or a finding", null=True),
        REVISION, KNOWN_FROM, C("known_to", "instant", "until when it read so; null: now", null=True),
    ),
)  # fmt: skip

KPI_SUMS = Table(
    name="gold.kpi_sums",
    doc="The additive base of every KPI: integer measures by machine, hour, shift, order, product and operator.",
    grain="machine x hour x shift x order x operation x product x operator x characteristic",
    key=("production_day", "site", "area", "line", "machine", "shift", "hour_at", "order_id", "operation", "product",
         "operator", "characteristic"),
    write="replace_day",
    partition="production_day",
    sort=("machine", "hour_at"),
    revisioned=True,
    history=True,
    columns=(
        DAY, SITE, _dim("area", "area (ISA-95)"), _dim("line", "line (ISA-95)"),
        _dim("machine", "machine; null: not of one machine (elapsed time of orders, stock)"),
        _dim("shift", "shift; 'off' outside every shift; null: not of one shift"),
        C("hour_at", "instant", "start of the hour, or of the part of it that lies in this shift"),
        _dim("order_id", "work order"), _dim("operation", "operation"), _dim("product", "product"),
        _dim("operator", "person logged in"), _dim("characteristic", "measured characteristic (capability measures)"),
        *(C(m.name, "i64", m.doc) for m in MEASURES),
        REVISION, KNOWN_FROM,
        C("known_to", "instant", "until when the row read so; null: it still does", null=True),
        C("cause", "str", "why this revision came about: first, running (the hour was not over), late rows, orders, "
          "reclassification, calendar, target, settings, definition, unstated (nobody said), or several joined "
          "by ' + '", null=True),
    ),
)  # fmt: skip

DEFINITIONS = Table(
    name="gold.kpi_definitions",
    doc="Every definition of every KPI that was ever published, with its arithmetic as SQL over gold.kpi_sums.",
    grain="definition",
    key=("definition_id",),
    write="replace",
    sort=("kpi", "definition_id"),
    columns=(
        C("definition_id", "str", "name, edition and version"), C("kpi", "str", "name"), C("title", "str", "title"),
        C("family", "str", "standard it is of"), C("edition", "str", "edition"), C("source", "str", "source"),
        C("formula", "str", "formula as the standard writes it"),
        C("numerator", "str", "term over summed measures, SQL"), C("denominator", "str", "term, SQL"),
        C("factor", "f64", "factor of the unit"), C("unit", "str", "unit"),
        C("better", "str", "direction", allowed=("higher", "lower", "context")),
        C("iso_number", "i64", "number among the 34 of ISO 22400-2", null=True),
        C("variant_of", "str", "KPI it is a variant of", null=True), C("page", "str", "docs page"),
        C("known_from", "instant", "first published"),
        C("known_to", "instant", "until when; null: in force", null=True),
    ),
)  # fmt: skip

NOTIFICATIONS = Table(
    name="gold.notifications",
    doc="Numbers that changed after somebody signed them off.",
    grain="sign-off x change",
    key=("kpi", "level", "scope", "grain", "period_start", "signed_by", "signed_at", "known_from"),
    write="replace",
    sort=("known_from", "kpi", "scope"),
    columns=(
        C("recipient", "str", "who signed the old number"), C("kpi", "str", "name of the KPI"),
        C("level", "str", "level"), C("scope", "str", "which one"), C("grain", "str", "grain of the period"),
        C("period_start", "instant", "start of the period"),
        C("signed_by", "str", "who signed"), C("signed_at", "instant", "when"),
        C("signed_value", "f64", "number signed", null=True), C("value", "f64", "number now", null=True),
        C("known_from", "instant", "since when the number reads so"),
        C("parts", "str", "contribution of each cause as a JSON object; they sum to the difference"),
        C("message", "str", "the change in words"),
    ),
)  # fmt: skip

FAILURE_RISK = Table(
    name="gold.failure_risk",
    doc="Probability that a machine fails in a mode within the horizon, with the evidence.",
    grain="machine x failure mode x scored_at",
    key=("machine", "failure_mode", "scored_at"),
    write="replace",
    sort=("machine", "failure_mode", "scored_at"),
    columns=(
        SITE, AREA, LINE, MACHINE, C("failure_mode", "str", "failure mode"),
        C("scored_at", "instant", "decision time: only records known before it are used"),
        C("horizon_h", "f64", "horizon in hours", low=0),
        _ratio("probability", "calibrated probability of failure within the horizon"),
        _ratio("rul_h", "remaining useful life, median; null when not estimated", None),
        _ratio("rul_low_h", "lower bound", None), _ratio("rul_high_h", "upper bound", None),
        _ratio("threshold", "alert threshold from the cost of a miss and of a false alarm"),
        C("alert", "bool", "probability above the threshold"),
        C("explained_by", "str", "the strongest drivers against the machine's own normal", null=True),
        C("model_version", "str", "version of the model"),
    ),
)  # fmt: skip

FORECAST = Table(
    name="gold.forecast",
    doc="Demand forecast per item and period with its approval state.",
    grain="item x period",
    key=("item", "period_start"),
    write="replace",
    sort=("item", "period_start"),
    columns=(
        C("item", "str", "item"), C("period_start", "day", "first day of the period"),
        C("period", "str", "length of the period", allowed=("day", "week", "month")),
        C("quantity", "f64", "expected demand", low=0), C("low", "f64", "10 % quantile", low=0),
        C("high", "f64", "90 % quantile", low=0), C("model", "str", "model that won the back-test"),
        C("model_version", "str", "version of the model run"),
        C("backtest_wape", "f64", "weighted absolute percentage error of the back-test", null=True, low=0),
        C("naive_wape", "f64", "the same for the naive forecast", null=True, low=0),
        C("status", "str", "approval state", allowed=("draft", "approved", "exported")),
        C("approved_by", "str", "who approved", null=True), C("approved_at", "instant", "when", null=True),
        C("approved_qty", "f64", "quantity approved, may differ from the forecast; null: not approved",
          null=True, low=0),
        C("backtest_bias", "f64", "forecast minus demand of the back-test over demand; above 0: too high", null=True),
        C("note", "str", "why there was no back-test; null when there was", null=True),
    ),
)  # fmt: skip

GOLD = (OEE, LOSSES, YIELD, INVENTORY, ENERGY, KPI_SUMS, KPI, DEFINITIONS, NOTIFICATIONS, FAILURE_RISK, FORECAST)
