"""A site's calendar as .ics: one VEVENT per shift series, break, holiday and planned event, with CATEGORIES.

The same plant and stamp give the same bytes. What .ics cannot say is in docs/calendar.md.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import date, datetime, time, timedelta
from hashlib import blake2b
from typing import Any

from plant.config import Plant
from plant.ics.rules import Series, bounded, parts, series_of, text, until_date
from plant.ics.zones import timezone_component
from plant.shifts.clocks import DAY, clock, length, to_utc
from plant.shifts.model import Break, Holiday, Planned
from plant.shifts.recurrence import falls_on
from plant.shifts.turns import Free, Turn, turns_of

PRODUCT = "-//Shopfloor//Plant calendar//EN"


def to_ics(plant: Plant, site: str, stamp_at: datetime) -> bytes:
    """The calendar of one site: its zone, shifts with crews and breaks, holidays, planned events.

    `stamp_at` (UTC) becomes DTSTAMP, which RFC 5545 asks for.
    """
    from icalendar import Calendar

    events = [*_shifts(plant, site), *_holidays(plant, site), *_planned(plant, site)]
    calendar, used = Calendar(), set[str]()
    for name, value in (("prodid", PRODUCT), ("version", "2.0"), ("name", site), ("x-wr-calname", site)):
        calendar.add(name, value)
    first_year = min((e["DTSTART"].dt.year for e in events), default=2000)
    calendar.add_component(timezone_component(plant.zone(site), first_year))
    for event in events:
        if event["UID"] in used:  # the same event twice in the file: allowed for planned ones
            event["UID"] = f"{len(used)}-{event['UID']}"
        used.add(event["UID"])
        event.add("dtstamp", stamp_at)
        calendar.add_component(event)
    return bytes(calendar.to_ical())


class _Writer:
    """Makes the events of one site."""

    def __init__(self, plant: Plant, site: str) -> None:
        self.zone, self.site = plant.zone(site), site
        named = tuple(h for h in plant.file.holiday if h.site == site)
        self.free = Free(frozenset(plant.sites[site].holidays), named)

    def event(self, category: str, summary: str, *content: object) -> Any:
        """A VEVENT whose UID names its content."""
        from icalendar import Event

        event = Event()
        said = blake2b(repr((self.site, category, summary, content)).encode(), digest_size=10).hexdigest()
        event.add("uid", f"{said}@{self.site}.shopfloor")
        event.add("summary", summary)
        event.add("categories", [category])
        return event

    def timed(self, event: Any, series: Series, start: time, lasts: timedelta) -> Any:
        """Add the dates of a series at a clock."""
        from icalendar import vRecur

        begin = datetime.combine(series.first, start)
        event.add("dtstart", begin.replace(tzinfo=self.zone))
        event.add("dtend", (begin + lasts).replace(tzinfo=self.zone))
        if series.rule:
            event.add("rrule", vRecur.from_ical(self.ended(series.rule, start)))
        for name, days in (("rdate", series.extra), ("exdate", series.cancelled)):
            if days:
                event.add(name, [datetime.combine(d, start, self.zone) for d in sorted(days)])
        return event

    def ended(self, rule: str, start: time) -> str:
        """UNTIL as the UTC instant of the last start, as RFC 5545 asks for."""
        said = parts(rule)
        if "UNTIL" in said:
            last = to_utc(until_date(said["UNTIL"]), start, self.zone)
            said["UNTIL"] = f"{last:%Y%m%dT%H%M%SZ}"
        return text(said)


def _shifts(plant: Plant, site: str) -> Iterator[Any]:
    writer = _Writer(plant, site)
    crews = [c for c in plant.file.crew if c.site == site]
    for turn in turns_of((s for s in plant.file.shift if s.site == site), crews):
        for series in series_of(turn):
            yield from _shift(writer, turn, _less_holidays(writer, turn, series))


def _less_holidays(writer: _Writer, turn: Turn, series: Series) -> Series:
    """Cancel on the holidays that are dates, so that others see it; of a rule only holidays by rule are left."""
    if not series.rule:
        return series
    once = [h.day + DAY * n for h in writer.free.named if not h.rrule for n in range(h.days)]
    free = {d for d in (*writer.free.dates, *once) if writer.free.clock(d) == time()} - set(series.extra)
    dates = {*series.cancelled, *(set() if turn.shift.works_holidays else free)}
    mine = tuple(sorted(d for d in dates if falls_on(series.rule, series.first, d)))
    return replace(series, cancelled=mine)


def _shift(writer: _Writer, turn: Turn, series: Series) -> Iterator[Any]:
    shift = turn.shift
    lines = sorted(turn.lines or ())
    event = writer.event("SHIFT", shift.name, turn.crew, lines, series, shift.start, shift.end)
    writer.timed(event, series, clock(shift.start), length(clock(shift.start), clock(shift.end)))
    for line in lines:
        event.add("resources", line)
    if turn.crew:
        event.add("x-shopfloor-crew", turn.crew)
    if shift.works_holidays:
        event.add("x-shopfloor-works-holidays", "TRUE")
    breaks = [_break(writer, event, turn, series, pause) for pause in shift.breaks]
    yield event
    yield from (b for b in breaks if b is not None)


def _break(writer: _Writer, parent: Any, turn: Turn, series: Series, pause: Break) -> Any:
    """The break as an event of its own; written on the shift where its rule cannot be said a day later."""
    start, lasts = clock(pause.start), length(clock(pause.start), clock(pause.end))
    own: Series | None = series.between(pause.valid_from, pause.valid_until)
    if own is None:
        return None
    if start < clock(turn.shift.start):
        own = own.later()
    if own is None:
        validity = f" {pause.valid_from or ''}..{pause.valid_until or ''}"
        parent.add("x-shopfloor-break", f"{pause.start}-{pause.end}{validity}")
        return None
    event = writer.event("BREAK", "break", str(parent["UID"]), pause.start, pause.end, own)
    event.add("related-to", str(parent["UID"]), parameters={"RELTYPE": "PARENT"})
    return writer.timed(event, own, start, lasts)


def _holidays(plant: Plant, site: str) -> Iterator[Any]:
    writer = _Writer(plant, site)
    plain = [Holiday(name="holiday", site=site, day=d) for d in plant.sites[site].holidays]
    for holiday in (*plain, *(h for h in plant.file.holiday if h.site == site)):
        series = _dates(holiday.rrule, holiday.day, (), holiday.cancelled)
        if series is None:
            continue
        event = writer.event("HOLIDAY", holiday.name, series, holiday.days, holiday.start)
        if holiday.start:
            yield writer.timed(event, series, clock(holiday.start), length(clock(holiday.start), time()))
        else:
            yield _all_day(event, series, holiday.days)


def _dates(rule: str | None, first: date, extra: Sequence[date], cancelled: Sequence[date]) -> Series | None:
    if rule:
        return bounded(rule, first, date.min, date.max, tuple(extra), tuple(cancelled))
    dates = sorted({first, *extra} - set(cancelled))
    return Series(None, dates[0], tuple(dates[1:])) if dates else None


def _all_day(event: Any, series: Series, days: int) -> Any:
    from icalendar import vRecur

    event.add("dtstart", series.first)
    event.add("dtend", series.first + timedelta(days=days))
    if series.rule:
        event.add("rrule", vRecur.from_ical(series.rule))
    if series.cancelled:
        event.add("exdate", sorted(series.cancelled), parameters={"VALUE": "DATE"})
    return event


def _planned(plant: Plant, site: str) -> Iterator[Any]:
    writer = _Writer(plant, site)
    for planned in (p for p in plant.file.planned if p.site == site):
        series = _dates(planned.rrule, planned.start.date(), sorted(planned.extra), planned.cancelled)
        if series is None:
            continue
        category = "BREAK" if planned.like_a_break else "PLANNED"
        event = writer.event(category, planned.reason, planned.start, planned.end, series, planned.machines)
        for name in _resources(plant, planned):
            event.add("resources", name)
        yield writer.timed(event, series, planned.start.time(), planned.end - planned.start)


def _resources(plant: Plant, planned: Planned) -> list[str]:
    """Lines by name, machines by name; `machine:NAME` where a line has the same one."""
    return [*planned.lines, *(f"machine:{m}" if m in plant.lines else m for m in planned.machines)]
