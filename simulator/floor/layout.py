"""Routing out of plant.toml: machines of a line in file order, the same operation next to each other is parallel.

A product runs through the stages for which it has an ideal cycle time. A machine without any ideal cycle
time (a compressor) is a utility: it runs without orders and makes no pieces.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

from plant.config import Plant
from plant.model import Machine


@dataclass(frozen=True)
class Stage:
    """Machines of a line that do the same operation side by side."""

    operation: str
    machines: tuple[str, ...]


@dataclass(frozen=True)
class Layout:
    """One line: stages in order, routes of its products, ideal cycles (us a piece), buffer sizes (pieces)."""

    line: str
    stages: tuple[Stage, ...]
    utilities: tuple[str, ...]
    routes: dict[str, tuple[int, ...]]
    ideal_us: dict[tuple[str, str], int]

    def rate_per_h(self, product: str) -> float:
        """Pieces an hour of the slowest stage of a product at ideal speed."""
        return min(3.6e9 * sum(1 / self.ideal_us[m, product] for m in self._able(s, product))
                   for s in self.routes[product])  # fmt: skip

    def buffer_pcs(self, stage: int, product: str) -> int:
        """Room before a stage: about ten minutes of its work, at least 8 and at most 120 pieces."""
        per_us = sum(1 / self.ideal_us[m, product] for m in self._able(stage, product))
        return int(min(120, max(8, 600e6 * per_us)))

    def _able(self, stage: int, product: str) -> list[str]:
        return [m for m in self.stages[stage].machines if (m, product) in self.ideal_us]


def layouts(plant: Plant, day: date) -> list[Layout]:
    """Every line of the plant with the ideal cycles valid on a day, in file order."""
    ideal = _ideal(plant, day)
    out = []
    for line in plant.file.line:
        machines = [m for m in plant.file.machine if m.line == line.name]
        makers = {machine for machine, _ in ideal}
        stages = _stages([m for m in machines if m.name in makers])
        mine = {key: us for key, us in ideal.items() if plant.machines[key[0]].line == line.name}
        utilities = tuple(m.name for m in machines if m.name not in makers)
        out.append(Layout(line.name, stages, utilities, _routes(stages, mine), mine))
    return out


def _ideal(plant: Plant, day: date) -> dict[tuple[str, str], int]:
    found: dict[tuple[str, str], int] = {}
    for product in plant.file.product:
        for cycle in sorted(product.ideal, key=lambda c: c.valid_from):
            key = cycle.machine, product.name
            if key not in found or cycle.valid_from <= day:
                found[key] = round(cycle.seconds * 1e6)
    return found


def _stages(machines: list[Machine]) -> tuple[Stage, ...]:
    stages: list[Stage] = []
    for m in machines:
        operation = m.operation or m.name
        if stages and stages[-1].operation == operation:
            stages[-1] = Stage(operation, (*stages[-1].machines, m.name))
        else:
            stages.append(Stage(operation, (m.name,)))
    return tuple(stages)


def _routes(stages: tuple[Stage, ...], ideal: dict[tuple[str, str], int]) -> dict[str, tuple[int, ...]]:
    products = dict.fromkeys(product for _, product in ideal)
    return {
        p: tuple(i for i, s in enumerate(stages) if any((m, p) in ideal for m in s.machines))
        for p in products
    }  # fmt: skip
