"""All tables of the MES, WMS and ERP out of what happened on the floor, and their truth."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from functools import partial

import polars as pl

from plant.config import Plant
from simulator.enterprise.agenda import Agenda
from simulator.enterprise.dispatch import book_operations, book_orders, planned_scrap
from simulator.enterprise.finance.instructions import AHEAD_D, book_instructions, book_roster
from simulator.enterprise.finance.rates import book_exchange, book_rates, rates
from simulator.enterprise.finance.routing import Routing
from simulator.enterprise.journal import Journal
from simulator.enterprise.maintenance import book_failures, book_services, happened
from simulator.enterprise.materials import Item, book_master_data, items, raw_use
from simulator.enterprise.people import book_attendance, book_downtimes
from simulator.enterprise.production import Production
from simulator.enterprise.purchasing import Purchasing
from simulator.enterprise.quality import inspect
from simulator.enterprise.sales import HISTORY_D, Sales
from simulator.enterprise.stock import EXTERNAL, Stock
from simulator.enterprise.supply.fulfilment import Fulfilment
from simulator.enterprise.supply.terms import book_terms
from simulator.enterprise.wms.levels import booked_us, enter_levels, evenings
from simulator.floor.faults import Failure, Service
from simulator.floor.layout import Layout
from simulator.floor.machines import Station
from simulator.floor.orders import OrderBook
from simulator.floor.worktime import WorkTime, worked_shifts
from simulator.instants import DAY, HOUR, to_datetime
from simulator.truth import Booking, Presence


@dataclass(frozen=True)
class Events:
    """What the floor hands to the books."""

    plant: Plant
    seed: int
    start_us: int
    end_us: int
    layouts: Sequence[Layout]
    work: Mapping[str, WorkTime]
    books: Mapping[str, OrderBook]
    stations: Sequence[Station]
    failures: Sequence[Failure]
    past_services: Sequence[Service]
    bookings: Sequence[Booking]
    presences: Sequence[Presence]
    contaminated: str | None = None


@dataclass(frozen=True)
class Books:
    """Tables as change logs, and the truth of lots, lot links and stock."""

    tables: dict[str, pl.DataFrame]
    truth: dict[str, pl.DataFrame]


def books(e: Events) -> Books:
    """Write every table, in order of time, from two years before the run to its end."""
    journal, agenda = Journal(), Agenda()
    found = items(e.plant, e.layouts, dict(e.work), e.start_us)
    book_master_data(journal, e.start_us - (HISTORY_D + 1) * DAY, e.seed, found, e.plant.file.site[0].name)
    _floor(journal, e)
    _plans(journal, e)
    way = Fulfilment(journal, agenda, e.seed, e.plant.file.site[0].name)
    book_terms(journal, e.start_us - (HISTORY_D + 1) * DAY, e.seed, raw_use(found))
    stock = _trade(journal, agenda, e, found, way)
    agenda.run(e.end_us)
    tables = journal.frames(e.end_us)
    told = {
        "lots": tables["lots"].select(pl.col("id").alias("lot"), "material", "qty", "created_at", "order_id"),
        "lot_links": tables["lot_links"].select("parent_lot", "child_lot", "qty", "at", "order_id"),
        "stock": stock.history(),
        "contaminated": stock.contamination.history(),
        "supply": way.history(),
    }
    return Books(tables, told)


def _floor(journal: Journal, e: Events) -> None:
    routing: dict[str, Routing] = {}
    for layout in e.layouts:
        scrap = planned_scrap(layout, e.stations)
        work = e.work[layout.line]
        slots = book_orders(journal, layout, work, e.books[layout.line], scrap, e.start_us)
        mine = [s for s in e.stations if s.machine.line == layout.line]
        routing[layout.line] = Routing(layout, work, mine, slots)
    by_machine = {s.name: e.work[s.machine.line] for s in e.stations}
    for station in e.stations:
        book_operations(journal, station.log.registrations, routing[station.machine.line])
        inspect(journal, e.seed, station, [f for f in e.failures if f.machine == station.name])
    book_downtimes(journal, e.bookings)
    book_attendance(journal, e.presences)
    book_failures(journal, e.seed, e.failures)
    done = [service for s in e.stations for service in s.log.services]
    coming = [service for s in e.stations for service in s.services]
    book_services(journal, [*happened(e.past_services, by_machine), *done], coming)


def _plans(journal: Journal, e: Events) -> None:
    """What costs what, how work is to be done, and who is planned when."""
    known = e.start_us - (HISTORY_D + 1) * DAY
    book_rates(journal, known, rates(e.plant, e.stations, e.start_us, known))
    book_exchange(journal, known, e.plant.file.plant.currency, e.start_us + 2 * DAY)
    book_instructions(journal, e.layouts, known, e.start_us)
    first, last = e.start_us - 2 * DAY, e.end_us + (AHEAD_D + 2) * DAY
    shifts = worked_shifts(e.plant, to_datetime(first).date(), to_datetime(last).date())
    book_roster(journal, e.seed, e.plant, e.stations, shifts, e.end_us)


def _trade(journal: Journal, agenda: Agenda, e: Events, found: dict[str, Item], way: Fulfilment) -> Stock:
    site = e.plant.file.site[0].name
    zone = e.plant.zone(site)
    use = raw_use(found)
    cost = {m: cents for m, (_, cents) in use.items()}
    cost |= {i.in_work: i.cost_cents[1] for i in found.values()} | {p: i.cost_cents[2] for p, i in found.items()}
    stock = Stock(journal, cost, e.contaminated, partial(booked_us, e.seed, zone))
    start = to_datetime(e.start_us).astimezone(zone).date()
    last = to_datetime(e.end_us).astimezone(zone).date()
    agenda.at(e.start_us - HOUR, lambda at: _opening(journal, stock, found, at))
    purchasing = Purchasing(journal, agenda, stock, e.seed, use, way)
    purchasing.enter(e.start_us, zone, last)
    sales = Sales(journal, agenda, stock, e.seed, zone, e.start_us, way)
    sales.enter(found, start - timedelta(days=HISTORY_D), last)
    enter_levels(journal, agenda, stock, e.seed, zone, evenings(start, last))
    orders = [o for book in e.books.values() for o in book.orders]
    Production(journal, stock, found, purchasing.buy_at_once).enter(agenda, e.stations, orders)
    return stock


def _opening(journal: Journal, stock: Stock, found: dict[str, Item], at_us: int) -> None:
    """Finished goods from before the run: about five days of demand, in two lots."""
    for item in found.values():
        for n in (1, 2):
            qty, lot = max(1, round(item.demand_per_day * 2.5)), f"lot-open-{item.product}-{n}"
            journal.put("lots", at_us, lot, material=item.product, qty=float(qty), created_at=at_us, order_id=None,
                        supplier=None)  # fmt: skip
            stock.move(at_us, item.product, lot, EXTERNAL, "fg-1", qty, "adjustment", "opening")
