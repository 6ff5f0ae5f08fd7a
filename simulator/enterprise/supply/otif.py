"""The true verdict of every order line and date, worked out event by event: what pipelines are judged against.

Plain Python over the truth `supply`, a line at a time; shares no code with the kernels it verifies. No tolerance: on
time is by the end of the due day (local), in full is all of it.
"""

from __future__ import annotations

from datetime import date, datetime
from itertools import groupby
from typing import Any
from zoneinfo import ZoneInfo

import polars as pl

SCHEMA = {
    "direction": pl.String(), "line": pl.String(), "basis": pl.String(), "order_id": pl.String(),
    "partner": pl.String(), "material": pl.String(), "due_day": pl.Date(), "outcome": pl.String(),
    "in_full": pl.Boolean(), "otif": pl.Boolean(), "days_late": pl.Int64(),
}  # fmt: skip
"""Columns of `verdicts`; in_full, otif and days_late are null where a line does not count."""
MOVES = ("ordered", "shipped", "delivered")
Event = dict[str, Any]


def verdicts(events: pl.DataFrame, zone: ZoneInfo) -> pl.DataFrame:
    """Every line against the date requested, first confirmed and (purchases) last promised, as of the newest move."""
    rows = events.sort("direction", "line", maintain_order=True).to_dicts()
    now = max((e["at"] for e in rows if e["event"] in MOVES), default=datetime.min.replace(tzinfo=zone))
    today = now.astimezone(zone).date()
    out: list[list[Any]] = []
    for (direction, line), found in groupby(rows, key=lambda e: (e["direction"], e["line"])):
        told = list(found)
        first = told[0]
        for basis in ("requested", "confirmed", "promised")[: 3 if direction == "inbound" else 2]:
            verdict = _verdict(told, basis, today, zone)
            out.append([direction, line, basis, first["order_id"], first["partner"], first["material"], *verdict])
    return pl.DataFrame(out, schema=SCHEMA, orient="row")


def _verdict(told: list[Event], basis: str, today: date, zone: ZoneInfo) -> list[Any]:
    """due_day, outcome, in_full, otif, days_late."""
    dates = [e for e in told if e["event"] == basis]
    if not dates:
        due_day, due_qty = None, told[0]["qty"]
    else:
        # The first confirmation counts, and the last promise.
        chosen = dates[-1] if basis == "promised" else dates[0]
        due_day = chosen["date_at"].astimezone(zone).date()
        due_qty = chosen["qty"] if basis == "confirmed" else told[0]["qty"]
    if any(e["event"] == "cancelled" for e in told):
        return [due_day, "cancelled", None, None, None]
    if due_day is None:
        return [None, "undated", None, None, None]
    if due_day >= today:
        return [due_day, "not_due", None, None, None]
    ended, full = _came(told, due_qty)
    if ended is None:
        return [due_day, "overdue", full, False, (today - due_day).days]
    late = (ended.astimezone(zone).date() - due_day).days
    return [due_day, "late" if late > 0 else "on_time", full, late <= 0 and full, late]


def _came(told: list[Event], due_qty: float) -> tuple[datetime | None, bool]:
    """When the line was over (None: it is not), and whether all of it came."""
    total, ended, last = 0.0, None, None
    for e in told:
        if e["event"] == "delivered":
            total, last = total + e["qty"], e["at"]
            if total >= due_qty and ended is None:
                ended = e["at"]
    under_way = sum(e["event"] == "shipped" for e in told) - sum(e["event"] == "delivered" for e in told)
    if ended is None and under_way == 0 and any(e["event"] == "closed" for e in told):
        ended = last
    return ended, total >= due_qty
