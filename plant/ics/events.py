"""One VEVENT in the words of the house: local dates and clocks, with every doubt as a problem. Nothing is guessed."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from plant.errors import Problem
from plant.ics.rules import parts, text
from plant.ics.zones import same_clock
from plant.shifts.clocks import DAY
from plant.shifts.recurrence import falls_on

CATEGORIES = ("SHIFT", "BREAK", "HOLIDAY", "PLANNED")


@dataclass
class Told:
    """An event as read; `start` and `end` are local wall clock, `rule` is over local dates."""

    label: str
    category: str
    uid: str
    summary: str
    start: datetime
    end: datetime
    all_day: bool
    rule: str | None = None
    extra: list[date] = field(default_factory=list)
    cancelled: list[date] = field(default_factory=list)
    names: list[str] = field(default_factory=list)
    parent: str | None = None
    instead_of: date | None = None
    dropped: bool = False
    marks: dict[str, list[str]] = field(default_factory=dict)

    def on(self, day: date) -> bool:
        """Whether it happens on a local date (of its start)."""
        ruled = falls_on(self.rule, self.start.date(), day) if self.rule else day == self.start.date()
        return day not in self.cancelled and (ruled or day in self.extra)


class Reader:
    """Reads events of one site; problems gather in `problems`."""

    def __init__(self, file: str, zone: ZoneInfo) -> None:
        self.file, self.zone = file, zone
        self.problems: list[Problem] = []

    def tell(self, label: str, found: str, valid: str, hint: str = "") -> None:
        """Note a problem; the second one at a place is kept as well."""
        taken = {p.key for p in self.problems}
        key = next(k for k in (label, *(f"{label} ({n})" for n in range(2, 1000))) if k not in taken)
        self.problems.append(Problem(self.file, key, found, valid, hint))

    def read(self, number: int, event: Any) -> Told | None:
        """The event, or None with its problems told."""
        label = f"event {number} {str(event.get('SUMMARY', '')).strip()!r}"
        before = len(self.problems)
        for name, message in event.errors:
            self.tell(f"{label} {name}", str(message), "a value as RFC 5545 has it")
        category = self._category(label, event)
        if len(self.problems) > before or category is None:
            return None
        told = self._times(label, category, event)
        if told is not None:
            self._recurrence(told, event)
        return told if len(self.problems) == before else None

    def _category(self, label: str, event: Any) -> str | None:
        named = [str(c) for x in _values(event, "CATEGORIES") for c in getattr(x, "cats", [x])]
        ours = [c.upper() for c in named if c.upper() in CATEGORIES]
        if len(ours) == 1:
            return ours[0]
        found = "categories " + ", ".join(named) if named else "no category"
        self.tell(f"{label} CATEGORIES", found, "one of " + ", ".join(CATEGORIES), "say what kind of event it is")
        return None

    def _times(self, label: str, category: str, event: Any) -> Told | None:
        starts = event.get("DTSTART")
        if starts is None:
            self.tell(f"{label} DTSTART", "nothing", "an event with a start")
            return None
        all_day = not isinstance(starts.dt, datetime)
        repeated = "RRULE" in event or "RDATE" in event
        start = self._local(f"{label} DTSTART", starts, repeated=repeated)
        end = self._end(label, event, start, all_day=all_day, repeated=repeated)
        if start is None or end is None:
            return None
        if end <= start:
            self.tell(f"{label} DTEND", f"{end}, not after the start {start}", "an event with a length")
        marks = {k.upper(): [str(v) for v in _values(event, k)] for k in event if k.upper().startswith("X-SHOPFLOOR")}
        names = [n.strip() for x in _values(event, "RESOURCES") for n in str(x).split(",") if n.strip()]
        parents = [str(x) for x in _values(event, "RELATED-TO") if x.params.get("RELTYPE", "PARENT") == "PARENT"]
        dropped = str(event.get("STATUS", "")).upper() == "CANCELLED"
        summary = str(event.get("SUMMARY", "")).strip()
        told = Told(label, category, str(event.get("UID", label)), summary, start, end, all_day, dropped=dropped)
        told.names, told.marks, told.parent = names, marks, parents[0] if parents else None
        return told

    def _end(self, label: str, event: Any, start: datetime | None, *, all_day: bool, repeated: bool) -> datetime | None:
        if "DTEND" in event:
            return self._local(f"{label} DTEND", event["DTEND"], repeated=repeated)
        lasts = event["DURATION"].dt if "DURATION" in event else DAY if all_day else timedelta()
        return None if start is None else start + lasts

    def _local(self, key: str, value: Any, *, repeated: bool) -> datetime | None:
        """Local wall clock of a DATE or DATE-TIME of any zone."""
        at = value.dt
        if not isinstance(at, datetime):
            return datetime.combine(at, time())
        if at.tzinfo is None:
            if "TZID" in getattr(value, "params", {}):
                found = f"time zone {value.params['TZID']!r}, which neither the file nor the zone database has"
                self.tell(key, found, f"the site's zone {self.zone.key}", "write it in the site's zone")
            return at.replace(fold=0)
        if same_clock(self.zone, at.tzinfo, at.year):
            return at.replace(tzinfo=None, fold=0)
        if repeated:
            found, valid = f"a repeated event in the zone {at.tzinfo}", f"the site's zone {self.zone.key}"
            self.tell(key, found, valid, "its local time would change with the seasons: write it in the site's zone")
        local = at.astimezone(self.zone).replace(tzinfo=None)
        if local.replace(tzinfo=self.zone, fold=0).astimezone(UTC) != at.astimezone(UTC):
            found = f"{at}, the second pass of a clock that is set back"
            self.tell(key, found, "a local time of the first pass", "take the hour before or after")
        return local.replace(fold=0)

    def _recurrence(self, told: Told, event: Any) -> None:
        label, day = told.label, told.start.date()
        for name in ("RRULE", "EXRULE"):
            values = _values(event, name)
            if len(values) > (name == "RRULE"):
                self.tell(f"{label} {name}", f"{len(values)} {name}", "one RRULE", "make an event of each rule")
        rules = _values(event, "RRULE")
        if rules:
            told.rule = self._rule(told, rules[0])
        told.extra = list(self._days(told, event, "RDATE"))
        told.cancelled = list(self._days(told, event, "EXDATE"))
        if told.rule and not _meets(told.rule, day):
            found = f"{told.rule}, which does not fall on its first day {day}"
            self.tell(f"{label} RRULE", found, "DTSTART on a day of the rule", "RFC 5545 leaves this open")
        if "RECURRENCE-ID" in event:
            value = event["RECURRENCE-ID"]
            if value.params.get("RANGE"):
                found = f"a change with RANGE={value.params['RANGE']}"
                self.tell(f"{label} RECURRENCE-ID", found, "changes of single days", "end the rule, begin a new event")
            at = self._local(f"{label} RECURRENCE-ID", value, repeated=True)
            told.instead_of = at.date() if at else None

    def _rule(self, told: Told, rule: Any) -> str:
        said = parts(rule.to_ical().decode())
        until = rule.get("UNTIL")
        if until:
            said["UNTIL"] = f"{self._until(told, until[0]):%Y%m%d}"
        return text(said)

    def _until(self, told: Told, until: date | datetime) -> date:
        """Last date of a start: an instant before that day's start ends the rule the day before."""
        if not isinstance(until, datetime):
            return until
        local = until.astimezone(self.zone).replace(tzinfo=None) if until.tzinfo else until
        if told.all_day or local.time() >= told.start.time():
            return local.date()
        start = datetime.combine(local.date(), told.start.time(), self.zone).astimezone(UTC)
        reached = until.tzinfo is not None and start <= until  # where the clock skips the start, it is later by it
        return local.date() if reached else local.date() - DAY

    def _days(self, told: Told, event: Any, name: str) -> Iterator[date]:
        """Dates of RDATE or EXDATE; those at another clock than the event's start are problems."""
        key = f"{told.label} {name}"
        for value in (v for values in _values(event, name) for v in values.dts):
            if isinstance(value.dt, tuple):
                self.tell(key, "a PERIOD", "dates or times", "make it an event of its own")
                continue
            local = self._local(key, value, repeated=True)
            if local is None:
                continue
            if isinstance(value.dt, datetime) and local.time() != told.start.time():
                hint = "make it an event of its own" if name == "RDATE" else "it cancels nothing: correct or remove it"
                self.tell(key, f"{local} in an event that starts at {told.start:%H:%M}", "the clock of DTSTART", hint)
            yield local.date()


def _meets(rule: str, day: date) -> bool:
    try:
        return falls_on(rule, day, day)
    except (ValueError, TypeError, KeyError, AttributeError):
        return True  # a rule that cannot be read is told where the row is checked


def _values(event: Any, name: str) -> list[Any]:
    found = event.get(name)
    return [] if found is None else list(found) if isinstance(found, list) else [found]


def as_name(summary: str) -> str:
    """A summary as a name of the house: accents off, blanks as '-'; what still is no name is told later."""
    plain = unicodedata.normalize("NFKD", summary.replace("ß", "ss")).encode("ascii", "ignore").decode()
    return "-".join(plain.split())
