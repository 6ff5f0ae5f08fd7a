"""Crews, holidays and planned events of plant.toml: patterns and their letters, lengths, machines of the site."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import date

from plant.checks.names import Row, rows, unknown
from plant.checks.shape import did_you_mean, shown
from plant.errors import Problem
from plant.shifts.model import Crew, Holiday, Planned, Shift
from plant.shifts.patterns import OFF, PATTERNS, cycle

RuleCheck = Callable[[str, str, str | None, date], Iterator[Problem]]


def crew_problems(
    file: str, data: Row, crews: Sequence[tuple[str, Crew]], shifts: Sequence[Shift]
) -> Iterator[Problem]:
    """Patterns nobody knows, letters without a shift, shifts with a rule of their own beside the crews'."""
    for at, crew in crews:
        yield from _pattern(file, at, crew)
        theirs = [s.name for s in shifts if s.site == crew.site and s.crew is None]
        for letter, name in crew.shifts.items():
            if name not in theirs:
                named = list(dict.fromkeys(theirs))
                yield unknown(
                    file, f"{at}.shifts.{letter}", name, named, "shift of this site without a crew of its own"
                )
        if crew.valid_until and crew.valid_until < crew.starts_on:
            found = f"{crew.valid_until}, before starts_on {crew.starts_on}"
            yield Problem(file, f"{at}.valid_until", found, "a date not before starts_on", "exchange the two dates")
    worked = {(crew.site, name) for _, crew in crews for name in crew.shifts.values()}
    for at, row in rows(data, "shift"):
        if "rrule" in row and "crew" not in row and (row.get("site"), row.get("name")) in worked:
            found, valid = f"a rule beside the crews that work {row['name']!r}", "no rule: the crews' patterns say when"
            yield Problem(file, f"{at}.rrule", found, valid, "remove the rule, or the shift from the crews")


def _pattern(file: str, at: str, crew: Crew) -> Iterator[Problem]:
    try:
        letters = set(cycle(crew.pattern)) - {OFF}
    except ValueError:
        valid = "one of " + ", ".join(PATTERNS) + ", or a cycle as DDNN----"
        hint = did_you_mean(crew.pattern, list(PATTERNS)) or "one capital letter a day, '-' for a day off"
        yield Problem(file, f"{at}.pattern", shown(crew.pattern), valid, hint)
        return
    if lost := sorted(letters - crew.shifts.keys()):
        found = f"no shift for {', '.join(lost)} of the pattern {crew.pattern!r}"
        yield Problem(file, f"{at}.shifts", found, "a shift for each letter", f'add {lost[0]} = "a shift\'s name"')
    for letter in sorted(crew.shifts.keys() - letters):
        found = f"{letter!r} is not in the pattern {crew.pattern!r}"
        yield Problem(file, f"{at}.shifts.{letter}", found, "letters " + ", ".join(sorted(letters)), "remove it")


def holiday_problems(file: str, holidays: Iterable[tuple[str, Holiday]], rule: RuleCheck) -> Iterator[Problem]:
    """Rules that cannot be read, half-days of several days."""
    for at, holiday in holidays:
        yield from rule(file, at, holiday.rrule, holiday.day)
        if holiday.start and holiday.days > 1:
            found = f"{holiday.days} days that begin at {holiday.start}"
            yield Problem(file, f"{at}.start", found, "a half-day holiday is one day", "split it, or remove start")


def planned_problems(file: str, data: Row, events: Iterable[tuple[str, Planned]], rule: RuleCheck) -> Iterator[Problem]:
    """Rules that cannot be read, events without a length, machines that are not of the site."""
    site_of_area = {r.get("name"): r.get("site") for _, r in rows(data, "area")}
    site_of_line = {r.get("name"): site_of_area.get(r.get("area")) for _, r in rows(data, "line")}
    for at, event in events:
        yield from rule(file, at, event.rrule, event.start.date())
        if event.end <= event.start:
            found = f"{event.end}, not after start {event.start}"
            yield Problem(file, f"{at}.end", found, "a local time after start", "give the date and time it ends")
        if event.lines and event.machines:
            found = "lines and machines"
            yield Problem(file, f"{at}.machines", found, "lines or machines", "make two events of it")
        own = [str(m.get("name")) for _, m in rows(data, "machine") if site_of_line.get(m.get("line")) == event.site]
        for n, machine in enumerate(event.machines):
            if machine not in own:
                yield unknown(file, f"{at}.machines[{n}]", machine, own, "machine of this site")
