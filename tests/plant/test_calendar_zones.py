"""Any calendar tiles every production day of every zone; parts are the whole; the digest says what the segments say."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import polars as pl
import pytest
from calendar_plants import CHANGES, DAYS, ZONES, fewer, plant, plants, shifts, text
from hypothesis import given, settings
from hypothesis import strategies as st

from plant import calendar
from plant.config import Plant
from plant.model import PlantFile

DAY = timedelta(days=1)


def tiles(p, frame: pl.DataFrame, first: date, last: date) -> None:
    for line in p.lines:
        rows = frame.filter(pl.col("line") == line)
        assert rows["start_at"][0] == calendar.day_bounds(p, "s", first)[0]
        assert rows["end_at"][-1] == calendar.day_bounds(p, "s", last)[1]
        assert (rows["end_at"][:-1] == rows["start_at"][1:]).all()
        assert (rows["end_at"] > rows["start_at"]).all()
        assert (rows["shift_start_at"] <= rows["hour_at"]).all()
        assert (rows["hour_at"] <= rows["start_at"]).all()
        assert (rows["end_at"] <= rows["shift_end_at"]).all()
        assert (rows["end_at"] - rows["hour_at"]).max() <= timedelta(hours=1)
        for day, begins, ends in (
            rows.group_by("production_day").agg(pl.col("start_at").min(), pl.col("end_at").max()).iter_rows()
        ):
            assert (begins, ends) == calendar.day_bounds(p, "s", day)


@given(p=plants(), day=DAYS)
def test_segments_tile_and_parts_are_the_whole(p, day):
    last = day + 2 * DAY
    frame = calendar.segments(p, day, last)
    tiles(p, frame, day, last)
    parts = pl.concat([calendar.segments(p, d, d) for d in (day, day + DAY, last)])
    assert parts.sort("line", "start_at").equals(frame)
    assert (frame["kind"] == "off").equals(frame["shift"] == "off")
    assert frame.filter(pl.col("reason").is_not_null())["kind"].is_in(["break"]).all()


@settings(max_examples=fewer(2))
@given(
    zone=st.sampled_from(ZONES), base=st.sampled_from([0, 135, 360, 1365]), day=st.sampled_from(CHANGES), data=st.data()
)
def test_shifts_that_fill_the_day_leave_no_time_off_when_the_clock_changes(zone, base, day, data):
    rows = data.draw(shifts(base, whole=True))
    p = plant(zone, text(base), shift=[r | {"breaks": []} for r in rows])
    frame = calendar.segments(p, day, day)
    assert "off" not in frame["kind"].to_list()
    tiles(p, frame, day, day)


@given(p=plants(), minutes=st.integers(0, 3 * 366 * 1440))
def test_every_instant_is_in_the_production_day_that_names_it(p, minutes):
    at = datetime(2025, 1, 1, tzinfo=UTC) + timedelta(minutes=minutes)
    start, end = calendar.day_bounds(p, "s", calendar.production_day(p, "s", at))
    assert start <= at < end


def less(p: Plant, draw) -> tuple[Plant, date]:
    """The plant with one thing taken out of its calendar, and a day near it."""
    sections = p.file.model_dump(by_alias=True)
    near = draw(DAYS)
    dropped = draw(st.sampled_from([s for s in ("breaks", "shift", "planned", "holiday") if sections.get(s, True)]))
    if dropped == "planned":
        near = sections["planned"][0]["start"].date()
    elif dropped == "holiday":
        near = sections["holiday"][0]["day"]
    if dropped == "breaks":
        sections["shift"] = [s | {"breaks": s["breaks"][1:]} for s in sections["shift"]]
    elif dropped == "shift" and sections["crew"]:
        sections["crew"] = sections["crew"][1:]
    else:
        sections[dropped] = sections[dropped][1:]
    other = Plant(PlantFile.model_validate(sections), p.path)
    return other, near + timedelta(days=draw(st.integers(-1, 2)))


@settings(max_examples=fewer(1))
@given(one=plants(), data=st.data())
def test_the_digest_differs_exactly_where_the_calendar_does(one, data):
    other, day = less(one, data.draw)
    said = [
        calendar.segments(p, day - DAY, day).rows() + calendar.planned_machines(p, day - DAY, day).rows()
        for p in (one, other)
    ]
    digests = [calendar.calendar_digest(p, day) for p in (one, other)]
    assert (said[0] == said[1]) == (digests[0] == digests[1])
    assert digests[0] == calendar.calendar_digest(Plant(one.file, one.path), day, "s")


@pytest.mark.parametrize("zone", ZONES)
def test_edges_of_hours_are_where_the_clock_says(zone):
    """Against the plain way: look at every quarter of an hour."""
    tz = ZoneInfo(zone)
    for day in CHANGES:
        start = datetime(day.year, day.month, day.day, 3, 50, tzinfo=UTC)
        end = start + timedelta(hours=25)
        quarters = [start.replace(minute=45) + n * timedelta(minutes=15) for n in range(102)]
        expected = [
            at for at in quarters
            if start < at < end
            and (at.astimezone(tz).minute == 0
                 or at.astimezone(tz).utcoffset() != (at - timedelta(minutes=15)).astimezone(tz).utcoffset())
        ]  # fmt: skip
        assert calendar.hour_edges(tz, start, end) == expected


def test_a_day_in_santiago_begins_when_midnight_is_skipped():
    p = plant("America/Santiago", "00:00", shift=[{"name": "day", "site": "s", "start": "00:00", "end": "00:00"}])
    for day, hours in ((date(2026, 9, 5), 24), (date(2026, 9, 6), 23), (date(2026, 4, 4), 25), (date(2026, 4, 5), 24)):
        frame = calendar.segments(p, day, day).filter(line="one")
        assert sum((frame["end_at"] - frame["start_at"]).to_list(), timedelta()) == timedelta(hours=hours)
    assert calendar.day_bounds(p, "s", date(2026, 9, 6))[0] == datetime(2026, 9, 6, 4, tzinfo=UTC)


def test_a_shift_in_the_skipped_half_hour_gives_way_to_the_one_that_follows():
    rows = [("a", "00:00", "02:15"), ("b", "02:15", "02:45"), ("c", "02:45", "03:00"), ("d", "03:00", "06:00")]
    p = plant("Europe/Berlin", shift=[{"name": n, "site": "s", "start": a, "end": b} for n, a, b in rows])
    frame = calendar.segments(p, date(2026, 3, 28), date(2026, 3, 28)).filter(pl.col("line") == "one")
    worked = (
        frame.filter(pl.col("shift") != "off")
        .group_by("shift", maintain_order=True)
        .agg(hours=(pl.col("end_at") - pl.col("start_at")).sum().dt.total_minutes() / 60)
    )
    assert worked.rows() == [("a", 2.0), ("d", 3.0)], "03:00 follows 01:59: there is no 02:15 that night"


def test_kathmandu_has_its_own_quarter():
    p = plant("Asia/Kathmandu", shift=[{"name": "day", "site": "s", "start": "06:00", "end": "18:00"}])
    frame = calendar.segments(p, date(2026, 5, 4), date(2026, 5, 4))
    assert {h.minute for h in frame["hour_at"]} == {15}
    assert calendar.day_bounds(p, "s", date(2026, 5, 4))[0] == datetime(2026, 5, 4, 0, 15, tzinfo=UTC)
