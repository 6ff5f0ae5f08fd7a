"""Failures announce themselves in what the pipeline may see, in the history as in the run."""

from __future__ import annotations

from datetime import timedelta
from itertools import pairwise

import polars as pl
import pytest

from simulator.floor.faults import failures, settle
from simulator.floor.worktime import WORK, WorkTime
from simulator.instants import DAY, HOUR
from simulator.kinds import KINDS, kind_of

SIGN = {"bearing": ("vibration", 1), "gearbox": ("vibration", 1), "belt": ("vibration", 1), "fan": ("vibration", 1),
        "tooling": ("power", 1), "gripper": ("vibration", 1), "hydraulics": ("temperature", 1),
        "heater": ("temperature", -1), "valve": ("temperature", 1), "sealing_heater": ("power", 1)}  # fmt: skip
"""Signal in which each failure mode shows most, and its direction."""


def test_every_mode_has_a_sign():
    assert {m.name for k in KINDS.values() for m in k.modes} == set(SIGN)


def test_history_and_run_hold_failures_of_every_mode(week):
    found = week.truth["failures"]
    past = found.filter(pl.col("failed_at") < week.start_at)
    assert past["failed_at"].min() < week.start_at - timedelta(days=170)
    assert past.height > 80
    assert set(found["failure_mode"]) == set(SIGN)
    assert found.filter(pl.col("failed_at") >= week.start_at).height >= 2
    assert (found["repaired_at"] - found["failed_at"] >= timedelta(minutes=20)).all()


def hourly(week, machine: str, role: str) -> pl.DataFrame:
    live = week.samples.filter(tag=f"{machine}.{role}").group_by_dynamic("ts", every="1h").agg(pl.col("value").mean())
    return pl.concat([week.archive.filter(tag=f"{machine}.{role}").select("ts", "value"), live])


def test_precursors_show_in_the_signal_of_their_mode(week):
    """Six hours before a failure its signal stands out of the same machine's healthy working hours."""
    seen, shown = 0, 0
    for machine, mode, _, _, failed, _ in week.truth["failures"].iter_rows():
        if failed < week.start_at - timedelta(days=110):
            continue
        role, sign = SIGN[mode]
        frame = hourly(week, machine, role).with_columns(value=sign * pl.col("value"))
        before = frame.filter(pl.col("ts") > failed - timedelta(hours=8), pl.col("ts") <= failed)
        working = hourly(week, machine, "power").filter(pl.col("value") > pl.col("value").median() * 0.7)
        before = before.join(working.select("ts"), on="ts")
        healthy = frame.join(working.select("ts"), on="ts")
        if before.height >= 3:
            seen += 1
            shown += before["value"].max() > healthy["value"].quantile(0.9)
    assert seen > 40
    assert shown / seen > 0.9


def test_alarms_gather_before_failures(week):
    archive = week.archive.filter(pl.col("tag").str.ends_with(".alarm"), pl.col("value") > 9)
    known = week.truth["failures"].filter(pl.col("failed_at") > week.start_at - timedelta(days=115))
    known = known.filter(pl.col("failed_at") < week.start_at - timedelta(days=1))
    near = 0
    for machine, _, _, _, failed, _ in known.iter_rows():
        mine = archive.filter(tag=f"{machine}.alarm")
        near += mine.filter(pl.col("ts") > failed - timedelta(hours=48), pl.col("ts") < failed).height
    per_day_before = near / known.height / 2
    per_day = archive.height / 120 / 8
    assert per_day_before > 3 * per_day


def test_the_failing_machine_says_failed_and_is_booked(week):
    states = week.samples.filter(pl.col("tag").str.ends_with(".state"), pl.col("value") == 7.0)
    orders = week.tables["maintenance_orders"].filter(kind="corrective").unique("id", keep="last")
    lost = week.truth["lost"]
    for machine, mode, _, _, failed, _ in (
        week.truth["failures"].filter(pl.col("failed_at") >= week.start_at).iter_rows()
    ):
        dark = lost.filter(pl.col("machine") == machine, pl.col("start_at") <= failed, pl.col("end_at") > failed)
        if dark.height == 0:
            assert states.filter(pl.col("tag") == f"{machine}.state", pl.col("ts") == failed).height == 1
        mine = orders.filter(pl.col("machine") == machine, pl.col("failure_mode") == mode)
        mine = mine.filter((pl.col("reported_at") - failed).is_between(timedelta(0), timedelta(hours=1)))
        assert mine.height == 1


def test_maintenance_is_known_from_when_it_was_reported(week):
    first = week.tables["maintenance_orders"].unique("id", keep="first", maintain_order=True)
    assert (first["updated_at"] == first["reported_at"]).all()
    assert first["ended_at"].null_count() == first.height
    last = week.tables["maintenance_orders"].unique("id", keep="last", maintain_order=True)
    ended = last.filter(pl.col("ended_at").is_not_null())
    assert (ended["updated_at"] == ended["ended_at"]).all()
    assert (ended["started_at"] < ended["ended_at"]).all()
    assert set(last["kind"]) == {"corrective", "preventive"}


def test_scrap_rises_with_the_precursor(plant, week):
    """Over the run: scrap rate in the last hours before a scrap-prone failure against the machine's usual one."""
    pieces = week.truth["pieces"]
    usual = {m: (s / n) for m, s, n in pieces.group_by("machine").agg(pl.col("scrap_pcs").sum(), pl.len()).iter_rows()}
    ratio = []
    for machine, mode, _, lead_s, failed, _ in (
        week.truth["failures"].filter(pl.col("failed_at") >= week.start_at).iter_rows()
    ):
        strength = next(m.scrap for m in kind_of(plant.machines[machine].kind).modes if m.name == mode)
        near = pieces.filter(
            pl.col("machine") == machine, pl.col("at") < failed, pl.col("at") > failed - timedelta(seconds=lead_s / 4)
        )
        if strength >= 3 and near.height > 300:
            ratio.append(near["scrap_pcs"].sum() / near.height / usual[machine])
    assert ratio
    assert max(ratio) > 1.5


@pytest.mark.parametrize("kind", sorted(KINDS))
def test_precursors_of_a_machine_never_overlap(kind):
    planned = failures(3, "m", kind_of(kind), 0, 400 * DAY)
    assert len(planned) > 15
    for a, b in pairwise(planned):
        assert b.due_us - b.lead_us > a.due_us
        assert 12 * HOUR <= b.lead_us <= 48 * HOUR


def test_a_failure_that_is_due_outside_shifts_waits_for_work():
    work = WorkTime((0, 100 * DAY, 102 * DAY), (WORK, 0, WORK))
    planned = failures(3, "m", kind_of("cnc"), 0, 90 * DAY)
    late = [f for f in planned if f.due_us > 100 * DAY]
    past, coming = settle([f for f in planned if f.due_us < 90 * DAY] + late, work, 95 * DAY)
    assert all(f.failed_us == f.due_us for f in past)
    assert coming == late


def test_strength_ramps_from_nothing_to_one():
    failure = failures(1, "m", kind_of("press"), 0, DAY)[0]
    begin = failure.due_us - failure.lead_us
    assert failure.strength(begin) == 0
    assert 0.3 < failure.strength(begin + failure.lead_us // 2) < 0.4
    assert failure.strength(failure.due_us + DAY) == 1
