"""The calendar tiles time, on every day of every zone; wall clocks mean what RFC 5545 says."""

from __future__ import annotations

import tomllib
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from plant import calendar
from plant.config import Plant
from plant.model import PlantFile

ZONES = ["Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Asia/Kolkata", "UTC", "Africa/Casablanca"]


def plant(zone: str = "Europe/Berlin", shifts: str = "", day_start: str = "06:00", holidays: str = "[]") -> Plant:
    text = f"""
schema = 1
plant = {{ name = "p" }}
site = [{{ name = "s", timezone = "{zone}", day_start = "{day_start}", holidays = {holidays} }}]
area = [{{ name = "a", site = "s" }}]
line = [{{ name = "one", area = "a" }}, {{ name = "two", area = "a" }}]
machine = [{{ name = "m", line = "one", kind = "x" }}]
{shifts}
"""
    return Plant(PlantFile.model_validate(tomllib.loads(text)), Path("p.toml"))


def shift(name: str, start: str, end: str, rule: str = "FREQ=DAILY", more: str = "") -> str:
    return f'[[shift]]\nname = "{name}"\nsite = "s"\nstart = "{start}"\nend = "{end}"\nrrule = "{rule}"\n{more}\n'


THREE = (
    shift("early", "06:00", "14:00", more='breaks = [{ start = "10:00", end = "10:30" }]')
    + shift("late", "14:00", "22:00")
    + shift("night", "22:00", "06:00", more='breaks = [{ start = "02:15", end = "02:45" }]')
)


def hours_of(frame: pl.DataFrame, name: str) -> float:
    rows = frame.filter(pl.col("shift") == name, pl.col("line") == "one")
    return sum(((e - s).total_seconds() for s, e in rows.select("start_at", "end_at").iter_rows()), 0.0) / 3600


def tiles(frame: pl.DataFrame, p: Plant, first: date, last: date) -> None:
    for line in p.lines:
        rows = frame.filter(pl.col("line") == line)
        start, end = calendar.day_bounds(p, "s", first)[0], calendar.day_bounds(p, "s", last)[1]
        assert rows["start_at"][0] == start
        assert rows["end_at"][-1] == end
        assert (rows["end_at"][:-1] == rows["start_at"][1:]).all()
        assert (rows["end_at"] > rows["start_at"]).all()


@pytest.mark.parametrize(("day", "night_h", "day_h"), [(date(2026, 3, 28), 7, 23), (date(2026, 10, 24), 9, 25)])
def test_berlin_night_shift_when_the_clock_changes(day, night_h, day_h):
    p = plant(shifts=THREE)
    frame = calendar.segments(p, day, day)
    tiles(frame, p, day, day)
    start, end = calendar.day_bounds(p, "s", day)
    assert (end - start) == timedelta(hours=day_h)
    assert hours_of(frame, "night") == night_h
    assert hours_of(frame, "early") == hours_of(frame, "late") == 8
    pause = frame.filter(pl.col("line") == "one", pl.col("kind") == "break", pl.col("shift") == "night")
    assert (pause["end_at"] - pause["start_at"]).sum() == timedelta(minutes=30), "a break keeps its length"


def test_a_skipped_clock_counts_with_the_offset_before_the_change():
    zone = ZoneInfo("Europe/Berlin")
    assert calendar.to_utc(date(2026, 3, 29), time(2, 30), zone) == datetime(2026, 3, 29, 1, 30, tzinfo=UTC)
    assert datetime(2026, 3, 29, 1, 30, tzinfo=UTC).astimezone(zone).hour == 3


def test_a_repeated_clock_is_its_first_pass():
    zone = ZoneInfo("America/New_York")
    assert calendar.to_utc(date(2026, 11, 1), time(1, 30), zone) == datetime(2026, 11, 1, 5, 30, tzinfo=UTC)


def test_half_hour_change_of_lord_howe_still_has_hours_of_at_most_60_minutes():
    p = plant("Australia/Lord_Howe", THREE)
    for day, length in ((date(2026, 4, 4), 24.5), (date(2026, 10, 3), 23.5)):
        frame = calendar.segments(p, day, day)
        tiles(frame, p, day, day)
        start, end = calendar.day_bounds(p, "s", day)
        assert (end - start).total_seconds() / 3600 == length
        assert max(e - s for s, e in frame.select("start_at", "end_at").iter_rows()) <= timedelta(hours=1)


def test_hours_of_kolkata_are_local_full_hours():
    p = plant("Asia/Kolkata", THREE)
    hours = calendar.segments(p, date(2026, 5, 4), date(2026, 5, 4))["hour_at"].unique().to_list()
    assert len(hours) == 24
    assert {h.minute for h in hours} == {30}, "a full hour in Kolkata is half past in UTC"


def test_shift_crossing_midnight_belongs_to_the_day_it_starts():
    p = plant(shifts=THREE)
    frame = calendar.segments(p, date(2026, 5, 4), date(2026, 5, 4))
    night = frame.filter(pl.col("shift") == "night")
    assert night["production_day"].unique().to_list() == [date(2026, 5, 4)]
    assert night["shift_end_at"][0] == datetime(2026, 5, 5, 4, 0, tzinfo=UTC)


def test_a_shift_before_the_day_start_belongs_to_the_day_before():
    p = plant(shifts=shift("small-hours", "00:00", "06:00", "FREQ=WEEKLY;BYDAY=TU"))
    frame = calendar.segments(p, date(2026, 5, 4), date(2026, 5, 5))  # Monday and Tuesday
    worked = frame.filter(pl.col("shift") == "small-hours")
    assert worked["production_day"].unique().to_list() == [date(2026, 5, 4)], "it starts on Tuesday 00:00 local"


def test_break_splits_a_shift_and_keeps_its_hour():
    frame = calendar.segments(plant(shifts=THREE), date(2026, 5, 4), date(2026, 5, 4))
    ten = datetime(2026, 5, 4, 8, 0, tzinfo=UTC)
    rows = frame.filter(pl.col("line") == "one", pl.col("hour_at") == ten).select("kind", "start_at").rows()
    assert rows == [("break", ten), ("shift", ten + timedelta(minutes=30))]


def test_hour_at_is_the_part_of_the_hour_inside_the_shift():
    p = plant(shifts=shift("a", "06:20", "14:20") + shift("b", "14:20", "22:00"))
    frame = calendar.segments(p, date(2026, 5, 4), date(2026, 5, 4)).filter(pl.col("line") == "one")
    b = frame.filter(pl.col("shift") == "b")
    assert b["hour_at"][0] == b["start_at"][0] == datetime(2026, 5, 4, 12, 20, tzinfo=UTC)
    off = frame.filter(pl.col("kind") == "off")
    assert set(off["shift"]) == {"off"}
    assert off["shift_end_at"][0] == datetime(2026, 5, 4, 4, 20, tzinfo=UTC)


def test_holidays_take_the_shifts_that_start_on_them():
    p = plant(shifts=THREE, holidays="[2026-05-04]")
    frame = calendar.segments(p, date(2026, 5, 3), date(2026, 5, 4))
    assert hours_of(frame.filter(pl.col("production_day") == date(2026, 5, 4)), "off") == 24
    assert hours_of(frame.filter(pl.col("production_day") == date(2026, 5, 3)), "night") == 8


def test_rotating_pattern_and_lines_of_a_shift():
    rule = "FREQ=WEEKLY;INTERVAL=2;BYDAY=MO"
    p = plant(shifts=shift("a", "06:00", "14:00", rule, 'starts_on = 2026-05-04\nlines = ["one"]'))
    frame = calendar.segments(p, date(2026, 5, 1), date(2026, 6, 7)).filter(pl.col("shift") == "a")
    assert frame["line"].unique().to_list() == ["one"]
    assert frame["production_day"].unique().sort().to_list() == [date(2026, 5, 4), date(2026, 5, 18), date(2026, 6, 1)]


def test_far_rules_are_not_counted_from_their_start():
    days = calendar.shift_dates(
        "FREQ=WEEKLY;INTERVAL=3;BYDAY=WE,SA", date(2000, 1, 3), date(2026, 1, 1), date(2026, 12, 31)
    )
    slow = {d for d in days if ((d - date(2000, 1, 3)).days // 7) % 3 == 0}
    assert days == slow
    assert {d.weekday() for d in days} == {2, 5}


@pytest.mark.parametrize("rule", ["FREQ=DAILY;COUNT=10", "FREQ=DAILY;UNTIL=20000112"])
def test_rules_with_an_end_stop(rule):
    days = calendar.shift_dates(rule, date(2000, 1, 3), date(2000, 1, 1), date(2026, 1, 1))
    assert sorted(days) == [date(2000, 1, 3) + timedelta(days=n) for n in range(10)]


def test_production_days_of_an_interval():
    p = plant()
    at = datetime(2026, 5, 4, 4, 0, tzinfo=UTC)  # 06:00 local: the day begins
    assert calendar.production_days(p, "s", at, at) == []
    assert calendar.production_days(p, "s", at - timedelta(microseconds=1), at) == [date(2026, 5, 3)]
    assert calendar.production_days(p, "s", at, at + timedelta(hours=24, microseconds=1)) == [
        date(2026, 5, 4),
        date(2026, 5, 5),
    ]


@settings(max_examples=60, deadline=None)
@given(
    zone=st.sampled_from(ZONES),
    day=st.dates(date(2025, 1, 1), date(2027, 12, 31)) | st.sampled_from([date(2026, 3, 28), date(2026, 10, 24)]),
    edges=st.lists(st.integers(0, 95), min_size=2, max_size=6, unique=True),
    day_start=st.sampled_from(["00:00", "02:30", "06:00", "22:45"]),
)
def test_segments_tile_every_day_of_every_zone(zone, day, edges, day_start):
    base = int(day_start[:2]) * 60 + int(day_start[3:])
    clocks = [(base + e * 15) % 1440 for e in sorted(edges)]
    pairs = list(zip(clocks[::2], clocks[1::2], strict=False))
    text = "".join(
        shift(f"s{n}", f"{a // 60:02}:{a % 60:02}", f"{b // 60:02}:{b % 60:02}", "FREQ=WEEKLY;BYDAY=MO,WE,FR,SA,SU")
        for n, (a, b) in enumerate(pairs)
    )
    p = plant(zone, text, day_start)
    frame = calendar.segments(p, day, day + timedelta(days=2))
    tiles(frame, p, day, day + timedelta(days=2))
    alone = calendar.segments(p, day + timedelta(days=1), day + timedelta(days=1))
    assert alone.equals(frame.filter(pl.col("production_day") == day + timedelta(days=1)))
    assert (frame["hour_at"] <= frame["start_at"]).all()
