"""On which local dates is worked: shifts by their rules, crews by their patterns, both less holidays.

A date that is named wins over a rule: `extra` over everything but `cancelled`, also over a holiday.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta

from plant.shifts.clocks import DAY, clock
from plant.shifts.model import Crew, Holiday, Planned, Shift
from plant.shifts.patterns import OFF, cycle
from plant.shifts.recurrence import falls_on


@dataclass(frozen=True, eq=False)
class Turn:
    """One source of shifts of a name: a shift's own rule, or the days of a crew's pattern.

    `places` are the positions of the cycle (of `days` days from `starts_on`) on which it is worked; without a
    cycle (`days` 0) the shift's rule says when.
    """

    shift: Shift
    crew: str | None
    lines: frozenset[str] | None
    days: int = 0
    places: frozenset[int] = frozenset()
    starts_on: date = date.min
    valid_until: date = date.max

    def named(self, day: date) -> bool:
        """The date is written as an extra one, and not cancelled."""
        return day in self.shift.extra and day not in self.shift.cancelled and (not self.days or self.crew is None)

    def on(self, day: date) -> bool:
        """Whether it starts on that local date, holidays not looked at."""
        shift = self.shift
        if day in shift.cancelled:
            return False
        if self.named(day):
            return True
        if not (shift.valid_from or date.min) <= day <= (shift.valid_until or date.max):
            return False
        if self.days:
            inside = self.starts_on <= day <= self.valid_until
            return inside and (day - self.starts_on).days % self.days in self.places
        return falls_on(shift.rrule, shift.starts_on, day)

    def worked_on(self, line: str) -> bool:
        """Whether it is worked on a line of its site."""
        return self.lines is None or line in self.lines


def turns_of(shifts: Iterable[Shift], crews: Iterable[Crew]) -> list[Turn]:
    """Turns of one site. A shift that crews name starts when they work it, by itself only on its extra dates."""
    crews, found = list(crews), []
    for shift in shifts:
        theirs = [c for c in crews if shift.name in c.shifts.values()] if shift.crew is None else []
        if theirs:
            found += [_of_crew(shift, crew) for crew in theirs]
            found += [Turn(shift, None, _lines(shift.lines), days=1)] if shift.extra else []
        else:
            found.append(Turn(shift, shift.crew, _lines(shift.lines)))
    return found


def _of_crew(shift: Shift, crew: Crew) -> Turn:
    letters = cycle(crew.pattern)
    mine = {letter for letter, name in crew.shifts.items() if name == shift.name} - {OFF}
    places = frozenset(n for n, letter in enumerate(letters) if letter in mine)
    lines = _lines(shift.lines), _lines(crew.lines)
    both = lines[0] & lines[1] if lines[0] is not None and lines[1] is not None else lines[0] or lines[1]
    until = crew.valid_until or date.max
    return Turn(shift, crew.name, both, len(letters), places, crew.starts_on, until)


def _lines(names: Sequence[str]) -> frozenset[str] | None:
    return frozenset(names) or None


@dataclass(frozen=True, eq=False)
class Free:
    """Holidays of one site."""

    dates: frozenset[date]
    named: tuple[Holiday, ...]

    def clock(self, day: date) -> time | None:
        """From which clock a date is free: midnight for a whole holiday, None for a working day."""
        if day in self.dates:
            return time()
        starts = [clock(h.start or "00:00") for h in self.named if _covers(h, day)]
        return min(starts, default=None)


def _covers(holiday: Holiday, day: date) -> bool:
    days = (day - DAY * n for n in range(holiday.days))
    return any(d not in holiday.cancelled and _holiday_on(holiday, d) for d in days)


def _holiday_on(holiday: Holiday, day: date) -> bool:
    if holiday.rrule is None:
        return day == holiday.day
    return falls_on(holiday.rrule, holiday.day, day)


def planned_starts(planned: Planned, first: date, last: date) -> Iterator[date]:
    """Local dates in [first, last] on which a planned event starts, ascending."""
    begins, named = planned.start.date(), set(planned.extra)
    if planned.rrule is None:
        yield from sorted(d for d in {begins, *named} - set(planned.cancelled) if first <= d <= last)
        return
    for day in (first + DAY * n for n in range((last - first).days + 1)):
        if day not in planned.cancelled and (day in named or falls_on(planned.rrule, begins, day)):
            yield day


def planned_length(planned: Planned) -> timedelta:
    """From local start to local end by the clock."""
    return planned.end - planned.start


def planned_local(planned: Planned, day: date) -> datetime:
    """Local start of the occurrence of a date."""
    return datetime.combine(day, planned.start.time())
