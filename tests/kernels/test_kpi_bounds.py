"""Bounds: whatever happened while the signal was lost, whatever the quarantined counts were, the truth is inside."""

from __future__ import annotations

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from plant_floor import START, base, count_ledger, energy_ledger, time_ledger

from assets.kernels.figures.kpi import evaluate
from assets.kernels.figures.rolling import roll_up
from plant.kpi.catalogue import BY_NAME, KPIS

WORK = {"order_id": "wo-1", "operation": "turn", "product": "shaft-20", "operator": "anna"}
KINDS = {
    "production": ("production", {}),
    "setup": ("setup", {"reason_class": "setup"}),
    "breakdown": ("delay", {"reason_class": "breakdown", "state": "failed"}),
    "jam": ("delay", {"reason_class": "minor_stop"}),
    "starved": ("delay", {"reason_class": "logistic", "state": "starved"}),
    "no order": ("down_no_order", {"reason_class": "logistic"}),
    "planned": ("planned_down", {"reason_class": "planned", "state": "planned_stop"}),
}
IDEAL_S = 60
EXACT = 1e-9


def read(time, counts):
    sums = base(time, counts, energy_ledger((START, "production", 5.0, 480)))
    return {r["kpi"]: r for r in evaluate(roll_up(sums, "machine", "shift")).collect().iter_rows(named=True)}


def stretch(kind, minutes, lost=False):
    account, extra = KINDS[kind]
    worked = {} if kind in {"no order", "planned"} else WORK
    return ("unknown" if lost else account, minutes, worked | ({} if lost else extra))


@st.composite
def shifts(draw):
    """A shift as it was: kind, minutes, good and bad pieces (at most the ideal rate), whether its signal was lost."""
    out = []
    for kind in draw(st.lists(st.sampled_from([*KINDS, "production"]), min_size=1, max_size=6)):
        minutes = draw(st.integers(2, 90))
        made = draw(st.integers(0, minutes)) if kind == "production" else 0
        bad = draw(st.integers(0, made))
        out.append((kind, minutes, made - bad, bad, draw(st.booleans())))
    return out


def contained(truth, seen):
    """KPIs whose true value lies outside the bounds of what was seen."""
    out = {}
    for kpi in KPIS:
        true, row = truth[kpi.name]["value"], seen[kpi.name]
        if kpi.name == "coverage" or true is None or row["value_low"] is None:
            continue
        slack = EXACT * max(1.0, abs(true))
        if not row["value_low"] - slack <= true <= row["value_high"] + slack:
            out[kpi.name] = (row["value_low"], true, row["value_high"])
    return out


@settings(max_examples=settings.default.max_examples // 6)
@given(shifts(), st.booleans())
def test_the_truth_lies_within_the_bounds_when_signal_is_lost(shift, counted_here):
    """Pieces of lost time are counted when the signal is back: in this shift, or in the next one, all of them."""
    good, bad = (sum(s[n] for s in shift) for n in (2, 3))
    truth = read(time_ledger(*(stretch(k, m) for k, m, *_ in shift)), count_ledger((good, bad, IDEAL_S, WORK)))
    lost_good, lost_bad = (sum(s[n] for s in shift if s[4]) for n in (2, 3))
    gap = lost_good + lost_bad
    kept = {"gap_pcs": gap, "gap_ideal_us": gap * IDEAL_S * 1_000_000} if counted_here else {}
    here = (good, bad) if counted_here else (good - lost_good, bad - lost_bad)
    time = time_ledger(*(stretch(k, m, lost) for k, m, *_, lost in shift))
    seen = read(time, count_ledger((*here, IDEAL_S, WORK | kept)))
    assert not contained(truth, seen)
    for name, row in seen.items():
        if row["value"] is not None and row["value_low"] is not None:
            assert row["value_low"] <= row["value"] <= row["value_high"], name
    if not any(s[4] for s in shift):
        assert all(row["value_low"] == row["value"] == row["value_high"] for row in seen.values())


QUARANTINE = ("quality_ratio", "scrap_ratio", "rework_ratio", "first_pass_yield", "fall_off_ratio_of_produced", "oee",
              "oee_good_time", "effectiveness", "teep", "energy_per_good_pc", "throughput_rate", "loss_speed",
              "loss_scrap", "loss_rework", "nakajima_quality", "comprehensive_energy_consumption")  # fmt: skip


@settings(max_examples=settings.default.max_examples // 6)
@given(st.integers(160, 400), st.integers(0, 60), st.integers(0, 30), st.integers(0, 30), st.integers(0, 30))
def test_the_truth_lies_within_the_bounds_when_counts_are_quarantined(run, seen_good, good, scrap, rework):
    """Of the quarantined pieces some were good, scrap and rework, others never were; all fit in at the ideal rate."""
    time = time_ledger(("production", run, WORK), ("delay", 480 - run, WORK | {"reason_class": "logistic"}))
    held = {"quarantined_pcs": good + scrap + rework + 7}
    seen = read(time, count_ledger((seen_good, 3, IDEAL_S, WORK | held)))
    truth = read(time, count_ledger((seen_good + good, 3 + scrap, IDEAL_S, WORK | {"rework_pcs": rework})))
    assert not {name: found for name, found in contained(truth, seen).items() if name in QUARANTINE}
    assert all("counts quarantined" in seen[n]["note"] for n in QUARANTINE if "pieces" in BY_NAME[n].needs)


def test_pieces_of_a_gap_are_sure_pieces_but_no_part_of_the_point_value():
    time = time_ledger(("production", 240), ("unknown", 120), ("delay", 120))
    counts = count_ledger((200, 0, 60.0, {"gap_pcs": 80, "gap_ideal_us": 80 * 60_000_000}))
    row = read(time, counts)
    assert row["effectiveness"]["value"] == pytest.approx(120 / 240)
    assert row["oee"]["value"] == pytest.approx(120 / 360)
    assert (row["oee"]["value_low"], row["oee"]["value_high"]) == pytest.approx((120 / 480, (120 + 120 + 1) / 480))
    assert row["quality_ratio"]["numerator"] == 200
    assert row["equipment_load_ratio"]["value"] == pytest.approx(200 / 480)


def test_what_may_be_divided_by_nothing_has_no_bounds():
    """Perhaps no piece was made at all: energy per piece has no upper limit, the share of good ones has."""
    row = read(time_ledger(("production", 480)), count_ledger((0, 0, 60.0, {"quarantined_pcs": 8})))
    assert (row["energy_per_good_pc"]["value_low"], row["energy_per_good_pc"]["value_high"]) == (None, None)
    assert (row["quality_ratio"]["value_low"], row["quality_ratio"]["value_high"]) == (0.0, 1.0)


def test_more_doubt_never_narrows_the_bounds():
    def width(lost):
        stretches = [("production", 200), ("delay", 200 - lost)] + ([("unknown", lost)] if lost else [])
        row = read(time_ledger(*stretches), count_ledger((150, 10, 60.0)))["oee"]
        return row["value_high"] - row["value_low"]

    widths = [width(lost) for lost in (0, 10, 50, 150)]
    assert widths[0] == 0 and widths == sorted(widths)


def test_bounds_are_the_same_on_a_line_of_one_machine():
    time = time_ledger(("production", 300), ("unknown", 100), ("setup", 80))
    sums = base(time, count_ledger((200, 9, 60.0, {"quarantined_pcs": 5})))
    frames = [evaluate(roll_up(sums, level, "day")).select(pl.exclude("level", "scope")).collect()
              for level in ("machine", "line")]  # fmt: skip
    assert frames[0].equals(frames[1])
