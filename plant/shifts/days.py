"""What is worked on one production day, in UTC: shifts with breaks and planned events, tiling the day.

A shift runs from clock to clock, so a night shift has 7 h or 9 h when the clock changes; a break and a
planned event that recurs start by the clock and keep their length; one that happens once ends by the clock.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from functools import lru_cache
from itertools import pairwise
from zoneinfo import ZoneInfo

from plant.shifts.clocks import DAY, clock, length, to_utc
from plant.shifts.model import Break, Planned, Shift
from plant.shifts.turns import Free, Turn, planned_length, planned_local, planned_starts
from plant.states import OFF_SHIFT


@dataclass(frozen=True)
class Pause:
    """Time inside a shift in which nothing is made: a break (no reason) or a planned event."""

    start_at: datetime
    end_at: datetime
    reason: str | None = None


@dataclass(frozen=True)
class Span:
    """One shift (or one stretch outside every shift) of one production day, in UTC; pauses do not overlap."""

    shift: str
    crew: str | None
    start_at: datetime
    end_at: datetime
    pauses: tuple[Pause, ...] = ()


@dataclass(frozen=True, eq=False)
class Rota:
    """All that decides the calendar of some lines of one site."""

    zone: ZoneInfo
    day_start: time
    turns: tuple[Turn, ...]
    free: Free
    planned: tuple[Planned, ...]

    def bounds(self, day: date) -> tuple[datetime, datetime]:
        """Start and end (UTC) of a production day."""
        return to_utc(day, self.day_start, self.zone), to_utc(day + DAY, self.day_start, self.zone)


@lru_cache(maxsize=8192)
def day_spans(rota: Rota, day: date) -> tuple[Span, ...]:
    """Shifts and the time between them, tiling one production day; 'off' where nobody works."""
    return tuple(_tiled(rota, day))


def _tiled(rota: Rota, day: date) -> Iterator[Span]:
    """Shifts in the order of their clocks, each from where the one before has ended to where the next begins.

    In that order, not in the order of instants: in spring a skipped clock lies behind the clocks that follow it.
    """
    start, end = rota.bounds(day)
    events = planned_pauses(rota.zone, rota.planned, start, end)
    worked = sorted(_worked(rota, day), key=lambda w: w[0])
    for n, (_, turn, on, from_at, to_at) in enumerate(worked):
        begin, stop = max(from_at, start), min(to_at, end, *(w[3] for w in worked[n + 1 :]))
        if begin < stop:
            if start < begin:
                yield Span(OFF_SHIFT, None, start, begin)
            pauses = layered([_breaks(turn.shift, on, rota.zone), events], begin, stop)
            yield Span(turn.shift.name, turn.crew, begin, stop, pauses)
            start = stop
    if start < end:
        yield Span(OFF_SHIFT, None, start, end)


Worked = tuple[datetime, Turn, date, datetime, datetime]
"""Nominal local start, turn, local date, start and end in UTC."""


def _worked(rota: Rota, day: date) -> Iterator[Worked]:
    """Shifts whose start lies in the production day: on its date, or before the day's start on the next."""
    for turn in rota.turns:
        starts, ends = clock(turn.shift.start), clock(turn.shift.end)
        on = day if starts >= rota.day_start else day + DAY
        if not turn.on(on):
            continue
        local = datetime.combine(on, starts)
        start, end = to_utc(on, starts, rota.zone), _at(local + length(starts, ends), rota.zone)
        free = None if turn.shift.works_holidays or turn.named(on) else rota.free.clock(on)
        if free is not None:
            end = min(end, to_utc(on, free, rota.zone))
        if free is None or free > starts:
            yield local, turn, on, start, end


def _at(local: datetime, zone: ZoneInfo) -> datetime:
    return local.replace(tzinfo=zone).astimezone(UTC)


def _breaks(shift: Shift, on: date, zone: ZoneInfo) -> list[Pause]:
    found = []
    for pause in shift.breaks:
        if holds(pause, on):
            begin = clock(pause.start)
            start = to_utc(on if begin >= clock(shift.start) else on + DAY, begin, zone)
            found.append(Pause(start, start + length(begin, clock(pause.end))))
    return found


def holds(pause: Break, on: date) -> bool:
    """Whether a shift that starts on a date has the break."""
    return (pause.valid_from or date.min) <= on <= (pause.valid_until or date.max)


def planned_pauses(zone: ZoneInfo, planned: Sequence[Planned], start_at: datetime, end_at: datetime) -> list[Pause]:
    """Planned events that touch [start_at, end_at), in the order of the file; like a break: no reason."""
    found = []
    for event in planned:
        first = start_at.astimezone(zone).date() - DAY - planned_length(event)
        for on in planned_starts(event, first, end_at.astimezone(zone).date() + DAY):
            local = planned_local(event, on)
            start = _at(local, zone)
            end = start + planned_length(event) if event.rrule else _at(local + planned_length(event), zone)
            if start < end_at and end > start_at:
                found.append(Pause(start, end, None if event.like_a_break else event.reason))
    return found


def layered(layers: Sequence[Sequence[Pause]], start_at: datetime, end_at: datetime) -> tuple[Pause, ...]:
    """Pauses without overlap inside [start_at, end_at): what comes later in the layers lies on top."""
    pauses = [p for layer in layers for p in layer if p.start_at < end_at and p.end_at > start_at]
    inside = {at for p in pauses for at in (p.start_at, p.end_at) if start_at < at < end_at}
    edges = sorted({start_at, end_at} | inside)
    found: list[Pause] = []
    for start, end in pairwise(edges):
        top = next((p for p in reversed(pauses) if p.start_at <= start < p.end_at), None)
        if top is None:
            continue
        if found and found[-1].end_at == start and found[-1].reason == top.reason:
            found[-1] = Pause(found[-1].start_at, end, top.reason)
        else:
            found.append(Pause(start, end, top.reason))
    return tuple(found)
