"""Recurrence as .ics needs it: a first date that the rule meets, one end, and the same rule a day later."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

from dateutil.rrule import rrulestr

from plant.shifts.clocks import DAY
from plant.shifts.turns import Turn

WEEKDAYS = ("MO", "TU", "WE", "TH", "FR", "SA", "SU")
TURNING = ("FREQ", "INTERVAL", "BYDAY", "WKST", "COUNT", "UNTIL")


@dataclass(frozen=True)
class Series:
    """Dates from `first` on by a rule (none: only `first`), without `cancelled`, and `extra` ones."""

    rule: str | None
    first: date
    extra: tuple[date, ...] = ()
    cancelled: tuple[date, ...] = ()

    def later(self) -> Series | None:
        """The same a day later; None where the rule cannot be moved."""
        rule = self.rule and moved(self.rule)
        if self.rule and not rule:
            return None
        dates = [tuple(d + DAY for d in days) for days in (self.extra, self.cancelled)]
        return Series(rule, self.first + DAY, *dates)

    def between(self, first: date | None, last: date | None) -> Series | None:
        """The dates from first to last; None where there are none."""
        low, high = first or date.min, last or date.max
        extra = tuple(d for d in self.extra if low <= d <= high)
        if self.rule is None:
            dates = [d for d in (self.first, *extra) if low <= d <= high]
            return replace(self, first=dates[0], extra=tuple(dates[1:])) if dates else None
        return bounded(self.rule, self.first, low, high, extra, self.cancelled)


def parts(rule: str) -> dict[str, str]:
    """The parts of a rule by name, in upper case."""
    return dict(part.split("=", 1) for part in rule.upper().removeprefix("RRULE:").split(";") if "=" in part)


def text(found: Mapping[str, str]) -> str:
    """A rule of its parts."""
    return ";".join(f"{name}={value}" for name, value in found.items())


def moved(rule: str) -> str | None:
    """The rule whose dates are all a day later; None for one that counts days of months or years."""
    said = parts(rule)
    days = said.get("BYDAY", "").split(",") if "BYDAY" in said else []
    if said["FREQ"] not in {"DAILY", "WEEKLY"} or not set(said) <= set(TURNING) or not set(days) <= set(WEEKDAYS):
        return None
    if days:
        said["BYDAY"] = ",".join(_next(day) for day in days)
    if said["FREQ"] == "WEEKLY":
        said["WKST"] = _next(said.get("WKST", "MO"))
    if "UNTIL" in said:
        said["UNTIL"] = f"{until_date(said['UNTIL']) + DAY:%Y%m%d}"
    return text(said)


def _next(weekday: str) -> str:
    return WEEKDAYS[(WEEKDAYS.index(weekday) + 1) % 7]


def until_date(until: str) -> date:
    """The date of an UNTIL over local dates."""
    return datetime.strptime(until[:8], "%Y%m%d").replace(tzinfo=UTC).date()


def bounded(
    rule: str, starts_on: date, low: date, high: date, extra: tuple[date, ...], cancelled: tuple[date, ...]
) -> Series | None:
    """A rule from its first date in [low, high] on, ended by UNTIL where it ends; None without a date."""
    parsed: Any = rrulestr(rule.upper().removeprefix("RRULE:"), dtstart=datetime.combine(starts_on, time()))
    first = parsed.after(datetime.combine(max(low, starts_on) - DAY, time(23)), inc=True)
    said = parts(rule)
    last = min(high, until_date(said["UNTIL"])) if "UNTIL" in said else high
    if "COUNT" in said and (high < date.max or (first and first.date() != starts_on)):
        last = min(high, parsed[-1].date())
    if first is None or first.date() > last:
        return Series(None, extra[0], extra[1:]) if extra else None
    if last < date.max:
        said.pop("COUNT", None)
        said["UNTIL"] = f"{last:%Y%m%d}"
    return Series(text(said), first.date(), extra, cancelled)


def series_of(turn: Turn) -> list[Series]:
    """A turn as series: one of a shift's rule; of a crew's pattern one a week of it, or one a day of it."""
    shift = turn.shift
    low = max(shift.valid_from or date.min, turn.starts_on if turn.days else shift.starts_on)
    high = min(shift.valid_until or date.max, turn.valid_until)
    extra = tuple(sorted(d for d in shift.extra if turn.named(d)))
    if not turn.days:
        found = bounded(shift.rrule, shift.starts_on, low, high, extra, shift.cancelled)
        return [found] if found else []
    if not turn.places:
        return [Series(None, extra[0], extra[1:])] if extra else []
    whole = [bounded(rule, first, low, high, (), shift.cancelled) for rule, first in _weekly(turn)]
    return [s for s in whole if s is not None]


def _weekly(turn: Turn) -> list[tuple[str, date]]:
    """Rules of a cycle: by week where it is whole weeks, else every so many days."""
    start, places = turn.starts_on, sorted(turn.places)
    if turn.days % 7:
        return [(f"FREQ=DAILY;INTERVAL={turn.days}", start + timedelta(days=p)) for p in places]
    weeks = {week: [p for p in places if p // 7 == week] for week in range(turn.days // 7)}
    head = f"FREQ=WEEKLY;INTERVAL={turn.days // 7};WKST={WEEKDAYS[start.weekday()]};BYDAY="
    days = {week: [WEEKDAYS[(start.weekday() + p) % 7] for p in found] for week, found in weeks.items() if found}
    return [(head + ",".join(names), start + timedelta(days=weeks[week][0])) for week, names in days.items()]
