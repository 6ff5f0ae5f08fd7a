"""Every problem of shifts, crews, holidays, planned events and .ics files at once, with clear words."""

from __future__ import annotations

from pathlib import Path

import pytest

from plant.checks.problems import problems_of
from plant.config import load
from plant.errors import ConfigError

HEAD = """
schema = 1
plant = { name = "p" }
area = [{ name = "a", site = "s" }, { name = "b", site = "t" }]
line = [{ name = "one", area = "a" }, { name = "other", area = "b" }]
machine = [{ name = "m", line = "one", kind = "x" }, { name = "z", line = "other", kind = "x" }]
"""
SITE = '[[site]]\nname = "s"\ntimezone = "Europe/Berlin"\n[[site]]\nname = "t"\ntimezone = "Asia/Kolkata"\n'
DAY = '[[shift]]\nname = "day"\nsite = "s"\nstart = "06:00"\nend = "18:00"\n'
NIGHT = '[[shift]]\nname = "night"\nsite = "s"\nstart = "18:00"\nend = "06:00"\n'
CREW = '[[crew]]\nname = "A"\nsite = "s"\npattern = "panama"\nshifts = { D = "day", N = "night" }\n'
CREW += "starts_on = 2026-01-05\n"
HOLIDAY = '[[holiday]]\nname = "feast"\nsite = "s"\nday = 2026-12-24\n'
PLANNED = '[[planned]]\nsite = "s"\nreason = "x"\nstart = 2026-01-05T08:00:00\nend = 2026-01-05T09:00:00\n'


def told(tmp_path: Path, *parts: str, site: str = SITE) -> dict[str, str]:
    path = tmp_path / "plant.toml"
    path.write_text("".join((HEAD, site, *parts)), encoding="utf8")
    return {p.key: str(p) for p in problems_of(path)[0]}


def test_what_is_right_has_no_problem(tmp_path):
    later = CREW.replace('"A"', '"B"').replace("01-05", "01-12")
    assert told(tmp_path, DAY, NIGHT, CREW, later, HOLIDAY, PLANNED) == {}


CASES = [
    ("pattern", [CREW.replace("panama", "pitmann")], "crew[0].pattern", "did you mean 'pitman'"),
    ("cycle", [CREW.replace("panama", "ddnn")], "crew[0].pattern", "or a cycle as DDNN----"),
    ("letter without shift", [CREW.replace(', N = "night"', "")], "crew[0].shifts", "no shift for N"),
    ("letter not used", [CREW.replace("N =", 'X = "day", N =')], "crew[0].shifts.X", "not in the pattern 'panama'"),
    ("unknown shift", [CREW.replace('"night"', '"nite"')], "crew[0].shifts.N", "did you mean 'night'"),
    ("unknown site", [CREW.replace('"s"', '"x"')], "crew[0].site", "unknown site 'x'"),
    ("line of another site", [CREW + 'lines = ["other"]\n'], "crew[0].lines[0]", "unknown line of this site 'other'"),
    ("crew ends before", [CREW + "valid_until = 2025-01-01\n"], "crew[0].valid_until", "before starts_on 2026-01-05"),
    ("two crews at once", [CREW, CREW.replace('"A"', '"B"')], "shift[0]",
     "'day' of crew 'B' overlaps 'day' of crew 'A'"),
    ("missing start", [CREW.replace("starts_on = 2026-01-05\n", "")], "crew[0].starts_on", "is required"),
    ("half days", [HOLIDAY + 'days = 2\nstart = "12:00"\n'], "holiday[0].start", "a half-day holiday is one day"),
    ("holiday rule", [HOLIDAY + 'rrule = "FREQ=YEARLI"\n'], "holiday[0].rrule", "an RFC 5545 rule over local dates"),
    ("planned end", [PLANNED.replace("T09", "T07")], "planned[0].end", "not after start"),
    ("planned rule", [PLANNED + 'rrule = "FREQ=HOURLY"\n'], "planned[0].rrule", "with 'HOURLY'"),
    ("planned zone", [PLANNED.replace("08:00:00", "08:00:00Z")], "planned[0].start", "without an offset"),
    ("lines and machines", [PLANNED + 'lines = ["one"]\nmachines = ["m"]\n'], "planned[0].machines", "two events"),
    ("machine of another site", [PLANNED + 'machines = ["z"]\n'], "planned[0].machines[0]", "unknown machine"),
    ("rule of times", [NIGHT.replace("18:00", "12:00") + 'rrule = "FREQ=DAILY;BYHOUR=3"\n'], "shift[2].rrule",
     "BYHOUR"),
]  # fmt: skip


@pytest.mark.parametrize(("parts", "key", "words"), [c[1:] for c in CASES], ids=[c[0] for c in CASES])
def test_one_mistake_is_one_problem(tmp_path, parts, key, words):
    found = told(tmp_path, DAY, NIGHT, *parts)
    assert key in found, f"told instead: {found}"
    assert words in found[key]


SHIFTS = [
    ("rule beside crews", [DAY + 'rrule = "FREQ=DAILY"\n', NIGHT, CREW], "shift[0].rrule", "beside the crews"),
    ("validity", [DAY + "valid_from = 2026-02-01\nvalid_until = 2026-01-01\n"], "shift[0].valid_until", "exchange"),
    ("named twice", [DAY + "extra = [2026-02-01]\ncancelled = [2026-02-01]\n"], "shift[0].cancelled", "2026-02-01"),
    ("break validity",
     [DAY + 'breaks = [{ start = "08:00", end = "08:10", valid_from = 2026-02-01, valid_until = 2026-01-01 }]\n'],
     "shift[0].breaks[0].valid_until", "before valid_from"),
    ("breaks meet",
     [DAY + 'breaks = [{ start = "08:00", end = "08:10", valid_until = 2026-02-01 },'
      '{ start = "08:05", end = "08:20", valid_from = 2026-02-01 }]\n'], "shift[0].breaks[1]", "another break"),
    ("extra date meets", [DAY + 'rrule = "FREQ=WEEKLY;BYDAY=MO"\n',
      DAY.replace('"day"', '"sunday"') + 'extra = [2031-06-09]\nrrule = "FREQ=WEEKLY;BYDAY=SU"\n'],
     "shift[1]", "first on 2031-06-09"),
]  # fmt: skip


@pytest.mark.parametrize(("parts", "key", "words"), [c[1:] for c in SHIFTS], ids=[c[0] for c in SHIFTS])
def test_mistakes_of_shifts(tmp_path, parts, key, words):
    found = told(tmp_path, *parts)
    assert found.keys() == {key}
    assert words in found[key]


def test_breaks_and_shifts_may_follow_each_other_in_time(tmp_path):
    breaks = 'breaks = [{ start = "08:00", end = "08:10", valid_until = 2026-02-01 },'
    breaks += '{ start = "08:05", end = "08:20", valid_from = 2026-02-02 }]\n'
    before = DAY + breaks + "valid_until = 2026-05-31\n"
    assert told(tmp_path, before, DAY.replace("06:00", "07:00") + "valid_from = 2026-06-01\n") == {}


ICS = """BEGIN:VCALENDAR
VERSION:2.0
PRODID:x
BEGIN:VEVENT
UID:1
SUMMARY:early
CATEGORIES:SHIFT
DTSTART:20260105T060000
DTEND:20260105T140000
RRULE:FREQ=WEEKLY;BYDAY=MO
{}END:VEVENT
BEGIN:VEVENT
UID:2
SUMMARY:new year
CATEGORIES:HOLIDAY
DTSTART;VALUE=DATE:20260101
RRULE:FREQ=YEARLY
END:VEVENT
END:VCALENDAR
"""
NAMED = SITE.replace('"Europe/Berlin"\n', '"Europe/Berlin"\ncalendar = "s.ics"\n')


def test_a_site_takes_its_calendar_from_a_file_beside_plant_toml(tmp_path):
    (tmp_path / "s.ics").write_text(ICS.format(""))
    late = DAY.replace('"day"', '"late"').replace("06:00", "14:00")
    assert told(tmp_path, late, site=NAMED) == {}
    plant = load(tmp_path / "plant.toml")
    assert [(s.name, s.rrule) for s in plant.file.shift] == [("late", "FREQ=DAILY"), ("early", "FREQ=WEEKLY;BYDAY=MO")]
    assert [h.name for h in plant.file.holiday] == ["new year"]


def test_problems_of_the_ics_stand_at_its_events_beside_those_of_the_file(tmp_path):
    (tmp_path / "s.ics").write_text(ICS.format("RESOURCES:other\nEXRULE:FREQ=DAILY\n").replace(
        "UID:2", "UID:3\nSUMMARY:late?\nCATEGORIES:SHIFT\nDTSTART:20260105T140000\nDTEND:20260105T220000\n"
        "END:VEVENT\nBEGIN:VEVENT\nUID:2"))  # fmt: skip
    found = told(tmp_path, DAY, PLANNED.replace("T09", "T07"), site=NAMED)
    assert found.keys() == {"planned[0].end", "event 1 'early' EXRULE", "event 2 'late?' name"}
    assert found["event 2 'late?' name"].startswith(str(tmp_path / "s.ics"))
    with pytest.raises(ConfigError, match="3 problem"):
        load(tmp_path / "plant.toml")


def test_an_event_that_meets_a_shift_of_the_file_is_told_at_the_event(tmp_path):
    (tmp_path / "s.ics").write_text(ICS.format(""))
    found = told(tmp_path, DAY, site=NAMED)
    assert found.keys() == {"event 1 'early'"}
    assert "'early' overlaps 'day', first on 2026-01-05" in found["event 1 'early'"]


def test_a_calendar_that_is_not_there_or_none(tmp_path):
    assert "no such file" in told(tmp_path, DAY, site=NAMED)["site[0].calendar"]
    (tmp_path / "s.ics").write_text(ICS.format("")[:200])
    found = told(tmp_path, DAY, site=NAMED)
    assert found.keys() == {"file"}
    assert "s.ics" in found["file"]


@pytest.mark.parametrize("text", ["calendar = 3", 'calendar = "s.ics"\ntimezone = "Mars"'])  # fmt: skip
def test_a_wrong_site_with_a_calendar_is_told_not_raised(tmp_path, text):
    site = f'[[site]]\nname = "s"\n{text}\n' + SITE.split("[[site]]")[2].join(("[[site]]", ""))
    assert told(tmp_path, DAY, site=site)


SHAPES = [
    "crew = 3", "crew = [{ shifts = 3, pattern = 4 }]", 'crew = [{ name = "A", site = "s", shifts = { D = 3 } }]',
    'planned = [{ start = "x", end = 4, machines = 3, lines = "y", site = ["s"] }]', "holiday = [3]",
    'holiday = [{ name = "x", site = "s", day = "y", rrule = 3 }]', 'shift = [{ extra = 3, cancelled = ["x"] }]',
]  # fmt: skip


@pytest.mark.parametrize("text", SHAPES)
def test_wrong_shapes_are_told_not_raised(tmp_path, text):
    assert told(tmp_path, f"\n{text}\n", site="")
