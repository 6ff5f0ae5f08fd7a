"""The plant's calendar as UTC intervals: production days, shifts, breaks, planned events and local hours.

Wall clock becomes UTC by the site's time zone, after RFC 5545 section 3.3.5: a clock that happens twice
(autumn) is its first pass, a clock that is skipped (spring) counts with the offset before the change,
so 02:30 is the instant the new clock calls 03:30. Who works when is decided in `plant.shifts`; here it
becomes frames and a digest of one day.

Holds no machine and no state.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import date, datetime, timedelta
from functools import lru_cache
from hashlib import blake2b
from itertools import pairwise
from typing import TYPE_CHECKING

import polars as pl

from plant.model import Planned
from plant.shifts.clocks import DAY, clock, hour_edges, to_utc
from plant.shifts.days import Pause, Rota, Span, day_spans, layered, planned_pauses
from plant.shifts.recurrence import shift_dates
from plant.shifts.turns import Free, Turn, turns_of
from plant.states import OFF_SHIFT
from plant.tables import DTYPES

if TYPE_CHECKING:  # plant.checks.problems checks shifts, and plant.config needs plant.checks.problems
    from plant.config import Plant

__all__ = ["clock", "hour_edges", "shift_dates", "to_utc"]
"""Of plant.shifts, used with the calendar."""

SEGMENT_SCHEMA: dict[str, pl.DataType] = {
    "site": DTYPES["str"], "line": DTYPES["str"], "production_day": DTYPES["day"], "shift": DTYPES["str"],
    "shift_start_at": DTYPES["instant"], "shift_end_at": DTYPES["instant"], "kind": DTYPES["str"],
    "hour_at": DTYPES["instant"], "start_at": DTYPES["instant"], "end_at": DTYPES["instant"],
    "crew": DTYPES["str"], "reason": DTYPES["str"],
}  # fmt: skip
PLANNED_SCHEMA: dict[str, pl.DataType] = {
    "machine": DTYPES["str"], "start_at": DTYPES["instant"], "end_at": DTYPES["instant"], "reason": DTYPES["str"],
}  # fmt: skip
Cut = tuple[str, datetime, datetime, str, datetime, datetime, datetime, str | None, str | None]


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
    return _days(first, last)


def bounds(plant: Plant, first_day: date, last_day: date) -> pl.DataFrame:
    """Bounds of the production days of every site: site, production_day, start_at, end_at (UTC)."""
    schema = {name: SEGMENT_SCHEMA[name] for name in ("site", "production_day", "start_at", "end_at")}
    rows = [(site, day, *day_bounds(plant, site, day)) for site in plant.sites for day in _days(first_day, last_day)]
    return pl.DataFrame(rows, schema=schema, orient="row")


def segments(plant: Plant, first_day: date, last_day: date) -> pl.DataFrame:
    """The calendar as intervals that tile every (line, production day) exactly, sorted by line and start.

    Columns: site, line, production_day, shift, shift_start_at, shift_end_at, kind ('shift', 'break' or
    'off'), hour_at, start_at, end_at, crew, reason; all instants UTC. Cut at every local full hour and every edge
    of a shift, break or planned event. `hour_at` is the start of the local hour or of the part of it that lies in
    the shift. Time outside every shift is named 'off', from edge to edge. `crew` is null where none is named.
    A planned event of the line is kind 'break' with its `reason`; a break has none (null).
    """
    frames = [pl.DataFrame(schema=SEGMENT_SCHEMA)]
    for (site, rota), lines in rotas(plant).items():
        rows = [(site, day, *cut) for day in _days(first_day, last_day) for cut in _day_cuts(rota, day)]
        said = pl.DataFrame(rows, schema={n: t for n, t in SEGMENT_SCHEMA.items() if n != "line"}, orient="row")
        frames.append(said.join(pl.DataFrame({"line": lines}), how="cross").select(SEGMENT_SCHEMA.keys()))
    return pl.concat(frames).sort("line", "start_at")


def planned_machines(plant: Plant, first_day: date, last_day: date) -> pl.DataFrame:
    """Planned events of single machines inside these production days: machine, start_at, end_at (UTC), reason.

    No overlap on a machine (of two events the later one in the file counts); sorted by machine and start.
    Events of lines and sites are in `segments`.
    """
    rows: list[tuple[str, datetime, datetime, str | None]] = []
    for machine, events in _machine_events(plant).items():
        site = plant.site_of(machine).name
        start, end = day_bounds(plant, site, first_day)[0], day_bounds(plant, site, last_day)[1]
        pauses = layered([planned_pauses(plant.zone(site), events, start, end)], start, end)
        rows += [(machine, p.start_at, p.end_at, p.reason) for p in pauses]
    return pl.DataFrame(rows, schema=PLANNED_SCHEMA, orient="row")


def calendar_digest(plant: Plant, day: date, site: str | None = None) -> str:
    """A short text that changes when, and only when, the calendar of a day or of the day before it says something else.

    Covers bounds, shifts, crews, breaks, planned events, hours and lines of one site, or of every site: all that
    `segments` and `planned_machines` give for these two days. Stable between processes.
    """
    days = {
        rota: _day_digest(rota, day - DAY) + _day_digest(rota, day) for of, rota in rotas(plant) if site in {None, of}
    }
    said = blake2b(digest_size=16)
    for line, rota in _lines(plant):
        if rota in days:
            said.update(line.encode() + days[rota])
    for machine, events in _machine_events(plant).items():
        pauses = _machine_pauses(plant, machine, events, day)
        if pauses and site in {None, plant.site_of(machine).name}:
            said.update(repr((machine, pauses)).encode())
    return said.hexdigest()


@lru_cache(maxsize=8)
def _lines(plant: Plant) -> list[tuple[str, Rota]]:
    """Every line with its site in one text, and what decides its calendar, in the order of the names."""
    return sorted(
        ((f"{site}/{line}", rota) for (site, rota), lines in rotas(plant).items() for line in lines),
        key=lambda said: said[0],
    )


@lru_cache(maxsize=8)
def rotas(plant: Plant) -> dict[tuple[str, Rota], tuple[str, ...]]:
    """Lines by what decides their calendar, with their site. A plant is immutable: its identity names its content."""
    found: dict[tuple[str, tuple[int, ...], tuple[int, ...]], tuple[Rota, list[str]]] = {}
    for name, site in plant.sites.items():
        turns = turns_of(
            (s for s in plant.file.shift if s.site == name), (c for c in plant.file.crew if c.site == name)
        )
        events = [p for p in plant.file.planned if p.site == name and not p.machines]
        free = Free(frozenset(site.holidays), tuple(h for h in plant.file.holiday if h.site == name))
        for line in (x.name for x in plant.file.line if plant.areas[x.area].site == name):
            mine = tuple(n for n, turn in enumerate(turns) if turn.worked_on(line))
            own = tuple(n for n, event in enumerate(events) if not event.lines or line in event.lines)
            if (name, mine, own) not in found:
                parts: tuple[tuple[Turn, ...], tuple[Planned, ...]]
                parts = tuple(turns[n] for n in mine), tuple(events[n] for n in own)
                found[name, mine, own] = Rota(plant.zone(name), clock(site.day_start), parts[0], free, parts[1]), []
            found[name, mine, own][1].append(line)
    return {(key[0], rota): tuple(lines) for key, (rota, lines) in found.items()}


@lru_cache(maxsize=8)
def _machine_events(plant: Plant) -> dict[str, tuple[Planned, ...]]:
    events: dict[str, list[Planned]] = {}
    for event in plant.file.planned:
        for machine in event.machines:
            events.setdefault(machine, []).append(event)
    return {machine: tuple(found) for machine, found in sorted(events.items())}


def _machine_pauses(plant: Plant, machine: str, events: Sequence[Planned], day: date) -> list[Pause]:
    site = plant.site_of(machine).name
    start, end = day_bounds(plant, site, day - DAY)[0], day_bounds(plant, site, day)[1]
    return [*layered([planned_pauses(plant.zone(site), events, start, end)], start, end)]


@lru_cache(maxsize=8192)
def _day_cuts(rota: Rota, day: date) -> tuple[Cut, ...]:
    spans = day_spans(rota, day)
    hours = hour_edges(rota.zone, spans[0].start_at, spans[-1].end_at)
    return tuple(row for span in spans for row in _cut(span, hours))


@lru_cache(maxsize=8192)
def _day_digest(rota: Rota, day: date) -> bytes:
    """Of what `_day_cuts` is made of: cutting is pure, so the hours only matter through the zone's offsets."""
    spans = day_spans(rota, day)
    offsets = [at.astimezone(rota.zone).utcoffset() for at in (spans[0].start_at, spans[-1].end_at)]
    changes = hour_edges(rota.zone, spans[0].start_at, spans[-1].end_at) if offsets[0] != offsets[1] else []
    return blake2b(repr((spans, offsets, changes)).encode(), digest_size=16).digest()


def _cut(span: Span, hours: Sequence[datetime]) -> Iterator[Cut]:
    """Rows of one span from `shift` on, in the order of the columns of `segments`."""
    inside = {h for h in hours if span.start_at < h < span.end_at}
    edges = {at for pause in span.pauses for at in (pause.start_at, pause.end_at)}
    hour = span.start_at
    for start, end in pairwise(sorted({span.start_at, span.end_at} | inside | edges)):
        hour = start if start in inside else hour
        pause = next((p for p in span.pauses if p.start_at <= start < p.end_at), None)
        kind = OFF_SHIFT if span.shift == OFF_SHIFT else "break" if pause else "shift"
        reason = pause.reason if pause else None
        yield span.shift, span.start_at, span.end_at, kind, hour, start, end, span.crew, reason


def _days(first: date, last: date) -> list[date]:
    return [first + DAY * n for n in range((last - first).days + 1)]
