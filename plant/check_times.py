"""Times of plant.toml: zones, rules, shifts that tile the production day, breaks inside their shifts."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import date, timedelta
from itertools import combinations
from typing import Any
from zoneinfo import ZoneInfo, available_timezones

from plant.check_names import Row, rows, texts
from plant.check_shape import did_you_mean, shown
from plant.errors import Problem
from plant.recurrence import shift_dates

CLOCK = re.compile(r"^([01]\d|2[0-3]):([0-5]\d)$")
DAY_MIN = 24 * 60
CHECKED = timedelta(days=400)
"""How long after both have begun two shifts are compared: every yearly pattern shows."""


def time_problems(file: str, data: Row) -> Iterator[Problem]:
    """Problems of zones, recurrence rules, shifts and breaks."""
    starts = {}
    for at, site in rows(data, "site"):
        yield from zone_problems(file, at, site)
        starts[site.get("name")] = _minutes(site.get("day_start", "06:00"))
    for at, shift in rows(data, "shift"):
        yield from _rule(file, at, shift)
        yield from _clocks(file, at, shift, starts.get(shift.get("site")))
    yield from _overlaps(file, data, starts)


def _minutes(text: Any) -> int | None:
    match = CLOCK.match(text) if isinstance(text, str) else None
    return int(match[1]) * 60 + int(match[2]) if match else None


def _span(row: Row, whole: int) -> tuple[int, int] | None:
    """Start and length in minutes of a shift or break; `whole` is the length when start and end are equal."""
    start, end = _minutes(row.get("start")), _minutes(row.get("end"))
    if start is None or end is None:
        return None
    return start, (end - start) % DAY_MIN or whole


def zone_problems(file: str, at: str, row: Row) -> Iterator[Problem]:
    """The problem of a `timezone` that no zone has; none where it is not given."""
    name = row.get("timezone")
    if not isinstance(name, str):
        return
    try:
        ZoneInfo(name)
    except (KeyError, ValueError, OSError):
        hint = did_you_mean(name, sorted(available_timezones())) or "as in Europe/Berlin or America/New_York"
        yield Problem(
            file, f"{at}.timezone", f"unknown time zone {name!r}", "a name of the IANA time zone database", hint
        )


def _dates(shift: Row, first: date, last: date) -> frozenset[date]:
    return shift_dates(str(shift.get("rrule", "FREQ=DAILY")), _begins(shift), first, last)


def _begins(shift: Row) -> date:
    begins = shift.get("starts_on")
    return begins if isinstance(begins, date) else date(2000, 1, 3)


def _rule(file: str, at: str, shift: Row) -> Iterator[Problem]:
    try:
        _dates(shift, _begins(shift), _begins(shift))
    except (ValueError, TypeError, KeyError, AttributeError) as error:  # whatever dateutil meets in a wrong rule
        found = f"{shown(shift.get('rrule'))} ({error})"
        valid = "an RFC 5545 rule over local dates"
        yield Problem(file, f"{at}.rrule", found, valid, "as in FREQ=WEEKLY;BYDAY=MO,TU,WE,TH,FR")


def _clocks(file: str, at: str, shift: Row, day_start: int | None) -> Iterator[Problem]:
    span = _span(shift, DAY_MIN)
    if span is None:
        return
    start, length = span
    if day_start is not None and (start - day_start) % DAY_MIN + length > DAY_MIN:
        found = f"{shift['start']} to {shift['end']} crosses the start of the production day"
        valid = f"shifts inside the production day, which starts at {_text(day_start)}"
        yield Problem(file, f"{at}.end", found, valid, "split the shift there, or move the site's day_start")
    taken = 0
    for key, pause in sorted(rows(shift, "breaks"), key=lambda r: _offset(r[1], start)):
        inside = _span(pause, 0)
        if inside is None:
            continue
        begins = _offset(pause, start)
        if inside[1] == 0 or begins + inside[1] > length:
            found, valid = f"{pause['start']} to {pause['end']}", f"inside {shift['start']} to {shift['end']}"
            yield Problem(file, f"{at}.{key}", found, valid, "a break lies inside its shift and has a length")
        elif begins < taken:
            found = f"{pause['start']} to {pause['end']} overlaps another break"
            yield Problem(file, f"{at}.{key}", found, "breaks one after the other")
        taken = max(taken, begins + inside[1])


def _offset(row: Row, start: int) -> int:
    at = _minutes(row.get("start"))
    return 0 if at is None else (at - start) % DAY_MIN


def _text(minutes: int) -> str:
    return f"{minutes // 60:02}:{minutes % 60:02}"


def _overlaps(file: str, data: Row, starts: dict[Any, int | None]) -> Iterator[Problem]:
    """Two shifts on one line at one time, or of one name in one production day."""
    for (_, one), (at, other) in combinations(rows(data, "shift"), 2):
        day_start = starts.get(one.get("site"))
        if one.get("site") != other.get("site") or day_start is None or not _share_line(one, other):
            continue
        spans = [(_offset(s, day_start), _span(s, DAY_MIN)) for s in (one, other)]
        if any(span is None for _, span in spans) or not (both := _both(one, other, day_start)):
            continue
        (a, (_, long_a)), (b, (_, long_b)) = spans  # type: ignore[misc]
        if a < b + long_b and b < a + long_a:
            found = f"{other.get('name')!r} overlaps {one.get('name')!r}, first on {min(both)}"
            yield Problem(
                file, at, found, "one shift at a time on a line", "change clocks, rule or lines of one of them"
            )
        elif one.get("name") == other.get("name"):
            found = f"{other.get('name')!r} twice in the production day {min(both)}"
            yield Problem(file, f"{at}.name", found, "one shift of a name in a production day", "rename one of them")


def _share_line(one: Row, other: Row) -> bool:
    lines = [set(texts(s, "lines")) for s in (one, other)]
    return not lines[0] or not lines[1] or bool(lines[0] & lines[1])


def _both(one: Row, other: Row, day_start: int) -> frozenset[date]:
    """Production days on which both are worked."""
    first = max(_begins(one), _begins(other))
    days = []
    for shift in (one, other):
        start = _minutes(shift.get("start")) or 0
        back = timedelta(days=1 if start < day_start else 0)
        try:
            days.append(frozenset(d - back for d in _dates(shift, first, first + CHECKED)))
        except (ValueError, TypeError, KeyError, AttributeError):
            return frozenset()  # told by the rule's own check
    return days[0] & days[1]
