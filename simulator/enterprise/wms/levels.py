"""What the warehouse system itself says of stock: its balances each evening, and what people count.

Balances are those of the moves booked so far, so a move that is booked late is missing in them. Counts are of what lies
there, now and then with a mistake. Both are read off the plant's own stock and change nothing.
"""

from __future__ import annotations

from datetime import date, datetime, time, timedelta
from functools import partial
from zoneinfo import ZoneInfo

from simulator.enterprise.agenda import Agenda
from simulator.enterprise.journal import Journal
from simulator.enterprise.stock import Stock
from simulator.instants import HOUR, MINUTE, to_datetime, to_us
from simulator.streams import stream

AT = time(22, 47)
"""Local time of the balances: no other record of the plant is of such an odd minute."""
COUNTED = ("raw-1", "fg-1")
MISCOUNTED = 0.2
LATE_SHARE, LATE_H = 0.04, (0.5, 9.0)
LATE_KINDS = ("scrap", "transfer")
"""Moves that people book when they come to it: a share of them so many hours later."""


def booked_us(seed: int, zone: ZoneInfo, at_us: int, key: str, kind: str) -> int:
    """When a move is entered: mostly at once, by day sometimes hours later, never after the night."""
    draw = stream(seed, "booked", key)
    local = to_datetime(at_us).astimezone(zone)
    if kind not in LATE_KINDS or not 6 <= local.hour < 18 or draw.random() >= LATE_SHARE:
        return at_us
    return at_us + int(draw.uniform(*LATE_H) * HOUR)


def enter_levels(journal: Journal, agenda: Agenda, stock: Stock, seed: int, zone: ZoneInfo, days: list[date]) -> None:
    """Enter the balances and counts of the local evenings of `days`."""
    for day in days:
        at = to_us(datetime.combine(day, AT, tzinfo=zone))
        agenda.at(at, partial(_state, journal=journal, stock=stock))
        agenda.at(at + 45 * MINUTE, partial(_count, journal=journal, stock=stock, seed=seed, day=day))


def evenings(first: date, last: date) -> list[date]:
    """Every day from `first` to `last`."""
    return [first + timedelta(days=n) for n in range((last - first).days + 1)]


def _state(at_us: int, journal: Journal, stock: Stock) -> None:
    for (material, location), qty in stock.booked_by(at_us).items():
        journal.put("stock_levels", at_us, f"{material}@{location}", material=material, location=location, lot=None,
                    qty=float(qty), at=at_us, kind="system")  # fmt: skip


def _count(at_us: int, journal: Journal, stock: Stock, seed: int, day: date) -> None:
    """One pair of material and location a store and day is counted."""
    for place in COUNTED:
        held = sorted(m for m, where in stock.pairs() if where == place)
        if not held:
            continue
        draw = stream(seed, "count", place, day)
        material = draw.choice(held)
        wrong = draw.choice((-3, -2, -1, 1, 2)) if draw.random() < MISCOUNTED else 0
        found = max(0, stock.on_hand(material, place) + wrong)
        journal.put("stock_levels", at_us, f"count-{day:%Y%m%d}-{place}", material=material, location=place, lot=None,
                    qty=float(found), at=at_us, kind="count")  # fmt: skip
