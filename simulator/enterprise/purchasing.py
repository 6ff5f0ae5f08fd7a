"""Purchase orders: half a year of history, then a daily review of raw stock against its reorder point."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from functools import partial
from zoneinfo import ZoneInfo

from simulator.enterprise.agenda import Agenda
from simulator.enterprise.invoices import invoice
from simulator.enterprise.journal import Journal
from simulator.enterprise.materials import lead_time_d, supplier_of
from simulator.enterprise.stock import EXTERNAL, Stock
from simulator.enterprise.supply.fulfilment import Fulfilment
from simulator.enterprise.supply.terms import packs, paid_cents
from simulator.instants import DAY, HOUR, to_datetime, to_us
from simulator.streams import stream

HISTORY_D = 180
EVERY_D = 5
"""Days of use one order covers."""


class Purchasing:
    """Orders, receives at the dock and puts away. `use` is raw material -> (pieces a day, cents a piece)."""

    def __init__(
        self, journal: Journal, agenda: Agenda, stock: Stock, seed: int, use: dict[str, tuple[float, int]],
        way: Fulfilment,
    ) -> None:  # fmt: skip
        self.journal, self.agenda, self.stock, self.seed, self.use, self.way = journal, agenda, stock, seed, use, way
        self._price: dict[str, float] = {}
        self._on_order = dict.fromkeys(use, 0)
        self._count = 0

    def enter(self, start_us: int, zone: ZoneInfo, last: date) -> None:
        """Enter the history before start_us, the opening stock an hour before it, and a review each local morning."""
        for material in self.use:
            self._history(material, start_us)
        self.agenda.at(start_us - HOUR, self._open)
        day = datetime.fromtimestamp(start_us / 1e6, zone).date()
        while day <= last:
            review = to_us(datetime(day.year, day.month, day.day, 7, tzinfo=zone))
            if review >= start_us and day.weekday() < 5:
                self.agenda.at(review, self._review)
            day += timedelta(days=1)

    def buy_at_once(self, at_us: int, material: str, qty: int) -> None:
        """A spot purchase that is there the moment it is ordered: production never waits for material here."""
        key = self._key()
        self._order(at_us, key, material, qty, at_us, order=key)
        self.way.confirmed(at_us, "inbound", key, at_us, qty)
        self._deliver(key, material, qty, at_us, at_us)
        self._received(at_us, key, material, qty)
        self.stock.move(at_us, material, f"lot-{key}", EXTERNAL, "raw-1", qty, "receipt", key)

    def _key(self) -> str:
        self._count += 1
        return f"po-{self._count:06d}"

    def _history(self, material: str, start_us: int) -> None:
        draw, (use, _) = stream(self.seed, "bought", material), self.use[material]
        lead = lead_time_d(self.seed, supplier_of(self.seed, material))
        ordered = start_us - HISTORY_D * DAY + int(draw.uniform(0, EVERY_D) * DAY)
        n = 0
        while ordered < start_us - (lead * 1.6 + 1) * DAY:
            key, qty = f"po-{material}-{n:03d}", packs(use * EVERY_D * draw.uniform(0.8, 1.2))
            arrives = ordered + int(lead * draw.uniform(0.85, 1.5) * DAY)
            self.agenda.at(
                ordered,
                partial(self._order, key=key, material=material, qty=qty, promised_us=ordered + int(lead * DAY)),
            )
            self._come(key, material, qty, ordered, arrives)
            ordered, n = ordered + int(EVERY_D * draw.uniform(0.85, 1.15) * DAY), n + 1

    def _open(self, at_us: int) -> None:
        """Opening balances: stock from before the run, in three lots."""
        for material, (use, _) in self.use.items():
            days = lead_time_d(self.seed, supplier_of(self.seed, material)) * 1.5 + 4
            for n in range(3):
                qty = packs(use * days / 3)
                lot = f"lot-open-{material}-{n + 1}"
                self._lot(at_us, lot, material, qty)
                self.stock.move(at_us, material, lot, EXTERNAL, "raw-1", qty, "adjustment", "opening")

    def _review(self, at_us: int) -> None:
        for material, (use, _) in self.use.items():
            lead = lead_time_d(self.seed, supplier_of(self.seed, material))
            held = self.stock.on_hand(material, "raw-1") + self.stock.on_hand(material, "dock-1")
            if held + self._on_order[material] < use * (lead * 1.5 + 3):
                self._buy(at_us, material, packs(use * EVERY_D), lead)

    def _buy(self, at_us: int, material: str, qty: int, lead: float) -> None:
        key = self._key()
        self._on_order[material] += qty
        self._order(at_us, key, material, qty, at_us + int(lead * DAY))
        arrives = at_us + int(lead * stream(self.seed, "arrival", key).uniform(0.85, 1.4) * DAY)
        self.way.promise_anew(at_us, key, arrives)
        self._deliver(key, material, qty, arrives - self._under_way(key), arrives)
        self.agenda.at(arrives, partial(self._dock, key=key, material=material, qty=qty))

    def _dock(self, at_us: int, key: str, material: str, qty: int) -> None:
        self._on_order[material] -= qty
        self._received(at_us, key, material, qty)
        self.stock.move(at_us, material, f"lot-{key}", EXTERNAL, "dock-1", qty, "receipt", key)
        wait = int(stream(self.seed, "putaway", key).uniform(0.5, 3) * HOUR)
        self.agenda.at(at_us + wait, lambda at: self.stock.move(
            at, material, f"lot-{key}", "dock-1", "raw-1", qty, "transfer", key
        ))  # fmt: skip

    def _order(self, at_us: int, key: str, material: str, qty: int, promised_us: int, order: str | None = None) -> None:
        supplier = supplier_of(self.seed, material)
        self._price[key] = paid_cents(self.seed, material, self.use[material], qty, at_us)
        order = order or f"{supplier}-{to_datetime(at_us):%Y%m%d}"
        hurry = order != key and stream(self.seed, "wish", key).random() < 0.15
        wanted = promised_us - DAY if hurry else promised_us
        self.journal.put(
            "purchase_orders", at_us, key, supplier=supplier, material=material,
            qty=float(qty), unit_price_cents=self._price[key], ordered_at=at_us, promised_at=promised_us,
            received_at=None, received_qty=None, status="open", order_id=order, requested_at=wanted, site=self.way.site,
        )  # fmt: skip
        self.way.ordered(at_us, "inbound", key, order, supplier, material, qty, wanted)
        if order != key:
            self.way.confirm(at_us, "inbound", key, qty, promised_us)

    def _come(self, key: str, material: str, qty: int, ordered: int, arrives: int) -> None:
        """Before the run: some lines come in two parts, some are closed short, beside some another is cancelled."""
        draw = stream(self.seed, "parts", key)
        whole = draw.random() < 0.96
        got = qty if whole else int(qty * draw.uniform(0.90, 0.98))
        first = int(got * 0.6) if draw.random() < 0.10 else 0
        if first:
            earlier = arrives - int(draw.uniform(0.3, 1.2) * 0.5 * DAY)
            self._deliver(key, material, first, earlier - self._under_way(key), earlier, part=1)
            self.agenda.at(earlier, lambda at: self.journal.put("purchase_orders", at, key, received_qty=float(first)))
        self.way.promise_anew(ordered, key, arrives)
        self._deliver(key, material, got - first, arrives - self._under_way(key), arrives, part=2 if first else 1)
        self.agenda.at(arrives, partial(self._received, key=key, material=material, qty=got))
        if draw.random() < 0.04:
            other = f"{key}-c"
            self.agenda.at(ordered, partial(self._order, key=other, material=material, qty=qty, promised_us=arrives))
            self.agenda.at(ordered + 2 * DAY, partial(self.way.cancelled, direction="inbound", line=other))

    def _under_way(self, key: str) -> int:
        return int(stream(self.seed, "under way", key).uniform(0.2, 0.6) * DAY)

    def _deliver(self, key: str, material: str, qty: int, shipped: int, arrives: int, part: int = 1) -> None:
        supplier, note = supplier_of(self.seed, material), f"asn-{key}-{part}"
        self.way.deliver(
            "inbound", f"in-{key}-{part}", key, supplier, material, qty, f"lot-{key}", shipped, arrives, note
        )

    def _received(self, at_us: int, key: str, material: str, qty: int) -> None:
        supplier = supplier_of(self.seed, material)
        self.journal.put("purchase_orders", at_us, key, received_at=at_us, received_qty=float(qty), status="received")
        self._lot(at_us, f"lot-{key}", material, qty)
        self.way.closed(at_us, "inbound", key)
        invoice(self.journal, self.agenda, self.seed, "payable", supplier, key, qty, self._price[key], at_us)

    def _lot(self, at_us: int, lot: str, material: str, qty: int) -> None:
        self.journal.put("lots", at_us, lot, material=material, qty=float(qty), created_at=at_us, order_id=None,
                         supplier=supplier_of(self.seed, material))  # fmt: skip
