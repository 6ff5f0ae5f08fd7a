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
from plant.model import Shift
from simulator.instants import MINUTE, to_us

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


def worktimes(plant: Plant, first_day: date, last_day: date) -> dict[str, WorkTime]:
    """Working time of every line for shifts that start on the local days given, both inclusive."""
    spans = {s.name + "@" + s.site: _spans(plant, s, first_day, last_day) for s in plant.file.shift}
    out = {}
    for line in plant.file.line:
        site = plant.areas[line.area].site
        mine = [s for s in plant.file.shift if s.site == site and (not s.lines or line.name in s.lines)]
        out[line.name] = _marks([spans[s.name + "@" + s.site] for s in mine], to_us(_midnight(first_day)))
    return out


def _midnight(day: date) -> datetime:
    return datetime.combine(day, time(), tzinfo=UTC)


def _spans(plant: Plant, shift: Shift, first_day: date, last_day: date) -> list[tuple[int, int, int]]:
    """(start, end, mode) of every occurrence of a shift and of its breaks."""
    site, zone = plant.sites[shift.site], plant.zone(shift.site)
    rule = rrulestr(shift.rrule, dtstart=datetime.combine(shift.starts_on, time()))
    low, high = datetime.combine(first_day, time()), datetime.combine(last_day, time())
    spans = []
    for moment in rule.between(low, high, inc=True):
        day = moment.date()
        if day in site.holidays:
            continue
        start, end = _local(day, shift.start, shift.end, zone)
        spans.append((start, end, WORK))
        for pause in shift.breaks:
            # A break that reads earlier than the shift's start lies after midnight.
            pause_day = day + timedelta(days=1) if pause.start < shift.start else day
            begin, _ = _local(pause_day, pause.start, pause.end, zone)
            spans.append((begin, begin + _length(pause.start, pause.end), BREAK))
    return spans


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
