"""Time zones in .ics: VTIMEZONE made from the zone database, and whether two zones keep the same clock.

Made here because the library puts the onset of summer time an hour late (docs/decisions/011-icalendar.md).
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta, tzinfo
from functools import lru_cache
from typing import Any
from zoneinfo import ZoneInfo

LAST_YEAR = 2050
"""Clock changes are listed up to the end of this year; programs that know the zone by its name need none of them."""


def timezone_component(zone: ZoneInfo, first_year: int) -> Any:
    """VTIMEZONE of a zone from the start of a year on: every change with its onset in the clock before it."""
    from icalendar import Timezone

    start = datetime(first_year, 1, 1, tzinfo=UTC)
    component = Timezone()
    component.add("tzid", zone.key)
    component.add_component(_observance(zone, start, zone.utcoffset(start) or timedelta(), []))
    kinds: dict[tuple[timedelta, timedelta, str | None], list[datetime]] = {}
    for at in _changes(zone, start, datetime(LAST_YEAR + 1, 1, 1, tzinfo=UTC)):
        before, after = _offset(zone, at - timedelta(seconds=1)), _offset(zone, at)
        kinds.setdefault((before, after, at.astimezone(zone).tzname()), []).append(at)
    for (before, _, _), found in kinds.items():
        component.add_component(_observance(zone, found[0], before, found[1:]))
    return component


def _observance(zone: ZoneInfo, at: datetime, before: timedelta, later: list[datetime]) -> Any:
    from icalendar import TimezoneDaylight, TimezoneStandard

    after = _offset(zone, at)
    kind: Any = TimezoneDaylight() if after > before else TimezoneStandard()
    kind.add("dtstart", (at + before).replace(tzinfo=None))
    kind.add("tzoffsetfrom", before)
    kind.add("tzoffsetto", after)
    kind.add("tzname", at.astimezone(zone).tzname() or zone.key)
    if later:
        kind.add("rdate", [(x + before).replace(tzinfo=None) for x in later])
    return kind


def _changes(zone: ZoneInfo, start_at: datetime, end_at: datetime) -> Iterator[datetime]:
    """Instants at which the offset changes: found by the day, then by halves to the second."""
    day = timedelta(days=1)
    at = start_at
    while at < end_at:
        if _offset(zone, at) != _offset(zone, at + day):
            low, high = at, at + day
            while high - low > timedelta(seconds=1):
                middle = low + timedelta(seconds=(high - low) // timedelta(seconds=2))
                low, high = (middle, high) if _offset(zone, middle) == _offset(zone, at) else (low, middle)
            yield high
        at += day


def _offset(zone: tzinfo, at: datetime) -> timedelta:
    return at.astimezone(zone).utcoffset() or timedelta()


@lru_cache(maxsize=64)
def same_clock(zone: ZoneInfo, other: tzinfo, first_year: int) -> bool:
    """Whether two zones show the same time on every day of the ten years from a year on."""
    if getattr(other, "key", None) == zone.key:
        return True
    start = datetime(first_year, 1, 1, 12, tzinfo=UTC)
    days = (start + timedelta(days=n) for n in range(3653))
    return all(_offset(zone, at) == _offset(other, at) for at in days)
