"""The plant's calendar: production days, shifts, breaks and local hours as UTC intervals.

Wall clock becomes UTC by the site's time zone, after RFC 5545 section 3.3.5: a clock that happens twice
(autumn) is its first pass, a clock that is skipped (spring) counts with the offset before the change,
so 02:30 is the instant the new clock calls 03:30. A shift runs from clock to clock, so a night shift
has 7 h or 9 h when the clock changes. A break starts by the clock and keeps its length.
A holiday takes away the shifts that start on that local date (as an EXDATE does).

Holds no machine, no state, no polars engine beyond making frames.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from itertools import pairwise
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

import polars as pl

from plant.model import Shift, Site
from plant.recurrence import shift_dates
from plant.states import OFF_SHIFT
from plant.tables import DTYPES

if TYPE_CHECKING:  # plant.problems checks shifts with this module, and plant.config needs plant.problems
    from plant.config import Plant

DAY = timedelta(days=1)
SEGMENT_SCHEMA: dict[str, pl.DataType] = {
    "site": DTYPES["str"], "line": DTYPES["str"], "production_day": DTYPES["day"], "shift": DTYPES["str"],
    "shift_start_at": DTYPES["instant"], "shift_end_at": DTYPES["instant"], "kind": DTYPES["str"],
    "hour_at": DTYPES["instant"], "start_at": DTYPES["instant"], "end_at": DTYPES["instant"],
}  # fmt: skip


@dataclass(frozen=True)
class Span:
    """One shift (or one stretch outside every shift) of one production day, in UTC."""

    shift: str
    start_at: datetime
    end_at: datetime
    breaks: tuple[tuple[datetime, datetime], ...] = ()


def clock(text: str) -> time:
    """Read a wall clock 'HH:MM'."""
    return time(int(text[:2]), int(text[3:]))


def to_utc(day: date, at: time, zone: ZoneInfo) -> datetime:
    """The UTC instant of a local wall clock; skipped and repeated clocks as the module says."""
    return datetime.combine(day, at, zone).astimezone(UTC)


def day_bounds(plant: Plant, site: str, day: date) -> tuple[datetime, datetime]:
    """Start and end (UTC) of a production day: 24 h, or 23 h or 25 h when the clock changes."""
    at, zone = clock(plant.sites[site].day_start), plant.zone(site)
    return to_utc(day, at, zone), to_utc(day + DAY, at, zone)


def production_day(plant: Plant, site: str, at: datetime) -> date:
    """The production day of a site that holds an instant."""
    day = at.astimezone(plant.zone(site)).date()
    start, end = day_bounds(plant, site, day)
    return day - DAY if at < start else day + DAY if at >= end else day


def production_days(plant: Plant, site: str, start_at: datetime, end_at: datetime) -> list[date]:
    """Production days that [start_at, end_at) touches, ascending; none when it is empty."""
    if end_at <= start_at:
        return []
    first = production_day(plant, site, start_at)
    last = production_day(plant, site, end_at - timedelta(microseconds=1))
    return [first + DAY * n for n in range((last - first).days + 1)]


def bounds(plant: Plant, first_day: date, last_day: date) -> pl.DataFrame:
    """Bounds of the production days of every site: site, production_day, start_at, end_at (UTC)."""
    schema = {name: SEGMENT_SCHEMA[name] for name in ("site", "production_day", "start_at", "end_at")}
    days = [first_day + DAY * n for n in range((last_day - first_day).days + 1)]
    rows = [(site, day, *day_bounds(plant, site, day)) for site in plant.sites for day in days]
    return pl.DataFrame(rows, schema=schema, orient="row")


def shifts_of(plant: Plant, line: str) -> tuple[Shift, ...]:
    """Shifts worked on a line: those of its site that name it or name no line."""
    site = plant.areas[plant.lines[line].area].site
    return tuple(s for s in plant.file.shift if s.site == site and (not s.lines or line in s.lines))


def spans(site: Site, shifts: Sequence[Shift], day: date) -> list[Span]:
    """Shifts and the time between them, tiling one production day; 'off' where nobody works.

    A shift that a clock change pushes into the next one ends where that begins.
    """
    zone, at = ZoneInfo(site.timezone), clock(site.day_start)
    start, end = to_utc(day, at, zone), to_utc(day + DAY, at, zone)
    worked = sorted(_worked(site, shifts, day, zone), key=lambda s: s.start_at)
    tiled: list[Span] = []
    for n, span in enumerate(worked):
        begin = max(span.start_at, start)
        stop = min(span.end_at, end, *(later.start_at for later in worked[n + 1 :]))
        if begin < stop:
            if start < begin:
                tiled.append(Span(OFF_SHIFT, start, begin))
            inside = [(max(a, begin), min(b, stop)) for a, b in span.breaks]
            tiled.append(Span(span.shift, begin, stop, tuple((a, b) for a, b in inside if a < b)))
            start = stop
    return [*tiled, Span(OFF_SHIFT, start, end)] if start < end else tiled


def _worked(site: Site, shifts: Sequence[Shift], day: date, zone: ZoneInfo) -> Iterator[Span]:
    """Shifts whose start lies in the production day: on its date, or before the day's start on the next."""
    day_start = clock(site.day_start)
    for shift in shifts:
        starts, ends = clock(shift.start), clock(shift.end)
        on = day if starts >= day_start else day + DAY
        if on in site.holidays or on not in shift_dates(shift.rrule, shift.starts_on, on, on):
            continue
        until = on if ends > starts else on + DAY
        yield Span(shift.name, to_utc(on, starts, zone), to_utc(until, ends, zone), tuple(_breaks(shift, on, zone)))


def _breaks(shift: Shift, on: date, zone: ZoneInfo) -> Iterator[tuple[datetime, datetime]]:
    for pause in shift.breaks:
        begin, end = clock(pause.start), clock(pause.end)
        start = to_utc(on if begin >= clock(shift.start) else on + DAY, begin, zone)
        minutes = (end.hour - begin.hour) * 60 + end.minute - begin.minute
        yield start, start + timedelta(minutes=minutes % (24 * 60))


def hour_edges(zone: ZoneInfo, start_at: datetime, end_at: datetime) -> list[datetime]:
    """Instants in (start_at, end_at) where a local hour begins or the clock changes.

    Zones differ from UTC by multiples of 15 min, so every such instant lies on that raster.
    """
    step = timedelta(minutes=15)
    at = datetime.fromtimestamp(start_at.timestamp() // 900 * 900, UTC)
    edges, offset = [], at.astimezone(zone).utcoffset()
    while (at := at + step) < end_at:
        local = at.astimezone(zone)
        if local.minute == 0 or local.utcoffset() != offset:
            edges.append(at)
        offset = local.utcoffset()
    return [edge for edge in edges if edge > start_at]


def _cut(span: Span, hours: Sequence[datetime]) -> Iterator[tuple[object, ...]]:
    """(shift, shift_start_at, shift_end_at, kind, hour_at, start_at, end_at) rows of one span."""
    inside = {h for h in hours if span.start_at < h < span.end_at}
    edges = {edge for pause in span.breaks for edge in pause}
    hour = span.start_at
    for start, end in pairwise(sorted({span.start_at, span.end_at} | inside | edges)):
        hour = start if start in inside else hour
        pause = any(a <= start < b for a, b in span.breaks)
        kind = OFF_SHIFT if span.shift == OFF_SHIFT else "break" if pause else "shift"
        yield (span.shift, span.start_at, span.end_at, kind, hour, start, end)


def segments(plant: Plant, first_day: date, last_day: date) -> pl.DataFrame:
    """The calendar as intervals that tile every (line, production day) exactly, sorted by line and start.

    Columns: site, line, production_day, shift, shift_start_at, shift_end_at, kind ('shift', 'break' or
    'off'), hour_at, start_at, end_at; all instants UTC. Cut at every local full hour, shift edge and
    break edge. `hour_at` is the start of the local hour or of the part of it that lies in the shift.
    Time outside every shift is named 'off', from edge to edge.
    """
    patterns: dict[tuple[str, tuple[Shift, ...]], list[str]] = {}
    for line in plant.lines:
        site = plant.areas[plant.lines[line].area].site
        patterns.setdefault((site, shifts_of(plant, line)), []).append(line)
    rows: list[tuple[object, ...]] = []
    for (site, shifts), lines in patterns.items():
        for n in range((last_day - first_day).days + 1):
            cuts = _day_cuts(plant.sites[site], shifts, first_day + DAY * n)
            rows += [(site, line, first_day + DAY * n, *cut) for line in lines for cut in cuts]
    return pl.DataFrame(rows, schema=SEGMENT_SCHEMA, orient="row").sort("line", "start_at")


@lru_cache(maxsize=1024)
def _day_cuts(site: Site, shifts: tuple[Shift, ...], day: date) -> tuple[tuple[object, ...], ...]:
    """The cut spans of one day; sites and shifts are frozen values, so the cache never goes stale."""
    day_spans = spans(site, shifts, day)
    hours = hour_edges(ZoneInfo(site.timezone), day_spans[0].start_at, day_spans[-1].end_at)
    return tuple(row for span in day_spans for row in _cut(span, hours))
