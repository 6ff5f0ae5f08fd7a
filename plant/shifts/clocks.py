"""Wall clock to UTC after RFC 5545, 3.3.5: first pass of a repeated clock, the offset before it for a skipped one."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

DAY = timedelta(days=1)
HOUR = timedelta(hours=1)
QUARTER = timedelta(minutes=15)
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@lru_cache(maxsize=2048)
def clock(text: str) -> time:
    """Read a wall clock 'HH:MM'."""
    return time(int(text[:2]), int(text[3:]))


def to_utc(day: date, at: time, zone: ZoneInfo) -> datetime:
    """The UTC instant of a local wall clock; skipped and repeated clocks as the module says."""
    return datetime.combine(day, at, zone).astimezone(UTC)


def length(start: time, end: time) -> timedelta:
    """From clock to clock, over midnight where the end is not after the start; equal clocks are 24 h."""
    minutes = (end.hour - start.hour) * 60 + end.minute - start.minute
    return timedelta(minutes=minutes % (24 * 60) or 24 * 60)


def hour_edges(zone: ZoneInfo, start_at: datetime, end_at: datetime) -> list[datetime]:
    """Instants in (start_at, end_at) where a local hour begins or the clock changes; for a day or so.

    Zones differ from UTC by multiples of 15 min, so every such instant lies on that raster.
    """
    offsets = [at.astimezone(zone).utcoffset() for at in (start_at, start_at + (end_at - start_at) / 2, end_at)]
    if offsets[0] == offsets[1] == offsets[2]:  # no change inside: only full hours count
        first = start_at + HOUR - (start_at - EPOCH + (offsets[0] or DAY)) % HOUR
        return [first + HOUR * n for n in range(-((first - end_at) // HOUR))]
    at = start_at - (start_at - EPOCH) % QUARTER
    edges, offset = [], at.astimezone(zone).utcoffset()
    while (at := at + QUARTER) < end_at:
        local = at.astimezone(zone)
        if local.minute == 0 or local.utcoffset() != offset:
            edges.append(at)
        offset = local.utcoffset()
    return [edge for edge in edges if edge > start_at]
