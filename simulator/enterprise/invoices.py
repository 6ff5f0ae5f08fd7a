"""Invoices of suppliers and to customers: issued after the goods moved, paid around their due date."""

from __future__ import annotations

from simulator.enterprise.agenda import Agenda
from simulator.enterprise.journal import Journal
from simulator.instants import DAY, HOUR
from simulator.streams import stream

TERM_D = 30


def invoice(
    journal: Journal,
    agenda: Agenda,
    seed: int,
    kind: str,
    partner: str,
    reference: str,
    qty: int,
    price_cents: float,
    moved_us: int,
) -> None:
    """Issue an invoice some hours after the goods moved; it is paid between 12 days early and 9 days late."""
    draw = stream(seed, "invoice", reference)
    issued = moved_us + int(draw.uniform(1, 20) * HOUR)
    due = issued + TERM_D * DAY
    paid = due + int(draw.uniform(-12, 9) * DAY)
    key = f"inv-{reference}"
    agenda.at(issued, lambda at: journal.put(
        "invoices", at, key, kind=kind, partner=partner, reference=reference, amount_cents=int(qty * price_cents + 0.5),
        qty=float(qty), issued_at=at, due_at=due, paid_at=None,
    ))  # fmt: skip
    agenda.at(paid, lambda at: journal.put("invoices", at, key, paid_at=at))
