"""What each production day is built from, in named parts: raw rows, orders, bookings, calendar, settings, code.

The planner compares their hashes with the receipts; equal means there is nothing to do. Everything is taken of the
versions the tables had when the `Inputs` were made. Whole-day hashes of a long history are cheap: lists of files,
and one pass over an interval table a version.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from datetime import date, datetime, timedelta
from functools import cached_property
from importlib.metadata import version

import polars as pl

from assets.kernels.finance.rates import lines_of
from pipelines.days import stock
from pipelines.days.costing import RATED, RateLine, rates_on, under_way
from pipelines.days.fingerprints import code_hash, content_hash, digest
from pipelines.days.layers import LAYERS, RECORDS, RETRACTIONS, ROUTING, SPANS, Hashes, Layer, hashes, orders
from pipelines.days.memory import memory_of, prints_of
from pipelines.days.raw import Raw
from pipelines.days.settings import Settings
from pipelines.days.spans import Spans, bridged
from pipelines.days.stages import COSTS, ENERGY, LEDGERS, NUMBERS, READINGS
from plant.calendar import calendar_digest
from plant.config import Plant, tag_id
from plant.errors import TerminalError
from plant.tables import table
from warehouse.lake import Lake
from warehouse.snapshot import Snapshot, read
from warehouse.state import State

ENERGY_WINDOW_D = 14
"""gold.energy of a day reads this many days back (its baseline)."""
METERED = ("silver.energy_ledger", "silver.count_ledger")
COSTED = ("silver.materials", "silver.bills_of_material", "silver.locations")
"""Masters of gold.kpi_sums: kinds and costs of materials, what goes into what, which bins hold stock."""
NO_CALENDAR = {"machine", "product", "source", "tariff", "states", "alerts", "stock", "supply"}
"""Sections of plant.toml the calendar does not read (of machines only name and line)."""
PARTS = {part: [x for x in LAYERS if x.part == part] for part in sorted({x.part for x in LAYERS})}
REPORTS, RATES = "bronze.reports", "silver.cost_rates"
_PLACE: dict[str, pl.DataType] = {"machine": pl.String(), "site": pl.String()}
Marks = dict[str, str]
"""Hash of each part of a day as a whole."""


class Inputs:
    """Input hashes of one state of the lake; make a new one to see new data."""

    def __init__(self, plant: Plant, lake: Lake, state: State) -> None:
        self.plant, self.state, self.memory = plant, state, memory_of(lake)
        self.spans = Spans(plant, self.memory)
        self.settings = self.memory.of("settings", plant.file.model_dump_json(), lambda: Settings(plant))
        self.raw = Raw(plant, lake, state, self.spans)
        layers = (*LAYERS, *RECORDS, RETRACTIONS, SPANS)
        pinned = {*(n for x in layers for n in (x.name, *x.also)), *stock.READ, *COSTED, RATES, READINGS, *LEDGERS}
        self._snaps: dict[str, Snapshot | None] = {name: lake.snapshot(name) for name in sorted(pinned)}
        self._prints: dict[str, dict[str, str]] = {}
        self._marks: dict[str, dict[date, str]] = {}
        self.sites = {m: plant.site_of(m).name for m in plant.machines}
        self.definition = code_hash("assets", "plant")

    @cached_property
    def days(self) -> list[date]:
        """Every production day that has data in bronze, and those between them, oldest first."""
        found = self.raw.days()
        for site, start_at, end_at in self._reported.iter_rows():
            found.update(self.spans.days_between(start_at, max(start_at, end_at - timedelta(microseconds=1)), [site]))
        return [d for d in bridged(found) if self._begun(d)]

    @cached_property
    def starts(self) -> dict[str, date]:
        """First production day of each site with a machine state or a report: its ledgers begin there.

        Telemetry before it feeds models only. A site without either has no ledger and is left out.
        """
        first = self.raw.first_states(list(self.plant.sites))
        for site, start_at, _ in self._reported.iter_rows():
            first[site] = min(first.get(site, start_at), start_at)
        return {site: self.spans.days_between(at, at, [site])[0] for site, at in first.items()}

    def days_of(self, stage: str) -> list[date]:
        """The days a stage has to build: cleaned samples of every day, the ledgers from their first day on."""
        if stage == "inventory":
            return sorted(self._stock)
        if stage == "readings":
            return self.days if self.raw.exists else self._without_raw()
        first = min(self.starts.values(), default=None)
        return [] if first is None else [d for d in self.days if d >= first]

    def _without_raw(self) -> list[date]:
        """No bronze.readings: a plant of reports alone has no samples; samples that were there are not wiped out."""
        snap = self._snaps[READINGS]
        if snap is not None and snap.files.height:
            raise TerminalError(
                f"silver.readings holds {snap.files.height} files, but there is no bronze.readings to build them from; "
                f"bring lake/bronze/readings back, or delete lake/silver/readings to begin anew"
            )
        return []

    def marks(self, name: str, day: date, carried: str) -> Marks:
        """Hashes of the parts a day of a table is built from; `carried` is that of the rows the day opens with."""
        makers: dict[str, Callable[[date], Marks]] = dict.fromkeys(LEDGERS, self._ledger)
        makers |= dict.fromkeys(NUMBERS, self._numbers) | dict.fromkeys(COSTS, self._costs)
        makers |= dict.fromkeys(ENERGY, self._energy)
        if name == READINGS:
            made = self._readings(day) | {"carried": carried}
        else:
            made = makers.get(name, self._inventory)(day)
        return made | {"definition": self.definition}

    def _readings(self, day: date) -> Marks:
        return {
            "readings": self.raw.mark(day),
            "retractions": self._layer_mark("retractions", [RETRACTIONS], day),
            "tags": self.settings.mark("tags", day),
            "bounds": self.spans.mark(day),
        }

    def _ledger(self, day: date) -> Marks:
        layers = {part: self._layer_mark(part, of_part, day) for part, of_part in PARTS.items()}
        return layers | {
            "cleaned": self._print(READINGS, day),
            "horizon": str(sorted((site, at.isoformat()) for site, at in self.horizon(day).items())),
            "calendar": self.calendar(day),
            "tags": self.settings.mark("tags", day),
            "machine": self.settings.mark("machine", day),
            "target": self.settings.mark("target", day),
            "starts": str(sorted((site, day >= first) for site, first in self.starts.items())),
        }

    def _numbers(self, day: date) -> Marks:
        return {
            "ledgers": digest(*(self._print(n, day) for n in LEDGERS)),
            "records": self._layer_mark("records", RECORDS, day),
            "stock": self._moved.get(day, ""),
            "materials": digest(self._masters, *self._routings),
            "calendar": self.calendar(day),
            "machine": self.settings.mark("machine", day),
            "tags": self.settings.mark("tags", day),
            "target": self.settings.mark("target", day),
        }

    def _energy(self, day: date) -> Marks:
        window = [day - timedelta(days=n) for n in range(ENERGY_WINDOW_D + 1)]
        return {
            "ledgers": digest(*(self._print(n, d) for n in METERED for d in window)),
            "tariff": self.settings.mark("tariff", day),
            "zones": str([(s.name, s.timezone) for s in self.plant.file.site]),
        }

    def _costs(self, day: date) -> Marks:
        return {
            "ledgers": digest(*(self._print(n, day) for n in LEDGERS)),
            "orders": self._layer_mark("orders", PARTS["orders"], day),
            "spans": self._layer_mark("spans", [SPANS], day),
            "materials": self._masters,
            "rates": rates_on(self._rate_lines, self.spans.of(day), self.sites),
            **{part: self.settings.mark(part, day) for part in ("machine", "tags", "target")},
        }

    @cached_property
    def _rate_lines(self) -> list[RateLine]:
        key = (self._print_of(RATES), self.plant.file.model_dump_json(include=RATED))
        return self.memory.of("rates", key, lambda: lines_of(self.plant, self.rows(RATES).collect()).rows())

    def _inventory(self, day: date) -> Marks:
        return {"stock": self._stock.get(day, ""), "bounds": self.spans.mark(day), "spaces": self._spaces}

    def calendar(self, day: date) -> str:
        """Digest of the calendar of a day."""
        return self._calendar.get(str(day)) or calendar_digest(self.plant, day)

    @cached_property
    def _calendar(self) -> dict[str, str]:
        """Digests of the calendar of all days, found once per calendar and kept beside the receipts."""
        said = self.plant.file.model_dump_json(exclude=NO_CALENDAR)
        lines = [(m.name, m.line) for m in self.plant.file.machine]
        space = f"calendar:{digest(said, lines, version('tzdata'), code_hash('plant'))}"
        held: dict[str, str] = self.memory.of("calendar", space, lambda: self.state.remembered(space))
        fresh = {str(d): calendar_digest(self.plant, d) for d in self.days if str(d) not in held}
        if fresh:
            held.update(fresh)
            self.state.remember(space, fresh, only=True)
        return held

    def layer(self, layer: Layer) -> Hashes:
        """Hashes of a layer by day and machine, of one pass a version of the table."""
        key = (self._versions(layer), tuple(self.days), tuple(self.sites.items()))
        return self.memory.of(layer, key, lambda: self.hashed(layer, self._bounds))

    def hashed(self, layer: Layer, bounds: pl.DataFrame) -> Hashes:
        """Hashes of a layer inside given bounds of days (`Spans.frame`)."""
        rows = self.rows(layer.name)
        if layer is ROUTING:
            rows = orders(rows, self.rows(*layer.also))
        elif layer is SPANS:
            rows = under_way(self.plant, rows, self.rows(*layer.also))
        elif layer is RETRACTIONS:
            machines = {tag_id(m, t): m.name for m, t in self.plant.tags()}
            of_tag = pl.col("tag").replace_strict(machines, default=None, return_dtype=pl.String)
            rows = rows.with_columns(machine=of_tag)
        return hashes(layer, rows, bounds, self.sites)

    def rows(self, name: str) -> pl.LazyFrame:
        """Rows of a table at the version these inputs are of."""
        snap = self._snaps[name]
        return table(name).empty().lazy() if snap is None else read(snap, snap.paths())

    def horizon(self, day: date) -> dict[str, datetime]:
        """How far the data of each site reach into a day; sites whose data end before it are left out."""
        bounds = self.spans.of(day)
        return {site: min(at, bounds[site][1]) for site, at in self._horizon.items() if at > bounds[site][0]}

    @cached_property
    def _horizon(self) -> dict[str, datetime]:
        """Latest source time of each site in bronze: of its readings and of the reports on its machines."""
        found = self.raw.latest(list(self.plant.sites))
        for site, _, end_at in self._reported.iter_rows():
            found[site] = max(found.get(site, end_at), end_at)
        return found

    def _begun(self, day: date) -> bool:
        bounds = self.spans.of(day)
        return any(bounds[site][0] <= at for site, at in self._horizon.items())

    @cached_property
    def _reported(self) -> pl.DataFrame:
        """site, start_at, end_at of every report on a machine of the plant; one look a version."""
        key = (self._print_of(REPORTS), tuple(self.sites.items()))
        place = pl.LazyFrame({"machine": list(self.sites), "site": list(self.sites.values())}, schema=_PLACE)
        wanted = self.rows(REPORTS).join(place, on="machine").select("site", "start_at", "end_at").unique()
        return self.memory.of("reported", key, lambda: wanted.collect(engine="in-memory"))

    @cached_property
    def _bounds(self) -> pl.DataFrame:
        return self.spans.frame(self.days)

    @cached_property
    def _stock(self) -> dict[date, str]:
        """Hash of each day of gold.inventory, of one pass a version of the tables of stock."""
        snaps = tuple(self._print_of(n) for n in stock.READ)
        days, last = stock.spanned(self.rows, self.days), self.days[-1] if self.days else None
        made = lambda: stock.known(self.rows, self.spans.frame(days), last, self.plant)  # noqa: E731
        return self.memory.of("stock", (snaps, tuple(days), str(self.plant.file.stock)), made)

    @cached_property
    def _spaces(self) -> str:
        """Hash of what gold.space_use reads of the masters, which have no dates."""
        key = (*(self._print_of(n) for n in stock.SPACES), str(self.plant.file.stock))
        return self.memory.of("spaces", key, lambda: stock.spaces(self.rows, self.plant))

    @cached_property
    def _moved(self) -> dict[date, str]:
        """Hash of the stock each day begins with and of its postings, as far as gold.kpi_sums reads them."""
        snaps = tuple(self._print_of(n) for n in ("silver.stock_ledger", "silver.operations"))
        ledger, operations = self.rows("silver.stock_ledger"), self.rows("silver.operations")
        return self.memory.of("moved", (snaps, tuple(self.days)), lambda: stock.moved(ledger, operations, self.days))

    @cached_property
    def _masters(self) -> str:
        """Hash of the masters, which have no dates: a changed standard cost is another value on every day."""
        key = tuple(self._print_of(n) for n in COSTED)
        frames = (self.rows(n).collect(engine="in-memory") for n in COSTED)
        return self.memory.of("masters", key, lambda: digest(*(content_hash(f) for f in frames)))

    @cached_property
    def _routings(self) -> tuple[str, ...]:
        """Reports name orders of any time, started in the MES or not: then every day hangs on every routing."""
        if not any(s.kind == "files" and s.content == "reports" for s in self.plant.file.source):
            return ()
        return tuple(str(self._print_of(name)) for name in ("silver.operations", "silver.work_orders"))

    def _print_of(self, name: str) -> Hashable:
        snap = self._snaps[name]
        return None if snap is None else (snap.version, snap.written_at)

    def _layer_mark(self, part: str, layers: Sequence[Layer], day: date) -> str:
        """Hash of what all machines have of some layers on a day; of all days at once, a version of the tables."""
        if part not in self._marks:
            versions = tuple(self._versions(x) for x in layers)
            key = (versions, tuple(self.days), tuple(self.sites.items()))
            self._marks[part] = self.memory.of(("marks", part), key, lambda: self._marked(layers))
        return self._marks[part].get(day, "")

    def _marked(self, layers: Sequence[Layer]) -> dict[date, str]:
        found = [self.layer(x) for x in layers]
        days = sorted({d for by in found for d in by})
        return {d: digest(*(sorted(by.get(d, {}).items()) for by in found)) for d in days}

    def _versions(self, layer: Layer) -> tuple[Hashable, ...]:
        return tuple(self._print_of(name) for name in (layer.name, *layer.also))

    def _print(self, name: str, day: date) -> str:
        if name not in self._prints:
            self._prints[name] = prints_of(self.memory, name, self._snaps[name])
        return self._prints[name].get(str(day), "")
