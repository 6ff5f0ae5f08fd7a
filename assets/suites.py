"""What every silver and gold table must hold beyond the shape its contract gives: the house's own rules, as data.

Each rule is a DuckDB SELECT of the rows that break it; `{batch}` stands for the rows of the run's days.
`blocking` rules are identities that hold by construction: a break is a fault of the pipeline and stops
what is built on it. `warning` rules are findings about the plant: shown, never in the way.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from plant.kpi.catalogue import KPIS

Severity = Literal["blocking", "warning"]


@dataclass(frozen=True)
class HouseRule:
    """A named rule: `sql` selects the rows against it, `doc` says what holds."""

    name: str
    doc: str
    sql: str
    severity: Severity = "blocking"


def _rows(name: str, doc: str, against: str, severity: Severity = "blocking") -> HouseRule:
    return HouseRule(name, doc, f"SELECT * FROM {{batch}} WHERE {against}", severity)


def _finding(name: str, doc: str, against: str) -> HouseRule:
    return _rows(name, doc, against, "warning")


TIME_LEDGER = (
    HouseRule("tiles", "the intervals of a machine and day follow each other without gap or overlap",
              "SELECT * FROM (SELECT *, lead(start_at) OVER (PARTITION BY production_day, machine ORDER BY start_at) "
              "AS next_at FROM {batch}) WHERE next_at <> end_at"),
    _rows("duration", "duration_us is end_at minus start_at", "duration_us <> epoch_us(end_at) - epoch_us(start_at)"),
    HouseRule("day_length", "the intervals of every machine sum to the length of the site's production day",
              "SELECT * FROM (SELECT site, production_day, machine, sum(duration_us) AS machine_us, "
              "max(max(epoch_us(end_at))) OVER day - min(min(epoch_us(start_at))) OVER day AS day_us "
              "FROM {batch} GROUP BY site, production_day, machine "
              "WINDOW day AS (PARTITION BY site, production_day)) WHERE machine_us <> day_us"),
    _rows("minor_is_delay", "only a delay can be a minor stop", "minor AND account <> 'delay'"),
    _finding("reason", "a stop has a reason", "account IN ('delay', 'down_no_order') AND reason IS NULL"),
    HouseRule("signal", "less than a fifth of a machine's day is unknown",
              "SELECT * FROM (SELECT production_day, machine, sum(duration_us) AS all_us, "
              "coalesce(sum(duration_us) FILTER (account = 'unknown'), 0) AS unknown_us FROM {batch} "
              "GROUP BY production_day, machine) WHERE unknown_us > 0.2 * all_us", "warning"),
)  # fmt: skip

READINGS = (
    _rows("since", "a value is not younger than the instant it is given for", 'since_at > "at"'),
    HouseRule("one_opening", "a tag opens a day once",
              "SELECT production_day, tag FROM {batch} WHERE opening GROUP BY ALL HAVING count(*) > 1"),
    _finding("clean", "samples keep their tag's contract",
             "flag NOT IN ('reset', 'rollover', 'replaced', 'return') AND NOT opening"),
)  # fmt: skip

COUNT_LEDGER = (
    _finding("physical", "no counter claims more than the machine can make", "quarantined_pcs > 0"),
    _finding("ordered", "pieces are made for an order",
             "order_id IS NULL AND good_pcs + scrap_pcs + rework_pcs > 0"),
)  # fmt: skip

ENERGY_LEDGER = (
    HouseRule("hour", "the accounts of a machine fill at most the hour",
              "SELECT machine, date_trunc('hour', hour_at) AS hour, sum(duration_us) AS hour_us FROM {batch} "
              "GROUP BY ALL HAVING sum(duration_us) > 3600000000"),
)  # fmt: skip

STOCK_LEDGER = (
    HouseRule("two_sides", "what leaves one location arrives at the other",
              "SELECT move_id FROM {batch} GROUP BY move_id "
              "HAVING count(*) = 2 AND (abs(sum(qty)) > 1e-6 OR sum(value_cents) <> 0)"),
    HouseRule("at_most_two", "a move has at most two postings",
              "SELECT move_id FROM {batch} GROUP BY move_id HAVING count(*) > 2"),
)  # fmt: skip

OEE = (
    _rows("pieces", "produced = good + scrap + rework", "produced_pcs <> good_pcs + scrap_pcs + rework_pcs"),
    _rows("busy_time", "PBT = APT + AUST + ADET + ADOT + unknown",
          "abs(pbt_s - (apt_s + aust_s + adet_s + adot_s + unknown_s)) > 1e-3"),
    _rows("planned_time", "PBT is within POT", "pbt_s > pot_s + 1e-6"),
    _rows("bounds", "OEE lies between its bounds", "oee_low > oee + 1e-9 OR oee > oee_high + 1e-9"),
    _rows("nothing_planned", "where nothing was planned no ratio is claimed",
          "pbt_s = 0 AND (oee IS NOT NULL OR availability IS NOT NULL)"),
    _finding("standard_time", "effectiveness is at most 1, else the ideal cycle is too long", "effectiveness > 1.0"),
    _finding("coverage", "four fifths of planned time have a signal", "coverage < 0.8"),
)  # fmt: skip

YIELD = (
    _rows("first_pass", "first_pass_yield = good / (good + scrap + rework)",
          "abs(first_pass_yield * (good_pcs + scrap_pcs + rework_pcs) - good_pcs) > 1e-6"),
    _rows("rolled", "the rolled yield is not above the first pass yield",
          "rolled_throughput_yield > first_pass_yield + 1e-9"),
)  # fmt: skip

INVENTORY = (
    _rows("negative_said", "negative stock carries its alert",
          "on_hand_qty < -1e-6 AND alert IS DISTINCT FROM 'negative_stock'"),
    _finding("negative", "stock is not negative", "on_hand_qty < -1e-6"),
)  # fmt: skip

SPACE_USE = (_finding("room", "a zone holds no more than it has room for", "share > 1.0"),)

DIFFERENCES = (
    _rows("gap", "difference_qty = stated (or 0) - ledger",
          "abs(difference_qty - (coalesce(stated_qty, 0) - ledger_qty)) > 1e-5"),
    _rows("said", "what agrees does not differ", "finding = 'agrees' AND abs(difference_qty) > 1e-5"),
    _finding("agrees", "the ledger and what is stated of stock agree", "finding IN ('differs', 'not_stated')"),
)  # fmt: skip

CLASSES = (
    _rows("dio", "days of inventory outstanding = 365 / turns", "abs(dio_d * turns - 365) > 1e-6 * 365"),
    _rows("excess", "no more is in excess than is there", "excess_qty > greatest(on_hand_qty, 0) + 1e-6"),
    _finding("dead", "no stock is dead", "state = 'dead'"),
)  # fmt: skip

REPLENISHMENT = (
    _rows("up_to", "order_up_to_qty = reorder_point_qty + order_qty",
          "abs(order_up_to_qty - reorder_point_qty - order_qty) > 1e-6 * greatest(1, order_up_to_qty)"),
    _rows("action", "an alert has an action, with how much",
          "(alert IS NULL) <> (action IS NULL) OR (action IS NOT NULL AND action_qty IS NULL)"),
    _rows("target", "the reorder point keeps what is aimed at, as far as it is not set by what was kept",
          "model IN ('normal', 'gamma', 'bootstrap') AND target > 1e-6 + "
          "CASE measure WHEN 'fill' THEN fill_rate ELSE cycle_service END"),
    _finding("lead_time", "a lead time is known", "lead_d IS NULL"),
)  # fmt: skip

SLOTTING = (
    _rows("saved", "saved = now - then", "abs(saved_m_week - (now_m_week - then_m_week)) > 1e-6"),
    _rows("stays", "what stays is not moved", "from_location = to_location AND move_m > 0"),
)  # fmt: skip

ENERGY = (
    _rows("parts", "energy = production + idle", "abs(energy_kwh - production_kwh - idle_kwh) > 1e-6"),
    _rows("per_piece", "kwh_per_good_pc = energy / good pieces",
          "abs(kwh_per_good_pc * good_pcs - energy_kwh) > 1e-6 * greatest(1, energy_kwh)"),
)  # fmt: skip

_FACTORS = " ".join(f"WHEN '{kpi.name}' THEN {kpi.factor!r}" for kpi in KPIS if kpi.factor != 1.0)
_FACTOR = f"(CASE kpi {_FACTORS} ELSE 1.0 END)"
KPI_SUMS = (
    _rows("pieces", "produced = good + scrap + rework", "produced_pcs <> good_pcs + scrap_pcs + rework_pcs"),
    _rows("busy_time", "PBT = APT + AUST + ADET + ADOT + unknown = POT - planned down",
          "pbt_us <> apt_us + aust_us + adet_us + adot_us + unknown_us OR pbt_us <> pot_us - planned_down_us"),
    _rows("e10", "the states of SEMI E10 and unknown time fill POT",
          "pot_us <> apt_us + sby_us + eng_us + sdt_us + udt_us + unknown_us"),
    _rows("vdi", "use, down times of VDI 3423 and unknown time fill PBT",
          "pbt_us <> apt_us + vdi_technical_us + vdi_logistic_us + vdi_organisational_us + unknown_us"),
    _rows("ideal", "ideal time of good, scrap and rework pieces is that of all",
          "ideal_us <> good_ideal_us + scrap_ideal_us + rework_ideal_us"),
    HouseRule("reference", "machines have at most the time of an hour in an hour",
              "SELECT machine, hour_at FROM {batch} WHERE machine IS NOT NULL GROUP BY ALL "
              "HAVING sum(reference_us) > 3600000000"),
)  # fmt: skip
KPI = (
    _rows("bounds", "a KPI lies between its bounds", "value_low > value + 1e-9 OR value > value_high + 1e-9"),
    _rows("ratio", "value = numerator / denominator x factor of the unit",
          f"denominator <> 0 AND abs(value * denominator - numerator * {_FACTOR}) "
          f"> 1e-6 * greatest(1, abs(numerator)) * {_FACTOR}"),
    _rows("why_null", "a KPI without value says why", "value IS NULL AND note IS NULL"),
)  # fmt: skip

LOSSES = (_finding("reason_known", "lost time has a known class", "reason_class = 'unknown' AND duration_s > 3600"),)

_PARTS = ("price", "usage", "efficiency", "downtime", "unknown", "yield")
_EXPLAINED = " + ".join(f"{part}_variance_cents" for part in _PARTS)
ORDER_DAYS = (
    HouseRule("own_time", "an order is on a machine at most for the length of the day",
              "SELECT production_day, machine FROM {batch} WHERE machine IS NOT NULL GROUP BY ALL "
              "HAVING sum(run_us + setup_us + interrupted_us + planned_us + not_scheduled_us + unknown_us) > 9e10"),
    HouseRule("rates", "where anything has a rate, all that an order took has one",
              "SELECT * FROM (SELECT *, count(*) FILTER (machine_ucents > 0) OVER () AS priced FROM {batch}) "
              "WHERE priced > 0 AND (machine_ucents IS NULL OR setup_ucents IS NULL OR labour_ucents IS NULL "
              "OR energy_ucents IS NULL OR overhead_ucents IS NULL)", "warning"),
)  # fmt: skip
ORDER_PERFORMANCE = (
    _rows("lead_time", "the parts of the lead time sum to it", "lead_us <> queue_us + setup_us + run_us "
          "+ interrupted_us + wait_us + planned_us + not_scheduled_us + unknown_us"),
    _rows("whole", "the lead time of an order that ended is its release to its end",
          "NOT open AND ended_at > least(coalesce(released_at, started_at), started_at) AND lead_us > "
          "epoch_us(ended_at) - epoch_us(least(coalesce(released_at, started_at), started_at))"),
    _finding("dates", "an order ends after it began", "ended_at < started_at"),
)  # fmt: skip
ORDER_COSTS = (
    _rows("explained", "the parts of the variance sum to it to the cent", f"variance_cents <> {_EXPLAINED}"),
    _rows("variance", "variance = actual - standard", "variance_cents <> actual_cents - standard_cents"),
    _rows("volume", "volume = standard - planned", "volume_variance_cents <> standard_cents - planned_cents"),
    _rows("why_null", "a cost that is not known says why", "actual_cents IS NULL AND note IS NULL"),
    _finding("scrap", "scrap is a part of the cost", "scrap_cents > greatest(actual_cents, 0)"),
)  # fmt: skip
WIP = (
    _rows("value", "no orders, no value", "orders = 0 AND value <> 0"),
    _finding("little", "orders under way are what Little's law says", "note IS NOT NULL"),
)  # fmt: skip
CASH = (
    _rows("sum", "cash to cash = DIO + DSO - DPO", "abs(cash_to_cash_d - (dio_d + dso_d - dpo_d)) > 1e-9"),
    _rows("why_null", "a window without a figure says why", "cash_to_cash_d IS NULL AND note IS NULL"),
)  # fmt: skip

RISK = (
    _rows("bounds", "remaining useful life lies between its bounds", "rul_low_h > rul_h OR rul_h > rul_high_h"),
    _rows("alert", "an alert is a probability above the threshold",
          "(alert AND probability < threshold) OR (NOT alert AND probability > threshold)"),
)  # fmt: skip

FORECAST = (
    _finding("bounds", "the expected demand lies between the quantiles", "low > quantity OR quantity > high"),
    _rows("order", "the low quantile is not above the high one", "low > high"),
    _rows("approved", "an approval has a name", "status <> 'draft' AND approved_by IS NULL"),
    _finding("skill", "the forecast beats the naive one in the back-test", "backtest_wape > naive_wape"),
)  # fmt: skip

_COUNTS = "due <> on_time + early + late + overdue OR lines <> due + untold + not_due + undated + cancelled"
DELIVERED = (
    _rows("outcomes", "every line has one outcome, and the due ones count", _COUNTS),
    _rows("both", "on time and in full is at most either, and at least what both leave",
          "otif > least(on_time, in_full) OR otif < on_time + in_full - due"),
    _rows("in_time", "what came in time is not more than was due", "in_time_micro > due_micro"),
    _rows("papers", "papers that were right were told of", "papers_ok > papers_told OR papers_told > due"),
    _finding("told", "closed lines say when they came", "untold > 0"),
)  # fmt: skip
SUPPLY_LINES = (
    _rows("counts", "a verdict is given where a line counts, and nowhere else",
          "due <> (otif IS NOT NULL) OR due <> (outcome IN ('on_time', 'early', 'late', 'overdue'))"),
    _rows("otif", "on time and in full is both", "otif <> (on_time AND in_full)"),
    _finding("order", "goods come after the order", "first_at < ordered_at"),
)  # fmt: skip
PERFECT = (
    _rows("perfect", "perfect is all four", "perfect AND NOT (on_time AND in_full AND damage_free AND documents_ok)"),
    _rows("counts", "an order that does not count has no verdict",
          "NOT due AND (on_time IS NOT NULL OR perfect IS NOT NULL)"),
)  # fmt: skip
LEAD_TIMES = (
    _rows("quantiles", "quantiles rise", "min_d > p10_d OR p10_d > p50_d OR p50_d > p90_d OR p90_d > max_d"),
    _rows("mean", "mean = sum / n", "n > 0 AND abs(mean_d * n * 86400e6 - sum_us) > 1e-6 * greatest(1, sum_us)"),
)  # fmt: skip
PRICES = (
    _rows("lines", "lines compared are lines of the plant's currency",
          'greatest(against_standard, against_previous) > lines - "foreign"'),
)  # fmt: skip

HOUSE_RULES: Mapping[str, tuple[HouseRule, ...]] = {
    "silver.readings": READINGS,
    "silver.time_ledger": TIME_LEDGER,
    "silver.count_ledger": COUNT_LEDGER,
    "silver.energy_ledger": ENERGY_LEDGER,
    "silver.stock_ledger": STOCK_LEDGER,
    "silver.work_orders": (_finding("order", "an order ends after it began", "ended_at < started_at"),),
    "silver.operations": (_finding("order", "an operation ends after it began", "ended_at < started_at"),),
    "silver.downtimes": (_finding("order", "a stop ends after it began", "end_at < start_at"),),
    "silver.lot_links": (_finding("no_loop", "a lot does not go into itself", "parent_lot = child_lot"),),
    "silver.inspections": (
        _finding("result", "a value outside its limits fails", "result = 'pass' AND (value < lsl OR value > usl)"),
    ),
    "silver.maintenance_orders": (_finding("order", "work ends after it began", "ended_at < started_at"),),
    "silver.purchase_orders": (_finding("order", "goods come after the order", "received_at < ordered_at"),),
    "silver.sales_orders": (_finding("order", "goods leave after the order", "shipped_at < ordered_at"),),
    "silver.deliveries": (
        _finding("order", "goods arrive after they left", "delivered_at < shipped_at"),
        _finding("line", "a delivery names its order line, else it counts nowhere", "order_line IS NULL"),
        _finding("rejected", "not more is rejected than was delivered", "rejected_qty > qty"),
    ),
    "silver.invoices": (_finding("order", "an invoice is due after its issue", "due_at < issued_at"),),
    "gold.oee": OEE,
    "gold.losses": LOSSES,
    "gold.order_days": ORDER_DAYS,
    "gold.order_performance": ORDER_PERFORMANCE,
    "gold.order_costs": ORDER_COSTS,
    "gold.wip": WIP,
    "gold.cash_to_cash": CASH,
    "gold.yield": YIELD,
    "gold.inventory": INVENTORY,
    "gold.space_use": SPACE_USE,
    "gold.stock_differences": DIFFERENCES,
    "gold.stock_classes": CLASSES,
    "gold.replenishment": REPLENISHMENT,
    "gold.slotting": SLOTTING,
    "gold.energy": ENERGY,
    "gold.kpi_sums": KPI_SUMS,
    "gold.kpi": KPI,
    "gold.failure_risk": RISK,
    "gold.forecast": FORECAST,
    "gold.supply_lines": SUPPLY_LINES,
    "gold.supplier_performance": DELIVERED,
    "gold.customer_performance": DELIVERED,
    "gold.perfect_orders": PERFECT,
    "gold.lead_times": LEAD_TIMES,
    "gold.price_variance": PRICES,
}
