"""A contaminated lot followed through the plant as it happens: truth for recalls, kept apart from every record of it.

It goes with the material itself: what is taken from a lot is as contaminated as the lot is at that moment. No link, lot
record or graph is looked at, so that a trace through those can be held against it.
"""

from __future__ import annotations

from typing import Any

import polars as pl

from simulator.instants import INSTANT, instants

SCHEMA = {"lot": pl.String(), "at": INSTANT, "qty": pl.Float64()}


class Contamination:
    """How much of one lot is in every other, by lot. Without a lot it follows nothing."""

    def __init__(self, lot: str | None) -> None:
        self.lot = lot
        self._entered: dict[str, float] = {}
        self._carried: dict[str, float] = {}
        self._rows: list[tuple[str, int, float]] = []

    def enters(self, at_us: int, lot: str, qty: float) -> None:
        """Material of a lot comes into being in the plant: bought, made or found."""
        self._entered[lot] = self._entered.get(lot, 0.0) + qty
        if lot == self.lot:
            self._add(at_us, lot, qty)

    def used(self, at_us: int, source: str, into: str, qty: float) -> None:
        """Some of a lot is worked into another."""
        if source in self._carried:
            self._add(at_us, into, self._carried[source] * qty / self._entered[source])

    def _add(self, at_us: int, lot: str, qty: float) -> None:
        self._carried[lot] = self._carried.get(lot, 0.0) + qty
        self._rows.append((lot, at_us, qty))

    def history(self) -> pl.DataFrame:
        """One row whenever some of the contaminated lot came into a lot: lot, at, qty (in the unit of the origin).

        Raises:
            ValueError: the lot that was to be contaminated never came into the plant.
        """
        if self.lot is not None and self.lot not in self._entered:
            raw = ", ".join([lot for lot in self._entered if lot.startswith("lot-open-")][:6])
            raise ValueError(f"contaminated is {self.lot!r}: no such lot came into the plant; valid are e.g. {raw}")
        lots, at, qty = zip(*self._rows, strict=True) if self._rows else ((), (), ())
        columns: dict[str, Any] = {"lot": lots, "at": instants("at", at), "qty": qty}
        return pl.DataFrame(columns, schema=SCHEMA)
