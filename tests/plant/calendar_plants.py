"""Generated plants with every kind of calendar entry, for the property tests of the calendar and of .ics."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from itertools import pairwise
from pathlib import Path

from hypothesis import settings
from hypothesis import strategies as st

from plant.config import Plant
from plant.model import PlantFile
from plant.shifts.patterns import cycle

ZONES = [
    "Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "America/Santiago", "Asia/Kolkata", "Asia/Kathmandu",
    "Africa/Casablanca", "UTC",
]  # fmt: skip
CHANGES = [  # production days around clock changes of these zones in 2026, and plain ones
    date(2026, 3, 28), date(2026, 3, 29), date(2026, 10, 24), date(2026, 3, 7), date(2026, 3, 8), date(2026, 10, 31),
    date(2026, 4, 4), date(2026, 4, 5), date(2026, 10, 3), date(2026, 9, 5), date(2026, 9, 6), date(2026, 2, 14),
]  # fmt: skip
RULES = [
    "FREQ=DAILY", "FREQ=DAILY;INTERVAL=3", "FREQ=WEEKLY;BYDAY=MO,TU,WE,TH,FR", "FREQ=WEEKLY;INTERVAL=2;BYDAY=SU,MO",
    "FREQ=WEEKLY;INTERVAL=3;BYDAY=SA,SU,WE;WKST=SU", "FREQ=MONTHLY;BYMONTHDAY=1,15,28", "FREQ=MONTHLY;BYDAY=-1FR",
    "FREQ=DAILY;COUNT=200", "FREQ=WEEKLY;UNTIL=20260901;BYDAY=TU,TH", "FREQ=YEARLY;BYMONTH=3,10;BYDAY=-1SU,-1SA",
    "FREQ=DAILY;BYDAY=MO,WE",
]  # fmt: skip
CYCLES = ["panama", "dupont", "continental", "DDNN----", "D-", "DDDDD--", "ELN--"]
DAYS = st.dates(date(2026, 1, 1), date(2027, 12, 31)) | st.sampled_from(CHANGES)
STARTS = st.dates(date(2025, 12, 1), date(2026, 6, 30))


def fewer(parts: int) -> int:
    """A part of the profile's examples, for a test whose case is worth that many."""
    return max(5, settings.default.max_examples // parts)


def text(minutes: int) -> str:
    return f"{minutes // 60 % 24:02}:{minutes % 60:02}"


def plant(zone: str, day_start: str = "06:00", site: dict | None = None, **sections: object) -> Plant:
    """A plant of one site `s` with lines one and two and machines m (one), n (one), o (two)."""
    data = {
        "schema": 1,
        "plant": {"name": "p"},
        "site": [{"name": "s", "timezone": zone, "day_start": day_start} | (site or {})],
        "area": [{"name": "a", "site": "s"}],
        "line": [{"name": "one", "area": "a"}, {"name": "two", "area": "a"}],
        "machine": [{"name": n, "line": line, "kind": "x"} for n, line in (("m", "one"), ("n", "one"), ("o", "two"))],
    }
    return Plant(PlantFile.model_validate(data | sections), Path("p.toml"))


@st.composite
def breaks(draw, start: int, minutes: int):
    found, at = [], 0
    for _ in range(draw(st.integers(0, 2))):
        begins = at + draw(st.integers(0, 60)) * 5
        lasts = draw(st.integers(1, 9)) * 5
        if begins + lasts > minutes:
            break
        row = {"start": text(start + begins), "end": text(start + begins + lasts)}
        if draw(st.booleans()):
            row["valid_from"] = draw(STARTS)
        if draw(st.booleans()):
            row["valid_until"] = row.get("valid_from", date(2026, 3, 1)) + timedelta(days=draw(st.integers(0, 400)))
        found.append(row)
        at = begins + lasts
    return found


@st.composite
def shifts(draw, day_start: int, *, whole: bool = False):
    """Shifts one after the other in the production day; `whole`: they fill it."""
    inner = draw(st.lists(st.integers(1, 95), min_size=1, max_size=4, unique=True))
    edges = sorted({0, *inner, 96} if whole else set(inner))
    found = []
    for n, (a, b) in enumerate(pairwise(edges)):
        start, minutes = day_start + a * 15, (b - a) * 15
        row = {"name": f"s{n}", "site": "s", "start": text(start), "end": text(start + minutes)}
        row["breaks"] = draw(breaks(start, minutes))
        found.append(row)
    return found


@st.composite
def dated(draw, row):
    """A shift with a rule and dates of its own."""
    more = {"rrule": draw(st.sampled_from(RULES)), "starts_on": draw(STARTS)}
    if draw(st.booleans()):
        more["valid_from"] = draw(STARTS)
    if draw(st.booleans()):
        more["valid_until"] = draw(st.dates(date(2026, 7, 1), date(2027, 6, 30)))
    named = draw(st.lists(st.sampled_from(CHANGES), max_size=4, unique=True))
    cut = draw(st.integers(0, len(named)))
    more |= {"extra": named[:cut], "cancelled": named[cut:], "works_holidays": draw(st.booleans())}
    if draw(st.booleans()):
        more["lines"] = ["one"]
    if draw(st.booleans()):
        more["crew"] = "X"
    return row | more


def crew(name: str, pattern: str, shifts: dict[str, str], starts_on: date, lines: list[str]) -> dict:
    return {"name": name, "site": "s", "pattern": pattern, "shifts": shifts, "starts_on": starts_on, "lines": lines}


@st.composite
def crews(draw, names: list[str]):
    """Crews that do not get in each other's way: of lines of their own, or staggered."""
    starts_on = draw(STARTS)
    if draw(st.booleans()):
        day, night = names[0], names[-1]
        number, letters = (4, "panama") if day != night else (2, "pitman")
        mapped = {"D": day, "N": night} if day != night else {"D": day}
        begun = [starts_on + timedelta(days=7 * n) for n in range(draw(st.integers(1, number)))]
        return [crew(f"T{n}", letters, mapped, at, []) for n, at in enumerate(begun)]
    found = []
    for name, lines in (("A", ["one"]), ("B", ["two"])):
        pattern = draw(st.sampled_from(CYCLES))
        mapped = {x: draw(st.sampled_from(names)) for x in sorted(set(cycle(pattern)) - {"-"})}
        found.append(crew(name, pattern, mapped, draw(STARTS), lines))
    return found


@st.composite
def planned(draw):
    start = datetime.combine(draw(DAYS), datetime.min.time()) + timedelta(minutes=5 * draw(st.integers(0, 287)))
    row = {"site": "s", "reason": draw(st.sampled_from(["maintenance", "meeting", "no demand"])), "start": start}
    row["end"] = start + timedelta(minutes=draw(st.integers(1, 4000)))
    if draw(st.booleans()):
        row["rrule"] = draw(st.sampled_from(["FREQ=DAILY;INTERVAL=4", "FREQ=YEARLY"]))
        row["cancelled"] = draw(st.lists(DAYS, max_size=2, unique=True))
    row["like_a_break"] = draw(st.booleans())
    return row | draw(st.sampled_from([{}, {"lines": ["one"]}, {"machines": ["m", "o"]}]))


@st.composite
def holidays(draw):
    row = {"site": "s", "name": "feast", "day": draw(DAYS)}
    if draw(st.booleans()):
        row["rrule"] = "FREQ=YEARLY"
    return row | draw(st.sampled_from([{}, {"days": 2}, {"start": "13:00"}]))


@st.composite
def plants(draw):
    """Any zone, any day start, shifts with rules or crews, holidays and planned events; without a problem."""
    day_start = draw(st.sampled_from([0, 150, 360, 1365]))
    rows = draw(shifts(day_start))
    sections: dict[str, object] = {}
    if rows and draw(st.booleans()):
        sections["crew"] = draw(crews([r["name"] for r in rows]))
        worked = {name for crew in sections["crew"] for name in crew["shifts"].values()}
        sections["shift"] = [row if row["name"] in worked else draw(dated(row)) for row in rows]
    else:
        sections["shift"] = [draw(dated(row)) for row in rows]
    sections["planned"] = draw(st.lists(planned(), max_size=3))
    sections["holiday"] = draw(st.lists(holidays(), max_size=2))
    site = {"holidays": draw(st.lists(st.sampled_from(CHANGES), max_size=3, unique=True))}
    return plant(draw(st.sampled_from(ZONES)), text(day_start), site, **sections)
