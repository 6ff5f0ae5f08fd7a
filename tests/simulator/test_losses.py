"""Signal loss on demand takes samples away, as much as was asked for, and changes nothing else."""

from __future__ import annotations

from datetime import timedelta

import polars as pl
import pytest
from polars.testing import assert_frame_equal

import simulator
from simulator.floor.faults import Gap
from simulator.floor.losses import Loss, losses, merged
from simulator.instants import DAY, HOUR, SECOND
from simulator.truth import until

BAD = 0x80310000


@pytest.fixture(scope="module")
def three(plant, week):
    """Three days with a tenth of the signal lost, noticed; the same days without."""
    window = week.start_at + timedelta(days=1), week.start_at + timedelta(days=4)
    return simulator.plant_run(plant, 7, *window, loss=Loss(0.1)), simulator.plant_run(plant, 7, *window)


@pytest.mark.parametrize("share", [0.05, 0.1, 0.2])
def test_the_share_of_lost_time_is_what_was_asked_for(share):
    found = losses(3, ["a", "b", "c"], Loss(share), 0, 60 * DAY)
    for machine in "abc":
        lost = sum(min(g.end_us, 60 * DAY) - g.start_us for g in found if g.machine == machine)
        assert share * 0.85 < lost / (60 * DAY) < share * 1.15
    assert {20 * SECOND <= g.end_us - g.start_us <= 3 * HOUR for g in found} == {True}


def test_nothing_is_lost_without_being_asked_for():
    assert losses(3, ["a"], Loss(), 0, 60 * DAY) == []


@pytest.mark.parametrize("share", [-0.1, 0.6])
def test_a_share_out_of_range_is_refused(plant, week, share):
    with pytest.raises(ValueError, match=r"from 0 to 0\.5"):
        simulator.plant_run(plant, 7, week.start_at, week.end_at, loss=Loss(share))


def test_a_longer_run_loses_the_same_windows():
    short, long = (losses(3, ["a"], Loss(0.1), 0, days * DAY) for days in (3, 9))
    assert long[: len(short)] == short


def test_windows_that_meet_become_one():
    gaps = [Gap("b", 5, 9), Gap("a", 10, 20, noticed=True), Gap("a", 20, 30), Gap("a", 40, 50), Gap("a", 12, 15)]
    assert merged(gaps) == [Gap("b", 5, 9), Gap("a", 10, 30, noticed=True), Gap("a", 40, 50)]


def test_what_happened_and_what_people_wrote_stay_the_same(three):
    lossy, whole = three
    for name, frame in whole.truth.items():
        if name != "lost":
            assert_frame_equal(lossy.truth[name], frame)
    for name, frame in whole.tables.items():
        assert_frame_equal(lossy.tables[name], frame)


def test_every_source_says_bad_and_is_silent_until_the_window_ends(three):
    lossy, _ = three
    told = until(dict(lossy.truth), lossy.end_at)["lost"]
    ended = told.filter(pl.col("end_at") < lossy.end_at, pl.col("start_at") > lossy.start_at)
    assert ended.height > 150
    samples = lossy.samples.with_columns(machine=pl.col("tag").str.split(".").list.first())
    inside = samples.join_where(
        ended.rename({"machine": "lost_of"}),
        pl.col("machine") == pl.col("lost_of"), pl.col("ts") >= pl.col("start_at"), pl.col("ts") < pl.col("end_at"),
    )  # fmt: skip
    own = inside.filter(pl.col("ts") != pl.col("start_at"))
    assert own.is_empty()
    noticed = inside.filter(pl.col("status") == BAD)
    assert noticed.height == inside.height
    # The plant's own few windows are still noticed by OPC UA only.
    assert noticed.select("machine", "ts").unique().height >= ended.height - 3
    back = samples.filter(pl.col("tag").str.ends_with(".state")).join(
        ended, left_on=["machine", "ts"], right_on=["machine", "end_at"]
    )
    assert back.height == ended.height


def test_a_silent_loss_is_not_written_by_anybody(plant, week):
    window = week.start_at + timedelta(days=1), week.start_at + timedelta(days=2)
    run = simulator.plant_run(plant, 7, *window, loss=Loss(0.2, silent=True))
    machines = run.samples.filter(pl.col("status") == BAD)["tag"].str.split(".").list.first().unique()
    own = simulator.plant_run(plant, 7, *window).samples.filter(pl.col("status") == BAD)["tag"]
    assert set(machines) <= set(own.str.split(".").list.first())
    assert run.truth["lost"].height > 50
    assert not run.truth["lost"].filter("noticed", ~pl.col("machine").is_in(["cnc-1", "cnc-2", "robot-1"])).height
