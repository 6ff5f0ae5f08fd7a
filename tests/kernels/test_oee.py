"""OEE: published worked examples, the null rules, the bounds, and formulas others publish that are wrong."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from plant_floor import START, count_ledger, oee_of, shifts, time_ledger

from assets.kernels.figures.oee import COLUMNS, shift_bounds
from plant.tables import table

RATIOS = ("availability", "effectiveness", "quality", "oee")


def one(*args, **kwargs):
    frame = oee_of(*args, **kwargs)
    assert frame.height == 1
    return frame.row(0, named=True)


# Vorne, "OEE calculation": shift 480 min, breaks 60 min, stops 47 min, ideal cycle 1 s, 19,271 pieces, 423 rejects.
VORNE = time_ledger(("planned_down", 60), ("delay", 47), ("production", 373))
VORNE_COUNTS = count_ledger((18_848, 423, 1.0))


def test_vornes_worked_example():
    row = one(VORNE, VORNE_COUNTS)
    assert row["availability"] == pytest.approx(0.8881, abs=5e-5)
    assert row["effectiveness"] == pytest.approx(0.8611, abs=5e-5)
    assert row["quality"] == pytest.approx(0.9780, abs=5e-5)
    assert row["oee"] == pytest.approx(0.7479, abs=5e-5)
    assert row["oee"] == pytest.approx(row["availability"] * row["effectiveness"] * row["quality"], rel=1e-12)
    assert (row["oee_low"], row["oee_high"], row["coverage"], row["note"]) == (row["oee"], row["oee"], 1.0, None)


def test_the_time_accounts_of_a_shift():
    parts = ("planned_down", 30), ("setup", 40), ("production", 300), ("delay", 50), ("down_no_order", 20)
    row = one(time_ledger(*parts, ("unknown", 40)))
    accounts = {k: v / 60 for k, v in row.items() if k.endswith("_s") and k != "ideal_s"}
    assert accounts == {"pot_s": 480, "pbt_s": 450, "aust_s": 40, "apt_s": 300, "adet_s": 50, "adot_s": 20,
                        "unknown_s": 40}  # fmt: skip
    assert row["availability"] == pytest.approx(300 / 410)
    assert row["coverage"] == pytest.approx(410 / 450)


def test_the_frame_keeps_the_contract():
    frame = oee_of(VORNE, VORNE_COUNTS)
    contract = table("gold.oee").schema
    assert frame.schema == {c: contract[c] for c in COLUMNS}
    empty = oee_of(time_ledger(), count_ledger())
    assert empty.schema == frame.schema
    assert empty.is_empty()


# oeecoach: a press with 2 strokes a minute; large parts come 1 a stroke (30 s ideal), small ones 4 (7.5 s ideal).
def press_day(large, small, run_min):
    counts = count_ledger((large, 0, 30.0), (small, 0, 7.5, {"product": "small"}))
    return one(time_ledger(("production", run_min), ("delay", 480 - run_min)), counts)


def test_mixed_products_compare_by_ideal_time_not_by_pieces():
    # both days run 420 min at 75 %: 630 strokes; day 1 mostly small parts, day 2 mostly large ones
    day_1, day_2 = press_day(60, 2280, 420), press_day(420, 840, 420)
    assert day_1["produced_pcs"] == 2340 and day_2["produced_pcs"] == 1260
    assert day_1["effectiveness"] == pytest.approx(0.75)
    assert day_2["effectiveness"] == pytest.approx(0.75)


# --- null rules -----------------------------------------------------------------------------------------------


def test_nothing_planned_is_null_with_the_reason():
    row = one(time_ledger(("planned_down", 480)))
    assert [row[r] for r in (*RATIOS, "oee_low", "oee_high", "coverage")] == [None] * 7
    assert row["note"] == "nothing planned"


def test_no_signal_is_null_with_coverage_0_and_bounds_0_to_1():
    row = one(time_ledger(("planned_down", 30), ("unknown", 450)))
    assert [row[r] for r in RATIOS] == [None] * 4
    assert (row["coverage"], row["note"], row["oee_low"], row["oee_high"]) == (0.0, "no signal", 0.0, 1.0)


def test_no_ideal_cycle_leaves_availability_and_quality():
    row = one(time_ledger(("production", 400), ("delay", 80)), count_ledger((90, 10, None), (5, 0, 30.0)))
    assert (row["effectiveness"], row["oee"], row["oee_low"], row["oee_high"], row["ideal_s"]) == (None,) * 5
    assert (row["availability"], row["quality"]) == (pytest.approx(400 / 480), pytest.approx(95 / 105))
    assert row["note"] == "no ideal cycle"


def test_a_machine_without_counters_has_availability_only():
    row = one(time_ledger(("production", 480), machine="comp-1"), counting=())
    assert (row["availability"], row["quality"], row["effectiveness"], row["oee"]) == (1.0, None, None, None)
    assert row["note"] == "no piece counter"


def test_planned_time_without_a_piece_is_oee_0_not_null():
    row = one(time_ledger(("delay", 480)))
    assert (row["availability"], row["effectiveness"], row["quality"], row["oee"]) == (0.0, None, None, 0.0)


def test_effectiveness_above_1_is_kept_and_is_a_finding():
    row = one(time_ledger(("production", 240), ("delay", 240)), count_ledger((600, 0, 30.0)))
    assert row["effectiveness"] == pytest.approx(1.25)
    assert row["oee"] == pytest.approx(0.625)
    assert row["note"] == "standard time: effectiveness above 1"


def test_quarantined_counts_raise_the_high_bound_only():
    counts = count_ledger((300, 0, 30.0, {"quarantined_pcs": 9000}))
    row = one(time_ledger(("production", 240), ("delay", 240)), counts)
    assert (row["oee"], row["oee_low"]) == pytest.approx((150 / 480, 150 / 480))
    assert row["oee_high"] == pytest.approx(240 / 480)
    assert row["note"] == "counts quarantined"


# --- off, partial, bounds -------------------------------------------------------------------------------------


def test_time_outside_every_shift_shows_only_where_the_machine_ran():
    idle = oee_of(time_ledger(("not_scheduled", 60), shift="off"))
    assert idle.is_empty()
    ran = one(time_ledger(("not_scheduled", 60, {"state": "producing"}), shift="off"))
    assert (ran["pot_s"], ran["oee"], ran["note"]) == (0.0, None, "nothing planned")
    made = one(time_ledger(("not_scheduled", 60), shift="off"), count_ledger((3, 0, 30.0), shift="off"))
    assert (made["good_pcs"], made["start_at"]) == (3, START)


def test_pieces_where_the_ledger_of_time_has_no_row_are_kept():
    frame = oee_of(time_ledger(("production", 60)), count_ledger((7, 0, 30.0), shift="late"))
    assert frame.filter(pl.col("shift") == "late").select("good_pcs", "pot_s", "line").rows() == [(7, 0.0, "shafts")]


def test_a_shift_that_still_runs_counts_its_elapsed_time():
    row = one(time_ledger(("production", 90)), count_ledger((90, 0, 60.0)))
    assert (row["pot_s"], row["oee"]) == (5400.0, pytest.approx(1.0))
    assert row["end_at"] - row["start_at"] == timedelta(hours=8)


def test_shift_bounds_come_from_the_calendar():
    instant, later = datetime(2026, 11, 16, 5, tzinfo=UTC), datetime(2026, 11, 16, 13, tzinfo=UTC)
    rows = [("shafts", START.date(), "early", instant, later, "shift"),
            ("shafts", START.date(), "off", later, later + timedelta(hours=16), "off")]  # fmt: skip
    names = ["line", "production_day", "shift", "shift_start_at", "shift_end_at", "kind"]
    out = shift_bounds(pl.LazyFrame(rows, names, orient="row")).collect()
    assert out.select("shift", "start_at", "end_at").rows() == [("early", instant, later)]


def test_unknown_time_becomes_bounds():
    row = one(time_ledger(("production", 300), ("delay", 60), ("unknown", 120)), count_ledger((240, 0, 60.0)))
    assert row["oee"] == pytest.approx(240 / 360)
    assert row["oee_low"] == pytest.approx(240 / 480)
    assert row["oee_high"] == pytest.approx(360 / 480)


MINUTES = st.integers(0, 480)


@settings(max_examples=settings.default.max_examples // 2)
@given(
    st.lists(st.tuples(st.sampled_from(["planned_down", "production", "setup", "delay", "unknown"]),
                       st.integers(1, 200)), min_size=1, max_size=8),
    st.lists(st.tuples(st.integers(0, 500), st.integers(0, 50), st.sampled_from([0.5, 7.3, 60.0]),
                       st.integers(0, 20)), max_size=3),
)  # fmt: skip
def test_low_is_never_above_oee_nor_oee_above_high(stretches, made):
    counts = count_ledger(*((g, s, i, {"quarantined_pcs": q, "product": f"p{n}"}) for n, (g, s, i, q) in
                            enumerate(made)))  # fmt: skip
    row = one(time_ledger(*stretches), counts)
    if row["pbt_s"] == 0:
        assert row["oee"] is row["oee_low"] is row["oee_high"] is None
        return
    assert row["oee_low"] <= row["oee_high"]
    if row["oee"] is None:
        assert row["unknown_s"] == row["pbt_s"]
    else:
        assert row["oee_low"] <= row["oee"] <= row["oee_high"]
    if None not in (row["availability"], row["effectiveness"], row["quality"]):
        assert row["oee"] == pytest.approx(row["availability"] * row["effectiveness"] * row["quality"])


@settings(max_examples=settings.default.max_examples // 3)
@given(st.integers(0, 300), st.integers(0, 180), st.integers(0, 100), st.floats(0, 1))
def test_the_truth_lies_between_the_bounds(run, stop, lost, share):
    """Whatever happened while the signal was lost, at up to the ideal rate, the true OEE is inside."""
    if run + stop + lost == 0:
        return
    seen = run * 60 // 90  # 90 s a piece against an ideal of 60 s
    row = one(time_ledger(*((a, m) for a, m in (("production", run), ("delay", stop), ("unknown", lost)) if m)),
              count_ledger((seen, 0, 60.0)))  # fmt: skip
    truth = (seen * 60 + share * lost * 60) / ((run + stop + lost) * 60)
    assert row["oee_low"] - 1e-12 <= truth <= row["oee_high"] + 1e-12


# --- negative oracles: published formulas that are wrong ------------------------------------------------------


def test_ours_is_not_the_mean_of_the_three_ratios():
    row = one(VORNE, VORNE_COUNTS)
    mean = (row["availability"] + row["effectiveness"] + row["quality"]) / 3
    assert mean > 0.9 > row["oee"], "the mean hides a quarter of the loss: 90.9 % against 74.8 %"


def test_ours_does_not_cap_performance():
    # capping says 100 % at 240 min although 300 standard minutes were made: the finding would be lost
    row = one(time_ledger(("production", 240)), count_ledger((300, 0, 60.0)))
    assert row["effectiveness"] == pytest.approx(1.25)
    assert row["oee"] > min(1.0, row["effectiveness"]) * row["availability"] * row["quality"]


def test_ours_does_not_book_planned_stops_as_availability_loss():
    row = one(VORNE, VORNE_COUNTS)
    over_pot = row["apt_s"] / row["pot_s"]
    assert over_pot == pytest.approx(373 / 480)
    assert row["availability"] == pytest.approx(373 / 420)
    assert row["availability"] > over_pot


def test_ours_keeps_the_piece_that_max_minus_min_loses():
    """A perfect machine, 10-min cycle, counter sampled once a piece: hour by hour max - min sees 4 of 6."""
    hours = [START + timedelta(hours=h) for h in range(8)]
    samples = [(START + timedelta(minutes=10 * n), n) for n in range(49)]
    seen = 0
    for hour in hours:
        inside = [n for at, n in samples if hour < at < hour + timedelta(hours=1)]
        seen += max(inside) - min(inside)
    counts = pl.concat([count_ledger((6, 0, 600.0), hour=h) for h in hours])
    row = one(time_ledger(("production", 480)), counts)
    assert seen * 600 / row["apt_s"] == pytest.approx(2 / 3), "the published arithmetic: 32 of 48 pieces"
    assert (row["good_pcs"], row["oee"]) == (48, pytest.approx(1.0))


def test_two_shifts_of_a_day_are_two_rows_with_their_own_bounds():
    time = pl.concat([time_ledger(("production", 480)), time_ledger(("delay", 480), shift="late",
                                                                     start=START + timedelta(hours=8))])  # fmt: skip
    frame = oee_of(time, count_ledger((480, 0, 60.0)), calendar=shifts("early", "late"))
    assert frame.select("shift", "oee", "start_at").rows() == [
        ("early", pytest.approx(1.0), START),
        ("late", 0.0, START + timedelta(hours=8)),
    ]
