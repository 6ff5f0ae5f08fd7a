"""Two shifts on one line at one time, or of one name in one production day; crews are looked at as they work."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import date, timedelta
from itertools import combinations

from plant.errors import Problem
from plant.shifts.clocks import DAY, clock, length
from plant.shifts.model import Crew, Shift
from plant.shifts.patterns import cycle
from plant.shifts.turns import Turn, turns_of

CHECKED = 400
"""Days after both have begun on which two shifts are compared: every yearly pattern shows."""


def overlap_problems(
    file: str, shifts: Sequence[tuple[str, Shift]], crews: Sequence[Crew], day_starts: Mapping[str, str]
) -> Iterator[Problem]:
    """One problem for each pair of shifts (with their crews) that get in each other's way; `day_starts` by site."""
    places = {id(shift): at for at, shift in shifts}
    for site, day_start in day_starts.items():
        readable = [c for c in crews if c.site == site and _can_be_read(c)]
        turns = turns_of((s for _, s in shifts if s.site == site), readable)
        seen: dict[tuple[Turn, date], frozenset[date]] = {}
        for one, other in combinations(turns, 2):
            if not _share_line(one, other):
                continue
            meet = _meet(one.shift, other.shift, day_start)
            if (meet or one.shift.name == other.shift.name) and (both := _both(one, other, day_start, seen)):
                yield _problem(file, places[id(other.shift)], one, other, min(both), meet=meet)


def _can_be_read(crew: Crew) -> bool:
    try:
        return bool(cycle(crew.pattern))
    except ValueError:
        return False  # told by the crew's own check


def _share_line(one: Turn, other: Turn) -> bool:
    return one.lines is None or other.lines is None or bool(one.lines & other.lines)


def _meet(one: Shift, other: Shift, day_start: str) -> bool:
    """Their clocks overlap inside a production day."""
    spans = []
    for shift in (one, other):
        begins = length(clock(day_start), clock(shift.start)) % DAY
        spans.append((begins, begins + length(clock(shift.start), clock(shift.end))))
    return spans[0][0] < spans[1][1] and spans[1][0] < spans[0][1]


def _both(one: Turn, other: Turn, day_start: str, seen: dict[tuple[Turn, date], frozenset[date]]) -> frozenset[date]:
    """Production days on which both are worked, among those compared."""
    first = max(_begins(one), _begins(other))
    compared = {first + timedelta(days=n) for n in range(CHECKED)}
    days = []
    for turn in (one, other):
        back = DAY if clock(turn.shift.start) < clock(day_start) else timedelta()
        if (turn, first) not in seen:
            seen[turn, first] = frozenset(d - back for d in compared if turn.on(d))
        named = {d - back for d in (*one.shift.extra, *other.shift.extra) if turn.on(d)}
        days.append(seen[turn, first] | named)
    return days[0] & days[1]


def _begins(turn: Turn) -> date:
    begins = turn.starts_on if turn.days else turn.shift.starts_on
    if turn.days and not turn.places:
        return min(turn.shift.extra)
    return max(begins, turn.shift.valid_from or date.min)


def _problem(file: str, at: str, one: Turn, other: Turn, day: date, *, meet: bool) -> Problem:
    if meet:
        found = f"{_named(other)} overlaps {_named(one)}, first on {day}"
        hint = "change clocks, dates, lines or crews of one of them"
        return Problem(file, at, found, "one shift at a time on a line", hint)
    found = f"{_named(other)} twice in the production day {day}"
    return Problem(file, f"{at}.name", found, "one shift of a name in a production day", "rename one of them")


def _named(turn: Turn) -> str:
    return f"{turn.shift.name!r}" + (f" of crew {turn.crew!r}" if turn.crew else "")
