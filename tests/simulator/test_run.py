"""A run is a pure function of its arguments, and a longer one begins like a shorter one."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import polars as pl
import pytest
from polars.testing import assert_frame_equal

import simulator
from simulator import truth

ROOT = Path(__file__).parents[2]


def digest(run: simulator.Run) -> str:
    sha = hashlib.sha256()
    for frame in (run.samples, run.archive, *run.tables.values(), *run.truth.values()):
        sha.update(frame.rechunk().write_ipc(None).getvalue())
    return sha.hexdigest()


def test_same_arguments_give_the_same_run_in_another_process(plant):
    window = datetime(2026, 11, 16, 5, tzinfo=UTC), datetime(2026, 11, 17, 5, tzinfo=UTC)
    code = (
        "import hashlib, datetime as d; from plant.config import load; import simulator\n"
        "w = [d.datetime(2026, 11, n, 5, tzinfo=d.UTC) for n in (16, 17)]\n"
        f"r = simulator.plant_run(load({str(ROOT / 'plant.toml')!r}), 3, *w)\n"
        "h = hashlib.sha256()\n"
        "for f in (r.samples, r.archive, *r.tables.values(), *r.truth.values()):\n"
        "    h.update(f.rechunk().write_ipc(None).getvalue())\n"
        "print(h.hexdigest())"
    )
    env = {**os.environ, "PYTHONHASHSEED": "12345"}
    other = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, env=env, cwd=ROOT)
    assert other.stdout.strip() == digest(simulator.plant_run(plant, 3, *window))


def test_another_seed_is_another_plant(plant, week):
    start = week.start_at
    other = simulator.plant_run(plant, 8, start, start + timedelta(days=2))
    mine = truth.until(dict(week.truth), start + timedelta(days=2))
    assert not other.truth["pieces"].equals(mine["pieces"])


@pytest.mark.parametrize("hours", [49.0, 127.123456])
def test_a_longer_run_begins_like_a_shorter_one(plant, week, hours):
    end = week.start_at + timedelta(hours=hours)
    short = simulator.plant_run(plant, 7, week.start_at, end)
    assert_frame_equal(short.samples, week.samples.filter(pl.col("ts") < end))
    assert_frame_equal(short.archive, week.archive)
    for name, frame in short.tables.items():
        assert_frame_equal(frame, week.tables[name].filter(pl.col("updated_at") < end))
    begun = truth.until(dict(week.truth), end)
    mine = truth.until(dict(short.truth), end)
    # The last minute of the shorter run is cut short by its end.
    mine["energy"] = mine["energy"].filter(pl.col("end_at").dt.truncate("1m") == pl.col("end_at"))
    for name, frame in mine.items():
        assert_frame_equal(frame, begun[name])


def test_refuses_an_empty_window_and_times_without_a_zone(plant, week):
    with pytest.raises(ValueError, match="not after"):
        simulator.plant_run(plant, 1, week.end_at, week.start_at)
    with pytest.raises(ValueError, match="no time zone"):
        simulator.plant_run(plant, 1, datetime(2026, 11, 15), datetime(2026, 11, 16))  # noqa: DTZ001


def test_progress_is_told_from_start_to_end(plant, week):
    told = []
    start = week.start_at + timedelta(days=1)
    simulator.plant_run(plant, 1, start, start + timedelta(days=1), lambda what, share: told.append((what, share)))
    assert told[-1] == ("done", 1.0)
    assert all(0 <= share <= 1 for _, share in told)
    assert {"line shafts", "line brackets", "signals", "books", "truth"} <= {what for what, _ in told}


@pytest.mark.parametrize(
    ("now", "start", "end"),
    [
        ("2026-11-22T13:00", "2026-11-15T05:00", "2026-11-22T05:00"),
        ("2026-11-22T04:59", "2026-11-14T05:00", "2026-11-21T05:00"),
        ("2026-11-22T05:00", "2026-11-15T05:00", "2026-11-22T05:00"),
        ("2026-10-27T12:00", "2026-10-20T04:00", "2026-10-27T05:00"),  # a week with an hour more
    ],
)
def test_default_window_is_the_last_complete_production_days(plant, now, start, end):
    moments = [datetime.fromisoformat(t).replace(tzinfo=UTC) for t in (now, start, end)]
    assert simulator.default_window(plant, 7, moments[0]) == (moments[1], moments[2])


def test_default_window_refuses_no_days(plant):
    with pytest.raises(ValueError, match="at least 1"):
        simulator.default_window(plant, 0, datetime.now(UTC))


def test_seven_days_cost_little(costed_week, tmp_path):
    run, cost = costed_week
    begun = time.process_time()
    simulator.export(run, tmp_path)
    assert cost + time.process_time() - begun < 12


@pytest.mark.parametrize(
    ("now", "until"),
    [
        ("2026-11-22T13:00", "2026-11-23T05:00"),  # Sunday: until Monday 06:00 in Berlin
        ("2026-11-23T05:00", None),  # the early shift begins
        ("2026-11-23T09:10", None),  # a break: the oven works through it, and people come back soon
        ("2026-12-25T12:00", "2026-12-28T05:00"),  # Christmas 2026 is a Friday
    ],
)
def test_a_plant_at_rest_says_until_when(plant, now, until):
    found = simulator.idle_until(plant, datetime.fromisoformat(now).replace(tzinfo=UTC))
    assert found == (None if until is None else datetime.fromisoformat(until).replace(tzinfo=UTC))
