"""What became of numbers people signed off: gold.notifications, and the refresh of all that is said of changes.

Every instant at which a signed number came to read differently is one notification for the signer, with the parts
of the difference from the signed number. Signing the new number ends the old sign-off. A notification once made
stays, whatever happens to the number, the history or the definitions afterwards.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from itertools import groupby
from pathlib import Path
from typing import Any

import duckdb
import polars as pl

from plant.tables import table
from warehouse.lake import Lake
from warehouse.revisions.as_of import reading
from warehouse.revisions.cells import days_around
from warehouse.revisions.changes import Part, difference, exact_sum, steps
from warehouse.revisions.definitions import NAME as DEFINITIONS
from warehouse.revisions.definitions import Definition, definitions, published
from warehouse.revisions.signoffs import CELL, alike
from warehouse.revisions.signoffs import NAME as SIGNED
from warehouse.state import State

NAME, SUMS, NOTE = "gold.notifications", "gold.kpi_sums", "changes"
UNPUBLISHED = "published while it was signed"
"""Part of a change that a build brought in at the very instant of signing."""
Row = Mapping[str, Any]


def refresh_changes(root: Path | str | Lake, now: datetime | None = None) -> list[str]:
    """Bring gold.kpi_definitions and gold.notifications up to date; returns the names of those that changed.

    For the end of a build. Only sign-offs whose days were written to since the last refresh are looked at again.
    """
    lake = root if isinstance(root, Lake) else Lake(root)
    at, state = now or datetime.now(UTC), State(lake.root)
    declared = lake.replace(DEFINITIONS, definitions(lake, at)).committed
    signed = lake.scan(SIGNED).collect()
    prints = {str(day): lake.fingerprint(SUMS, [day]) for day in _days(signed) if day in set(lake.days(SUMS))}
    known = {} if declared else state.noted(NOTE) or {}
    moved = [day for day, held in prints.items() if known.get(day) != held]
    said = bool(moved) and lake.replace(NAME, notifications(lake, at, moved)).committed
    if known != prints:
        state.note(NOTE, prints)
    return [name for name, wrote in ((DEFINITIONS, declared), (NAME, said)) if wrote]


def notifications(lake: Lake, now: datetime, days: Sequence[str] | None = None) -> pl.DataFrame:
    """The frame of gold.notifications: those made so far and the new ones.

    Args:
        lake: the lake.
        now: UTC instant until which changes count.
        days: only sign-offs whose period may lie on one of these production days (ISO dates); None for all.
    """
    made = lake.scan(NAME).collect()
    signed = lake.scan(SIGNED).sort("signed_at").collect()
    asked = None if days is None else set(days)
    new: list[dict[str, Any]] = []
    with reading(lake) as con:
        units = {d.definition_id: d for d in published(con)} if signed.height else {}
        for row, until in _standing(signed, now):
            if asked is None or asked & {str(d) for d in _days_of(row)}:
                new.extend(_told(con, row, until, units))
    fresh = pl.DataFrame(new, schema=table(NAME).schema, orient="row")
    return pl.concat([made, fresh.join(made, on=list(table(NAME).key), how="anti")])


def _days(signed: pl.DataFrame) -> list[Any]:
    return sorted(
        {day for row in signed.unique(["grain", "period_start"]).iter_rows(named=True) for day in _days_of(row)}
    )


def _days_of(row: Row) -> list[Any]:
    first, last = days_around(row["grain"], row["period_start"])
    return pl.date_range(first, last, eager=True).to_list()


def _standing(signed: pl.DataFrame, now: datetime) -> Iterator[tuple[Row, datetime]]:
    """Each sign-off with the instant until which it stands: the signer's next one of the same number, or now."""
    by = [*CELL, "signed_by"]
    until = signed.with_columns(until=pl.col("signed_at").shift(-1).over(by, order_by="signed_at"))
    for row in until.iter_rows(named=True):
        yield row, row["until"] or now


def _told(
    con: duckdb.DuckDBPyConnection, row: Row, until: datetime, of: Mapping[str, Definition]
) -> Iterator[dict[str, Any]]:
    """A notification for every instant at which the signed number came to read differently."""
    cell = {name: row[name] for name in CELL}
    parts = list(_since(row, steps(con, **cell, then=row["signed_at"], now=until)))
    unit = of[row["definition_id"]].unit if row["definition_id"] in of else ""
    told, so_far = row["value"], list[Part]()
    for at, together in groupby(parts, key=lambda part: part.known_from):
        so_far.extend(together)
        value = so_far[-1].after
        if at is None or alike(told, value):
            continue
        told = value
        summed = by_cause(so_far)
        yield cell | {
            "recipient": row["signed_by"], "signed_by": row["signed_by"], "signed_at": row["signed_at"],
            "signed_value": row["value"], "value": value, "known_from": at, "parts": as_json(summed),
            "message": message(row, at, value, summed, unit),
        }  # fmt: skip


def _since(row: Row, walked: Sequence[Part]) -> Iterator[Part]:
    """The steps from the number as it was signed; the first one is there only where a build ran at that instant."""
    signed, known = row["value"], walked[0].after
    if not alike(signed, known):
        yield Part(UNPUBLISHED, row["signed_at"], signed, known, difference(signed, known))
    yield from walked[1:]


def by_cause(parts: Sequence[Part]) -> dict[str, Decimal | None]:
    """What each cause contributed in all, in order of appearance; null for one that only let the number come or go."""
    summed: dict[str, Decimal | None] = {}
    for part in parts:
        if part.contribution or part.note:
            before = summed.get(part.cause)
            both = [c for c in (before, part.contribution) if c is not None]
            summed[part.cause] = exact_sum(both) if both else None
    return summed


def as_json(parts: Mapping[str, Decimal | None]) -> str:
    """Parts as a JSON object whose numbers keep all their digits."""
    pairs = (f"{json.dumps(cause)}: {'null' if c is None else format(c, 'f')}" for cause, c in parts.items())
    return "{" + ", ".join(pairs) + "}"


def message(row: Row, at: datetime, value: float | None, parts: Mapping[str, Decimal | None], unit: str) -> str:
    """A change in words."""
    causes = ", ".join(f"{cause} {_moved(c, unit)}" for cause, c in parts.items())
    return (
        f"{row['kpi']} of {row['scope']}, {row['grain']} from {row['period_start']:%Y-%m-%d %H:%M} UTC: "
        f"{row['signed_by']} signed {_read(row['value'], unit)} on {row['signed_at']:%Y-%m-%d %H:%M} UTC; "
        f"since {at:%Y-%m-%d %H:%M} UTC it reads {_read(value, unit)} ({causes})"
    )


def _read(value: float | None, unit: str) -> str:
    if value is None:
        return "no number"
    return f"{100 * value:.2f} %" if unit == "1" else f"{value:.6g} {unit}".rstrip()


def _moved(contribution: Decimal | None, unit: str) -> str:
    if contribution is None:
        return "let the number come or go"
    return f"{100 * contribution:+.2f} points" if unit == "1" else f"{float(contribution):+.6g} {unit}".rstrip()
