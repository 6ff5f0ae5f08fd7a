"""What becomes of an order line between order and arrival: confirmations, deliveries, damage, papers.

Every draw has a stream of its own. Nothing here moves stock: deliveries say on paper what the stock moves did. What
happens is written to the tables and, apart from them, kept as events: the truth of what was delivered when.
"""

from __future__ import annotations

from functools import partial

import polars as pl

from simulator.enterprise.agenda import Agenda
from simulator.enterprise.journal import Journal
from simulator.instants import DAY, HOUR, INSTANT
from simulator.streams import stream

TABLES = {"inbound": "purchase_orders", "outbound": "sales_orders"}
DAYS_LATER = {"inbound": (0,) * 14 + (1, 1, 2), "outbound": (0,) * 10 + (1, 2)}
"""How many days behind the date asked for the first confirmation is, each equally likely."""
EVENTS = {
    "at": INSTANT, "direction": pl.String(), "line": pl.String(), "event": pl.String(), "order_id": pl.String(),
    "partner": pl.String(), "material": pl.String(), "date_at": INSTANT, "qty": pl.Float64(), "delivery": pl.String(),
    "rejected_qty": pl.Float64(), "documents_ok": pl.Boolean(),
}  # fmt: skip
"""Columns of the truth `supply`: an event a row. `date_at`: the date asked for, confirmed or promised."""


class Fulfilment:
    """Confirms order lines of a site and delivers them, in the tables and in the truth."""

    def __init__(self, journal: Journal, agenda: Agenda, seed: int, site: str) -> None:
        self.journal, self.agenda, self.seed, self.site = journal, agenda, seed, site
        self._events: list[dict[str, object]] = []

    def ordered(
        self, at: int, direction: str, line: str, order: str, partner: str, material: str, qty: int, wanted: int
    ) -> None:
        """A line was ordered for the instant `wanted`."""
        self._tell(at, direction, line, "ordered", order_id=order, partner=partner, material=material, qty=float(qty))
        self._tell(at, direction, line, "requested", date_at=wanted)
        if direction == "inbound":
            self._tell(at, direction, line, "promised", date_at=wanted)

    def confirm(self, at: int, direction: str, line: str, qty: int, wanted: int) -> int:
        """The first confirmation, some hours after the order; the date it will name. It is never overwritten."""
        draw = stream(self.seed, "confirmed", line)
        wait = draw.uniform(2, 30) if direction == "inbound" else draw.uniform(0.5, 5)
        date = wanted + draw.choice(DAYS_LATER[direction]) * DAY
        less = max(1, round(qty * 0.9)) if draw.random() < 0.04 else qty
        self.agenda.at(
            at + int(wait * HOUR), partial(self.confirmed, direction=direction, line=line, date=date, qty=less)
        )
        return date

    def confirmed(self, at: int, direction: str, line: str, date: int, qty: int) -> None:
        """Book the first confirmation; a supplier's is his promise as well."""
        promise = {"promised_at": date} if direction == "inbound" else {}
        self.journal.put(TABLES[direction], at, line, confirmed_at=date, confirmed_qty=float(qty), **promise)
        self._tell(at, direction, line, "confirmed", date_at=date, qty=float(qty))
        if promise:
            self._tell(at, direction, line, "promised", date_at=date)

    def promise_anew(self, ordered: int, line: str, arrives: int) -> None:
        """About every third purchase the supplier names another date on the way, nearer to what will be."""
        draw = stream(self.seed, "promised", line)
        if draw.random() < 0.3:
            date = arrives + int(draw.uniform(-0.8, 0.3) * DAY)
            self.agenda.at(ordered + (arrives - ordered) * 4 // 5, partial(self._promised, line=line, date=date))

    def _promised(self, at: int, line: str, date: int) -> None:
        self.journal.put("purchase_orders", at, line, promised_at=date)
        self._tell(at, "inbound", line, "promised", date_at=date)

    def cancelled(self, at: int, direction: str, line: str) -> None:
        """The line is cancelled."""
        self.journal.put(TABLES[direction], at, line, status="cancelled")
        self._tell(at, direction, line, "cancelled")

    def closed(self, at: int, direction: str, line: str) -> None:
        """Nothing more will be sent."""
        self._tell(at, direction, line, "closed")

    def deliver(
        self, direction: str, key: str, line: str, partner: str, material: str, qty: int, lot: str | None,
        shipped: int, arrives: int, note: str,
    ) -> None:  # fmt: skip
        """Send a delivery at `shipped`; it arrives at `arrives` and is looked at some hours later."""
        given = {"direction": direction, "order_line": line, "partner": partner, "material": material,
                 "qty": float(qty), "lot": lot, "shipment": note}  # fmt: skip
        self.agenda.at(shipped, partial(self._sent, key=key, given=given))
        if direction == "outbound" and stream(self.seed, "proof of delivery", key).random() < 0.003:
            return  # the carrier never said that it arrived
        self.agenda.at(arrives, partial(self._arrived, key=key, direction=direction, line=line, qty=qty))
        draw = stream(self.seed, "looked at", key)
        if draw.random() < 0.98:  # of the others nobody says how they arrived
            bad = draw.random() < (0.05 if direction == "inbound" else 0.02)
            spoilt = min(qty, max(1, round(qty * draw.uniform(0.005, 0.04)))) if bad else 0
            papers = draw.random() > 0.03
            look = arrives + int(draw.uniform(1, 8) * HOUR)
            self.agenda.at(
                look, partial(self._looked, key=key, direction=direction, line=line, spoilt=spoilt, papers=papers)
            )

    def _sent(self, at: int, key: str, given: dict[str, object]) -> None:
        self.journal.put("deliveries", at, key, shipped_at=at, delivered_at=None, **given)
        self._tell(at, str(given["direction"]), str(given["order_line"]), "shipped", delivery=key, qty=given["qty"])

    def _arrived(self, at: int, key: str, direction: str, line: str, qty: int) -> None:
        self.journal.put("deliveries", at, key, delivered_at=at)
        self._tell(at, direction, line, "delivered", delivery=key, qty=float(qty))

    def _looked(self, at: int, key: str, direction: str, line: str, spoilt: int, papers: bool) -> None:  # noqa: FBT001
        self.journal.put("deliveries", at, key, rejected_qty=float(spoilt), documents_ok=papers)
        self._tell(at, direction, line, "looked_at", delivery=key, rejected_qty=float(spoilt), documents_ok=papers)

    def _tell(self, at: int, direction: str, line: str, event: str, **more: object) -> None:
        self._events.append({"at": at, "direction": direction, "line": line, "event": event, **more})

    def history(self) -> pl.DataFrame:
        """The events so far, in order of time (`EVENTS`)."""
        raw = {name: pl.Int64() if dtype == INSTANT else dtype for name, dtype in EVENTS.items()}
        frame = pl.DataFrame([{name: e.get(name) for name in EVENTS} for e in self._events], schema=raw)
        return frame.with_columns(pl.col("at", "date_at").cast(INSTANT)).sort("at", maintain_order=True)
