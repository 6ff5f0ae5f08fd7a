"""A run of the plant in a box: everything that happened between two instants, and what is known of it when.

`plant_run` is a pure function of (plant, seed, start_at, end_at). A later end_at only adds to the end.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta

import polars as pl

from plant.config import Plant
from simulator import truth
from simulator.enterprise.books import Events, books
from simulator.enterprise.finance import costs
from simulator.enterprise.finance.rates import rates
from simulator.enterprise.people import bookings, presences
from simulator.floor.faults import Failure, Gap, Service, counter_resets, failures, gaps, services, settle
from simulator.floor.flow import Flow
from simulator.floor.layout import Layout, layouts
from simulator.floor.losses import Loss, losses, merged
from simulator.floor.machines import Station, Stop
from simulator.floor.orders import OrderBook
from simulator.floor.worktime import Occurrence, WorkTime, worked_shifts, worktimes
from simulator.instants import DAY, to_datetime, to_us
from simulator.kinds import kind_of
from simulator.signals.archive import archived
from simulator.signals.energy import Energy, marks, metered
from simulator.signals.telemetry import SAMPLE_SCHEMA, Source, samples

HISTORY_D = 180
"""Days of failures and maintenance before the run."""
NO_LOSS = Loss()
Progress = Callable[[str, float], None]
"""Called with what is being done and the share done, 0..1."""


@dataclass(frozen=True)
class Run:
    """What a simulated plant did in [start_at, end_at).

    `samples` and `archive`: tag, ts, value, status, sorted by ts: all that sources and historian ever deliver.
    `tables`: the relational tables as change logs: one row per version of a record, `updated_at` says from
    when it reads so; the last version before an instant is what a query at that instant sees.
    `truth`: frames intervals, pieces, people, energy, lost, failures, lots, lot_links, contaminated, stock (one row
    a change of on-hand; see `truth.until`). docs/simulator.md describes them.
    `loss`: what was asked for in lost signals, beyond the plant's own few windows. `contaminated`: the lot whose way
    the truth follows, None: no lot.
    """

    plant: Plant
    seed: int
    start_at: datetime
    end_at: datetime
    samples: pl.DataFrame
    archive: pl.DataFrame
    tables: Mapping[str, pl.DataFrame]
    truth: Mapping[str, pl.DataFrame]
    loss: Loss = NO_LOSS
    contaminated: str | None = None


def default_window(plant: Plant, days: int, now: datetime) -> tuple[datetime, datetime]:
    """The last `days` complete production days of the first site before `now`, as UTC instants.

    Raises:
        ValueError: `days` is less than 1 or `now` has no time zone.
    """
    if days < 1:
        raise ValueError(f"days is {days}: at least 1 production day is needed")
    site = plant.file.site[0]
    zone, clock = plant.zone(site.name), time.fromisoformat(site.day_start)
    to_us(now)  # refuses a time without a zone
    last = now.astimezone(zone).date()
    if datetime.combine(last, clock, tzinfo=zone) > now:
        last -= timedelta(days=1)
    first = last - timedelta(days=days)
    start, end = (datetime.combine(day, clock, tzinfo=zone).astimezone(UTC) for day in (first, last))
    return start, end


def plant_run(
    plant: Plant,
    seed: int,
    start_at: datetime,
    end_at: datetime,
    progress: Progress | None = None,
    *,
    loss: Loss = NO_LOSS,
    contaminated: str | None = None,
) -> Run:
    """Simulate a plant from start_at to end_at (aware, end after start). Deterministic in its arguments.

    `loss` says which share of every machine's time has no signal, on top of the few windows every run has. It
    takes samples away and changes nothing else. `contaminated` names a lot, e.g. 'lot-open-shaft-20-blank-1': the
    truth then says into which lots it went, and how much of it; nothing else changes.

    Raises:
        ValueError: a time has no zone, end_at is not after start_at, the share of `loss` is out of its range, or the
            contaminated lot never came into the plant.
        TerminalError: a state tag has no numeric codes.
    """
    start, end = to_us(start_at), to_us(end_at)
    if end <= start:
        raise ValueError(f"end_at {end_at} is not after start_at {start_at}")
    tell = progress or (lambda what, share: None)
    floor = _Floor(plant, seed, start, end, loss)
    floor.simulate(tell)
    tell("signals", 0.0)
    sensed, energy = floor.sense(tell)
    tell("books", 0.0)
    booked, present = bookings(seed, floor.stops()), presences(seed, plant, floor.stations, floor.shifts, start)
    known = [f for s in floor.stations for f in floor.known(s)]
    relations = books(Events(
        plant=plant, seed=seed, start_us=start, end_us=end, layouts=floor.layouts, work=floor.work,
        books=floor.books, stations=floor.stations, failures=known, past_services=floor.past_services,
        bookings=booked, presences=present, contaminated=contaminated,
    ))  # fmt: skip
    tell("truth", 0.0)
    told = {
        "intervals": _intervals(floor, booked, start, end),
        "pieces": truth.pieces(floor.stations), "people": truth.people(present, start, end),
        "energy": truth.energies(energy), "lost": truth.lost(floor.gaps, plant, end),
        "failures": truth.failed(known, end), **relations.truth,
    }  # fmt: skip
    told |= floor.costed(told["intervals"], told["people"], energy, relations.tables["stock_moves"])
    tell("done", 1.0)
    begun, ended = to_datetime(start), to_datetime(end)
    return Run(plant, seed, begun, ended, sensed, floor.archive(), relations.tables, told, loss, contaminated)


def _intervals(floor: _Floor, booked: Sequence[truth.Booking], start: int, end: int) -> pl.DataFrame:
    """What every machine did, from its own log."""
    return pl.concat(
        truth.intervals(s, floor.work[s.machine.line], [b for b in booked if b.machine == s.name], start, end)
        for s in floor.stations
    )


class _Floor:
    """The machines of a plant and all that is decided about them before the first event."""

    def __init__(self, plant: Plant, seed: int, start: int, end: int, loss: Loss) -> None:
        self.plant, self.seed, self.start, self.end = plant, seed, start, end
        first = to_datetime(start - (HISTORY_D + 3) * DAY).date()
        self.work: dict[str, WorkTime] = worktimes(plant, first, to_datetime(end + 3 * DAY).date())
        self.shifts: list[Occurrence] = worked_shifts(
            plant, to_datetime(start - 2 * DAY).date(), to_datetime(end + DAY).date()
        )
        self.layouts: list[Layout] = layouts(plant, to_datetime(start).date())
        self.books = {x.line: OrderBook(seed, x) for x in self.layouts}
        self.past: dict[str, list[Failure]] = {}
        self.past_services: list[Service] = []
        self.stations = [self._station(x, name, i) for x in self.layouts for i, name in _placed(x)]
        counted = [s.name for s in self.stations if any(t.role == "good_count" for t in s.machine.tags)]
        self.resets = counter_resets(seed, counted, start, end)
        self.gaps: list[Gap] = gaps(seed, list(plant.machines), start, end, self.resets)
        if loss.share:
            self.gaps = merged([*self.gaps, *losses(seed, list(plant.machines), loss, start, end)])

    def _station(self, layout: Layout, name: str, stage: int) -> Station:
        machine = self.plant.machines[name]
        kind, work = kind_of(machine.kind), self.work[machine.line]
        ideal = {p: us for (m, p), us in layout.ideal_us.items() if m == name}
        station = Station(machine, kind, stage, self.seed, ideal)
        history = self.start - HISTORY_D * DAY
        planned = failures(self.seed, name, kind, history, self.end)
        self.past[name], station.failures = settle(planned, work, self.start)
        due = services(self.seed, name, history, self.end + 4 * DAY)
        self.past_services += [s for s in due if s.due_us < self.start - DAY]
        station.services = [s for s in due if s.due_us >= self.start - DAY]
        return station

    def simulate(self, tell: Progress) -> None:
        span = self.end - self.start
        for layout in self.layouts:
            mine = [s for s in self.stations if s.machine.line == layout.line]
            what = f"line {layout.line}"
            flow = Flow(layout, self.work[layout.line], self.books[layout.line], mine)
            flow.run(self.start, self.end, lambda at, what=what: tell(what, (at - self.start) / span))

    def known(self, station: Station) -> list[Failure]:
        """Every failure of a machine: past, happened in the run, to come."""
        return [*self.past[station.name], *station.log.failures, *station.failures]

    def stops(self) -> list[Stop]:
        """Stops that people may book: those of the run, and the breakdowns of the past."""
        mine = [stop for s in self.stations for stop in s.log.stops]
        past = [
            Stop(f.machine, f.failed_us, f.repaired_us, f.mode.name, "breakdown")
            for found in self.past.values() for f in found if f.failed_us is not None and f.repaired_us is not None
        ]  # fmt: skip
        return past + mine

    def sense(self, tell: Progress) -> tuple[pl.DataFrame, dict[str, Energy]]:
        frames, energy, grid = [], {}, marks(self.start, self.end)
        for i, s in enumerate(self.stations):
            tell("signals", i / len(self.stations))
            full = next((t.range[1] for t in s.machine.tags if t.role == "power" and t.range), 20.0)
            state_us = pl.Series(s.log.state_at, dtype=pl.Int64).to_numpy()
            known = self.known(s)
            used = metered(self.seed, s.name, s.kind, full, state_us, s.log.states, known, grid)
            energy[s.name] = used
            source = Source(self.seed, s.machine, s.kind, s.log, known, used, self.resets.get(s.name, []),
                            self.start, self.end)  # fmt: skip
            frames.append(samples(self.plant, source, [g for g in self.gaps if g.machine == s.name]))
        return pl.concat(frames).sort("ts", maintain_order=True) if frames else pl.DataFrame(
            schema=SAMPLE_SCHEMA
        ), energy

    def costed(
        self, intervals: pl.DataFrame, people: pl.DataFrame, energy: dict[str, Energy], moves: pl.DataFrame
    ) -> dict[str, pl.DataFrame]:
        """Truth of what the orders that ended cost, and of where their time went."""
        columns = ("machine", "start_at", "end_at", "account", "order_id")
        at = pl.col("start_at", "end_at").cast(pl.Int64)
        facts = costs.Facts(
            rows=intervals.select(columns).with_columns(at).rows(),
            people=people.select("machine", "operator", "start_at", "end_at").with_columns(at).rows(),
            metered=energy, moves=moves.to_dicts(),
            rates=rates(self.plant, self.stations, self.start, self.start),
            sites={s.name: self.plant.site_of(s.name).name for s in self.stations},
        )  # fmt: skip
        orders = [o for book in self.books.values() for o in book.orders]
        done = costs.ended(orders, self.stations, self.end)
        line_of = {s.name: s.machine.line for s in self.stations}
        return {"costs": costs.costs(facts, done), "order_times": costs.times(facts.rows, orders, done, line_of)}

    def archive(self) -> pl.DataFrame:
        frames = [archived(self.seed, s.machine, s.kind, self.work[s.machine.line], self.known(s), self.start)
                  for s in self.stations]  # fmt: skip
        return pl.concat(frames).sort("ts", maintain_order=True)


def _placed(layout: Layout) -> list[tuple[int, str]]:
    """Machines of a line with their stage, utilities with -1."""
    return [(i, m) for i, s in enumerate(layout.stages) for m in s.machines] + [(-1, m) for m in layout.utilities]
