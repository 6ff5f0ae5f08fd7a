"""All 34 KPIs of ISO 22400-2 by one worked example: a shift of two machines and their books, every number by hand."""

from __future__ import annotations

from statistics import mean, stdev

import polars as pl
import pytest
from plant_books import (
    bills,
    inspections,
    locations,
    maintenance,
    materials,
    operations,
    stock,
    work_orders,
)
from plant_floor import START, base, count_ledger, energy_ledger, time_ledger

from assets.kernels.figures.kpi import evaluate
from assets.kernels.figures.rolling import roll_up
from plant.kpi.catalogue import BY_NAME
from plant.kpi.measures import NAMES

FIRST = {"order_id": "wo-1", "operation": "turn", "product": "shaft-20"}
SECOND = FIRST | {"operation": "grind"}
ANNA = FIRST | {"operator": "anna"}
BROKEN = ANNA | {"state": "failed", "reason": "spindle", "reason_class": "breakdown"}
WAITING = ANNA | {"state": "starved", "reason": "starved", "reason_class": "logistic"}
BLOCKED = SECOND | {"state": "blocked", "reason": "blocked", "reason_class": "logistic"}
VALUES = [10.01, 10.03, 9.99, 10.02, 10.00, 9.98]


@pytest.fixture(scope="module")
def sums():
    """cnc-1 turns, cnc-2 grinds the same order; minutes as written, 60 s ideal a piece, cnc-1 has an energy meter."""
    turning = time_ledger(("setup", 40, ANNA), ("production", 300, ANNA), ("delay", 30, BROKEN), ("delay", 20, WAITING),
                          ("planned_down", 30, {"operator": "anna"}), ("down_no_order", 60))  # fmt: skip
    grinding = time_ledger(("down_no_order", 100), ("production", 200, SECOND), ("delay", 40, BLOCKED),
                           ("down_no_order", 140), machine="cnc-2")  # fmt: skip
    counts = pl.concat([
        count_ledger((270, 20, 60.0, {"rework_pcs": 10} | FIRST)),
        count_ledger((180, 6, 60.0, {"rework_pcs": 4} | SECOND), machine="cnc-2"),
    ])  # fmt: skip
    before = {"production_day": START.date()}
    moves = stock(
        (0, "blank", "raw-1", "receipt", 60_000, before), (0, "shaft-20", "fg-1", "adjustment", 90_000, before),
        (0, "shaft-wip", "wip-1", "production", 30_000, {"reference": "wo-1"}),
        (60, "blank", "raw-1", "issue", -20_000, {"reference": "wo-1"}),
        (120, "shaft-wip", "wip-1", "issue", -10_000, {"reference": "wo-1"}),
        (120, "shaft-20", "fg-1", "production", 18_000, {"reference": "wo-1"}),
        (240, "shaft-20", "fg-1", "shipment", -45_000), (300, "blank", "raw-1", "adjustment", -500),
        (360, "blank", "raw-1", "scrap", -250), (360, "blank", "scrap", "scrap", 250),
    )  # fmt: skip
    return base(
        pl.concat([turning, grinding]), counts, energy_ledger((START, "production", 90.0, 480)),
        counting=("cnc-1", "cnc-2"), operations=operations(("wo-1", "cnc-1", "turn", 10, 0, 390),
                                                           ("wo-1", "cnc-2", "grind", 20, 100, 450)),
        work_orders=work_orders(("wo-1", 380, 10.0)), inspections=inspections(VALUES),
        maintenance_orders=maintenance(("corrective", 340, 370), ("preventive", 420, 430)), stock_ledger=moves,
        materials=materials(("blank", "raw", 100), ("carton", "raw", 200), ("shaft-wip", "semi", 120),
                            ("shaft-20", "finished", 180)),
        bills_of_material=bills(("shaft-20", "shaft-wip", 1.0), ("shaft-wip", "blank", 1.0),
                                ("shaft-20", "carton", 0.05)),
        locations=locations(("raw-1", "raw"), ("wip-1", "work in progress"), ("fg-1", "finished"), ("scrap", "scrap")),
    )  # fmt: skip


S, R = stdev(VALUES), mean(abs(a - b) for a, b in zip(VALUES[1:], VALUES[:-1], strict=True)) / 1.128379
X = mean(VALUES)
# Stock over the day of 480 min. WIP: 300 from 0, 200 from 120 min. FG: 900 to 120, 1080 to 240, then 630 (currency).
INVENTORY = (30_000 * 480 - 10_000 * 360 + 90_000 * 480 + 18_000 * 360 - 45_000 * 240) * 60
MATERIAL = 100 + 200 * 0.05  # cents of raw material in a piece

WORKED = {
    1: ("worker_efficiency", "machine", "cnc-1", 340 / 390),  # attendance less the break
    2: ("allocation_ratio", "site", "northmill", (390 + 240) / 450),  # 0 to 450 min; operations overlap
    3: ("order_throughput_rate", "site", "northmill", 190 / 7.5),
    4: ("allocation_efficiency", "machine", "cnc-1", 390 / 450),
    5: ("utilisation_efficiency", "machine", "cnc-1", 300 / 390),
    6: ("oee", "machine", "cnc-1", 300 / 450 * 300 / 300 * 270 / 300),
    7: ("nee", "machine", "cnc-1", 340 / 450 * 300 / 300 * 270 / 300),
    8: ("availability", "machine", "cnc-1", 300 / 450),
    9: ("effectiveness", "machine", "cnc-2", 190 / 200),
    10: ("quality_ratio", "machine", "cnc-1", 270 / 300),
    11: ("setup_ratio", "machine", "cnc-1", 40 / 340),
    12: ("technical_efficiency", "machine", "cnc-1", 300 / 350),
    13: ("production_process_ratio", "site", "northmill", 500 / 450),
    14: ("actual_to_planned_scrap_ratio", "site", "northmill", 26 / (10 * 190 / 380)),
    15: ("first_pass_yield", "machine", "cnc-1", 270 / 300),
    16: ("scrap_ratio", "machine", "cnc-1", 20 / 300),
    17: ("rework_ratio", "machine", "cnc-1", 10 / 300),
    18: ("fall_off_ratio", "site", "northmill", 26 / 300),
    19: ("machine_capability", "machine", "cnc-1", 0.2 / (6 * S)),
    20: ("critical_machine_capability", "machine", "cnc-1", min(10.1 - X, X - 9.9) / (3 * S)),
    21: ("process_capability", "machine", "cnc-1", 0.2 / (6 * R)),
    22: ("critical_process_capability", "machine", "cnc-1", min(10.1 - X, X - 9.9) / (3 * R)),
    23: ("comprehensive_energy_consumption", "machine", "cnc-1", 90 / 300),
    24: ("inventory_turns", "site", "northmill", 45_000 * 365 * 86_400 / INVENTORY),
    25: ("finished_goods_ratio", "site", "northmill", 180 * MATERIAL / 20_000),
    26: ("integrated_goods_ratio", "site", "northmill", 184 * MATERIAL / 20_000),
    27: ("production_loss_ratio", "site", "northmill", 26 * MATERIAL / 20_000),
    28: ("storage_and_transport_loss_ratio", "site", "northmill", 500 / 20_000),
    29: ("other_loss_ratio", "site", "northmill", 250 / 20_000),
    30: ("equipment_load_ratio", "machine", "cnc-2", 190 / 480),
    31: ("mtbf", "machine", "cnc-1", 340 / 60 / 1),
    32: ("mttf", "machine", "cnc-1", (390 - 30) / 60 / 1),
    33: ("mttr", "machine", "cnc-1", 30 / 60 / 1),
    34: ("corrective_maintenance_ratio", "machine", "cnc-1", 30 / 40),
}  # fmt: skip
VARIANTS = {
    "throughput_rate": ("machine", "cnc-1", 300 / 6.5),
    "first_pass_yield_inspected": ("machine", "cnc-1", 6 / 6),
    "fall_off_ratio_first_operation": ("site", "northmill", 20 / 300),
    "fall_off_ratio_of_produced": ("machine", "cnc-1", 30 / 300),
    "equipment_load_ratio_time": ("machine", "cnc-1", 340 / 480),
    "mtbf_fe_plus_1": ("machine", "cnc-1", 340 / 60 / 2),
    "mtbf_with_delay": ("machine", "cnc-1", 390 / 60),
    "mtbf_with_delay_fe_plus_1": ("machine", "cnc-1", 390 / 60 / 2),
    "mtbf_iec60050": ("machine", "cnc-1", 300 / 60),
    "mtbf_up_time": ("machine", "cnc-1", 420 / 60),
    "mttf_fe_plus_1": ("machine", "cnc-1", 360 / 60 / 2),
    "mttf_iso_text": ("machine", "cnc-1", 310 / 60),
    "mttr_fe_plus_1": ("machine", "cnc-1", 30 / 60 / 2),
    "inventory_turns_material": ("site", "northmill", 20_000 * 365 * 86_400 / (INVENTORY + (
        60_000 * 480 - 20_000 * 420 - 500 * 180 - 250 * 120) * 60)),
    "inventory_turns_finished": ("site", "northmill", 45_000 * 365 * 86_400 / (
        (90_000 * 480 + 18_000 * 360 - 45_000 * 240) * 60)),
    "inventory_turns_raw": ("site", "northmill", 20_000 * 365 * 86_400 / (
        (60_000 * 480 - 20_000 * 420 - 500 * 180 - 250 * 120) * 60)),
    "finished_goods_ratio_inventory": ("site", "northmill", (
        90_000 * 480 + 18_000 * 360 - 45_000 * 240) / 480 / 18_000),
    "production_loss_ratio_of_produced": ("site", "northmill", 26 / 190),
    "storage_and_transport_loss_ratio_of_produced": ("site", "northmill", 500 / (190 * MATERIAL)),
    "other_loss_ratio_of_produced": ("site", "northmill", 250 / (190 * MATERIAL)),
    "energy_per_good_pc": ("machine", "cnc-1", 90 / 270),
}  # fmt: skip


def value(sums, name, level, scope, grain="day"):
    row = evaluate(roll_up(sums, level, grain), [BY_NAME[name]]).filter(pl.col("scope") == scope).collect()
    assert row.height == 1, name
    return row.row(0, named=True)


def test_every_number_of_the_standard_is_worked():
    assert sorted(WORKED) == list(range(1, 35))
    assert {name: n for n, (name, *_) in WORKED.items()} == {
        k.name: k.iso_number for k in BY_NAME.values() if k.iso_number
    }


@pytest.mark.parametrize("number", WORKED)
def test_the_worked_example(sums, number):
    name, level, scope, expected = WORKED[number]
    row = value(sums, name, level, scope)
    assert row["value"] == pytest.approx(expected, rel=1e-5 if number in {21, 22} else 1e-9), row
    assert row["value"] == pytest.approx(row["numerator"] / row["denominator"] * BY_NAME[name].factor)
    assert row["value_low"] == row["value"] == row["value_high"], "nothing is unknown"


@pytest.mark.parametrize("name", VARIANTS)
def test_the_worked_example_of_a_variant(sums, name):
    level, scope, expected = VARIANTS[name]
    assert value(sums, name, level, scope)["value"] == pytest.approx(expected)


def test_every_variant_of_the_standard_is_worked():
    iso = {k.name for k in BY_NAME.values() if k.iso_number}
    assert {k.name for k in BY_NAME.values() if k.variant_of in iso and k.family == "Shopfloor"} == set(VARIANTS)


@pytest.mark.parametrize(
    ("name", "level", "scope", "note"),
    [
        ("allocation_ratio", "machine", "cnc-1", "no whole order"),
        ("worker_efficiency", "machine", "cnc-2", "nobody logged in"),
        ("comprehensive_energy_consumption", "machine", "cnc-2", "no energy meter"),
        ("machine_capability", "machine", "cnc-2", "nothing measured with two limits"),
        ("inventory_turns", "machine", "cnc-1", "no stock account of the scope"),
        ("storage_and_transport_loss_ratio", "order", "wo-1", "no stock account of the scope"),
        ("finished_goods_ratio", "machine", "cnc-1", "no material issued"),
        ("actual_to_planned_scrap_ratio", "machine", "cnc-1", "no planned scrap of whole orders"),
        ("fall_off_ratio", "machine", "cnc-2", "first operation made nothing"),
        ("corrective_maintenance_ratio", "machine", "cnc-2", "no maintenance"),
        ("mttr", "machine", "cnc-2", "no failure"),
    ],
)
def test_what_is_missing_is_said(sums, name, level, scope, note):
    row = value(sums, name, level, scope)
    assert (row["value"], row["note"]) == (None, note)


def test_an_order_and_a_product_have_their_material_and_their_way(sums):
    for level, scope in (("order", "wo-1"), ("product", "shaft-20")):
        assert value(sums, "finished_goods_ratio", level, scope)["value"] == pytest.approx(180 * MATERIAL / 20_000)
        assert value(sums, "allocation_ratio", level, scope)["value"] == pytest.approx(630 / 450)


def test_levels_of_people_and_characteristics(sums):
    assert value(sums, "worker_efficiency", "operator", "anna")["value"] == pytest.approx(340 / 390)
    assert value(sums, "machine_capability", "characteristic", "diameter")["value"] == pytest.approx(0.2 / (6 * S))


def test_an_order_of_one_line_counts_at_the_line(sums):
    assert value(sums, "allocation_ratio", "line", "shafts")["value"] == pytest.approx(630 / 450)
    shift = value(sums, "allocation_ratio", "line", "shafts", "shift")
    assert (shift["value"], shift["note"]) == (None, "no whole order"), "an order is of no one shift"


def test_the_identities_of_the_elements_hold(sums):
    total = sums.select(pl.col(NAMES).sum()).collect().row(0, named=True)
    accounts = ("apt_us", "aust_us", "adet_us", "adot_us", "unknown_us")
    assert total["pbt_us"] == sum(total[a] for a in accounts) == total["pot_us"] - total["planned_down_us"]
    aupt, aubt = total["apt_us"] + total["aust_us"], total["apt_us"] + total["aust_us"] + total["adet_us"]
    assert total["apt_us"] <= aupt <= aubt <= total["pbt_us"] <= total["pot_us"] <= total["reference_us"]
    assert total["produced_pcs"] == total["good_pcs"] + total["scrap_pcs"] + total["rework_pcs"]
    assert total["ideal_us"] == sum(total[f"{p}_ideal_us"] for p in ("good", "scrap", "rework"))
    e10 = sum(total[s] for s in ("apt_us", "sby_us", "eng_us", "sdt_us", "udt_us", "unknown_us"))
    assert e10 == total["pot_us"]
    vdi = sum(total[f"vdi_{s}_us"] for s in ("technical", "logistic", "organisational"))
    assert vdi + total["apt_us"] + total["unknown_us"] == total["pbt_us"]
