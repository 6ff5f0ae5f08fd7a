"""Calendars written as .ics and read again say the same; what others write is read, or told."""

# ruff: noqa: DTZ001 - local times, as plant.toml has them

from __future__ import annotations

import io
import tomllib
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import polars as pl
import pytest
from calendar_plants import ZONES, fewer, plant, plants
from dateutil.tz import tzical
from hypothesis import given, settings

from plant import calendar
from plant.config import Plant
from plant.ics.read import read_ics
from plant.ics.rules import moved
from plant.ics.toml import to_toml
from plant.ics.write import to_ics
from plant.ics.zones import timezone_component
from plant.model import PlantFile
from plant.shifts.check_overlaps import overlap_problems
from plant.shifts.recurrence import shift_dates

STAMP = datetime(2026, 11, 22, tzinfo=UTC)
DAY = timedelta(days=1)
FIRST, LAST = date(2026, 1, 1), date(2027, 12, 31)


def again(p: Plant, content: bytes) -> Plant:
    """The plant with its calendar taken from .ics, by way of TOML text."""
    entries, problems = read_ics(content, "x.ics", "s", p.zone("s"), p.lines, p.machines)
    assert problems == []
    data = p.file.model_dump(by_alias=True, exclude={"shift", "crew", "holiday", "planned"})
    data["site"] = [{k: v for k, v in data["site"][0].items() if k != "holidays"}]
    return Plant(PlantFile.model_validate(data | tomllib.loads(to_toml(entries))), p.path)


def same(one: Plant, other: Plant, first: date = FIRST, last: date = LAST) -> None:
    days = [first + n * DAY for n in range((last - first).days + 1)]
    differ = [d for d in days if calendar.calendar_digest(one, d) != calendar.calendar_digest(other, d)]
    for day in differ[:1]:
        assert calendar.segments(one, day - DAY, day).rows() == calendar.segments(other, day - DAY, day).rows()
        assert calendar.planned_machines(one, day, day).rows() == calendar.planned_machines(other, day, day).rows()
    assert not differ


@settings(max_examples=fewer(4))
@given(p=plants())
def test_two_years_come_back_as_they_went(p):
    shifts = [(f"shift[{n}]", shift) for n, shift in enumerate(p.file.shift)]
    assert not list(overlap_problems("p", shifts, p.file.crew, {"s": p.sites["s"].day_start}))
    back = again(p, to_ics(p, "s", STAMP))
    same(p, back)
    same(p, again(back, to_ics(back, "s", STAMP)), FIRST, FIRST + 40 * DAY)


def test_a_break_that_begins_with_the_rule_is_not_taken_on_an_extra_date_before_it():
    pause = {"start": "07:00", "end": "07:30", "valid_from": date(2026, 4, 1)}
    late = {"name": "early", "site": "s", "start": "06:00", "end": "14:00", "starts_on": date(2026, 4, 1),
            "extra": [date(2026, 3, 28)], "breaks": [pause]}  # fmt: skip
    for breaks in ([pause], [pause | {"valid_from": None}]):
        p = plant("Europe/Berlin", shift=[late | {"breaks": breaks}])
        same(p, again(p, to_ics(p, "s", STAMP)))


@pytest.mark.parametrize("until", [None, date(2026, 6, 1), date(2026, 10, 1)])
@pytest.mark.parametrize("rule", ["FREQ=DAILY", "FREQ=DAILY;UNTIL=20261001", "FREQ=DAILY;UNTIL=20260601"])
def test_a_break_that_ends_with_the_rule_is_not_taken_on_an_extra_date_after_it(rule, until):
    pause = {"start": "07:00", "end": "07:30", "valid_until": until}
    shift = {"name": "early", "site": "s", "start": "06:00", "end": "14:00", "rrule": rule, "breaks": [pause],
             "extra": [date(2026, 6, 10), date(2026, 10, 24)], "starts_on": FIRST}  # fmt: skip
    p = plant("Europe/Berlin", shift=[shift])
    same(p, again(p, to_ics(p, "s", STAMP)), date(2026, 5, 1), date(2026, 11, 30))


@pytest.mark.parametrize("zone", ZONES)
def test_a_whole_year_of_segments_comes_back_in_every_zone(zone):
    shifts = [
        {"name": "day", "site": "s", "start": "06:00", "end": "18:00", "breaks": [{"start": "10:00", "end": "10:30"}]},
        {"name": "night", "site": "s", "start": "18:00", "end": "06:00",
         "breaks": [{"start": "23:50", "end": "00:10"}, {"start": "02:10", "end": "02:40"}]},
    ]  # fmt: skip
    crews = [
        {"name": c, "site": "s", "pattern": "panama", "shifts": {"D": "day", "N": "night"},
         "starts_on": date(2025, 12, 1) + n * 7 * DAY} for n, c in enumerate("ABCD")
    ]  # fmt: skip
    event = {"site": "s", "reason": "clean", "start": datetime(2026, 1, 6, 2, 30), "end": datetime(2026, 1, 6, 3, 30)}
    p = plant(zone, shift=shifts, crew=crews, planned=[event | {"rrule": "FREQ=WEEKLY;BYDAY=TU,SU"}])
    content = to_ics(p, "s", STAMP)
    assert content == to_ics(p, "s", STAMP), "the same plant and stamp, the same bytes"
    back = again(p, content)
    assert calendar.segments(p, FIRST, LAST).equals(calendar.segments(back, FIRST, LAST))


@pytest.mark.parametrize("zone", [z for z in ZONES if z not in {"UTC", "Africa/Casablanca"}])
def test_timezone_component_means_what_the_zone_database_says(zone):
    """Read by dateutil, which knows no IANA name here and follows the component alone."""
    written = timezone_component(ZoneInfo(zone), 2026).to_ical().decode()
    read = tzical(io.StringIO(written)).get(zone)
    at = datetime(2026, 1, 2)
    wrong = []
    while at < datetime(2028, 1, 1):
        local = ZoneInfo(zone)
        exists = at.replace(tzinfo=local).astimezone(UTC).astimezone(local).replace(tzinfo=None) == at
        if exists and at.replace(tzinfo=read).utcoffset() != at.replace(tzinfo=local).utcoffset():
            wrong.append(at)
        at += timedelta(minutes=30)
    assert not wrong


RULES = ["FREQ=DAILY;INTERVAL=5", "FREQ=WEEKLY;INTERVAL=2;BYDAY=SU,MO", "FREQ=WEEKLY;INTERVAL=3;WKST=SU;BYDAY=SA,SU",
         "FREQ=WEEKLY", "FREQ=DAILY;COUNT=9;BYDAY=MO", "FREQ=WEEKLY;UNTIL=20260601;BYDAY=SU"]  # fmt: skip


@pytest.mark.parametrize("rule", RULES)
def test_a_moved_rule_falls_a_day_later(rule):
    start = min(shift_dates(rule, FIRST, FIRST, LAST))
    dates = shift_dates(rule, start, FIRST, LAST)
    assert shift_dates(moved(rule), start + DAY, FIRST, LAST + DAY) == {d + DAY for d in dates}


@pytest.mark.parametrize("rule", ["FREQ=MONTHLY;BYMONTHDAY=31", "FREQ=WEEKLY;BYDAY=MO;BYMONTH=3", "FREQ=YEARLY"])
def test_a_rule_that_counts_days_of_months_is_not_moved(rule):
    assert moved(rule) is None


# --- what others write


def ics(*events: str, head: str = "") -> bytes:
    body = "".join(f"BEGIN:VEVENT\n{e.strip()}\nEND:VEVENT\n" for e in events)
    return f"BEGIN:VCALENDAR\nVERSION:2.0\nPRODID:x\n{head}{body}END:VCALENDAR\n".replace("\n", "\r\n").encode()


def taken(*events: str, head: str = "", zone: str = "Europe/Berlin"):
    entries, problems = read_ics(ics(*events, head=head), "x.ics", "s", ZoneInfo(zone), ["one", "two"], ["m", "two"])
    return [(e.section, e.row) for e in entries], {p.key: p.found for p in problems}


EARLY = """UID:1
SUMMARY:Frühschicht 1
CATEGORIES:Shift,Production
DTSTART;TZID=W. Europe Standard Time:20260105T060000
DTEND;TZID=W. Europe Standard Time:20260105T140000
RRULE:FREQ=WEEKLY;UNTIL=20261231T045959Z;BYDAY=MO,TU
EXDATE;TZID=W. Europe Standard Time:20260106T060000
RESOURCES:one,two
"""


def test_a_shift_as_outlook_writes_it():
    ((section, row),), problems = taken(EARLY)
    assert problems == {}
    assert section == "shift"
    assert row == {
        "name": "Fruhschicht-1", "site": "s", "start": "06:00", "end": "14:00", "starts_on": date(2026, 1, 5),
        "rrule": "FREQ=WEEKLY;UNTIL=20261230;BYDAY=MO,TU", "cancelled": [date(2026, 1, 6)], "lines": ["one", "two"],
    }  # fmt: skip


def test_a_changed_day_stands_for_itself_with_its_breaks():
    pause = "UID:2\nCATEGORIES:BREAK\nRELATED-TO:1\nDTSTART:20260105T090000\nDURATION:PT15M\n"
    pause += "RRULE:FREQ=WEEKLY;UNTIL=20261230;BYDAY=MO,TU\nEXDATE:20260106T090000"
    change = "UID:1\nSUMMARY:early\nCATEGORIES:SHIFT\nRECURRENCE-ID:20260112T060000\nDTSTART:20260112T080000\n"
    change += "DTEND:20260112T120000"
    off = "UID:1\nCATEGORIES:SHIFT\nSTATUS:CANCELLED\nRECURRENCE-ID:20260119T060000\nDTSTART:20260119T060000\n"
    off += "DTEND:20260119T140000"
    rows, problems = taken(EARLY, pause, change, off)
    assert problems == {}
    master, single = rows[0][1], rows[1][1]
    assert master["cancelled"] == [date(2026, 1, 6), date(2026, 1, 12), date(2026, 1, 19)]
    assert master["breaks"] == [{"start": "09:00", "end": "09:15"}]
    assert (single["start"], single["end"], single["extra"]) == ("08:00", "12:00", [date(2026, 1, 12)])
    assert single["breaks"] == [{"start": "09:00", "end": "09:15"}]
    assert len(rows) == 2


def test_a_roster_of_single_days_becomes_one_shift_with_dates():
    """As planning programs write it: every shift of every day an event, some on a holiday, with a break each."""
    days = [FIRST + n * DAY for n in range(300) if n % 7 < 5]
    event = "UID:{0}\nSUMMARY:early\nCATEGORIES:SHIFT\nDTSTART:{0:%Y%m%d}T060000\nDTEND:{0:%Y%m%d}T140000"
    pause = "UID:b{0}\nCATEGORIES:BREAK\nRELATED-TO:{0}\nDTSTART:{0:%Y%m%d}T100000\nDURATION:PT30M"
    feast = "UID:f\nSUMMARY:feast\nCATEGORIES:HOLIDAY\nDTSTART;VALUE=DATE:20260101"
    rows, problems = taken(feast, *[e.format(d) for d in reversed(days) for e in (event, pause)])
    assert problems == {}
    ((_, shift), _) = rows
    assert (shift["starts_on"], shift["extra"]) == (FIRST, days)
    assert shift["breaks"] == [{"start": "10:00", "end": "10:30"}]
    p = plant("Europe/Berlin", **{section: [row] for section, row in rows})
    frame = calendar.segments(p, FIRST, days[-1]).filter(pl.col("kind") == "break", pl.col("line") == "one")
    assert frame["production_day"].unique().sort().to_list() == days, "a day that is named is worked, holiday or not"
    same(p, again(p, to_ics(p, "s", STAMP)))


def test_a_break_of_other_days_is_an_event_of_its_own():
    pause = "UID:2\nSUMMARY:tea\nCATEGORIES:BREAK\nRELATED-TO:1\nDTSTART:20260105T090000\nDURATION:PT15M\n"
    rows, problems = taken(EARLY, pause + "RRULE:FREQ=WEEKLY;BYDAY=MO")
    assert problems == {}
    assert "breaks" not in rows[0][1]
    assert rows[1] == ("planned", {
        "reason": "tea", "site": "s", "start": datetime(2026, 1, 5, 9), "end": datetime(2026, 1, 5, 9, 15),
        "rrule": "FREQ=WEEKLY;BYDAY=MO", "like_a_break": True,
    })  # fmt: skip


def test_holidays_of_days_and_half_ones():
    feast = "UID:{}\nSUMMARY:feast\nCATEGORIES:HOLIDAY\nDTSTART;VALUE=DATE:20261225\n"
    half = "UID:3\nSUMMARY:eve\nCATEGORIES:HOLIDAY\nDTSTART:20261224T140000\nDTEND:20261225T000000"
    rows, problems = taken(feast.format(1) + "DTEND;VALUE=DATE:20261227\nRRULE:FREQ=YEARLY", feast.format(2), half)
    assert problems == {}
    assert [row for _, row in rows] == [
        {"name": "feast", "site": "s", "day": date(2026, 12, 25), "days": 2, "rrule": "FREQ=YEARLY"},
        {"name": "feast", "site": "s", "day": date(2026, 12, 25)},
        {"name": "eve", "site": "s", "day": date(2026, 12, 24), "start": "14:00"},
    ]


def test_planned_events_of_lines_and_machines_and_utc():
    event = "UID:{}\nSUMMARY:overhaul\nCATEGORIES:PLANNED\nDTSTART:20260701T060000Z\nDTEND:20260701T100000Z\n{}"
    rows, problems = taken(
        event.format(1, "RESOURCES:one,m"), event.format(2, "RESOURCES:machine:two"), event.format(3, "RESOURCES:two")
    )
    assert problems == {}
    assert [(r.get("lines"), r.get("machines"), r["start"].hour) for _, r in rows] == [
        (["one"], None, 8), (None, ["m"], 8), (None, ["two"], 8), (["two"], None, 8),
    ]  # fmt: skip


LONDON = EARLY.replace("W. Europe Standard Time", "Europe/London")
WRONG = [
    ("no category", EARLY.replace("Shift,Production", "Blue"), "CATEGORIES", "categories Blue"),
    ("two categories", EARLY.replace("Production", "Break"), "CATEGORIES", "categories Shift, Break"),
    ("no start", "UID:1\nSUMMARY:x\nCATEGORIES:SHIFT", "DTSTART", "nothing"),
    ("no length", EARLY.replace("0105T140000", "0105T060000"), "DTEND", "not after the start"),
    ("nonsense", EARLY.replace("20260105T060000", "monday"), "DTSTART", "monday"),
    ("other zone", LONDON, "DTSTART", "a repeated event in the zone Europe/London"),
    ("unknown zone", EARLY.replace("W. Europe Standard Time", "Nowhere"), "DTSTART", "'Nowhere'"),
    ("two rules", EARLY + "RRULE:FREQ=DAILY", "RRULE", "2 RRULE"),
    ("exrule", EARLY + "EXRULE:FREQ=DAILY", "EXRULE", "1 EXRULE"),
    ("first day", EARLY.replace("MO,TU", "TU"), "RRULE", "does not fall on its first day"),
    ("exdate", EARLY.replace("20260106T060000", "20260106T070000"), "EXDATE", "starts at 06:00"),
    ("period", EARLY + "RDATE;VALUE=PERIOD:20260110T060000Z/PT8H", "RDATE", "a PERIOD"),
    ("future", EARLY + "RECURRENCE-ID;RANGE=THISANDFUTURE:20260112T060000", "RECURRENCE-ID", "RANGE=THISANDFUTURE"),
    ("long", EARLY.replace("0105T140000", "0107T140000"), "DTEND", "a shift of 2 days"),
    ("seconds", EARLY.replace("T140000", "T140030"), "DTSTART", "14:00:30"),
]


@pytest.mark.parametrize(("text", "where", "words"), [w[1:] for w in WRONG], ids=[w[0] for w in WRONG])
def test_what_cannot_be_said_is_told(text, where, words):
    _, problems = taken(text)
    assert any(key.endswith(where) and words in found for key, found in problems.items()), problems


def test_all_problems_of_all_events_at_once():
    rows, problems = taken(*[w[1].replace("UID:1", f"UID:{n}") for n, w in enumerate(WRONG)], EARLY)
    assert len({key.split("'")[0] for key in problems}) == len(WRONG)
    assert len(rows) >= 1


@pytest.mark.parametrize("content", [b"", b"hello", b"BEGIN:VCALENDAR\r\nEND:VEVENT\r\n", b"\xff\xfe\x00"])
def test_a_file_that_is_none(content):
    entries, (problem,) = read_ics(content, "x.ics", "s", ZoneInfo("UTC"), [], [])
    assert entries == []
    assert problem.valid == "an iCalendar file (RFC 5545)"


def test_the_second_pass_of_a_clock_cannot_be_said():
    event = "UID:1\nSUMMARY:x\nCATEGORIES:PLANNED\nDTSTART:20261025T013000Z\nDTEND:20261025T040000Z"
    _, problems = taken(event)
    assert list(problems) == ["event 1 'x' DTSTART"]


def test_a_zone_described_in_the_file_is_understood():
    zone = timezone_component(ZoneInfo("Europe/Berlin"), 2020).to_ical().decode().replace("\r\n", "\n")
    text = EARLY.replace("W. Europe Standard Time", "Our plant")
    rows, problems = taken(text, head=zone.replace("TZID:Europe/Berlin", "TZID:Our plant"))
    assert problems == {}
    assert rows[0][1]["start"] == "06:00"


def test_a_night_that_starts_in_the_skipped_hour_ends_by_until():
    p = plant("Europe/Berlin", shift=[
        {"name": "x", "site": "s", "start": "02:30", "end": "05:00", "valid_until": date(2026, 3, 29)}])  # fmt: skip
    same(p, again(p, to_ics(p, "s", STAMP)), date(2026, 3, 20), date(2026, 4, 5))


def test_holidays_are_seen_by_other_programs():
    """Holidays that are dates stand as EXDATE too; they do not come back as cancelled shifts."""
    row = {"name": "x", "site": "s", "start": "06:00", "end": "14:00", "cancelled": [date(2026, 5, 4)]}
    p = plant("Europe/Berlin", site={"holidays": [date(2026, 5, 1)]}, shift=[row])
    content = to_ics(p, "s", STAMP).decode()
    assert "EXDATE;TZID=Europe/Berlin:20260501T060000,20260504T060000" in content
    assert again(p, content.encode()).file.shift[0].cancelled == (date(2026, 5, 4),)
    frame = calendar.segments(again(p, content.encode()), date(2026, 5, 1), date(2026, 5, 1))
    assert frame.filter(pl.col("kind") != "off").is_empty()
