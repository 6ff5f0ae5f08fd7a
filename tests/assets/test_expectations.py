"""The suites on a real DuckDB over real Delta files, held to the Polars contract check."""

from collections import Counter
from datetime import UTC, date, datetime, timedelta

import polars as pl
import pytest
from deltalake import DeltaTable

from assets.expectations import Rule, suite, validate
from assets.suites import HOUSE_RULES
from plant.errors import TerminalError
from plant.kpi.measures import NAMES
from plant.tables import table, tables
from warehouse.lake import Lake
from warehouse.writing import DOOR_MADE, breaches, commit, conform, create

DAY = date(2026, 11, 2)
AT = datetime(2026, 11, 2, 5, tzinfo=UTC)
HOUR = timedelta(hours=1)


def rows_of(name, *rows):
    contract = table(name)
    plain = {c.name: _plain(c) for c in contract.columns if not (contract.revisioned and c.name in DOOR_MADE)}
    schema = {n: contract.schema[n] for n in plain}
    return pl.DataFrame([{**plain, **row} for row in rows], schema=schema, orient="row")


def _plain(column):
    if column.null:
        return None
    if column.allowed:
        return column.allowed[0]
    return {"str": "x", "i64": 1, "f64": 0.5, "bool": False, "instant": AT, "day": DAY}[column.kind]


def stored(tmp_path, name, frame):
    """Rows put into Delta past the door, which would refuse them; SQL over their files."""
    lake, contract = Lake(tmp_path), table(name)
    create(contract, lake.path(name))
    commit(DeltaTable(lake.path(name)), contract, conform(contract, frame))
    return lake.select(name)


def failed(outcomes):
    return {o.check_name: o.unexpected for o in outcomes if not o.passed}


def test_a_passing_expectation_returns_a_real_observed_value(tmp_path):
    """Guards the DuckDB patch of a private name: without it success is False and the result is empty."""
    query = stored(tmp_path, "silver.lots", rows_of("silver.lots", {"lot": "a"}, {"lot": "b"}))
    by_name = {o.check_name: o for o in validate(table("silver.lots"), query)}
    assert all(o.passed for o in by_name.values())
    assert by_name["columns"].observed == "as the contract"
    assert by_name["lot: unique"].unexpected == 0
    assert by_name["qty: between"].observed == "2 rows looked at"


FAULTS = {
    "gold.oee": [
        {"machine": "a", "availability": 1.4},
        {"machine": "b", "availability": -0.1},
        {"machine": "c", "pot_s": -5.0, "line": None},
        {"machine": "d"},
        {"machine": "d"},
        {"machine": "d", "good_pcs": -3, "site": None},
        {"machine": "e", "coverage": 2.0},
    ],
    "silver.time_ledger": [
        {"machine": "a", "account": "lunch"},
        {"machine": "b", "state": "asleep", "account": "nap"},
        {"machine": "c", "duration_us": 0},
        {"machine": None},
        {"machine": "c", "duration_us": 7},
        {"machine": "e", "reason_class": "bad luck", "minor": None},
    ],
    "silver.count_ledger": [
        {"order_id": None},
        {"order_id": None},
        {"order_id": "o", "ideal_us": -1},
        {"order_id": "p", "quarantined_pcs": None},
    ],
    "silver.readings": [
        {"tag": "a", "at": AT, "opening": False},
        {"tag": "a", "at": AT, "opening": False},
        {"tag": "b", "quality": "so-so"},
        {"tag": "c", "at": None},
    ],
    "silver.lot_links": [{"link_id": "l", "qty": -1.0}, {"link_id": "l"}, {"link_id": None, "parent_lot": None}],
}


@pytest.mark.parametrize("name", sorted(FAULTS))
def test_suite_and_polars_contract_count_the_same(tmp_path, name):
    contract, frame = table(name), rows_of(name, *FAULTS[name])
    ready = conform(contract, frame)
    polars = Counter()
    for found in breaches(contract, ready):
        rule = "between" if found.rule in {"low", "high"} else found.rule
        if rule != "finite":  # not a rule of the suites: Parquet statistics and DuckDB order NaN as the largest number
            polars[f"{found.column}: {rule}"] += found.rows
    rules = [r for r in suite(contract) if r.kind != "rows"]
    query = stored(tmp_path, name, frame.sort(contract.partition or contract.key[0]))
    assert failed(validate(contract, query, rules)) == dict(polars)
    assert len(polars) >= 3


def test_every_silver_and_gold_suite_runs_on_an_empty_table(tmp_path):
    lake = Lake(tmp_path)
    ran = 0
    for name, contract in tables().items():
        if contract.layer in {"silver", "gold"}:
            outcomes = validate(contract, lake.select(name))
            assert failed(outcomes) == {}, name
            assert len({o.check_name for o in outcomes}) == len(outcomes)
            ran += len(outcomes)
    assert ran > 300


def ledger(machine, *hours, day=DAY, account="production"):
    """Intervals [from, to) in hours after the day's start."""
    return [
        {
            "machine": machine, "production_day": day, "account": account, "start_at": AT + a * HOUR,
            "end_at": AT + b * HOUR, "duration_us": round((b - a) * 3.6e9),
        }
        for a, b in hours
    ]  # fmt: skip


WHOLE = ledger("a", (0, 8), (8, 24)) + ledger("b", (0, 24))
NONE = dict.fromkeys(NAMES, 0)
OEE = {"produced_pcs": 3, "pot_s": 8.0, "pbt_s": 2.5}
REORDER = {"reorder_point_qty": 4.0, "order_qty": 8.0, "order_up_to_qty": 12.0, "alert": "below_reorder_point",
           "action": "buy", "action_qty": 9.0, "model": "gamma", "measure": "cycle", "target": 0.95,
           "cycle_service": 0.95, "fill_rate": 0.99, "lead_d": 3.0}  # fmt: skip
HOUSE = [
    ("silver.time_ledger", WHOLE, {}),
    ("silver.time_ledger", ledger("a", (0, 8), (9, 24)) + ledger("b", (0, 24)), {"tiles": 1, "day_length": 1}),
    ("silver.time_ledger", ledger("a", (0, 9), (8, 24)) + ledger("b", (0, 24)), {"tiles": 1, "day_length": 1}),
    ("silver.time_ledger", ledger("a", (0, 23)) + ledger("b", (0, 24)), {"day_length": 1}),
    ("silver.time_ledger", [{**WHOLE[2], "duration_us": 5}], {"duration": 1, "day_length": 1}),
    ("silver.time_ledger", [{**WHOLE[2], "minor": True}], {"minor_is_delay": 1}),
    ("silver.time_ledger", ledger("a", (0, 24), account="delay"), {"reason": 1}),
    ("silver.time_ledger", ledger("a", (0, 24), account="unknown"), {"signal": 1}),
    ("silver.readings", [{"since_at": AT + HOUR}], {"since": 1}),
    ("silver.readings", [{"opening": True}, {"opening": True, "at": AT + HOUR}], {"one_opening": 1}),
    ("silver.readings", [{"flag": "jump"}, {"flag": "jump", "opening": True}], {"clean": 1}),
    ("silver.count_ledger", [{"quarantined_pcs": 0, "order_id": "o"}], {}),
    ("silver.count_ledger", [{}], {"physical": 1, "ordered": 1}),
    ("silver.energy_ledger", [{"duration_us": 2_000_000_000, "order_id": o} for o in "ab"], {"hour": 1}),
    ("silver.stock_ledger", [{"qty": 5.0, "location": "l"}, {"qty": -5.0, "value_cents": -1}], {}),
    ("silver.stock_ledger", [{"qty": 5.0, "location": "l"}, {"qty": -4.0, "value_cents": -1}], {"two_sides": 1}),
    ("silver.stock_ledger", [{"location": k} for k in "abc"], {"at_most_two": 1}),
    ("gold.oee", [OEE], {}),
    ("gold.oee", [{**OEE, "produced_pcs": 4}], {"pieces": 1}),
    ("gold.oee", [{**OEE, "apt_s": 1.0}], {"busy_time": 1}),
    ("gold.oee", [{**OEE, "pot_s": 2.0}], {"planned_time": 1}),
    ("gold.oee", [{**OEE, "oee_low": 0.6, "oee": 0.5, "oee_high": 0.7}], {"bounds": 1}),
    ("gold.oee", [{**OEE, "effectiveness": 1.2}], {"standard_time": 1}),
    ("gold.oee", [{**OEE, "coverage": 0.5}], {"coverage": 1}),
    ("gold.yield", [{"first_pass_yield": 1 / 3, "rolled_throughput_yield": 0.2}], {}),
    ("gold.yield", [{"first_pass_yield": 0.5, "rolled_throughput_yield": 0.9}], {"first_pass": 1, "rolled": 1}),
    ("gold.inventory", [{"on_hand_qty": -1.0, "alert": "negative_stock"}], {"negative": 1}),
    ("gold.inventory", [{"on_hand_qty": -1.0}], {"negative": 1, "negative_said": 1}),
    ("gold.space_use", [{"share": 0.9}], {}),
    ("gold.space_use", [{"share": 1.1}], {"room": 1}),
    ("gold.stock_differences", [{"stated_qty": 1.0, "ledger_qty": 1.0, "difference_qty": 0.0}], {}),
    ("gold.stock_differences", [{"stated_qty": 3.0, "ledger_qty": 1.0, "difference_qty": 2.0}], {"said": 1}),
    (
        "gold.stock_differences",
        [{"stated_qty": 3.0, "ledger_qty": 1.0, "difference_qty": 1.0, "finding": "differs"}],
        {"gap": 1, "agrees": 1},
    ),
    (
        "gold.stock_classes",
        [{"turns": 10.0, "dio_d": 36.5, "on_hand_qty": 2.0, "excess_qty": 2.0, "state": "active"}],
        {},
    ),
    (
        "gold.stock_classes",
        [{"turns": 10.0, "dio_d": 30.0, "on_hand_qty": 1.0, "excess_qty": 2.0, "state": "dead"}],
        {"dio": 1, "excess": 1, "dead": 1},
    ),
    ("gold.replenishment", [REORDER], {}),
    ("gold.replenishment", [{**REORDER, "order_up_to_qty": 13.0}], {"up_to": 1}),
    ("gold.replenishment", [{**REORDER, "action": None}], {"action": 1}),
    ("gold.replenishment", [{**REORDER, "cycle_service": 0.9}], {"target": 1}),
    (
        "gold.replenishment",
        [{**REORDER, "measure": "fill", "fill_rate": 0.9, "lead_d": None}],
        {"target": 1, "lead_time": 1},
    ),
    ("gold.slotting", [{"now_m_week": 3.0, "then_m_week": 1.0, "saved_m_week": 2.0, "to_location": "b"}], {}),
    (
        "gold.slotting",
        [
            {
                "now_m_week": 3.0,
                "then_m_week": 1.0,
                "saved_m_week": 1.0,
                "move_m": 1.0,
                "to_location": "a",
                "from_location": "a",
            }
        ],
        {"saved": 1, "stays": 1},
    ),
    ("gold.energy", [{"energy_kwh": 1.0, "kwh_per_good_pc": 1.0}], {}),
    ("gold.energy", [{"energy_kwh": 2.0, "kwh_per_good_pc": 1.0}], {"parts": 1, "per_piece": 1}),
    ("gold.kpi_sums", [NONE], {}),
    ("gold.kpi_sums", [{**NONE, "produced_pcs": 1, "ideal_us": 1}], {"pieces": 1, "ideal": 1}),
    ("gold.kpi_sums", [{**NONE, "apt_us": 1}], {"busy_time": 1, "e10": 1, "vdi": 1}),
    ("gold.kpi_sums", [{**NONE, "machine": "a", "reference_us": 3_600_000_001}], {"reference": 1}),
    ("gold.kpi", [{"kpi": "mttr", "numerator": 7.2e9, "denominator": 4.0, "value": 0.5}], {}),
    ("gold.kpi", [{"numerator": 1.0, "denominator": 2.0, "value": 0.5, "value_low": 0.5, "value_high": 0.5}], {}),
    ("gold.kpi", [{"numerator": 1.0, "denominator": 2.0, "value": 0.4, "value_low": 0.5}], {"ratio": 1, "bounds": 1}),
    ("gold.kpi", [{}], {"why_null": 1}),
    ("gold.failure_risk", [{"probability": 0.1, "threshold": 0.2, "alert": True}], {"alert": 1}),
    ("gold.failure_risk", [{"rul_h": 9.0, "rul_low_h": 1.0, "rul_high_h": 5.0}], {"bounds": 1}),
    ("gold.forecast", [{}], {}),
    ("gold.forecast", [{"low": 3.0, "status": "approved"}], {"bounds": 1, "order": 1, "approved": 1}),
    ("gold.losses", [{"reason_class": "unknown", "duration_s": 3601.0}], {"reason_known": 1}),
]


@pytest.mark.parametrize(("name", "rows", "expected"), HOUSE, ids=lambda v: v if isinstance(v, str) else "")
def test_a_house_rule_finds_just_what_breaks_it(tmp_path, name, rows, expected):
    rules = [r for r in suite(table(name)) if r.kind == "rows"]
    assert failed(validate(table(name), stored(tmp_path, name, rows_of(name, *rows)), rules)) == expected


def test_every_house_rule_is_tripped_by_a_case_above():
    tripped = {(name, rule) for name, _, expected in HOUSE for rule in expected}
    ledgers = {n for n, _, _ in HOUSE}
    missed = {(n, r.name) for n in ledgers for r in HOUSE_RULES[n]} - tripped
    assert missed == {("gold.oee", "nothing_planned"), ("gold.forecast", "skill")}


def test_a_broken_engine_never_reads_as_bad_data(tmp_path):
    query = stored(tmp_path, "silver.lots", rows_of("silver.lots", {}))
    rule = Rule("odd", "rows", "blocking", sql="SELECT * FROM {batch} WHERE no_such_column = 1")
    with pytest.raises(TerminalError, match=r"silver\.lots: expectation 'odd' could not be evaluated"):
        validate(table("silver.lots"), query, [rule])
    gone = Rule("gone: not_null", "not_null", "blocking", ("gone",))
    with pytest.raises(TerminalError, match="could not be evaluated"):
        validate(table("silver.lots"), query, [gone])


def test_paths_with_colons_are_not_taken_for_parameters(tmp_path):
    root = tmp_path / "a:b"
    query = stored(root, "silver.lots", rows_of("silver.lots", {}))
    assert failed(validate(table("silver.lots"), query)) == {}
