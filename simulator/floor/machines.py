"""One machine: where it stands, what it is doing, its own random streams, and the log it leaves behind."""

from __future__ import annotations

from dataclasses import dataclass, field

from plant.model import Machine
from plant.states import State
from simulator.floor.faults import Failure, Service
from simulator.floor.orders import Order
from simulator.floor.worktime import BREAK, OFF, WORK
from simulator.instants import MINUTE, SECOND
from simulator.kinds import Kind
from simulator.streams import stream

STOP_EVERY_US = 24 * MINUTE
"""Mean producing time between two short stops."""


@dataclass
class Registration:
    """An order registered on a machine from start_us to end_us (None: still on it)."""

    order: Order
    machine: str
    operation: str
    seq: int
    start_us: int
    end_us: int | None = None


@dataclass
class Stop:
    """A stop somebody may book: [start_us, end_us), the reason and its class."""

    machine: str
    start_us: int
    end_us: int
    reason: str
    reason_class: str


@dataclass
class Log:
    """What a machine did, in order of time: states, pieces, orders, stops, failures, maintenance."""

    state_at: list[int] = field(default_factory=list)
    states: list[str] = field(default_factory=list)
    piece_at: list[int] = field(default_factory=list)
    piece_good: list[bool] = field(default_factory=list)
    piece_order: list[Order] = field(default_factory=list)
    registrations: list[Registration] = field(default_factory=list)
    stops: list[Stop] = field(default_factory=list)
    failures: list[Failure] = field(default_factory=list)
    services: list[Service] = field(default_factory=list)

    def state(self, at_us: int, word: str) -> None:
        """The machine is in this state from now on."""
        if self.states and self.states[-1] == word:
            return
        if self.state_at and self.state_at[-1] == at_us:  # a state of no duration never was
            self.state_at.pop()
            self.states.pop()
            if self.states and self.states[-1] == word:
                return
        self.state_at.append(at_us)
        self.states.append(word)


class Station:
    """A machine in the simulation. `stage` is its place in the line, -1 for a utility without orders."""

    def __init__(self, machine: Machine, kind: Kind, stage: int, seed: int, ideal_us: dict[str, int]) -> None:
        self.machine = machine
        self.name = machine.name
        self.kind = kind
        self.stage = stage
        self.ideal_us = ideal_us
        self.log = Log()
        self.mode = OFF
        self.waiting = True
        self.order: Order | None = None
        self.next_number = 0
        self.tooled_for: str | None = None
        self.setup_us = 0
        self.failures: list[Failure] = []
        self.services: list[Service] = []
        self._cycles = stream(seed, "cycle", machine.name)
        self._stops = stream(seed, "stop", machine.name)
        self._quality = stream(seed, "quality", machine.name)
        self._setups = stream(seed, "setup", machine.name)
        self.until_stop_us = self._stops.expovariate(1 / STOP_EVERY_US)

    @property
    def last_state(self) -> str:
        """The state it is in."""
        return self.log.states[-1] if self.log.states else State.OFF

    def calendar(self, mode: int) -> None:
        """Take over the mode of the calendar; some machines work through breaks."""
        self.mode = WORK if mode == BREAK and self.machine.runs_through_breaks else mode

    def strength(self, at_us: int) -> float:
        """Precursor strength of the failure to come."""
        return self.failures[0].strength(at_us) if self.failures else 0.0

    def cycle_us(self, at_us: int, product: str) -> int:
        """Time of the next piece: a little above ideal, more when a failure announces itself."""
        slow = 1.004 + self._cycles.gammavariate(1.4, 0.018) + 0.05 * self.strength(at_us)
        cycle = round(self.ideal_us[product] * slow)
        self.until_stop_us -= cycle
        return cycle

    def is_good(self, at_us: int) -> bool:
        """Whether the piece just made is good."""
        rate = self.kind.scrap_rate
        if self.failures and (x := self.strength(at_us)) > 0:
            rate *= 1 + self.failures[0].mode.scrap * x
        return self._quality.random() >= rate

    def setup_time_us(self, product: str) -> int:
        """Changeover to a product; short when the machine is already tooled for it."""
        full = self.kind.setup_min * min(1.8, max(0.5, self._setups.gauss(1.0, 0.2))) * MINUTE
        return int(full * 0.2) if product == self.tooled_for else int(full)

    def draw_stop(self) -> tuple[int, str, str]:
        """Duration (us), reason and reason class of the stop that is due, and when the next will be."""
        draw = self._stops
        self.until_stop_us = draw.expovariate(1 / STOP_EVERY_US)
        short = max(10.0, self.machine.minor_stop_s * 0.9)
        if draw.random() < 0.82:
            return int(draw.uniform(6, short) * SECOND), "", ""
        reason, reason_class = draw.choice(self.kind.long_stops)
        minutes = min(25.0, draw.lognormvariate(1.6, 0.6)) + self.machine.minor_stop_s / 60
        return int(minutes * MINUTE), reason, reason_class

    def draw_load(self) -> tuple[bool, int]:
        """A utility: whether it is asked to run, and for how long (us)."""
        if self._cycles.random() < 0.006:
            return False, int(self._cycles.uniform(4, 18) * MINUTE)
        return True, MINUTE
