"""Work orders and their operations as the MES writes them down: planned six orders ahead, then as they happen."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import ceil, prod

from simulator.enterprise.finance.routing import Routing, Slot
from simulator.enterprise.journal import Journal
from simulator.floor.layout import Layout
from simulator.floor.machines import Registration, Station
from simulator.floor.orders import Order, OrderBook
from simulator.floor.worktime import WorkTime
from simulator.instants import DAY, HOUR, MINUTE

AHEAD = 6
"""Orders planned beyond the one that was started last."""
_PLANNED_SPEED = 0.82
"""The planner expects this share of ideal speed."""


def book_orders(
    journal: Journal, layout: Layout, work: WorkTime, book: OrderBook, scrap: Mapping[str, float], start_us: int
) -> dict[str, Slot]:
    """Table work_orders of one line: planned, released, running, done. `scrap`: share planned for, by product.

    Returns when each order is planned.
    """
    slots: dict[str, Slot] = {}
    number = 0
    while layout.routes:
        planned = start_us - DAY if number < AHEAD else book.order(number - AHEAD).started_us
        if planned is None:
            break
        order = book.order(number)
        before = sum(_expected_us(layout, book.order(n)) for n in range(max(0, number - AHEAD), number))
        begin = work.add_work(work.next_work(max(planned, start_us)), before)
        end = work.add_work(begin, _expected_us(layout, order))
        slots[order.order_id] = Slot(begin, end, _expected_us(layout, order))
        journal.put(
            "work_orders", planned, order.order_id, product=order.product, planned_pcs=float(order.planned_pcs),
            planned_scrap_pcs=float(ceil(order.planned_pcs * scrap[order.product])),
            status="planned", planned_start_at=begin, planned_end_at=end, started_at=None, ended_at=None,
        )  # fmt: skip
        _progress(journal, order)
        number += 1
    return slots


def planned_scrap(layout: Layout, stations: Sequence[Station]) -> dict[str, float]:
    """Share of an order the planner expects to lose: the usual scrap rate of every stage on the product's route."""
    rates = {s.name: s.kind.scrap_rate for s in stations}
    good = [1 - sum(rates[m] for m in stage.machines) / len(stage.machines) for stage in layout.stages]
    return {product: 1 - prod(good[i] for i in route) for product, route in layout.routes.items()}


def _expected_us(layout: Layout, order: Order) -> float:
    return 15 * MINUTE + order.planned_pcs / layout.rate_per_h(order.product) / _PLANNED_SPEED * HOUR


def _progress(journal: Journal, order: Order) -> None:
    if order.released_us is not None:
        journal.put("work_orders", order.released_us, order.order_id, status="released",
                    released_at=order.released_us)  # fmt: skip
    if order.started_us is not None:
        journal.put("work_orders", order.started_us, order.order_id, status="running", started_at=order.started_us)
    if order.ended_us is not None:
        journal.put("work_orders", order.ended_us, order.order_id, status="done", ended_at=order.ended_us)


def book_operations(journal: Journal, registered: Sequence[Registration], routing: Routing) -> None:
    """Table operations: an order is registered on a machine from started_at to ended_at, with its standard times."""
    for r in registered:
        key = f"{r.order.order_id}/{r.machine}"
        journal.put(
            "operations", r.start_us, key, order_id=r.order.order_id, machine=r.machine, operation=r.operation,
            seq=r.seq, product=r.order.product, started_at=r.start_us, ended_at=None,
            **routing.planned(r),
        )  # fmt: skip
        if r.end_us is not None:
            journal.put("operations", r.end_us, key, ended_at=r.end_us)
