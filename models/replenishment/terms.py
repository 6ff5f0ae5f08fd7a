"""What a supplier sells by: a least quantity, whole packs, and prices that fall with the quantity (all units).

The cheapest quantity is found exactly. Within a price the yearly cost K d / Q + i c Q / 2 + c d is convex in Q, so of
the whole packs only the two around the economic quantity count, moved into the range the price holds for; what is left
is one comparison a price (Snyder and Shen, *Fundamentals of Supply Chain Theory*, section 3.4).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from math import ceil, floor, inf, sqrt

import polars as pl

from plant.stock import Terms as Stated

NOTHING = 1e-9


@dataclass(frozen=True)
class Terms:
    """Of a material, and of its supplier where that is known.

    `least`: smallest order; `multiple`: an order is so much or a whole multiple of it; `breaks`: (quantity, price),
    rising: the price of every unit of an order of that quantity or more. Below the first break the price is the usual
    one.
    """

    least: float = 0.0
    multiple: float = 1.0
    breaks: tuple[tuple[float, float], ...] = ()

    def rounded(self, quantity: float) -> float:
        """The least that can be ordered and is no less than `quantity`."""
        return ceil(max(quantity, self.least) / self.multiple - NOTHING) * self.multiple

    def price(self, quantity: float, usual: float) -> float:
        """Price of a unit in an order of that quantity."""
        return next((price for start, price in reversed(self.breaks) if quantity >= start - NOTHING), usual)


@dataclass(frozen=True)
class Lot:
    """An order quantity, the price of a unit in it, and what ordering, holding and buying cost a year by it."""

    quantity: float
    price: float
    cost: float


@dataclass(frozen=True)
class Costs:
    """Cost of an order, of holding a unit for a year per its value, and demand of a year."""

    order: float
    holding_rate: float
    demand: float

    def lot(self, quantity: float, price: float) -> Lot:
        """An order quantity with its yearly cost."""
        spent = self.order * self.demand / quantity + self.holding_rate * price * quantity / 2 + price * self.demand
        return Lot(quantity, price, spent)


def cheapest(costs: Costs, usual: float, terms: Terms, least: float = 0.0) -> Lot:
    """The order quantity of least yearly cost that the terms allow and that is at least `least`.

    Args:
        costs: all above 0.
        usual: price of a unit below the first break, above 0.
        terms: of the supplier.
        least: e.g. a day of demand.
    """
    start = max(terms.rounded(least), terms.multiple)
    return min(_lots(costs, usual, terms, start), key=lambda lot: (lot.cost, lot.quantity))


def _lots(costs: Costs, usual: float, terms: Terms, start: float) -> Iterator[Lot]:
    tiers = [(0.0, usual), *terms.breaks]
    for (low, price), (high, _) in zip(tiers, [*tiers[1:], (inf, 0.0)], strict=True):
        first = max(terms.rounded(low), start)
        best = sqrt(2 * costs.order * costs.demand / (costs.holding_rate * price))
        below = max(floor(best / terms.multiple + NOTHING) * terms.multiple, first)
        last = (ceil(high / terms.multiple - NOTHING) - 1) * terms.multiple if high < inf else inf
        for quantity in {min(below, last), min(below + terms.multiple, last)}:
            if first - NOTHING <= quantity < high - NOTHING:
                yield costs.lot(quantity, price)


Offers = Mapping[tuple[str, str | None], Terms]
"""Terms by material and supplier (None: whoever supplies or makes it)."""


def offers(stated: Sequence[Stated], told: pl.DataFrame) -> Offers:
    """The terms known: of plant.toml, and of the ERP for what plant.toml does not state.

    Args:
        stated: `[[stock.terms]]` of plant.toml.
        told: silver.purchase_terms, a row a price or a quantity; of several rows of a material and supplier the
            largest least quantity and pack hold. Prices are in minor units there.
    """
    found: dict[tuple[str, str | None], Terms] = {}
    for (material, supplier), rows in told.group_by("material", "supplier"):
        priced = rows.filter(pl.col("unit_price_cents") > 0).sort("from_qty", "unit_price_cents")
        prices = {r["from_qty"] or 0.0: round(r["unit_price_cents"] / 100, 8) for r in priced.iter_rows(named=True)}
        least, pack = rows.select(pl.col("min_qty", "multiple_qty").max().fill_null(0.0)).row(0)
        found[material, supplier] = Terms(least, pack or 1.0, tuple(sorted(prices.items())))
    for one in stated:
        breaks = tuple((b.from_qty, b.price) for b in one.prices)
        found[one.material, one.supplier] = Terms(one.min_qty, one.multiple_qty, breaks)
    return found


def terms_of(known: Offers, material: str, supplier: str | None) -> Terms:
    """Terms of a material of its supplier, else of any; whole units without any."""
    return known.get((material, supplier)) or known.get((material, None)) or Terms()
