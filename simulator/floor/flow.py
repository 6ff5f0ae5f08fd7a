"""The flow of a line, event by event: pieces through machines and buffers, stops, set-ups, failures, shifts.

Causal: an event only looks at what happened before it, and no event depends on where the run ends.
A buffer keeps a lane per order, so an order that overtakes another cannot lock the line.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from heapq import heappop, heappush
from typing import Any

from plant.states import State
from simulator.floor.layout import Layout
from simulator.floor.machines import Registration, Station, Stop
from simulator.floor.orders import Order, OrderBook
from simulator.floor.worktime import BREAK, WORK, WorkTime

_CALENDAR, _RELEASE, _PIECE, _READY = range(4)
_LOOK_AHEAD = 50
"""Orders a machine looks through for one that it can make."""


class Flow:
    """Simulates one line from start_us until end_us; the result is in the stations' logs and the order book."""

    def __init__(self, layout: Layout, work: WorkTime, book: OrderBook, stations: list[Station]) -> None:
        self.layout = layout
        self.work = work
        self.book = book
        self.stations = stations
        self.at_stage = [[s for s in stations if s.stage == i] for i in range(len(layout.stages))]
        self.room = {(i, p): layout.buffer_pcs(i, p) for p, route in layout.routes.items() for i in route}
        self._heap: list[tuple[int, int, int, Any]] = []
        self._count = 0

    def run(self, start_us: int, end_us: int, tick: Callable[[int], None]) -> None:
        """Process every event before end_us; `tick` hears of each calendar mark."""
        self._calendar(start_us)
        heap = self._heap
        while heap and heap[0][0] < end_us:
            at, what, _, subject = heappop(heap)
            if what == _PIECE:
                station, order = subject
                self._piece_done(station, order, at)
            elif what == _CALENDAR:
                tick(at)
                self._calendar(at)
            elif what == _RELEASE:
                self._wake_all(at)
            else:
                self._decide(subject, at)

    def _push(self, at: int, what: int, subject: Any = None) -> None:
        # `what` before the counter: calendar marks come first among events of one instant.
        self._count += 1
        heappush(self._heap, (at, what, self._count, subject))

    def _calendar(self, at: int) -> None:
        mode = self.work.mode_at(at)
        for station in self.stations:
            station.calendar(mode)
        after = self.work.boundary_after(at)
        if after is not None:
            self._push(after, _CALENDAR)
        self._wake_all(at)

    def _wake_all(self, at: int) -> None:
        for station in self.stations:
            if station.waiting:
                self._decide(station, at)

    def _wake_stage(self, stage: int | None, at: int) -> None:
        if stage is not None:
            for station in self.at_stage[stage]:
                if station.waiting:
                    self._decide(station, at)

    def _wait(self, station: Station, at: int, state: str) -> None:
        station.waiting = True
        station.log.state(at, state)

    def _busy(self, station: Station, at: int, until: int, state: str) -> None:
        station.waiting = False
        station.log.state(at, state)
        self._push(until, _READY, station)

    def _decide(self, station: Station, at: int) -> None:
        """A machine with nothing in hand decides what to do next."""
        station.waiting = False  # until it is said otherwise below: waking others must not come back to it
        if station.mode != WORK:
            self._wait(station, at, State.IDLE if station.mode == BREAK else State.OFF)
        elif self._breaks_down(station, at) or self._is_serviced(station, at):
            pass
        elif station.stage < 0:
            self._run_utility(station, at)
        elif (order := self._order_for(station, at)) is None:
            self._wait(station, at, State.IDLE)
        elif station.setup_us:
            until, station.setup_us = at + station.setup_us, 0
            self._busy(station, at, until, State.SETUP)
        elif station.until_stop_us <= 0:
            self._stop(station, at)
        else:
            self._next_piece(station, order, at)

    def _breaks_down(self, station: Station, at: int) -> bool:
        if not station.failures or at < station.failures[0].due_us:
            return False
        failure = station.failures.pop(0).happened(at)
        station.log.failures.append(failure)
        until = at + failure.repair_us
        station.log.stops.append(Stop(station.name, at, until, failure.mode.name, "breakdown"))
        self._busy(station, at, until, State.FAILED)
        return True

    def _is_serviced(self, station: Station, at: int) -> bool:
        if not station.services or at < station.services[0].due_us:
            return False
        service = replace(station.services.pop(0), started_us=at)
        station.log.services.append(service)
        self._busy(station, at, at + service.duration_us, State.PLANNED_STOP)
        return True

    def _run_utility(self, station: Station, at: int) -> None:
        loaded, duration = station.draw_load()
        self._busy(station, at, at + duration, State.PRODUCING if loaded else State.IDLE)

    def _stop(self, station: Station, at: int) -> None:
        duration, reason, reason_class = station.draw_stop()
        if reason:
            station.log.stops.append(Stop(station.name, at, at + duration, reason, reason_class))
        self._busy(station, at, at + duration, State.STOPPED)

    def _order_for(self, station: Station, at: int) -> Order | None:
        """The order in hand while pieces may still come, else the next one, registered now; None: there is none."""
        if station.order is not None:
            if not station.order.exhausted(station.stage):
                return station.order
            station.log.registrations[-1].end_us = at
            station.next_number, station.order = station.order.number + 1, None
        order = self._next_order(station, at)
        if order is not None:
            self._register(station, order, at)
        return order

    def _next_order(self, station: Station, at: int) -> Order | None:
        stage = station.stage
        for number in range(station.next_number, station.next_number + _LOOK_AHEAD):
            order = self.book.order(number)
            if order.product not in station.ideal_us or stage in order.closed:
                continue
            if order.before(stage) is None:
                if order.remaining == 0:
                    continue
                return order if self._released(order, at) else None
            if order.before(stage) not in order.begun:
                return None
            if not order.exhausted(stage):
                return order
        return None

    def _released(self, order: Order, at: int) -> bool:
        if order.released_us is None:
            order.released_us = at + order.gap_us
            if order.gap_us:
                self._push(order.released_us, _RELEASE)
        return order.released_us <= at

    def _register(self, station: Station, order: Order, at: int) -> None:
        stage = station.stage
        operation = self.layout.stages[stage].operation
        seq = order.route.index(stage) + 1
        station.log.registrations.append(Registration(order, station.name, operation, seq, at))
        station.order, station.next_number = order, order.number
        station.setup_us = station.setup_time_us(order.product)
        station.tooled_for = order.product
        if order.started_us is None:
            order.started_us = at
        if stage not in order.begun:
            order.begun.add(stage)
            self._wake_stage(order.after(stage), at)

    def _next_piece(self, station: Station, order: Order, at: int) -> None:
        stage = station.stage
        if self._starved(station, order, stage):
            self._wait(station, at, State.STARVED)
        elif self._blocked(station, order, stage):
            self._wait(station, at, State.BLOCKED)
        else:
            station.waiting = False
            order.at_work[stage] += 1
            station.log.state(at, State.PRODUCING)
            self._push(at + station.cycle_us(at, order.product), _PIECE, (station, order))
            before = order.before(stage)
            if before is None:
                order.remaining -= 1
            else:
                order.lanes[stage] -= 1
                self._wake_stage(before, at)

    def _starved(self, station: Station, order: Order, stage: int) -> bool:
        """Nothing to work on. Once starved, it waits for a quarter of the buffer, as a packer does."""
        before = order.before(stage)
        if before is None:
            return False
        lane = order.lanes[stage]
        if lane and station.last_state == State.STARVED and before not in order.closed:
            return lane < self.room[stage, order.product] // 4
        return lane == 0

    def _blocked(self, station: Station, order: Order, stage: int) -> bool:
        """No room behind it. Once blocked, it waits until a quarter of the buffer is free."""
        after = order.after(stage)
        if after is None:
            return False
        room = self.room[after, order.product]
        taken = order.lanes[after] + order.at_work[stage]
        return taken > room * 3 // 4 if station.last_state == State.BLOCKED else taken >= room

    def _piece_done(self, station: Station, order: Order, at: int) -> None:
        good, stage, log = station.is_good(at), station.stage, station.log
        log.piece_at.append(at)
        log.piece_good.append(good)
        log.piece_order.append(order)
        order.at_work[stage] -= 1
        after = order.after(stage)
        if good and after is not None:
            order.lanes[after] += 1
        self._close(order, stage, at)
        if good:
            self._wake_stage(after, at)
        self._decide(station, at)

    def _close(self, order: Order, stage: int, at: int) -> None:
        """A stage with no piece left closes; so do the stages behind it that wait for nothing more."""
        if stage in order.closed or order.at_work[stage] or not order.exhausted(stage):
            return
        order.closed.add(stage)
        self._wake_stage(stage, at)
        after = order.after(stage)
        if after is None:
            order.ended_us = at
            return
        self._close(order, after, at)
        self._wake_stage(after, at)
