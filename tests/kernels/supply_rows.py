"""Rows of the order books for tests, and what plain Python makes of them."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Any

import polars as pl

from plant.supply import Supply
from plant.tables import table

ZERO = datetime(2026, 3, 2, tzinfo=UTC)  # a Monday
ZONE = "Europe/Berlin"
Row = dict[str, Any]


def at(day: float) -> datetime:
    """Noon UTC of a day counted from `ZERO`; 0.25 is six hours later."""
    return ZERO + timedelta(days=day, hours=12)


def on(day: int) -> date:
    return (ZERO + timedelta(days=day)).date()


def frame(name: str, rows: list[Row]) -> pl.LazyFrame:
    """Rows in the contract's columns; what a row leaves out is null."""
    schema = table(f"silver.{name}").schema
    return pl.DataFrame([{c: r.get(c) for c in schema} for r in rows], schema=schema, orient="row").lazy()


def bought(line: str, **more: Any) -> Row:
    """A purchase line of 10 pieces ordered on day 0 for day 5, open."""
    given = {"purchase_id": line, "supplier": "acme", "material": "bolt", "qty": 10.0, "unit_price_cents": 100}
    return given | {"ordered_at": at(0), "requested_at": at(5), "status": "open"} | more


def sold(line: str, **more: Any) -> Row:
    given = {"sales_id": line, "customer": "zeta", "product": "nut", "qty": 10.0, "unit_price_cents": 300}
    return given | {"ordered_at": at(0), "requested_at": at(5), "status": "open"} | more


def came(line: str, qty: float, day: float | None, *, out: bool = False, **more: Any) -> Row:
    """A delivery of a line; without a day it is on its way."""
    given = {"delivery_id": f"{line}/{day}/{qty}/{more.get('n')}", "direction": "outbound" if out else "inbound"}
    given |= {"order_line": line, "partner": "zeta" if out else "acme", "material": "m", "qty": qty}
    return given | {"delivered_at": None if day is None else at(day)} | more


def clock(day: float) -> Row:
    """A purchase line that only says that it is day `day` by now."""
    return bought("clock", supplier="clock", ordered_at=at(day), requested_at=None)


def naive(line: Row, deliveries: list[Row], due_at: datetime | None, due_qty: float, rules: Supply, today: date) -> str:
    """Outcome and in full of one line against one date, one delivery at a time; days are those of UTC."""
    if line["status"] == "cancelled":
        return "cancelled"
    if due_at is None or due_qty <= 0:
        return "undated"
    if due_at.date() + timedelta(days=rules.late_d) >= today:
        return "not_due"
    arrived = sorted((d for d in deliveries if d["delivered_at"]), key=lambda d: d["delivered_at"])
    open_ = line["status"] == "open" or len(arrived) < len(deliveries)
    if not arrived and not open_:
        return "untold"
    return _judged(
        [(d["delivered_at"].date(), round(d["qty"] * 10**6)) for d in arrived], open_, due_at.date(), due_qty, rules
    )


def _judged(came_on: list[tuple[date, int]], open_: bool, due: date, due_qty: float, rules: Supply) -> str:
    micro, total, ended = round(due_qty * 10**6), 0, None
    for day, qty in came_on:
        total += qty
        if ended is None and total >= round(micro * (1 - rules.short_share)):
            ended = day
    full = ended is not None and (rules.over_share is None or total <= round(micro * (1 + rules.over_share)))
    if ended is None and not open_:
        ended = came_on[-1][0]
    word = "overdue" if ended is None else "late" if ended > due + timedelta(days=rules.late_d) else "on_time"
    if word == "on_time" and rules.early_d is not None and came_on[0][0] < due - timedelta(days=rules.early_d):
        word = "early"
    return f"{word}/{'full' if full else 'short'}"
