"""Who is logged in where: every shift has its people, some machines have none, some people leave early."""

from __future__ import annotations

from datetime import timedelta
from itertools import pairwise

import polars as pl
import pytest

from simulator.enterprise.journal import known_at
from simulator.instants import to_us


@pytest.fixture(scope="module")
def attendance(week) -> pl.DataFrame:
    return known_at(week.tables["attendance"], to_us(week.end_at)).sort("machine", "start_at")


def at_the_start(start, frame: pl.DataFrame) -> pl.DataFrame:
    return frame.filter((pl.col("start_at") - start).abs() < timedelta(minutes=15))


def test_people_log_in_around_the_start_of_a_shift(week, attendance):
    early = week.start_at + timedelta(days=1)  # Monday 06:00: the week opens with a Sunday
    for shift in range(3):
        began = at_the_start(early + timedelta(hours=8 * shift), attendance)
        assert 5 <= began.height <= 7
        assert 3 <= began["operator"].n_unique() <= 4  # a workplace has one or two machines
    assert attendance.filter(pl.col("start_at") < early - timedelta(minutes=10)).is_empty()


def test_each_shift_has_its_own_crew(week, attendance):
    local = pl.col("start_at").dt.convert_time_zone("Europe/Berlin")
    hour = (local + timedelta(minutes=30)).dt.hour()
    crews = attendance.filter((hour % 8) == 6).with_columns(shift=hour).group_by("shift").agg("operator")
    people = [set(names) for names in crews["operator"]]
    assert len(people) == 3
    assert all(a.isdisjoint(b) for a, b in pairwise([*people, people[0]]))


def test_some_machines_are_unattended_and_utilities_always(week, attendance):
    shifts = 18
    by_machine = dict(attendance.group_by("machine").len().iter_rows())
    assert set(by_machine) == set(week.plant.machines) - {"comp-1"}
    assert shifts * 7 * 0.85 < attendance.filter(pl.col("end_at").is_not_null()).height < shifts * 7 * 1.1


def test_now_and_then_somebody_leaves_early_and_a_colleague_may_take_over(attendance):
    worked = attendance.select(pl.all(), length=pl.col("end_at") - pl.col("start_at"))
    short = worked.filter(pl.col("length") < timedelta(hours=7, minutes=30))
    assert 0 < short.height < 0.2 * worked.height
    whole = worked.filter(pl.col("length") > timedelta(hours=7, minutes=30))
    assert whole["length"].max() < timedelta(hours=8, minutes=30)


def test_a_log_in_is_open_until_the_person_logs_out(week):
    versions = week.tables["attendance"]
    first = versions.unique("id", keep="first", maintain_order=True)
    assert first["end_at"].null_count() == first.height
    assert (first["updated_at"] == first["start_at"]).all()
    last = versions.unique("id", keep="last", maintain_order=True).filter(pl.col("end_at").is_not_null())
    assert (last["updated_at"] == last["end_at"]).all()
    assert (last["start_at"] < last["end_at"]).all()


def test_the_truth_of_people_has_no_overlap_and_the_later_log_in_wins(week, attendance):
    told = week.truth["people"]
    for machine, part in told.group_by("machine"):
        mine = part.sort("start_at")
        assert all(a <= b for a, b in zip(mine["end_at"][:-1], mine["start_at"][1:], strict=True))
        logged = attendance.filter(pl.col("machine") == machine[0]).to_dicts()
        for row in mine.iter_rows(named=True):
            middle = row["start_at"] + (row["end_at"] - row["start_at"]) / 2
            here = [p for p in logged if p["start_at"] <= middle < (p["end_at"] or week.end_at)]
            assert max(here, key=lambda p: p["start_at"])["operator"] == row["operator"]
    # Half of the changes of shift see both people at the machine for some minutes.
    both = attendance.with_columns(next_at=pl.col("start_at").shift(-1).over("machine"))
    assert both.filter(pl.col("next_at") < pl.col("end_at")).height > 10
    assert set(told["operator"]) == set(attendance["operator"])
