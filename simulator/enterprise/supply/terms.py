"""What suppliers sell by: packs, a smallest order, and a price for large orders."""

from __future__ import annotations

from simulator.enterprise.journal import Journal
from simulator.enterprise.materials import price_cents, supplier_of

PACK = 100
"""Raw materials come in packs of so many pieces; a pack is the smallest order."""
LARGE_D = 20
"""Days of use from which on an order is a large one."""
LARGE = 0.97
"""Price of a piece in a large order against the standard one."""


def packs(qty: float) -> int:
    """A quantity in whole packs, at least one."""
    return max(PACK, round(qty / PACK) * PACK)


def paid_cents(seed: int, material: str, use: tuple[float, int], qty: int, at_us: int) -> float:
    """Price of a piece in an order: the one of the quarter, in a large order at most the one agreed for it."""
    usual = price_cents(seed, material, use[1], at_us)
    return min(usual, _large_cents(use[1])) if qty >= _large(use[0]) else usual


def book_terms(journal: Journal, at_us: int, seed: int, use: dict[str, tuple[float, int]]) -> None:
    """Table purchase_terms: `use` is raw material -> (pieces a day, cents a piece)."""
    for material, (a_day, cents) in use.items():
        journal.put(
            "purchase_terms", at_us, f"{material}-1", material=material, supplier=supplier_of(seed, material),
            min_qty=float(PACK), multiple_qty=float(PACK), from_qty=float(_large(a_day)),
            unit_price_cents=_large_cents(cents),
        )  # fmt: skip


def _large(a_day: float) -> int:
    return packs(a_day * LARGE_D)


def _large_cents(cents: int) -> float:
    return round(cents * LARGE, 2)
