"""What each production day is built from, as a hash: bronze files, orders, bookings, calendar, opening, code.

The planner compares these hashes with the receipts; equal means there is nothing to do. Pure look-ups,
nothing is written here.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime, timedelta

import polars as pl

from pipelines.days.fingerprints import code_hash, combine, digest, fingerprints, frame_hash
from plant import dimensions
from plant.calendar import day_bounds, production_days, segments
from plant.config import Plant, tag_id
from warehouse.lake import Lake

ENERGY_WINDOW_D = 14
"""gold.energy of a day reads this many days back (its baseline)."""


class Inputs:
    """Input hashes of one state of the lake; make a new one to see new data."""

    def __init__(self, plant: Plant, lake: Lake) -> None:
        self.plant, self.lake = plant, lake
        self._readings = fingerprints(lake, "bronze.readings")
        self._layers = {name: self._layer(name) for name in ("operations", "downtimes", "reports")}
        self._horizon = self._horizons()
        self._fixed = digest(code_hash("assets", "plant"), *(frame_hash(f) for f in self._dimensions()))
        self._segments: dict[date, str] = {}
        self._stock: dict[date, str] = {}
        self._prints: dict[str, dict[str, str]] = {}

    def days(self) -> list[date]:
        """Every production day that has data in bronze, oldest first."""
        found = {d for day in self._readings for d in self._days_of_date(date.fromisoformat(day))}
        reports = self._layers["reports"]
        for start_at, end_at in reports.select("start_at", "end_at").iter_rows():
            for site in self.plant.sites:
                # A report of no length still books its pieces, on the day it lies in.
                until = max(end_at, start_at + timedelta(microseconds=1))
                found.update(production_days(self.plant, site, start_at, until))
        return sorted(d for d in found if self._begun(d))

    def days_of(self, stage: str) -> list[date]:
        """The days a stage has to build: cleaned samples of every day, the ledger from its first day on."""
        if stage == "inventory":
            return sorted(self._stock_chain())
        days = self.days()
        if stage == "readings":
            return days if self._readings else []
        first = self.ledger_start()
        return [] if first is None else [d for d in days if d >= first]

    def ledger_start(self) -> date | None:
        """First production day with a machine state or a report; telemetry before it feeds models only."""
        states = [tag_id(m, t) for m, t in self.plant.tags() if t.role == "state"]
        found = [self._layers["reports"]["start_at"].min()]
        for key in sorted(self._readings):
            rows = self.lake.scan("bronze.readings", partitions=[date.fromisoformat(key)])
            first = rows.filter(pl.col("tag").is_in(states)).select(pl.col("ts").min()).collect().item()
            if first is not None:
                found.append(first)
                break
        known = [f for f in found if f is not None]
        return min((self._day_at(f) for f in known), default=None)

    def readings_hash(self, day: date, opening_hash: str) -> str:
        """What silver.readings of the day is built from."""
        files = [(str(d), self._readings.get(str(d), "")) for d in self._dates(day)]
        return digest(self._fixed, combine(files), opening_hash, *self._site_bounds(day))

    def ledger_hash(self, day: date, readings: str) -> str:
        """What the ledgers of the day are built from, given the hash of its readings."""
        start_at, end_at = self._bounds(day)
        rows = [frame_hash(_overlapping(f, start_at, end_at)) for f in self._layers.values()]
        horizon = [min(h, end_at) for h in self._horizon.values()]
        return digest(self._fixed, readings, *rows, *horizon, self._calendar(day))

    def numbers_hash(self, day: date) -> str:
        """What the gold day tables are built from: the ledgers of the day and of the energy baseline's window."""
        window = [str(day - timedelta(days=n)) for n in range(ENERGY_WINDOW_D + 1)]
        names = ("silver.time_ledger", "silver.count_ledger", "silver.energy_ledger")
        prints = [(f"{n}@{d}", self._fingerprints(n).get(d, "")) for n in names for d in window]
        tariffs = frame_hash(dimensions.tariffs_frame(self.plant))
        return digest(self._fixed, combine(prints), tariffs, self._calendar(day))

    def inventory_hash(self, day: date) -> str:
        """What gold.inventory of the day is built from: every stock movement up to that day, and the masters."""
        masters = [self.lake.fingerprint(f"silver.{n}") for n in ("materials", "partners", "purchase_orders")]
        return digest(self._fixed, self._stock_chain().get(day, ""), *masters, *self._site_bounds(day))

    def _fingerprints(self, name: str) -> dict[str, str]:
        if name not in self._prints:
            self._prints[name] = fingerprints(self.lake, name)
        return self._prints[name]

    def _calendar(self, day: date) -> str:
        if day not in self._segments:
            self._segments[day] = frame_hash(segments(self.plant, day - timedelta(days=1), day))
        return self._segments[day]

    def _stock_chain(self) -> dict[date, str]:
        """Running hash of the stock ledger by day: a new posting changes its own day and those after it."""
        if not self._stock:
            rows = self.lake.scan("silver.stock_ledger").collect()
            chain = ""
            for day in self._stock_days(rows):
                chain = digest(chain, frame_hash(rows.filter(pl.col("production_day") == day)))
                self._stock[day] = chain
        return self._stock

    def _stock_days(self, rows: pl.DataFrame) -> list[date]:
        if rows.is_empty():
            return []
        first = min(rows["production_day"])
        last = max([max(rows["production_day"]), *self.days()])
        return [first + timedelta(days=n) for n in range((last - first).days + 1)]

    def _day_at(self, at: datetime) -> date:
        days = [
            d for site in self.plant.sites for d in production_days(self.plant, site, at, at + timedelta(seconds=1))
        ]
        return min(days)

    def _dimensions(self) -> list[pl.DataFrame]:
        makers = (dimensions.machines_frame, dimensions.tags_frame, dimensions.ideal_frame, dimensions.states_frame)
        return [make(self.plant) for make in makers]

    def _layer(self, name: str) -> pl.DataFrame:
        if name == "reports":
            return self.lake.scan("bronze.reports").select("machine", "start_at", "end_at", "segment", "seq").collect()
        rows = self.lake.scan(f"silver.{name}").collect()
        return rows.rename({"started_at": "start_at", "ended_at": "end_at"}, strict=False)

    def _horizons(self) -> dict[str, datetime]:
        """Latest source time of each site in bronze: of its readings and of the reports on its machines."""
        found = {site: self._latest_reading(site) for site in self.plant.sites}
        for machine, end_at in self._layers["reports"].select("machine", "end_at").iter_rows():
            if machine in self.plant.machines:
                site = self.plant.site_of(machine).name
                found[site] = max(found[site] or end_at, end_at)
        return {site: at for site, at in found.items() if at is not None}

    def _latest_reading(self, site: str) -> datetime | None:
        """From the newest date backwards; a live site is found in the first one."""
        tags = [tag_id(m, t) for m, t in self.plant.tags() if self.plant.site_of(m.name).name == site]
        for key in sorted(self._readings, reverse=True):
            rows = self.lake.scan("bronze.readings", partitions=[date.fromisoformat(key)])
            latest = rows.filter(pl.col("tag").is_in(tags)).select(pl.col("ts").max()).collect().item()
            if latest is not None:
                return latest
        return None

    def _begun(self, day: date) -> bool:
        return any(self._bounds(day)[0] <= h for h in self._horizon.values())

    def _site_bounds(self, day: date) -> list[tuple[datetime, datetime]]:
        return [day_bounds(self.plant, site, day) for site in self.plant.sites]

    def _bounds(self, day: date) -> tuple[datetime, datetime]:
        bounds = self._site_bounds(day)
        return min(b[0] for b in bounds), max(b[1] for b in bounds)

    def _dates(self, day: date) -> list[date]:
        start_at, end_at = self._bounds(day)
        last = (end_at - timedelta(microseconds=1)).date()
        return [start_at.date() + timedelta(days=n) for n in range((last - start_at.date()).days + 1)]

    def _days_of_date(self, day: date) -> set[date]:
        around = (day - timedelta(days=1), day, day + timedelta(days=1))
        return {d for d in around if day in self._dates(d)}


def _overlapping(frame: pl.DataFrame, start_at: datetime, end_at: datetime) -> pl.DataFrame:
    began = pl.col("start_at").is_not_null() & (pl.col("start_at") < end_at)
    instant = (pl.col("start_at") == pl.col("end_at")) & (pl.col("end_at") >= start_at)
    return frame.filter(began & (pl.col("end_at").is_null() | (pl.col("end_at") > start_at) | instant))


def ranges(days: Sequence[date]) -> list[tuple[date, date]]:
    """Contiguous runs of days, oldest first.

    >>> from datetime import date
    >>> ranges([date(2026, 1, 1), date(2026, 1, 2), date(2026, 1, 5)])
    [(datetime.date(2026, 1, 1), datetime.date(2026, 1, 2)), (datetime.date(2026, 1, 5), datetime.date(2026, 1, 5))]
    """
    out: list[tuple[date, date]] = []
    for day in sorted(days):
        if out and day - out[-1][1] == timedelta(days=1):
            out[-1] = (out[-1][0], day)
        else:
            out.append((day, day))
    return out
