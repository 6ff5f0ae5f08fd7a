"""Local dates of RFC 5545 rules. Apart from the calendar, so that checking a plant.toml needs no polars."""

from __future__ import annotations

from datetime import date, datetime, time, timedelta
from functools import lru_cache
from typing import Any

from dateutil.rrule import DAILY, WEEKLY, rrule, rrulestr


def shift_dates(rule: str, starts_on: date, first: date, last: date) -> frozenset[date]:
    """Local dates in [first, last] on which an RFC 5545 rule that begins at `starts_on` falls.

    Raises:
        ValueError: the rule cannot be read.
    """
    years = range(first.year, last.year + 1)
    return frozenset(d for y in years for d in _dates_of_year(rule, starts_on, y) if first <= d <= last)


def falls_on(rule: str, starts_on: date, day: date) -> bool:
    """Whether a rule that begins at `starts_on` falls on a local date.

    Raises:
        ValueError: the rule cannot be read.
    """
    return day in _dates_of_year(rule, starts_on, day.year)


@lru_cache(maxsize=4096)
def _dates_of_year(rule: str, starts_on: date, year: int) -> frozenset[date]:
    begin, end = datetime(year, 1, 1), datetime(year, 12, 31, 23, 59, 59)  # noqa: DTZ001 - local dates have no zone
    parsed = rrulestr(rule, dtstart=datetime.combine(starts_on, time()))
    return frozenset(at.date() for at in _fast_forward(parsed, begin).between(begin, end, inc=True))


def _fast_forward(rule: Any, begin: datetime) -> Any:
    """Move the start of a daily or weekly rule near `begin`, by whole periods: dateutil counts from the start."""
    if not isinstance(rule, rrule) or rule._count or rule._freq not in {DAILY, WEEKLY}:
        return rule
    period = timedelta(days=rule._interval * 7)
    skipped = (begin - rule._dtstart) // period - 1
    return rule.replace(dtstart=rule._dtstart + period * skipped) if skipped > 0 else rule
