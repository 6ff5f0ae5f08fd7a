"""Features know only what was known: records of the future change nothing, and resolution does not matter."""

from datetime import timedelta

import numpy as np
import polars as pl
import pytest

from models.events import alarms, failures, label
from models.features import features, grid, names
from models.moments import Moments, learnt_at, moments, scored_at

CUT_H = 40 * 24


def made_at(world, start, times):
    return grid(world.machines["machine"], [start + timedelta(hours=h) for h in times])


@pytest.fixture
def start(world):
    return world.end - timedelta(days=100)


def test_records_of_the_future_change_no_feature(world, start):
    cut = start + timedelta(hours=CUT_H)
    at = made_at(world, start, range(CUT_H - 240, CUT_H + 1, 7))
    at = at.filter(pl.col("at") <= cut)
    before = features(
        world.readings.filter(pl.col("at") < cut),
        world.alarms.filter(pl.col("at") < cut),
        world.maintenance.filter(pl.col("reported_at") < cut),
        world.machines,
        at,
    )
    # The future is not only there, it is absurd: huge values, alarms of a new code, repairs "done" long ago
    # but booked later, and repairs known now whose end lies ahead.
    late = world.maintenance.with_columns(
        reported_at=pl.lit(cut), started_at=pl.col("started_at") - timedelta(days=30), failure_mode=pl.lit("new")
    ).with_columns(maintenance_id=pl.col("maintenance_id") + "-late")
    future = features(
        world.readings.with_columns(value=pl.when(pl.col("at") < cut).then("value").otherwise(pl.lit(1e6))),
        pl.concat([world.alarms, world.alarms.with_columns(at=pl.lit(cut), code=pl.lit(99, pl.Int64))]).sort("at"),
        pl.concat([world.maintenance, late]),
        world.machines,
        at,
    )
    assert before.columns == future.columns
    assert before.equals(future)


def test_an_end_that_lies_ahead_is_not_known(world, start):
    known = world.maintenance.sort("machine", "started_at").head(1)
    t = known["reported_at"][0] + timedelta(minutes=30)
    at = pl.DataFrame({"machine": known["machine"], "at": [t]}, schema_overrides={"at": pl.Datetime("us", "UTC")})
    told = features(world.readings, world.alarms, known, world.machines, at)
    never = known.with_columns(ended_at=pl.lit(None, pl.Datetime("us", "UTC")))
    assert told.equals(features(world.readings, world.alarms, never, world.machines, at))
    assert told["since_any_h"].to_list() == [0.0]
    assert told["context_under_repair"].to_list() == [True]


def test_a_planned_order_is_no_maintenance_until_it_started(world, start):
    t = start + timedelta(days=30)
    plan = world.maintenance.head(1).with_columns(
        kind=pl.lit("preventive"), failure_mode=pl.lit(None, pl.String), reported_at=pl.lit(t - timedelta(days=3)),
        started_at=pl.lit(None, pl.Datetime("us", "UTC")), ended_at=pl.lit(None, pl.Datetime("us", "UTC")),
    )  # fmt: skip
    at = grid([plan["machine"][0]], [t])
    none = features(world.readings, world.alarms, plan, world.machines, at)
    assert none["since_preventive_h"].to_list() == [None]
    begun = plan.with_columns(started_at=pl.lit(t - timedelta(hours=5)), ended_at=pl.lit(t - timedelta(hours=4)))
    done = features(world.readings, world.alarms, begun, world.machines, at)
    assert done["since_preventive_h"].to_list() == [4.0]


def test_minutes_and_hours_give_the_same_features(world, start):
    at = made_at(world, start, [24 * 20, 24 * 20 + 1])
    offsets = pl.DataFrame({"minute": list(range(0, 60, 10))}).lazy()
    minutes = world.readings.filter(pl.col("at") < start + timedelta(days=21)).join(offsets, how="cross")
    minutes = minutes.with_columns(at=pl.col("at") + pl.duration(minutes=pl.col("minute"))).drop("minute")
    args = (world.alarms, world.maintenance, world.machines, at)
    assert features(minutes, *args).equals(features(world.readings, *args))


def test_bad_flagged_and_carried_samples_do_not_count(world, start):
    at = made_at(world, start, [24 * 20])
    day = world.readings.filter(pl.col("at") < start + timedelta(days=20))
    wrong = day.filter(pl.col("role") == "vibration").with_columns(value=pl.lit(1e4))
    dirty = pl.concat([
        day,
        wrong.with_columns(quality=pl.lit("bad")),
        wrong.with_columns(flag=pl.lit("jump")),
        wrong.with_columns(opening=pl.lit(value=True)),
        wrong.with_columns(value=pl.lit(float("nan"))),
    ])  # fmt: skip
    args = (world.alarms, world.maintenance, world.machines, at)
    assert features(dirty, *args).equals(features(day, *args))


def test_a_planted_rise_is_seen_with_its_start(world, start):
    machine, t0 = "b-1", start + timedelta(days=40)
    calm = world.readings.filter((pl.col("machine") == machine) & (pl.col("at") < t0 + timedelta(days=2)))
    raised = calm.with_columns(
        value=pl.when((pl.col("role") == "vibration") & (pl.col("at") >= t0))
        .then(pl.col("value") + 2)
        .otherwise("value")
    )
    at = grid([machine], [t0 + timedelta(hours=24)])
    no_repairs = world.maintenance.clear()
    told = features(raised, world.alarms, no_repairs, world.machines, at)
    assert told["vibration_dev_6h"][0] > 5
    assert 20 <= told["vibration_over_h"][0] <= 24
    assert abs(features(calm, world.alarms, no_repairs, world.machines, at)["vibration_dev_24h"][0]) < 1.5


def test_an_alarm_counts_when_it_comes_not_while_it_stays(start):
    at = [start + timedelta(minutes=m) for m in range(6)]
    rows = pl.DataFrame(
        {"machine": ["m"] * 6, "tag": ["m.alarm"] * 6, "role": ["alarm"] * 6, "at": at, "opening": [False] * 6,
         "value": [0.0, 7.0, 7.0, 0.0, 7.0, 9.0]},
        schema_overrides={"at": pl.Datetime("us", "UTC")},
    )  # fmt: skip
    assert alarms(rows.lazy())["code"].to_list() == [7, 7, 9]


def test_label_is_open_where_the_horizon_is_not_over_and_blank_while_down(start):
    failed = start + timedelta(hours=50)
    happened = pl.DataFrame(
        {"machine": ["m"], "failed_at": [failed], "back_at": [failed + timedelta(hours=6)]},
        schema_overrides={"failed_at": pl.Datetime("us", "UTC"), "back_at": pl.Datetime("us", "UTC")},
    )
    at = grid(["m"], [start + timedelta(hours=h) for h in (25, 26, 49, 50, 55, 56, 70, 90)])
    found = label(happened, at, 24, start + timedelta(hours=100)).to_list()
    assert found == [0.0, 1.0, 1.0, None, None, 0.0, 0.0, None]


def test_a_failure_is_the_earlier_of_booking_and_start(world):
    orders = world.maintenance.head(2).with_columns(
        started_at=pl.Series([world.end, None], dtype=pl.Datetime("us", "UTC")),
        reported_at=pl.lit(world.end - timedelta(hours=1)),
    )
    assert failures(orders)["failed_at"].to_list() == [world.end - timedelta(hours=1)] * 2
    assert failures(orders.with_columns(kind=pl.lit("preventive"))).is_empty()


def test_no_data_give_empty_features(world):
    empty = features(
        world.readings.head(0), world.alarms.head(0), world.maintenance.head(0), world.machines, grid([], [])
    )
    assert empty.is_empty()
    assert scored_at(moments(world.readings.head(0))) == []


def test_moments_come_from_the_data(world, start):
    m = moments(world.readings)
    assert (m.first_at, m.last_at) == (start, world.end - timedelta(hours=1))
    assert scored_at(m)[-1] == m.last_at
    assert len(scored_at(m)) == 24
    assert learnt_at(m, 24, 3)[-1] <= m.day_at - timedelta(hours=24)
    assert learnt_at(Moments(start, start + timedelta(days=2), start + timedelta(days=3)), 24, 3) == []


def test_names_leave_keys_and_context_out(frame):
    assert not {"machine", "at"} & set(names(frame))
    assert not [n for n in names(frame) if n.startswith("context_")]
    assert np.isfinite(frame.select(names(frame)).drop_nulls().to_numpy()).all()
