"""Customers' orders: two years of history with weekday pattern, season and trend, and shipments from stock."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from functools import partial
from math import pi, sin
from zoneinfo import ZoneInfo

from simulator.enterprise.agenda import Agenda
from simulator.enterprise.invoices import invoice
from simulator.enterprise.journal import Journal
from simulator.enterprise.materials import CUSTOMERS, Item
from simulator.enterprise.stock import EXTERNAL, Stock
from simulator.enterprise.supply.fulfilment import Fulfilment
from simulator.instants import DAY, HOUR, MINUTE, to_datetime, to_us
from simulator.streams import stream

HISTORY_D = 730
_WEEK = (1.30, 1.15, 1.10, 1.15, 1.25, 0.35, 0.0)
"""Demand by weekday against its mean over the week times 7/6.3."""


class Sales:
    """Takes orders, ships what is in stock, oldest request first."""

    def __init__(
        self, journal: Journal, agenda: Agenda, stock: Stock, seed: int, zone: ZoneInfo, start_us: int, way: Fulfilment
    ) -> None:
        self.journal, self.agenda, self.stock, self.way = journal, agenda, stock, way
        self.seed, self.zone, self.start_us = seed, zone, start_us
        self._open: dict[str, tuple[int, str, str, int, int]] = {}  # key: requested, customer, product, qty, price

    def enter(self, found: dict[str, Item], first: date, last: date) -> None:
        """Enter the order lines of the local days first..last, and two rounds of shipping a day from the start on."""
        base = first + timedelta(days=HISTORY_D)
        for n in range((last - first).days + 1):
            day = first + timedelta(days=n)
            for item in found.values():
                self._lines(item, day, base)
            for hour in (11, 15):
                slot = self._clock(day, hour)
                if slot >= self.start_us and day.weekday() < 6:
                    self.agenda.at(slot, self._ship)

    def _clock(self, day: date, hour: int) -> int:
        return to_us(datetime(day.year, day.month, day.day, hour, tzinfo=self.zone))

    def _lines(self, item: Item, day: date, base: date) -> None:
        draw = stream(self.seed, "sales", item.product, day)
        trend = stream(self.seed, "trend", item.product).uniform(0.0, 0.12)
        age = (day - base).days / 365
        season = 1 + 0.10 * sin(2 * pi * (day.timetuple().tm_yday - 40) / 365)
        total = item.demand_per_day * _WEEK[day.weekday()] * 1.11 * (1 + trend * age) * season
        total *= max(0.2, draw.gauss(1.0, 0.18))
        lines = draw.choice((1, 1, 2)) if total > 0 else 0
        for n in range(lines):
            qty = max(1, round(total / lines))
            ordered = self._clock(day, 7) + int(draw.uniform(0.2, 9.5) * HOUR)
            requested = self._clock(day + timedelta(days=draw.randint(2, 6)), 12)
            key = f"so-{item.product}-{day:%Y%m%d}-{n + 1}"
            line = (requested, draw.choice(CUSTOMERS), item.product, qty, item.price_cents)
            self.agenda.at(ordered, partial(self._take, key=key, line=line))

    def _take(self, at: int, key: str, line: tuple[int, str, str, int, int]) -> None:
        requested, customer, product, qty, price = line
        self.journal.put(
            "sales_orders", at, key, customer=customer, product=product, qty=float(qty), unit_price_cents=price,
            ordered_at=at, requested_at=requested, shipped_at=None, shipped_qty=None, status="open",
            order_id=(order := f"{customer}-{to_datetime(at):%Y%m%d}"), site=self.way.site,
        )  # fmt: skip
        self.way.ordered(at, "outbound", key, order, customer, product, qty, requested)
        self.way.confirm(at, "outbound", key, qty, requested)
        if requested < self.start_us - DAY:
            # Before the run nothing is stocked here: the line went out around the day it was asked for.
            late = stream(self.seed, "late", key).uniform(-20, 9)
            self._before(key, line, at, max(at + HOUR, requested + int(late * HOUR)))
        else:
            self._open[key] = line

    def _ship(self, at: int) -> None:
        for key, line in sorted(self._open.items(), key=lambda kv: (kv[1][0], kv[0])):
            requested, _, product, qty, _ = line
            if requested > at + 2 * DAY or self.stock.on_hand(product, "fg-1") < qty:
                continue
            lots = self.stock.oldest(product, "fg-1", qty)
            for lot, part in lots:
                self.stock.move(at, product, lot, "fg-1", "ship-1", part, "transfer", key)
            del self._open[key]
            self.agenda.at(at + 45 * MINUTE, partial(self._load, key=key, line=line, lots=lots))

    def _load(self, at: int, key: str, line: tuple[int, str, str, int, int], lots: list[tuple[str, int]]) -> None:
        for lot, part in lots:
            self.stock.move(at, line[2], lot, "ship-1", EXTERNAL, part, "shipment", key)
        for n, (lot, part) in enumerate(lots, 1):
            self._send(key, line, part, lot, at, n, together=True)
        self._gone(at, key, line, line[3])

    def _before(self, key: str, line: tuple[int, str, str, int, int], ordered: int, gone: int) -> None:
        """Before the run: some lines left in two parts, some were closed short."""
        draw = stream(self.seed, "parts", key)
        qty = line[3] if draw.random() < 0.98 else max(1, int(line[3] * draw.uniform(0.85, 0.97)))
        first = qty * 3 // 5 if draw.random() < 0.05 else 0
        if first:
            earlier = max(ordered + HOUR // 2, gone - int(draw.uniform(2, 30) * HOUR))
            self._send(key, line, first, None, earlier, 1)
        self._send(key, line, qty - first, None, gone, 2 if first else 1)
        self.agenda.at(gone, partial(self._gone, key=key, line=line, qty=qty))

    def _send(
        self, key: str, line: tuple[int, str, str, int, int], qty: int, lot: str | None, at: int, n: int,
        *, together: bool = False,
    ) -> None:  # fmt: skip
        """A delivery on its way to the customer; what leaves `together` arrives together."""
        travel = int(stream(self.seed, "travel", key, 1 if together else n).uniform(2, 14) * HOUR)
        note = f"dn-{line[1]}-{to_datetime(at):%Y%m%dT%H%M}"
        self.way.deliver("outbound", f"out-{key}-{n}", key, line[1], line[2], qty, lot, at, at + travel, note)

    def _gone(self, at: int, key: str, line: tuple[int, str, str, int, int], qty: int) -> None:
        _, customer, _, _, price = line
        self.journal.put("sales_orders", at, key, shipped_at=at, shipped_qty=float(qty), status="shipped")
        self.way.closed(at, "outbound", key)
        invoice(self.journal, self.agenda, self.seed, "receivable", customer, key, qty, price, at)
