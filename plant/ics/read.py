"""An .ics file as rows of plant.toml: shifts with breaks, holidays and planned events of one site.

The rows are checked with the others of the file, so that all problems are told at once.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from datetime import date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from plant.checks.names import Row
from plant.errors import Problem
from plant.ics.entries import Entry, gathered, named_only
from plant.ics.events import Reader, Told, as_name
from plant.shifts.clocks import DAY
from plant.shifts.turns import Free

ALIKE = 400
"""Days over which a break must go with its shift to belong to it."""


def read_ics(
    content: bytes, file: str, site: str, zone: ZoneInfo, lines: Collection[str], machines: Collection[str]
) -> tuple[list[Entry], list[Problem]]:
    """Rows for [[shift]], [[holiday]] and [[planned]] of a site, and everything that could not be read.

    `lines` and `machines` are the names the plant has: RESOURCES are looked up in them.
    """
    reader = Reader(file, zone)
    try:
        found = _events(content)
    except (ValueError, IndexError) as error:
        return [], [Problem(file, "file", str(error)[:200], "an iCalendar file (RFC 5545)", "export it again as .ics")]
    told = [t for n, event in enumerate(found, 1) if (t := reader.read(n, event))]
    kept = [t for t in told if not (t.dropped and t.instead_of is None)]
    rows = _Rows(reader, site, frozenset(lines), frozenset(machines), _breaks_of(kept))
    return gathered(rows.of(_with_changes(reader, kept))), reader.problems


def _events(content: bytes) -> list[Any]:
    """Every VEVENT of the file.

    Raises:
        ValueError: no calendar, or one that is cut off: the library reads what is there and says nothing.
    """
    from icalendar import Calendar

    found = [e for calendar in Calendar.from_ical(content, multiple=True) for e in calendar.walk("VEVENT")]
    lines = [line.strip().upper() for line in content.splitlines()]
    for what, number in ((b"VCALENDAR", max(1, lines.count(b"BEGIN:VCALENDAR"))), (b"VEVENT", len(found))):
        begun, ended = lines.count(b"BEGIN:" + what), lines.count(b"END:" + what)
        if not begun == ended == number:
            raise ValueError(f"{begun} times BEGIN:{what.decode()}, {ended} times END:{what.decode()}: cut off?")
    return found


def _breaks_of(told: list[Told]) -> dict[int, list[Told]]:
    """Breaks that belong to a shift, by the id of the shift."""
    changed = {t.instead_of for t in told if t.instead_of is not None}
    breaks = [t for t in told if t.category == "BREAK" and not t.dropped]
    shifts = [t for t in told if t.category == "SHIFT"]
    return {id(s): [b for b in breaks if _goes_with(b, s, changed)] for s in shifts}


def _with_changes(reader: Reader, told: list[Told]) -> list[Told]:
    """Changes of single days: their day is taken from the rule, and they stand for themselves unless cancelled."""
    masters = {t.uid: t for t in told if t.instead_of is None}
    for change in (t for t in told if t.instead_of is not None):
        master = masters.get(change.uid)
        if master is None or change.category == "BREAK":
            what = "a changed break" if master else "a change of an event that is not in the file"
            reader.tell(f"{change.label} RECURRENCE-ID", what, "changes of shifts, holidays and planned events")
        elif change.instead_of in master.extra:
            master.extra.remove(change.instead_of)
        elif change.instead_of is not None and change.instead_of not in master.cancelled:
            master.cancelled.append(change.instead_of)
    return [t for t in told if not t.dropped]


class _Rows:
    """Makes rows of events."""

    def __init__(
        self,
        reader: Reader,
        site: str,
        lines: frozenset[str],
        machines: frozenset[str],
        breaks: dict[int, list[Told]],
    ) -> None:
        self.reader, self.site, self.lines, self.machines, self.breaks = reader, site, lines, machines, breaks

    def of(self, told: list[Told]) -> Iterator[Entry]:
        shifts = [t for t in told if t.category == "SHIFT"]
        taken = {id(b) for found in self.breaks.values() for b in found}
        holidays = [Entry("holiday", row, t.label) for t in told if t.category == "HOLIDAY" for row in self._holiday(t)]
        free = [_free(e.row) for e in holidays]
        for shift in shifts:
            masters = [s for s in shifts if s.uid == shift.uid and s.instead_of is None]
            own = self.breaks[id(shift)] or [b for m in masters if shift.instead_of for b in self.breaks[id(m)]]
            yield from (Entry("shift", row, shift.label) for row in self._shift(shift, own, free))
        yield from holidays
        for event in told:
            if event.category == "PLANNED" or (event.category == "BREAK" and id(event) not in taken):
                yield from (Entry("planned", row, event.label) for row in self._planned(event))

    def _shift(self, told: Told, breaks: Iterable[Told], free: list[Free]) -> Iterator[Row]:
        lasts = told.end - told.start
        if lasts > DAY:
            self.reader.tell(f"{told.label} DTEND", f"a shift of {lasts}", "at most 24 hours", "split it")
        if told.start.second or told.end.second:
            self.reader.tell(f"{told.label} DTSTART", f"{told.start} to {told.end}", "whole minutes")
        row: Row = {"name": as_name(told.summary), "site": self.site, **_clocks(told)}
        holidays = [d for d in told.cancelled if any(f.clock(d) == time() for f in free)]
        works = "TRUE" in [m.upper() for m in told.marks.get("X-SHOPFLOOR-WORKS-HOLIDAYS", [])]
        if told.rule:
            row |= {"rrule": told.rule, "starts_on": told.start.date()}
            row |= _dates(told, [d for d in told.cancelled if works or d not in holidays])
        else:
            row |= named_only({told.start.date(), *told.extra} - set(told.cancelled))
        pauses = [b for t in breaks if (b := _break(t, told))] + self._written_breaks(told)
        row |= {"breaks": pauses} if pauses else {}
        row |= {"crew": crew[0]} if (crew := told.marks.get("X-SHOPFLOOR-CREW")) else {}
        row |= {"works_holidays": True} if works else {}
        if told.rule or row["extra"]:
            yield row | ({"lines": told.names} if told.names else {})

    def _written_breaks(self, told: Told) -> list[Row]:
        """Breaks a shift carries itself: 'HH:MM-HH:MM FIRST..LAST'."""
        found = []
        for said in told.marks.get("X-SHOPFLOOR-BREAK", []):
            clocks, _, validity = said.partition(" ")
            start, _, end = clocks.partition("-")
            row: Row = {"start": start, "end": end}
            try:
                for key, day in zip(("valid_from", "valid_until"), validity.split(".."), strict=False):
                    row |= {key: date.fromisoformat(day)} if day else {}
            except ValueError as error:
                self.reader.tell(f"{told.label} X-SHOPFLOOR-BREAK", f"{said!r} ({error})", "HH:MM-HH:MM FIRST..LAST")
            found.append(row)
        return found

    def _holiday(self, told: Told) -> Iterator[Row]:
        row: Row = {"name": told.summary or "holiday", "site": self.site, "day": told.start.date()}
        days = (told.end - told.start).days
        if not told.all_day and told.start.time() != time():
            if told.end != datetime.combine(told.start.date() + DAY, time()):
                found = f"a holiday from {told.start} to {told.end}"
                valid = "whole days, or from a clock to the end of that day"
                self.reader.tell(f"{told.label} DTEND", found, valid)
            row["start"] = f"{told.start:%H:%M}"
        elif days > 1:
            row["days"] = days
        more: Row = {"rrule": told.rule} if told.rule else {}
        more |= {"cancelled": sorted(told.cancelled)} if told.rule and told.cancelled else {}
        if told.rule or told.start.date() not in told.cancelled:
            yield row | more
        yield from (row | {"day": day} for day in sorted(set(told.extra) - set(told.cancelled)))

    def _planned(self, told: Told) -> Iterator[Row]:
        row: Row = {"reason": told.summary or told.category.lower(), "site": self.site}
        row |= {"start": told.start, "end": told.end} | ({"rrule": told.rule} if told.rule else {})
        row |= _dates(told, told.cancelled) | ({"like_a_break": True} if told.category == "BREAK" else {})
        lines = [n.removeprefix("line:") for n in told.names if n not in self.machines and not n.startswith("machine:")]
        lines += [n for n in told.names if n in self.machines and n in self.lines]
        machines = [n.removeprefix("machine:") for n in told.names]
        machines = [n for n, said in zip(machines, told.names, strict=True) if said not in lines and n not in lines]
        if lines or not machines:
            yield row | ({"lines": lines} if lines else {})
        if machines:
            yield row | {"machines": machines}


def _clocks(told: Told) -> Row:
    return {"start": f"{told.start:%H:%M}", "end": f"{told.end:%H:%M}"}


def _dates(told: Told, cancelled: Iterable[date]) -> Row:
    """Named dates; one that is both given and cancelled is cancelled."""
    off = sorted(cancelled)
    extra = sorted(set(told.extra) - set(told.cancelled))
    return ({"extra": extra} if extra else {}) | ({"cancelled": off} if off else {})


def _free(row: Row) -> Free:
    from plant.shifts.model import Holiday

    return Free(frozenset(), (Holiday.model_construct(**row),))


def _break(told: Told, shift: Told) -> Row | None:
    """A break of a shift; valid from and until where it begins later or ends sooner than the shift."""
    row: Row = _clocks(told)
    if shift.instead_of is not None:
        return row if _lies_in(told, shift) else None
    first, last = _limits(told, shift)
    first -= told.start.date() - _first(told)
    row |= {"valid_from": first} if first > _first(shift) else {}
    return row | ({"valid_until": last} if last != _last(shift) and last is not None else {})


def _limits(told: Told, shift: Told) -> tuple[date, date | None]:
    back = DAY if told.start.time() < shift.start.time() else timedelta()
    last = _last(told)
    return told.start.date() - back, last - back if last else None


def _first(told: Told) -> date:
    """The first date on which it starts; an extra date can lie before its rule begins."""
    return min([told.start.date(), *told.extra])


def _last(told: Told) -> date | None:
    """The last date on which it may start, None without an end."""
    from plant.ics.rules import parts, until_date

    if told.rule is None:
        return max([told.start.date(), *told.extra])
    until = parts(told.rule).get("UNTIL")
    return max([until_date(until), *told.extra]) if until else None


def _lies_in(told: Told, shift: Told) -> bool:
    begins = (datetime.combine(date.min, told.start.time()) - datetime.combine(date.min, shift.start.time())) % DAY
    return begins + (told.end - told.start) <= shift.end - shift.start


def _goes_with(told: Told, shift: Told, changed: Collection[date | None]) -> bool:
    """A break that names the shift as its parent, lies in it and happens on the shift's days while it is valid."""
    if told.parent != shift.uid or shift.instead_of is not None or not _lies_in(told, shift):
        return False
    first, last = _limits(told, shift)
    back = told.start.date() - first
    low = max(first, shift.start.date())
    days = (
        {low + DAY * n for n in range(ALIKE)} | set(shift.extra) | set(shift.cancelled) | {d - back for d in told.extra}
    )
    inside = (d for d in days if d not in changed and first <= d and (last is None or d <= last))
    try:
        return all(told.on(d + back) == shift.on(d) for d in inside)
    except (ValueError, TypeError, KeyError, AttributeError):
        return False  # a rule that cannot be read is told where the row is checked
