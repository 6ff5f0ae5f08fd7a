"""When a line works: shifts, breaks and holidays of plant.toml as marks on the UTC time line.

Written apart from `plant.calendar` on purpose: ground truth must not share code with what it verifies.
"""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import numpy as np
from dateutil.rrule import rrulestr

from plant.config import Plant
from plant.errors import TerminalError
from plant.model import Break, Shift
from simulator.instants import MINUTE, to_datetime, to_us

OFF, WORK, BREAK = 0, 1, 2


@dataclass(frozen=True)
class WorkTime:
    """Working time of one line: `modes[i]` (OFF, WORK, BREAK) holds from `marks[i]` (us) to the next mark."""

    marks: tuple[int, ...]
    modes: tuple[int, ...]

    def mode_at(self, at_us: int) -> int:
        """Mode at an instant; OFF before the first mark."""
        i = bisect_right(self.marks, at_us) - 1
        return self.modes[i] if i >= 0 else OFF

    def boundary_after(self, at_us: int) -> int | None:
        """The next mark after an instant, None behind the last."""
        i = bisect_right(self.marks, at_us)
        return self.marks[i] if i < len(self.marks) else None

    def next_work(self, at_us: int) -> int:
        """The instant itself if it is working time, else the start of the next working time."""
        while self.mode_at(at_us) != WORK:
            after = self.boundary_after(at_us)
            if after is None:
                return at_us
            at_us = after
        return at_us

    def worked_us(self, at_us: np.ndarray) -> np.ndarray:
        """Working time since the first mark, at each instant, in us."""
        marks = np.asarray(self.marks, dtype=np.float64)
        run = np.diff(marks) * (np.asarray(self.modes[:-1]) == WORK)
        return np.interp(at_us, marks, np.concatenate([[0.0], np.cumsum(run)]))

    def add_work(self, at_us: int, work_us: float) -> int:
        """The instant after which `work_us` of working time has passed since `at_us`."""
        left = work_us
        while True:
            after = self.boundary_after(at_us)
            if after is None:
                return at_us + int(left)
            if self.mode_at(at_us) == WORK:
                if at_us + left <= after:
                    return at_us + int(left)
                left -= after - at_us
            at_us = after


@dataclass(frozen=True)
class Occurrence:
    """One shift on one local day: [start_us, end_us)."""

    shift: Shift
    day: date
    start_us: int
    end_us: int


def worktimes(plant: Plant, first_day: date, last_day: date) -> dict[str, WorkTime]:
    """Working time of every line for shifts that start on the local days given, both inclusive.

    Raises:
        TerminalError: the calendar of plant.toml has something that is not simulated.
    """
    _refuse_unknown(plant)
    spans = {s.name + "@" + s.site: _spans(plant, s, first_day, last_day) for s in plant.file.shift}
    out = {}
    for line in plant.file.line:
        site = plant.areas[line.area].site
        mine = [s for s in plant.file.shift if s.site == site and (not s.lines or line.name in s.lines)]
        out[line.name] = _marks([spans[s.name + "@" + s.site] for s in mine], to_us(_midnight(first_day)))
    return out


def idle_until(plant: Plant, now: datetime) -> datetime | None:
    """When the next shift begins if none is on at `now`; None while one is on, or none comes within two weeks."""
    at, day = to_us(now), now.astimezone(UTC).date()
    lines = worktimes(plant, day - timedelta(days=2), day + timedelta(days=14)).values()
    if any(line.mode_at(at) != OFF for line in lines):
        return None
    coming = [line.next_work(at) for line in lines]
    found = [t for line, t in zip(lines, coming, strict=True) if line.mode_at(t) == WORK]
    return to_datetime(min(found)) if found else None


def worked_shifts(plant: Plant, first_day: date, last_day: date) -> list[Occurrence]:
    """Every shift that starts on the local days given, both inclusive, in file order, then by day."""
    return [
        Occurrence(shift, day, *_local(day, shift.start, shift.end, plant.zone(shift.site)))
        for shift in plant.file.shift
        for day in _days(plant, shift, first_day, last_day)
    ]


def _refuse_unknown(plant: Plant) -> None:
    """What the simulator does not know it says, before its truth would differ from the calendar."""
    found = {
        "[[crew]]": bool(plant.file.crew),
        "[[planned]]": bool(plant.file.planned),
        "start of a [[holiday]] (half-day)": any(h.start for h in plant.file.holiday),
        "calendar (.ics) of a [[site]]": any(s.calendar for s in plant.file.site),
    }
    if any(found.values()):
        raise TerminalError(
            f"{plant.path}: the plant in a box does not simulate {', '.join(k for k, v in found.items() if v)}; it "
            "knows shifts with breaks, extra and cancelled days, and whole holidays: simulate a copy without them"
        )


def _midnight(day: date) -> datetime:
    return datetime.combine(day, time(), tzinfo=UTC)


def _spans(plant: Plant, shift: Shift, first_day: date, last_day: date) -> list[tuple[int, int, int]]:
    """(start, end, mode) of every occurrence of a shift and of its breaks."""
    zone, spans = plant.zone(shift.site), []
    for day in _days(plant, shift, first_day, last_day):
        start, end = _local(day, shift.start, shift.end, zone)
        spans.append((start, end, WORK))
        for pause in shift.breaks:
            if not _valid(pause, day):
                continue
            # A break that reads earlier than the shift's start lies after midnight.
            pause_day = day + timedelta(days=1) if pause.start < shift.start else day
            begin, _ = _local(pause_day, pause.start, pause.end, zone)
            spans.append((begin, begin + _length(pause.start, pause.end), BREAK))
    return spans


def _days(plant: Plant, shift: Shift, first_day: date, last_day: date) -> list[date]:
    """Local days on which a shift starts, in order; holidays are left out unless it works on them."""
    days = {*_by_rule(shift.rrule, shift.starts_on, first_day, last_day), *shift.extra} - set(shift.cancelled)
    if not shift.works_holidays:
        days -= _holidays(plant, shift.site, first_day, last_day)
    return sorted(day for day in days if first_day <= day <= last_day and _valid(shift, day))


def _by_rule(rule: str, starts_on: date, first_day: date, last_day: date) -> list[date]:
    low, high = datetime.combine(first_day, time()), datetime.combine(last_day, time())
    found = rrulestr(rule, dtstart=datetime.combine(starts_on, time())).between(low, high, inc=True)
    return [moment.date() for moment in found]


def _valid(what: Shift | Break, day: date) -> bool:
    return (what.valid_from or day) <= day <= (what.valid_until or day)


def _holidays(plant: Plant, site: str, first_day: date, last_day: date) -> set[date]:
    """Dates of a site's holidays, unnamed and named."""
    out = set(plant.sites[site].holidays)
    for holiday in plant.file.holiday:
        if holiday.site == site:
            since = first_day - timedelta(days=holiday.days)
            begins = [holiday.day] if holiday.rrule is None else _by_rule(holiday.rrule, holiday.day, since, last_day)
            kept = [day for day in begins if day not in holiday.cancelled]
            out |= {day + timedelta(days=n) for day in kept for n in range(holiday.days)}
    return out


def _local(day: date, start: str, end: str, zone: ZoneInfo) -> tuple[int, int]:
    """Local wall-clock span as UTC microseconds; an end not after the start is on the next day."""
    last = day if end > start else day + timedelta(days=1)
    return _instant(day, start, zone), _instant(last, end, zone)


def _instant(day: date, clock: str, zone: ZoneInfo) -> int:
    return to_us(datetime.combine(day, time.fromisoformat(clock), tzinfo=zone))


def _length(start: str, end: str) -> int:
    """Wall-clock length in us: a break keeps its length on the night the clock changes."""
    minutes = [int(clock[:2]) * 60 + int(clock[3:]) for clock in (start, end)]
    return (minutes[1] - minutes[0]) % 1440 * MINUTE


def _marks(groups: list[list[tuple[int, int, int]]], origin_us: int) -> WorkTime:
    """Overlapping shifts and breaks as one sequence of modes; a break wins over a shift."""
    steps: dict[int, list[int]] = {origin_us: [0, 0]}
    for start, end, mode in (span for group in groups for span in group):
        if end > start:
            at = 0 if mode == WORK else 1
            steps.setdefault(start, [0, 0])[at] += 1
            steps.setdefault(end, [0, 0])[at] -= 1
    marks: list[int] = []
    modes: list[int] = []
    shifts = breaks = 0
    for mark in sorted(steps):
        shifts, breaks = shifts + steps[mark][0], breaks + steps[mark][1]
        mode = OFF if shifts == 0 else BREAK if breaks else WORK
        if not modes or modes[-1] != mode:
            marks.append(mark)
            modes.append(mode)
    return WorkTime(tuple(marks), tuple(modes))
