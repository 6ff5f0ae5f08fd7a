"""The days a plan knows: bounds of each production day by site, and the days between the ones that have data."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import date, datetime, timedelta

import polars as pl

from pipelines.days.fingerprints import digest
from pipelines.days.memory import Memory
from plant.calendar import day_bounds
from plant.config import Plant
from plant.tables import DTYPES

DAY = timedelta(days=1)
TICK = timedelta(microseconds=1)
LONGEST_GAP_D = 31
"""So many days without any row in bronze lie inside the history: state and counters are carried over them."""
Bounds = dict[str, tuple[datetime, datetime]]
"""Start and end (UTC) of a production day by site."""
_SCHEMA: dict[str, pl.DataType] = {
    "site": DTYPES["str"], "production_day": DTYPES["day"], "day_start_at": DTYPES["instant"],
    "day_end_at": DTYPES["instant"],
}  # fmt: skip


class Spans:
    """Bounds of production days of one plant, found once each."""

    def __init__(self, plant: Plant, memory: Memory) -> None:
        self.plant = plant
        clocks = tuple((s.name, s.timezone, s.day_start) for s in plant.file.site)
        self._held: dict[date, Bounds] = memory.of("bounds", clocks, dict)
        self._marks: dict[date, str] = memory.of("bounds' hashes", clocks, dict)

    def of(self, day: date) -> Bounds:
        """Bounds of a day at every site."""
        if day not in self._held:
            self._held[day] = {site: day_bounds(self.plant, site, day) for site in self.plant.sites}
        return self._held[day]

    def text(self, day: date) -> dict[str, str]:
        """Bounds of a day at every site as text: start/end."""
        return {site: f"{start.isoformat()}/{end.isoformat()}" for site, (start, end) in self.of(day).items()}

    def mark(self, day: date) -> str:
        """Hash of the bounds of a day at every site."""
        if day not in self._marks:
            self._marks[day] = digest(self.text(day))
        return self._marks[day]

    def around(self, day: date) -> tuple[datetime, datetime]:
        """First and last instant of a day over all sites."""
        bounds = self.of(day).values()
        return min(b[0] for b in bounds), max(b[1] for b in bounds)

    def dates(self, day: date) -> list[date]:
        """UTC dates (partitions of bronze) a production day touches."""
        start_at, end_at = self.around(day)
        return run(start_at.date(), (end_at - TICK).date())

    def days_between(self, first_at: datetime, last_at: datetime, sites: Iterable[str] | None = None) -> list[date]:
        """Production days, of the sites named or of all, that hold an instant of [first_at, last_at]."""
        wanted = list(self.plant.sites if sites is None else sites)
        days = run(first_at.date() - DAY, last_at.date() + DAY)
        return [d for d in days if any(_holds(self.of(d)[s], first_at, last_at) for s in wanted)]

    def frame(self, days: Sequence[date]) -> pl.DataFrame:
        """Bounds of days as rows: site, production_day, day_start_at, day_end_at; ascending by start."""
        return framed((site, d, *b) for d in days for site, b in self.of(d).items())


def framed(rows: Iterable[tuple[str, date, datetime, datetime]]) -> pl.DataFrame:
    """Bounds as `Spans.frame` gives them."""
    return pl.DataFrame(list(rows), schema=_SCHEMA, orient="row").sort("day_start_at")


def _holds(bounds: tuple[datetime, datetime], first_at: datetime, last_at: datetime) -> bool:
    return bounds[0] <= last_at and first_at < bounds[1]


def run(first: date, last: date) -> list[date]:
    """Every day from first to last, both included."""
    return [first + DAY * n for n in range((last - first).days + 1)]


def bridged(days: Iterable[date]) -> list[date]:
    """The days with those between two of them that are at most `LONGEST_GAP_D` apart.

    >>> from datetime import date
    >>> bridged([date(2026, 1, 3), date(2026, 1, 1), date(2030, 1, 1)])[:3]
    [datetime.date(2026, 1, 1), datetime.date(2026, 1, 2), datetime.date(2026, 1, 3)]
    """
    known = sorted(set(days))
    out = known[:1]
    for day in known[1:]:
        near = (day - out[-1]).days <= LONGEST_GAP_D
        out.extend(run(out[-1] + DAY, day) if near else [day])
    return out


def ranges(days: Iterable[date]) -> list[tuple[date, date]]:
    """Contiguous runs of days, oldest first.

    >>> from datetime import date
    >>> ranges([date(2026, 1, 1), date(2026, 1, 2), date(2026, 1, 5)])
    [(datetime.date(2026, 1, 1), datetime.date(2026, 1, 2)), (datetime.date(2026, 1, 5), datetime.date(2026, 1, 5))]
    """
    out: list[tuple[date, date]] = []
    for day in sorted(days):
        if out and day - out[-1][1] == DAY:
            out[-1] = (out[-1][0], day)
        else:
            out.append((day, day))
    return out
