"""Master data: materials, bills of material, locations, partners, and the demand the plant lives on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from plant.config import Plant
from simulator.enterprise.journal import Journal
from simulator.enterprise.wms.bins import book_locations, space_per_unit
from simulator.floor.layout import Layout
from simulator.floor.worktime import WorkTime
from simulator.instants import DAY, HOUR
from simulator.streams import stream

PER_CARTON = 20
USED_CAPACITY = 0.60
"""Share of the ideal capacity of the slowest stage that customers order, on average, when the run starts."""
SUPPLIERS = ("castwell", "ferrotec", "packright")
CUSTOMERS = ("autoline", "bergmann", "corvus", "delta-drives", "eurofit")
COUNTRIES = {
    "castwell": "DE", "ferrotec": "CZ", "packright": "DE", "autoline": "DE", "bergmann": "AT", "corvus": "PL",
    "delta-drives": "IT", "eurofit": "FR",
}  # fmt: skip
"""ISO 3166 code of each partner."""


@dataclass(frozen=True)
class Item:
    """A product with its materials: blank (raw) -> in work (semi) -> product (finished), packed in cartons."""

    product: str
    line: str
    description: str
    demand_per_day: float
    lot_pcs: int
    cost_cents: tuple[int, int, int]  # blank, in work, finished
    price_cents: int
    last_stage: int

    @property
    def blank(self) -> str:
        """Raw material, one a piece."""
        return f"{self.product}-blank"

    @property
    def in_work(self) -> str:
        """Semi-finished material on the line."""
        return f"{self.product}-wip"

    @property
    def carton(self) -> str:
        """Packaging of the line, one for `PER_CARTON` pieces."""
        return f"carton-{self.line}"

    @property
    def place(self) -> str:
        """Location of the material in work."""
        return f"wip-{self.line}"


CARTON_CENTS = 65


def items(plant: Plant, layouts: Sequence[Layout], work: dict[str, WorkTime], start_us: int) -> dict[str, Item]:
    """Every product that some line makes. A product made on two lines is stocked for the first."""
    named = {p.name: p.description for p in plant.file.product}
    out: dict[str, Item] = {}
    for layout in layouts:
        before = work[layout.line].worked_us(np.array([start_us - 28 * DAY, start_us]))
        hours = float(before[1] - before[0]) / HOUR / 28
        for product, route in layout.routes.items():
            rate = layout.rate_per_h(product)
            ideal_s = 3600 * len(route) / rate
            blank = round(60 + 1.9 * ideal_s)
            cost = (blank, blank, round(blank + 0.9 * ideal_s + 12))
            item = Item(
                product, layout.line, named.get(product, ""), rate * hours * USED_CAPACITY / len(layout.routes),
                max(PER_CARTON, round(rate * 0.75 / PER_CARTON) * PER_CARTON), cost, round(cost[2] * 1.65), route[-1],
            )  # fmt: skip
            out.setdefault(product, item)
    return out


def lead_time_d(seed: int, supplier: str) -> float:
    """Agreed lead time of a supplier in days."""
    return float(stream(seed, "lead", supplier).randint(2, 5))


def supplier_of(seed: int, material: str) -> str:
    """The supplier of a raw material."""
    return stream(seed, "supplier", material).choice(SUPPLIERS)


def price_cents(seed: int, material: str, standard: int, at_us: int) -> float:
    """What a unit of a raw material costs when ordered at an instant, to 0.01 cents: prices change with the quarter."""
    factor = stream(seed, "price", material, at_us // (91 * DAY)).choice((0.97, 0.99, 1, 1, 1.02, 1.04, 1.07))
    return max(0.01, round(standard * factor, 2))


def raw_use(found: dict[str, Item]) -> dict[str, tuple[float, int]]:
    """Raw materials with their expected use a day and their cost in cents."""
    out: dict[str, tuple[float, int]] = {}
    for item in found.values():
        out[item.blank] = (item.demand_per_day * 1.06, item.cost_cents[0])
        used = out.get(item.carton, (0.0, CARTON_CENTS))[0]
        out[item.carton] = (used + item.demand_per_day * 1.03 / PER_CARTON, CARTON_CENTS)
    return out


def book_master_data(journal: Journal, at_us: int, seed: int, found: dict[str, Item], site: str) -> None:
    """Tables materials, bom_lines, locations, partners, all known since at_us; every store is at one site."""
    for item in found.values():
        named = item.description or item.product
        rows = ((item.blank, f"{named}, blank", "raw"), (item.in_work, f"{named}, in work", "semi"),
                (item.product, named, "finished"))  # fmt: skip
        for (material, text, kind), cost in zip(rows, item.cost_cents, strict=True):
            price = item.price_cents if kind == "finished" else None
            _material(journal, at_us, material, text, kind, cost, price, space_per_unit(seed, item.product))
        flat = space_per_unit(seed, item.product, carton=True)
        _material(journal, at_us, item.carton, f"Carton of line {item.line}", "raw", CARTON_CENTS, None, flat)
        bill = ((item.in_work, item.blank, 1.0), (item.product, item.in_work, 1.0),
                (item.product, item.carton, 1 / PER_CARTON))  # fmt: skip
        for made, used, qty in bill:
            journal.put("bom_lines", at_us, f"{made}/{used}", product=made, component=used, qty_per_pc=qty)
    a_day = sum(i.demand_per_day for i in found.values())
    book_locations(journal, at_us, site, (i.place for i in found.values()), a_day)
    for name in SUPPLIERS:
        lead = lead_time_d(seed, name)
        journal.put("partners", at_us, name, kind="supplier", name=name.title(), lead_time_d=lead)
        journal.put("suppliers", at_us, name, name=name.title(), lead_time_d=lead, country=COUNTRIES[name], active=True)
    for name in CUSTOMERS:
        journal.put("partners", at_us, name, kind="customer", name=name.title(), lead_time_d=None)
        journal.put("customers", at_us, name, name=name.title(), country=COUNTRIES[name], active=True)


def _material(
    journal: Journal, at: int, key: str, text: str, kind: str, cost: int, price: int | None, space: float
) -> None:
    journal.put(
        "materials", at, key, description=text, kind=kind, unit="pcs", standard_cost_cents=cost, price_cents=price,
        space_per_unit=space,
    )  # fmt: skip
