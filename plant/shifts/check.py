"""Times of plant.toml: zones, rules, clocks and breaks of shifts; crews, holidays and planned events beside them.

Rows are read as far as their shape is right: what pydantic tells about one key hides nothing about the others.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import date, timedelta
from typing import Any, TypeVar
from zoneinfo import ZoneInfo, available_timezones

from pydantic import BaseModel, ValidationError

from plant.checks.names import Row, rows
from plant.checks.shape import did_you_mean, shown
from plant.errors import Problem
from plant.shifts.check_overlaps import overlap_problems
from plant.shifts.check_plans import crew_problems, holiday_problems, planned_problems
from plant.shifts.clocks import clock, length
from plant.shifts.model import Break, Crew, Holiday, Planned, Shift
from plant.shifts.recurrence import falls_on

Section = TypeVar("Section", bound=BaseModel)
WHOLE_DAY = timedelta(days=1)
FINER = re.compile(r"SECONDLY|MINUTELY|HOURLY|BYHOUR|BYMINUTE|BYSECOND|[:\s]", re.IGNORECASE)
CLOCK = re.compile(r"^([01]\d|2[0-3]):[0-5]\d$")


def time_problems(file: str, data: Row) -> Iterator[Problem]:
    """Problems of zones, recurrence rules, shifts, breaks, crews, holidays and planned events."""
    starts = {}
    for at, site in rows(data, "site"):
        yield from zone_problems(file, at, site)
        starts[site.get("name")] = site.get("day_start", "06:00")
    shifts = list(readable(data, "shift", Shift))
    ruled = []
    for at, shift in shifts:
        wrong = list(rule_problems(file, at, shift.rrule, shift.starts_on))
        ruled += [] if wrong else [(at, shift)]
        yield from wrong
        yield from _shift(file, at, shift, str(starts.get(shift.site)))
    crews = list(readable(data, "crew", Crew))
    yield from crew_problems(file, data, crews, [s for _, s in shifts])
    yield from holiday_problems(file, readable(data, "holiday", Holiday), rule_problems)
    yield from planned_problems(file, data, readable(data, "planned", Planned), rule_problems)
    known = {str(name): start for name, start in starts.items() if isinstance(start, str) and CLOCK.match(start)}
    yield from overlap_problems(file, ruled, [c for _, c in crews], known)


def readable(data: Row, section: str, model: type[Section]) -> Iterator[tuple[str, Section]]:
    """Rows of a section with their dotted key; keys of a wrong shape are left out, rows that need them too."""
    found = data.get(section, [])
    for n, row in enumerate(found if isinstance(found, list | tuple) else []):
        if not isinstance(row, dict):
            continue
        try:
            read = model.model_validate(row)
        except ValidationError as error:
            wrong = {e["loc"][0] for e in error.errors(include_url=False) if e["loc"]}
            try:
                read = model.model_validate({k: v for k, v in row.items() if k not in wrong})
            except ValidationError:
                continue
        yield f"{section}[{n}]", read


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


def rule_problems(file: str, at: str, rule: str | None, starts_on: date) -> Iterator[Problem]:
    """The problem of a recurrence rule that cannot be read or says more than dates; none where none is given."""
    if rule is None:
        return
    wrong = FINER.search(rule)
    try:
        falls_on(rule, starts_on, starts_on)
    except (ValueError, TypeError, KeyError, AttributeError) as error:  # whatever dateutil meets in a wrong rule
        told = f" ({error})"
    else:
        told = f" with {wrong[0]!r}" if wrong else ""
    if told:
        valid, hint = "an RFC 5545 rule over local dates", "as in FREQ=WEEKLY;BYDAY=MO,TU,WE,TH,FR"
        yield Problem(file, f"{at}.rrule", f"{shown(rule)}{told}", valid, hint)


def _shift(file: str, at: str, shift: Shift, day_start: str) -> Iterator[Problem]:
    yield from _validity(file, at, shift)
    both = sorted(set(shift.extra) & set(shift.cancelled))
    if both:
        found = f"{both[0]} in extra and in cancelled"
        yield Problem(file, f"{at}.cancelled", found, "each date in one of them", "take it out of one list")
    lasts = length(clock(shift.start), clock(shift.end))
    if CLOCK.match(day_start) and after(day_start, shift.start) + lasts > WHOLE_DAY:
        found = f"{shift.start} to {shift.end} crosses the start of the production day"
        valid = f"shifts inside the production day, which starts at {day_start}"
        yield Problem(file, f"{at}.end", found, valid, "split the shift there, or move the site's day_start")
    yield from _breaks(file, at, shift, lasts)


def after(start: str, later: str) -> timedelta:
    """From one clock to the next pass of another; nothing where they are equal."""
    return length(clock(start), clock(later)) % WHOLE_DAY


def _breaks(file: str, at: str, shift: Shift, lasts: timedelta) -> Iterator[Problem]:
    taken: list[tuple[timedelta, timedelta, Break]] = []
    for n, pause in sorted(enumerate(shift.breaks), key=lambda b: after(shift.start, b[1].start)):
        key = f"{at}.breaks[{n}]"
        yield from _validity(file, key, pause)
        begins, lies = after(shift.start, pause.start), after(pause.start, pause.end)
        if not lies or begins + lies > lasts:
            found, valid = f"{pause.start} to {pause.end}", f"inside {shift.start} to {shift.end}"
            yield Problem(file, key, found, valid, "a break lies inside its shift and has a length")
        elif any(begins < end and _share_days(pause, other) for _, end, other in taken):
            found = f"{pause.start} to {pause.end} overlaps another break"
            yield Problem(file, key, found, "breaks one after the other", "change its clocks or its validity")
        taken.append((begins, begins + lies, pause))


def _share_days(one: Break, other: Break) -> bool:
    first = max(one.valid_from or date.min, other.valid_from or date.min)
    return first <= min(one.valid_until or date.max, other.valid_until or date.max)


def _validity(file: str, at: str, row: Any) -> Iterator[Problem]:
    if row.valid_from and row.valid_until and row.valid_from > row.valid_until:
        found = f"{row.valid_until}, before valid_from {row.valid_from}"
        yield Problem(file, f"{at}.valid_until", found, "a date not before valid_from", "exchange the two dates")
