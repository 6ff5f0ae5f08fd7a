"""Numbers people put their name to: bronze.signoffs. What becomes of them is in `warehouse.revisions.notifications`."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import polars as pl

from plant.errors import TerminalError
from plant.tables import table
from warehouse.lake import Lake
from warehouse.revisions.as_of import as_of
from warehouse.revisions.cells import Grain, Level, checked, days_around, instant
from warehouse.revisions.changes import GRAINS
from warehouse.revisions.history import GRACE, HOUR
from warehouse.revisions.stamps import RELATIVE

APP, NAME = "signoffs", "bronze.signoffs"
CELL = ("kpi", "level", "scope", "grain", "period_start")


class SignoffError(TerminalError):
    """A number that cannot be signed off; nothing was recorded."""


def sign_off(
    root: Path | str | Lake,
    kpi: str,
    level: Level,
    scope: str,
    grain: Grain,
    period_start: datetime,
    by: str,
    comment: str | None = None,
) -> dict[str, Any]:
    """Sign a number as it stands now, exactly once: who signed this very number before changes nothing.

    Returns:
        The row of bronze.signoffs.

    Raises:
        SignoffError: no name, no such number, or a period that is still running; the message says which.
        TerminalError: an unknown KPI, level or grain.
    """
    lake = root if isinstance(root, Lake) else Lake(root)
    checked(level, grain, GRAINS)
    if not by.strip():
        raise SignoffError("a sign-off needs a name: say who signs")
    cell = dict(zip(CELL, (kpi, level, scope, grain, instant(period_start, "period_start")), strict=True))
    while True:
        past, now = lake.scan(NAME).collect(), datetime.now(UTC)
        number = _number(lake, cell, now)
        row = cell | {"definition_id": number["definition_id"], "value": number["value"], "signed_by": by.strip(),
                      "signed_at": now, "comment": comment}  # fmt: skip
        before = _standing(past, row)
        if before is not None:
            return before
        frame = pl.DataFrame([row], schema=table(NAME).schema, orient="row")
        # The number of sign-offs so far is the transaction: one taken meanwhile makes this one look again.
        if lake.append_once(NAME, frame, APP, past.height + 1):
            return frame.row(0, named=True)


def _number(lake: Lake, cell: dict[str, Any], now: datetime) -> dict[str, Any]:
    """The number as known now; of a period that is over, because one still running changes by itself."""
    first, last = days_around(cell["grain"], cell["period_start"])
    given = {k: cell[k] for k in ("level", "scope", "grain")}
    found = as_of(lake, cell["kpi"], now, **given, first=first, last=last)
    mine = found.filter(pl.col("period_start") == cell["period_start"])
    what = f"{cell['kpi']} of {cell['scope']}, {cell['grain']} from {cell['period_start']:%Y-%m-%d %H:%M} UTC"
    if mine.is_empty():
        there = ", ".join(f"{at:%Y-%m-%d %H:%M}" for at in found["period_start"].sort()[:5]) or "none"
        raise SignoffError(f"there is no {what}; periods near it: {there}")
    number = mine.row(0, named=True)
    over_at = number["last_hour_at"] + HOUR + GRACE
    if now < over_at:
        raise SignoffError(f"{what} is still running; it can be signed from {over_at:%Y-%m-%d %H:%M} UTC on")
    return number


def _standing(past: pl.DataFrame, row: dict[str, Any]) -> dict[str, Any] | None:
    """The latest sign-off of that number by that person, when it says the same; None when there is none such."""
    same = [pl.col(name) == row[name] for name in (*CELL, "signed_by")]
    mine = past.filter(*same).sort("signed_at").tail(1)
    if mine.is_empty():
        return None
    last = mine.row(0, named=True)
    agrees = last["definition_id"] == row["definition_id"] and alike(last["value"], row["value"])
    return last if agrees else None


def alike(a: float | None, b: float | None) -> bool:
    """True for values that are the same number: both missing, or less than one part in 10^12 apart."""
    if a is None or b is None:
        return a is b
    return abs(a - b) <= RELATIVE * max(abs(a), abs(b))
