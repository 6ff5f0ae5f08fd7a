"""KPIs: every declaration is whole, roll-up is the ratio of sums, values agree with gold.oee, nulls have a reason."""

from __future__ import annotations

from datetime import timedelta

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from plant_floor import START, base, count_ledger, energy_ledger, shifts, time_ledger

from assets.kernels.figures.kpi import LEVELS, kpis
from assets.kernels.figures.oee import oee
from plant.kpi.catalogue import BY_NAME, KPIS
from plant.tables import table

MACHINES = ("cnc-1", "cnc-2", "robot-1")


def cell(frame, name, level="machine", scope="cnc-1", grain="shift"):
    keep = {"kpi": name, "level": level, "scope": scope, "grain": grain}
    return frame.row(by_predicate=pl.all_horizontal(pl.col(k) == v for k, v in keep.items()), named=True)


def shift(*stretches, made=(), machine="cnc-1"):
    return time_ledger(*stretches, machine=machine), count_ledger(*made, machine=machine)


def test_the_frame_keeps_the_contract_and_its_key():
    time, counts = shift(("production", 300), ("delay", 180), made=[(200, 10, 60.0)])
    frame = kpis(base(time, counts)).collect()
    contract = table("gold.kpi")
    assert frame.schema == {c: t for c, t in contract.schema.items() if c not in {"revision", "known_from"}}
    assert frame.select(contract.key).is_unique().all()
    assert frame.height == len(KPIS) * len(LEVELS) * 2
    assert kpis(base(time_ledger(), count_ledger())).collect().is_empty()


PARTS = (("planned_down", 30), ("setup", 40), ("production", 300), ("delay", 50), ("down_no_order", 20),
         ("not_scheduled", 40))  # fmt: skip


def test_every_formula_against_hand_worked_numbers():
    time, counts = shift(*PARTS, made=[(270, 20, 60.0, {"rework_pcs": 10})])
    frame = kpis(base(time, counts, energy_ledger((START, "production", 90.0, 480)))).collect()
    expected = {
        "availability": 300 / 410,
        "effectiveness": 300 / 300,
        "quality_ratio": 270 / 300,
        "oee": 300 / 410 * 270 / 300,
        "oee_good_time": 270 / 410,
        "nee": 340 / 410 * 270 / 300,
        "ooe": 270 / 440,
        "teep": 270 / 480,
        "allocation_efficiency": 390 / 410,
        "utilisation_efficiency": 300 / 390,
        "technical_efficiency": 300 / 350,
        "setup_ratio": 40 / 340,
        "coverage": 1.0,
        "scrap_ratio": 20 / 300,
        "rework_ratio": 10 / 300,
        "first_pass_yield": 270 / 300,
        "throughput_rate": 300 / (390 / 60),
        "energy_per_good_pc": 90 / 270,
        "comprehensive_energy_consumption": 90 / 300,
    }
    for name, value in expected.items():
        row = cell(frame, name)
        assert row["value"] == pytest.approx(value), name
        assert row["value"] == pytest.approx(row["numerator"] / row["denominator"] * BY_NAME[name].factor), name
        assert row["value_low"] == pytest.approx(value), f"{name}: nothing is unknown"
        assert row["value_high"] == pytest.approx(value), f"{name}: nothing is unknown"


BREAKDOWN = {"state": "failed", "reason": "failed", "reason_class": "breakdown"}


def test_reliability_counts_a_failure_once_over_its_parts():
    time, counts = shift(
        ("production", 200), ("delay", 30, BREAKDOWN), ("delay", 30, BREAKDOWN), ("production", 100),
        ("delay", 20), ("delay", 10, BREAKDOWN), ("production", 90),
    )  # fmt: skip
    frame = kpis(base(time, counts)).collect()
    assert cell(frame, "mtbf")["value"] == pytest.approx(390 / 60 / 2)
    assert cell(frame, "mttr")["value"] == pytest.approx(70 / 60 / 2)
    assert cell(frame, "mtbf_up_time")["value"] == pytest.approx(410 / 60 / 2)


def test_a_failure_carried_in_from_the_day_before_is_not_counted_again():
    before = int((START - timedelta(hours=1)).timestamp() * 1e6)
    time, counts = shift(("delay", 60, BREAKDOWN | {"stop_id": before}), ("production", 420))
    row = cell(kpis(base(time, counts)).collect(), "mttr")
    assert (row["value"], row["note"], row["numerator"]) == (None, "no failure", 3.6e9)


def test_a_minor_stop_is_no_failure():
    time, counts = shift(("delay", 1, BREAKDOWN | {"minor": True}), ("production", 479))
    assert cell(kpis(base(time, counts)).collect(), "mtbf")["note"] == "no failure"


@pytest.mark.parametrize(
    ("stretches", "made", "kpi", "note"),
    [
        ((("planned_down", 480),), (), "oee", "nothing planned"),
        ((("unknown", 480),), (), "availability", "no signal"),
        ((("production", 480),), ((10, 0, None),), "oee", "no ideal cycle"),
        ((("delay", 480),), (), "quality_ratio", "nothing produced"),
        ((("down_no_order", 480),), (), "utilisation_efficiency", "no order worked on"),
        ((("production", 480),), ((10, 0, 60.0),), "energy_per_good_pc", "no energy meter"),
    ],
)
def test_null_has_a_reason(stretches, made, kpi, note):
    row = cell(kpis(base(*shift(*stretches, made=made))).collect(), kpi)
    assert (row["value"], row["note"]) == (None, note)


def test_a_scope_without_counters_says_so_and_does_not_weigh_down_the_site():
    time = pl.concat([time_ledger(("production", 480)), time_ledger(("production", 480), machine="comp-1", line="air")])
    frame = kpis(base(time, count_ledger((480, 0, 60.0)))).collect()
    assert cell(frame, "oee", scope="comp-1", grain="day")["note"] == "no piece counter"
    assert cell(frame, "oee", level="site", scope="northmill", grain="day")["value"] == pytest.approx(1.0)


def test_bounds_of_unknown_time():
    time, counts = shift(("production", 300), ("delay", 60), ("unknown", 120), made=[(240, 0, 60.0)])
    frame = kpis(base(time, counts)).collect()
    row = cell(frame, "availability")
    assert (row["value_low"], row["value"], row["value_high"]) == pytest.approx((300 / 480, 300 / 360, 420 / 480))
    quality = cell(frame, "quality_ratio")
    assert (quality["value_low"], quality["value"]) == (pytest.approx(240 / 360), 1.0), "120 pieces, scrap, seen later"
    rate = cell(frame, "throughput_rate")
    assert (rate["value_low"], rate["value_high"]) == pytest.approx((240 / 8, 360 / 8)), "at the ideal rate at most"
    assert (cell(frame, "coverage")["value_low"], cell(frame, "coverage")["value_high"]) == (0.75, 0.75)
    mended = cell(frame, "mttr")
    assert (mended["value"], mended["value_low"], mended["value_high"]) == (None, None, None), "failures without limit"


def test_quarantined_pieces_bound_the_quality():
    time, counts = shift(("production", 480), made=[(90, 10, 60.0, {"quarantined_pcs": 100})])
    row = cell(kpis(base(time, counts)).collect(), "quality_ratio")
    assert (row["value_low"], row["value"], row["value_high"]) == pytest.approx((90 / 200, 0.9, 190 / 200))
    assert row["note"] == "counts quarantined"


def test_pieces_made_outside_every_shift_do_not_inflate_the_day():
    late = time_ledger(("not_scheduled", 480, {"state": "producing"}), shift="off", start=START + timedelta(hours=8))
    time = pl.concat([time_ledger(("production", 480)), late])
    counts = pl.concat([count_ledger((240, 0, 60.0)), count_ledger((480, 0, 60.0), shift="off")])
    frame = kpis(base(time, counts)).collect()
    assert cell(frame, "oee", grain="day")["value"] == pytest.approx(0.5)
    assert cell(frame, "teep", grain="day")["value"] == pytest.approx(720 / 960), "calendar time holds all of it"
    assert frame.filter(pl.col("grain") == "shift")["shift"].unique().to_list() == ["early"]


def test_shifts_that_start_together_are_one_period_of_the_site():
    time = pl.concat([time_ledger(("production", 480)),
                      time_ledger(("delay", 600), machine="press-1", line="brackets", shift="long")])  # fmt: skip
    frame = kpis(base(time, counting=["cnc-1", "press-1"])).collect()
    row = cell(frame, "availability", level="site", scope="northmill")
    assert (row["shift"], row["value"]) == ("early+long", pytest.approx(480 / 1080))


STRETCH = st.lists(
    st.tuples(st.sampled_from(["planned_down", "production", "setup", "delay", "unknown", "down_no_order"]),
              st.integers(1, 90)), min_size=1, max_size=5)  # fmt: skip
MADE = st.lists(st.tuples(st.integers(0, 400), st.integers(0, 40), st.sampled_from([7.0, 30.0, 61.5])), max_size=2)


@settings(max_examples=settings.default.max_examples // 8)
@given(st.lists(st.tuples(STRETCH, MADE), min_size=3, max_size=3))
def test_a_line_is_the_same_function_of_the_ledgers_of_its_machines(cells):
    """Rolling three machines up gives what one machine with all their time and pieces would have."""
    many = [shift(*t, made=m, machine=n) for n, (t, m) in zip(MACHINES, cells, strict=True)]
    line = kpis(base(pl.concat(t for t, _ in many), pl.concat(c for _, c in many), counting=MACHINES)).collect()
    merged = []
    at = START
    for stretches, _ in cells:
        merged.append(time_ledger(*stretches, machine="all", start=at))
        at += timedelta(minutes=sum(m for _, m in stretches))
    counts = pl.concat(count_ledger(*m, machine="all", hour=START) for _, m in cells)
    whole = kpis(base(pl.concat(merged), counts, counting=["all"])).collect()
    for name in BY_NAME:
        got, want = cell(line, name, "line", "shafts"), cell(whole, name, "machine", "all")
        for column in ("numerator", "denominator", "value", "value_low", "value_high"):
            assert got[column] == pytest.approx(want[column]), (name, column)


@settings(max_examples=settings.default.max_examples // 10)
@given(STRETCH, MADE)
def test_a_machine_and_shift_reads_the_same_in_both_tables(stretches, made):
    sums = base(*shift(*stretches, made=made))
    row, frame = oee(sums, shifts("early")).collect().row(0, named=True), kpis(sums).collect()
    pairs = {"availability": "availability", "effectiveness": "effectiveness", "quality": "quality_ratio", "oee": "oee"}
    for column, name in pairs.items():
        assert row[column] == cell(frame, name)["value"]
    if row["pbt_s"] > 0:
        assert (row["oee_low"], row["oee_high"]) == (cell(frame, "oee")["value_low"], cell(frame, "oee")["value_high"])


@settings(max_examples=settings.default.max_examples // 8)
@given(STRETCH, MADE)
def test_low_is_never_above_the_value_nor_the_value_above_high(stretches, made):
    frame = kpis(base(*shift(*stretches, made=made))).collect().filter(pl.col("value").is_not_null())
    bounded = frame.filter(pl.col("value_low").is_not_null())
    assert bounded.filter((pl.col("value_low") > pl.col("value")) | (pl.col("value") > pl.col("value_high"))).is_empty()


def test_a_line_is_not_the_mean_of_its_machines_nor_the_lowest():
    """Negative oracles: mean(OEE) and min of stations. One machine planned 8 h at 90 %, one 1 h at 10 %."""
    good, poor = shift(("production", 480), made=[(432, 0, 60.0)]), shift(
        ("planned_down", 420), ("production", 60), made=[(6, 0, 60.0)], machine="cnc-2")  # fmt: skip
    frame = kpis(base(pl.concat([good[0], poor[0]]), pl.concat([good[1], poor[1]]), counting=MACHINES)).collect()
    single = [cell(frame, "oee", scope=m)["value"] for m in ("cnc-1", "cnc-2")]
    line = cell(frame, "oee", "line", "shafts")["value"]
    assert single == pytest.approx([0.9, 0.1])
    assert line == pytest.approx(438 / 540)
    assert line > sum(single) / 2 > min(single)
