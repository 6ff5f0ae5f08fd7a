"""Losses: stops once, time where it fell, and a waterfall that closes from planned busy time to good pieces."""

from __future__ import annotations

from datetime import timedelta

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from plant_floor import START, count_ledger, oee_of, time_ledger

from assets.kernels.figures.losses import losses
from plant.tables import table

FAILED = {"state": "failed", "reason": "tool broken", "reason_class": "breakdown"}
STARVED = {"state": "starved", "reason": "starved", "reason_class": "logistic"}


def run(time, counts=None, counting=("cnc-1",)):
    return losses(time, count_ledger() if counts is None else counts, list(counting)).collect()


def rows(frame, *columns):
    return frame.select(columns or ("account", "reason", "reason_class", "stops", "duration_s")).rows()


def test_the_frame_keeps_the_contract_and_its_key():
    frame = run(time_ledger(("production", 60), ("delay", 5, FAILED)), count_ledger((50, 5, 60.0)))
    contract = table("gold.losses")
    assert frame.schema == contract.schema
    assert frame.select(contract.key).is_unique().all()
    assert run(time_ledger()).schema == contract.schema


def test_time_and_stops_by_reason():
    time = time_ledger(("production", 60), ("delay", 5, FAILED), ("production", 60), ("delay", 7, FAILED),
                       ("delay", 3, STARVED), ("setup", 20), ("planned_down", 30), ("unknown", 4))  # fmt: skip
    assert rows(run(time, counting=())) == [
        ("delay", "starved", "logistic", 1, 180.0),
        ("delay", "tool broken", "breakdown", 2, 720.0),
        ("planned_down", "idle", "planned", 0, 1800.0),
        ("setup", "setup", "setup", 0, 1200.0),
        ("unknown", "unknown", "unknown", 0, 240.0),
    ]


def test_a_stop_that_runs_over_the_shift_edge_is_counted_where_it_began():
    began = int((START + timedelta(minutes=470)).timestamp() * 1e6)
    early = time_ledger(("production", 470), ("delay", 10, FAILED))
    late = time_ledger(("delay", 30, FAILED | {"stop_id": began}), shift="late", start=START + timedelta(hours=8))
    frame = run(pl.concat([early, late]), counting=())
    assert frame.select("shift", "stops", "duration_s").rows() == [("early", 1, 600.0), ("late", 0, 1800.0)]


def test_a_stop_carried_in_from_the_day_before_has_time_but_no_count():
    before = {"stop_id": int((START - timedelta(hours=1)).timestamp() * 1e6)}
    time = time_ledger(("delay", 10, STARVED | before), ("delay", 20, FAILED | before), ("production", 30))
    assert rows(run(time, counting=()), "reason", "stops", "duration_s") == [
        ("starved", 0, 600.0),
        ("tool broken", 1, 1200.0),
    ]


def test_a_stop_cut_by_the_hour_is_one_stop():
    time = time_ledger(("production", 50), ("delay", 10, FAILED), ("delay", 20, FAILED), ("production", 40))
    assert rows(run(time, counting=()), "stops", "duration_s") == [(1, 1800.0)]


def test_minor_stops_are_a_class_of_their_own_and_keep_their_reason():
    jam = {"minor": True, "reason": "jam", "reason_class": "breakdown"}
    assert rows(run(time_ledger(("production", 60), ("delay", 1, jam)), counting=())) == [
        ("delay", "jam", "minor_stop", 1, 60.0)
    ]


def test_not_scheduled_time_is_no_loss():
    assert run(time_ledger(("not_scheduled", 480), shift="off"), counting=()).is_empty()


def test_speed_scrap_and_rework_as_ideal_time():
    made = count_ledger((80, 15, 30.0, {"rework_pcs": 5}))
    assert rows(run(time_ledger(("production", 60)), made)) == [
        ("production", "reduced_speed", "reduced_speed", 0, 600.0),
        ("production", "rework", "rework", 0, 150.0),
        ("production", "scrap", "scrap", 0, 450.0),
    ]


def test_a_machine_that_can_count_and_counted_nothing_lost_all_its_production_time():
    assert rows(run(time_ledger(("production", 60))), "reason", "duration_s") == [("reduced_speed", 3600.0)]
    assert run(time_ledger(("production", 60)), counting=()).is_empty(), "a compressor has no speed loss"


def test_no_piece_losses_without_an_ideal_cycle_or_above_it():
    assert run(time_ledger(("production", 60)), count_ledger((80, 20, None))).is_empty()
    assert run(time_ledger(("production", 60)), count_ledger((80, 80, 30.0))).is_empty()


STRETCH = st.lists(
    st.tuples(st.sampled_from(["planned_down", "production", "setup", "delay", "unknown", "down_no_order"]),
              st.integers(1, 120)), min_size=1, max_size=7)  # fmt: skip


@settings(max_examples=30, deadline=None)
@given(STRETCH, st.integers(0, 60), st.integers(0, 20), st.integers(0, 9))
def test_the_waterfall_closes(stretches, good, scrap, rework):
    time = time_ledger(*stretches)
    counts = count_ledger((good, scrap, 3.7, {"rework_pcs": rework}))
    row = oee_of(time, counts).row(0, named=True)
    if row["ideal_s"] > row["apt_s"]:
        return
    frame = run(time, counts).filter(pl.col("account") != "planned_down")
    assert row["pbt_s"] == pytest.approx(frame["duration_s"].sum() + good * 3.7)
