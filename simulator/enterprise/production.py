"""Stock and genealogy of production: blanks are issued to an order, lots come off the line, scrap is booked.

Every planned piece of an order is issued as a blank at its start and ends as a good piece or as scrap, so
an order in the end leaves nothing in work.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from functools import partial

from simulator.enterprise.agenda import Agenda
from simulator.enterprise.journal import Journal
from simulator.enterprise.materials import PER_CARTON, Item
from simulator.enterprise.stock import EXTERNAL, Stock
from simulator.floor.machines import Station
from simulator.floor.orders import Order
from simulator.instants import HOUR

Buy = Callable[[int, str, int], None]
"""(at_us, material, qty): buys at once what an order or lot cannot wait for."""


class Production:
    """Enters the material side of every order of the plant into the agenda."""

    def __init__(self, journal: Journal, stock: Stock, found: dict[str, Item], buy_at_once: Buy) -> None:
        self.journal = journal
        self.stock = stock
        self.items = found
        self.buy_at_once = buy_at_once
        self._links = 0

    def enter(self, agenda: Agenda, stations: Sequence[Station], orders: Sequence[Order]) -> None:
        """Enter what the machines did: order starts, finished lots, scrap at the end of each hour."""
        for order in orders:
            if order.started_us is not None:
                agenda.at(order.started_us, partial(self.issue, order=order))
        for order, at, qty, number in _finished_lots(self.items, stations):
            agenda.at(at, partial(self.finish, order=order, qty=qty, number=number))
        scrapped: Counter[tuple[int, str]] = Counter()
        named = {o.order_id: o for o in orders}
        for station in stations:
            for at, good, order in zip(
                station.log.piece_at, station.log.piece_good, station.log.piece_order, strict=True
            ):
                if not good:
                    scrapped[at // HOUR * HOUR + HOUR, order.order_id] += 1
        for (at, order_id), qty in sorted(scrapped.items()):
            agenda.at(at, partial(self.scrap, order=named[order_id], qty=qty))

    def issue(self, at_us: int, order: Order) -> None:
        """Blanks leave the raw store, oldest first, and become the order's lot in work."""
        item, lot = self.items[order.product], f"lot-{order.order_id}"
        self.journal.put("lots", at_us, lot, material=item.in_work, qty=float(order.planned_pcs), created_at=at_us,
                         order_id=order.order_id, supplier=None)  # fmt: skip
        self._use(at_us, item.blank, "raw-1", order.planned_pcs, lot, order)
        self.stock.move(at_us, item.in_work, lot, EXTERNAL, item.place, order.planned_pcs, "production", order.order_id)

    def finish(self, at_us: int, order: Order, qty: int, number: int) -> None:
        """A lot of good pieces comes off the last machine, is packed and stored."""
        item, lot = self.items[order.product], f"lot-{order.order_id}-{number:03d}"
        self.journal.put("lots", at_us, lot, material=order.product, qty=float(qty), created_at=at_us,
                         order_id=order.order_id, supplier=None)  # fmt: skip
        self._use(at_us, item.in_work, item.place, qty, lot, order)
        self._use(at_us, item.carton, "raw-1", -(-qty // PER_CARTON), lot, order)
        self.stock.move(at_us, order.product, lot, EXTERNAL, "fg-1", qty, "production", order.order_id)

    def scrap(self, at_us: int, order: Order, qty: int) -> None:
        """Pieces scrapped by an order in the hour that ends now."""
        item = self.items[order.product]
        self.stock.move(at_us, item.in_work, f"lot-{order.order_id}", item.place, "scrap", qty, "scrap", order.order_id)

    def _use(self, at_us: int, material: str, place: str, qty: int, child: str, order: Order) -> None:
        """Consume material into a lot; in-work material only from the order's own lot."""
        if self.stock.on_hand(material, place) < qty:
            self.buy_at_once(at_us, material, qty)
        own = material == self.items[order.product].in_work
        lots = [(f"lot-{order.order_id}", qty)] if own else self.stock.oldest(material, place, qty)
        for parent, part in lots:
            self._links += 1
            self.stock.move(at_us, material, parent, place, EXTERNAL, part, "issue", order.order_id)
            self.stock.contamination.used(at_us, parent, child, part)
            self.journal.put("lot_links", at_us, f"ll-{self._links:07d}", parent_lot=parent, child_lot=child,
                             qty=float(part), at=at_us, order_id=order.order_id, unit="pcs")  # fmt: skip


def _finished_lots(found: dict[str, Item], stations: Sequence[Station]) -> list[tuple[Order, int, int, int]]:
    """(order, instant, pieces, number) of each lot: full lots as the last piece comes, the rest as the order ends."""
    good: dict[str, list[int]] = {}
    orders: dict[str, Order] = {}
    for station in stations:
        for at, fine, order in zip(station.log.piece_at, station.log.piece_good, station.log.piece_order, strict=True):
            if fine and station.stage == found[order.product].last_stage:
                good.setdefault(order.order_id, []).append(at)
                orders[order.order_id] = order
    out = []
    for order_id, times in good.items():
        order, size = orders[order_id], found[orders[order_id].product].lot_pcs
        times.sort()
        full = len(times) // size
        out += [(order, times[(n + 1) * size - 1], size, n + 1) for n in range(full)]
        if order.ended_us is not None and len(times) % size:
            out.append((order, order.ended_us, len(times) % size, full + 1))
    return sorted(out, key=lambda lot: (lot[1], lot[0].order_id))
