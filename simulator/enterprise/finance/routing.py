"""The standard routing of an order: when each operation is planned on a machine, and its standard times and energy.

Standard time is the ideal cycle times the planned pieces of the machine; machines side by side share an order by
their speed. Operations overlap: each begins and ends `LEAD` after the one before.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from simulator.floor.layout import Layout
from simulator.floor.machines import Registration, Station
from simulator.floor.orders import Order
from simulator.floor.worktime import WorkTime
from simulator.instants import HOUR, MINUTE, SECOND

LEAD = 10 * MINUTE
WORKPLACE = 2
"""Machines a person looks after, at most: next to each other on a line."""
_STANDING, _PRODUCING = 1, 2  # places in Kind.power


@dataclass(frozen=True)
class Slot:
    """When an order is planned: [start_us, end_us), and the working time between them."""

    start_us: int
    end_us: int
    work_us: float


class Routing:
    """Standard times of the operations of one line."""

    def __init__(self, layout: Layout, work: WorkTime, stations: Sequence[Station], slots: Mapping[str, Slot]) -> None:
        self.layout, self.work, self.slots = layout, work, slots
        self.stations = {s.name: s for s in stations}

    def planned(self, r: Registration) -> dict[str, object]:
        """The planned columns of an operation; none where the order was not planned."""
        slot = self.slots.get(r.order.order_id)
        if slot is None:
            return {}
        station, before = self.stations[r.machine], r.seq - 1
        behind = len(r.order.route) - r.seq
        pieces = self._pieces(station, r.order)
        setup_s = station.kind.setup_min * 60
        run_s = pieces * station.ideal_us[r.order.product] / SECOND
        return {
            "planned_start_at": self.work.add_work(slot.start_us, before * LEAD),
            "planned_end_at": self.work.add_work(slot.start_us, max(LEAD, slot.work_us - behind * LEAD)),
            "planned_setup_s": setup_s, "planned_run_s": run_s, "planned_pcs": pieces,
            "planned_labour_s": (setup_s + run_s) / self._tended(r.machine),
            "planned_energy_kwh": self._kwh(station, setup_s, run_s),
        }  # fmt: skip

    def _pieces(self, station: Station, order: Order) -> float:
        """This machine's share of the order."""
        beside = [self.stations[m] for m in self.layout.stages[station.stage].machines]
        speeds = {s.name: 1 / s.ideal_us[order.product] for s in beside if order.product in s.ideal_us}
        return order.planned_pcs * speeds[station.name] / sum(speeds.values())

    def _tended(self, machine: str) -> int:
        """Machines of the workplace this one is in."""
        names = [s.name for s in self.stations.values() if s.stage >= 0]
        first = names.index(machine) // WORKPLACE * WORKPLACE
        return len(names[first : first + WORKPLACE])

    def _kwh(self, station: Station, setup_s: float, run_s: float) -> float:
        full_kw = next((t.range[1] for t in station.machine.tags if t.role == "power" and t.range), 20.0)
        levels = station.kind.power
        return full_kw * (levels[_PRODUCING] * run_s + levels[_STANDING] * setup_s) * SECOND / HOUR
