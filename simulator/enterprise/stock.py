"""Stock on hand by material, location and lot. Every change is a move; nothing ever goes below zero."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import polars as pl

from plant.errors import TerminalError
from simulator.enterprise.contamination import Contamination
from simulator.enterprise.journal import Journal
from simulator.instants import instants

EXTERNAL = "external"
"""Outside the plant: where material comes from and goes to. Not stocked."""


class Stock:
    """On-hand quantities (pieces), first in first out by lot."""

    def __init__(
        self,
        journal: Journal,
        cost_cents: Mapping[str, int],
        contaminated: str | None = None,
        booked_us: Callable[[int, str, str], int] = lambda at_us, _key, _kind: at_us,
    ) -> None:
        self._journal = journal
        self._booked_us = booked_us
        self._late: list[tuple[int, str, str, int]] = []
        self.contamination = Contamination(contaminated)
        self._cost = cost_cents
        self._held: dict[tuple[str, str], dict[str, int]] = {}
        self._sum: dict[tuple[str, str], int] = {}
        self._moves = 0
        self._seen: list[tuple[int, str, str, int]] = []

    def on_hand(self, material: str, location: str) -> int:
        """Pieces of a material at a location, all lots."""
        return self._sum.get((material, location), 0)

    def pairs(self) -> list[tuple[str, str]]:
        """Materials and locations with stock now."""
        return [pair for pair, qty in self._sum.items() if qty]

    def booked_by(self, at_us: int) -> dict[tuple[str, str], int]:
        """Pieces by material and location as booked by now; what moved before and is booked later is left out."""
        out = dict(self._sum)
        for booked, material, location, qty in self._late:
            if booked > at_us and location != EXTERNAL:
                out[material, location] = out.get((material, location), 0) - qty
        return out

    def oldest(self, material: str, location: str, qty: int) -> list[tuple[str, int]]:
        """Lots to take `qty` pieces from, oldest first; fewer pieces when there are not enough."""
        out = []
        for lot, held in self._held.get((material, location), {}).items():
            taken = min(held, qty)
            if taken:
                out.append((lot, taken))
                qty -= taken
        return out

    def move(
        self, at_us: int, material: str, lot: str, source: str, target: str, qty: int, kind: str, reference: str | None
    ) -> None:
        """Post one move.

        Raises:
            TerminalError: more is taken than is there (a fault of the simulator, never of the user).
        """
        self._post(at_us, material, source, lot, -qty)
        self._post(at_us, material, target, lot, qty)
        if source == EXTERNAL:
            self.contamination.enters(at_us, lot, qty)
        self._moves += 1
        key = f"mv-{self._moves:07d}"
        booked = self._booked_us(at_us, key, kind)
        if booked > at_us:
            self._late += [(booked, material, where, sign * qty) for where, sign in ((source, -1), (target, 1))]
        self._journal.put(
            "stock_moves", booked, key, at=at_us, material=material, lot=lot,
            from_location=source, to_location=target, qty=float(qty), unit_cost_cents=self._cost[material],
            kind=kind, reference=reference, booked_at=booked,
        )  # fmt: skip

    def _post(self, at_us: int, material: str, location: str, lot: str, qty: int) -> None:
        if location == EXTERNAL:
            return
        key = material, location
        held = self._held.setdefault(key, {})
        after = held.get(lot, 0) + qty
        if after < 0:
            raise TerminalError(f"{location} holds {after - qty} of {material} lot {lot}, {-qty} cannot be taken")
        if after:
            held[lot] = after
        else:
            held.pop(lot, None)
        self._sum[key] = self._sum.get(key, 0) + qty
        self._seen.append((at_us, material, location, self._sum[key]))

    def history(self) -> pl.DataFrame:
        """On-hand after every change: at, material, location, qty."""
        at, material, location, qty = zip(*self._seen, strict=True) if self._seen else ((), (), (), ())
        schema = {"material": pl.String(), "location": pl.String(), "qty": pl.Float64()}
        frame = pl.DataFrame({"material": material, "location": location, "qty": qty}, schema=schema)
        return frame.with_columns(instants("at", at)).select("at", "material", "location", "qty")
