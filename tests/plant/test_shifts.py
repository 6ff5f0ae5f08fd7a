"""Crews in rotating patterns, dates that are named, holidays, validity and planned events."""

# ruff: noqa: DTZ001 - local times, as plant.toml has them

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import polars as pl
import pytest
from calendar_plants import plant

from plant import calendar
from plant.shifts.patterns import PATTERNS, cycle

MONDAY = date(2026, 1, 5)
DAY = timedelta(days=1)
TWELVE = [
    {"name": "day", "site": "s", "start": "06:00", "end": "18:00"},
    {"name": "night", "site": "s", "start": "18:00", "end": "06:00"},
]
EIGHT = [
    {"name": "early", "site": "s", "start": "06:00", "end": "14:00"},
    {"name": "late", "site": "s", "start": "14:00", "end": "22:00"},
    {"name": "night", "site": "s", "start": "22:00", "end": "06:00"},
]
STAGGER: dict[str, tuple[int, int]] = {
    "4-on-4-off": (4, 4), "ddnnoooo": (4, 2), "pitman": (2, 7), "pitman-nights": (2, 7), "panama": (4, 7),
    "dupont": (4, 7), "continental": (4, 7), "metropolitan": (4, 2), "southern-swing": (4, 7),
}  # fmt: skip
"""Crews of a pattern, and by how many days they follow each other (docs/calendar.md)."""
LETTERS = {"D": "day", "N": "night", "E": "early", "L": "late"}


def crew(name: str, pattern: str, starts_on: date, **more) -> dict:
    letters = {letter: LETTERS[letter] for letter in sorted(set(cycle(pattern)) - {"-"})}
    return {"name": name, "site": "s", "pattern": pattern, "shifts": letters, "starts_on": starts_on} | more


def worked(p, first: date, last: date) -> list[tuple[date, str, str | None]]:
    """(production day, shift, crew) of line one."""
    rows = calendar.segments(p, first, last).filter(pl.col("line") == "one", pl.col("kind") != "off")
    return rows.select("production_day", "shift", "crew").unique(maintain_order=True).rows()


def hours(p, day: date, **what) -> float:
    rows = calendar.segments(p, day, day).filter(pl.col("line") == "one")
    for column, value in what.items():
        rows = rows.filter(pl.col(column) == value)
    return (rows["end_at"] - rows["start_at"]).dt.total_minutes().sum() / 60


@pytest.mark.parametrize("name", sorted(STAGGER))
def test_staggered_crews_work_every_shift_of_every_day_once(name):
    number, apart = STAGGER[name]
    letters = set(PATTERNS[name]) - {"-"}
    shifts = EIGHT if "E" in letters else [s for s in TWELVE if s["name"][0].upper() in letters]
    crews = [crew(c, name, MONDAY + timedelta(days=n * apart)) for n, c in enumerate("ABCD"[:number])]
    p = plant("Europe/Berlin", shift=shifts, crew=crews)
    first = MONDAY + 28 * DAY
    rows = worked(p, first, first + 55 * DAY)
    assert len(rows) == 56 * len(shifts)
    assert len({(day, shift) for day, shift, _ in rows}) == len(rows)
    whole = calendar.segments(p, first, first + 55 * DAY)
    assert whole.filter(pl.col("shift") == "off").is_empty() == (len(letters) > 1), "D alone leaves the nights free"


def test_panama_of_one_crew_day_by_day():
    p = plant("Europe/Berlin", shift=TWELVE, crew=[crew("A", "Panama", MONDAY)])
    letters = {"day": "D", "night": "N"}
    told = {day: letters[shift] for day, shift, _ in worked(p, MONDAY - 7 * DAY, MONDAY + 27 * DAY)}
    assert "".join(told.get(MONDAY + n * DAY, "-") for n in range(28)) == "DD--DDD--DD---NN--NNN--NN---"
    assert min(told) == MONDAY, "not at work before the pattern starts"


def test_a_crew_takes_the_clocks_that_are_valid_and_stops():
    shifts = [TWELVE[0] | {"valid_until": MONDAY + DAY}, TWELVE[0] | {"start": "07:00", "valid_from": MONDAY + 2 * DAY}]
    p = plant("Europe/Berlin", shift=shifts, crew=[crew("A", "DDDD", MONDAY, valid_until=MONDAY + 2 * DAY)])
    assert [hours(p, MONDAY + n * DAY, shift="day") for n in range(4)] == [12, 12, 11, 0]
    assert worked(p, MONDAY, MONDAY + 9 * DAY)[-1] == (MONDAY + 2 * DAY, "day", "A")


def test_crews_of_their_own_lines():
    crews = [crew("A", "D-", MONDAY, lines=["one"]), crew("B", "D-", MONDAY, lines=["two"])]
    rows = calendar.segments(plant("Europe/Berlin", shift=TWELVE[:1], crew=crews), MONDAY, MONDAY)
    assert dict(rows.filter(pl.col("shift") == "day").select("line", "crew").rows()) == {"one": "A", "two": "B"}


def test_named_dates_win_over_rule_and_holiday():
    shift = TWELVE[0] | {"rrule": "FREQ=WEEKLY;BYDAY=MO", "crew": "A"}
    named = {"extra": [MONDAY + 5 * DAY, MONDAY + 6 * DAY], "cancelled": [MONDAY + 7 * DAY]}
    p = plant("Europe/Berlin", site={"holidays": [MONDAY, MONDAY + 5 * DAY]}, shift=[shift | named])
    rows = worked(p, MONDAY, MONDAY + 14 * DAY)
    assert rows == [(MONDAY + n * DAY, "day", "A") for n in (5, 6, 14)]


def test_an_extra_date_of_a_crew_shift_names_no_crew():
    shift = TWELVE[0] | {"extra": [MONDAY + DAY]}
    p = plant("Europe/Berlin", shift=[shift], crew=[crew("A", "D-----", MONDAY)])
    assert worked(p, MONDAY, MONDAY + 3 * DAY) == [(MONDAY, "day", "A"), (MONDAY + DAY, "day", None)]


def test_validity_is_by_the_date_a_shift_starts():
    shift = TWELVE[1] | {"valid_from": MONDAY, "valid_until": MONDAY + DAY}
    p = plant("Europe/Berlin", shift=[shift])
    assert [d for d, *_ in worked(p, MONDAY - DAY, MONDAY + 3 * DAY)] == [MONDAY, MONDAY + DAY]


def test_a_break_holds_while_it_is_valid():
    pauses = [{"start": "23:00", "end": "23:30", "valid_until": MONDAY},
              {"start": "00:10", "end": "00:30", "valid_from": MONDAY + DAY}]  # fmt: skip
    p = plant("Europe/Berlin", shift=[TWELVE[1] | {"breaks": pauses}])
    assert [round(60 * hours(p, MONDAY + n * DAY, kind="break")) for n in (-1, 0, 1, 2)] == [30, 30, 20, 20]


def test_holidays_by_rule_of_days_and_half_ones():
    feasts = [
        {"name": "christmas", "site": "s", "day": date(2000, 12, 25), "days": 2, "rrule": "FREQ=YEARLY"},
        {"name": "christmas eve", "site": "s", "day": date(2000, 12, 24), "rrule": "FREQ=YEARLY", "start": "14:00"},
    ]
    p = plant("Europe/Berlin", holiday=feasts, shift=EIGHT)
    worked_h = {n: hours(p, date(2031, 12, n), kind="shift") for n in (23, 24, 25, 26, 27)}
    assert worked_h == {23: 24, 24: 8, 25: 0, 26: 0, 27: 24}
    assert hours(plant("Europe/Berlin", holiday=feasts, shift=TWELVE), date(2031, 12, 24), shift="day") == 8
    through = [s | {"works_holidays": True} for s in EIGHT]
    assert hours(plant("Europe/Berlin", holiday=feasts, shift=through), date(2031, 12, 25), kind="shift") == 24


def test_planned_events_of_a_line_are_breaks_with_a_reason():
    shift = TWELVE[0] | {"breaks": [{"start": "10:00", "end": "10:30"}]}
    events = [
        {"site": "s", "reason": "maintenance", "start": datetime(2026, 1, 5, 9), "end": datetime(2026, 1, 5, 10, 15)},
        {"site": "s", "reason": "trial", "start": datetime(2026, 1, 5, 9, 30), "end": datetime(2026, 1, 5, 9, 45),
         "lines": ["one"]},
        {"site": "s", "reason": "meeting", "start": datetime(2026, 1, 5, 17), "end": datetime(2026, 1, 5, 19)},
        {"site": "s", "reason": "tea", "start": datetime(2026, 1, 5, 15), "end": datetime(2026, 1, 5, 15, 10),
         "rrule": "FREQ=WEEKLY", "like_a_break": True},
    ]  # fmt: skip
    p = plant("Etc/UTC", shift=[shift], planned=events)
    rows = calendar.segments(p, MONDAY, MONDAY).filter(pl.col("line") == "one", pl.col("kind") == "break")
    told = [(f"{s:%H:%M}", f"{e:%H:%M}", r) for s, e, r in rows.select("start_at", "end_at", "reason").rows()]
    assert told == [
        ("09:00", "09:30", "maintenance"), ("09:30", "09:45", "trial"), ("09:45", "10:00", "maintenance"),
        ("10:00", "10:15", "maintenance"), ("10:15", "10:30", None), ("15:00", "15:10", None),
        ("17:00", "18:00", "meeting"),
    ]  # fmt: skip
    assert hours(p, MONDAY, kind="off") == 12, "a planned event outside every shift changes nothing"
    assert hours(p, MONDAY + 7 * DAY, kind="break") == pytest.approx(0.5 + 1 / 6)


def test_a_weekly_event_keeps_its_length_when_the_clock_changes_and_a_single_one_its_clocks():
    nights = [EIGHT[2] | {"works_holidays": True}]
    event = {"site": "s", "reason": "cip", "start": datetime(2026, 3, 22, 1, 30), "end": datetime(2026, 3, 22, 3, 30)}
    weekly = plant("Europe/Berlin", shift=nights, planned=[event | {"rrule": "FREQ=WEEKLY"}])
    assert hours(weekly, date(2026, 3, 28), kind="break") == 2
    once = {"start": datetime(2026, 3, 29, 1, 30), "end": datetime(2026, 3, 29, 3, 30)}
    assert hours(plant("Europe/Berlin", shift=nights, planned=[event | once]), date(2026, 3, 28), kind="break") == 1


def test_planned_events_of_machines_are_a_frame_of_their_own():
    event = {"site": "s", "start": datetime(2026, 1, 5, 9), "end": datetime(2026, 1, 7, 9)}
    events = [event | {"reason": "overhaul", "machines": ["n", "m"]},
              event | {"reason": "trial", "machines": ["m"], "end": datetime(2026, 1, 5, 12)}]  # fmt: skip
    p = plant("Etc/UTC", shift=TWELVE, planned=events)
    assert calendar.segments(p, MONDAY, MONDAY)["reason"].null_count() == calendar.segments(p, MONDAY, MONDAY).height
    at = lambda d, h: datetime(2026, 1, d, h, tzinfo=UTC)  # noqa: E731
    assert calendar.planned_machines(p, MONDAY, MONDAY).rows() == [
        ("m", at(5, 9), at(5, 12), "trial"), ("m", at(5, 12), at(6, 6), "overhaul"),
        ("n", at(5, 9), at(6, 6), "overhaul"),
    ]  # fmt: skip
    assert calendar.planned_machines(p, MONDAY + 2 * DAY, MONDAY + 9 * DAY)["end_at"].to_list() == [at(7, 9)] * 2
    assert calendar.planned_machines(p, MONDAY + 3 * DAY, MONDAY + 9 * DAY).is_empty()


def test_a_machine_event_moves_the_digest_of_its_days():
    event = {"site": "s", "reason": "x", "machines": ["m"]}
    event |= {"start": datetime(2026, 1, 6, 9), "end": datetime(2026, 1, 6, 10)}
    with_it, without = plant("Etc/UTC", planned=[event]), plant("Etc/UTC")
    changed = [
        calendar.calendar_digest(with_it, MONDAY + n * DAY) != calendar.calendar_digest(without, MONDAY + n * DAY)
        for n in range(4)
    ]
    assert changed == [False, True, True, False], "its own day, and the day that looks back on it"


@pytest.mark.parametrize("wrong", ["", "---", "dd--", "4-on-5-off", "D1"])
def test_what_is_no_pattern(wrong):
    with pytest.raises(ValueError, match="neither a named pattern nor a cycle"):
        cycle(wrong)
