"""Where proposals come from: stock, failure risks, approved forecasts. Drafts only; a person submits them.

A need that an open proposal takes care of gets no second one.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta

import polars as pl

from plant.config import Plant
from plant.proposals.content import Content
from plant.proposals.rights import SYSTEM
from plant.proposals.states import OPEN, Standing
from warehouse.lake import Lake
from warehouse.proposals.acts import draft_all
from warehouse.proposals.needs import moves, orders, written
from warehouse.proposals.store import Root, book, lake_of

BY_DAYS = 2
"""A repair is asked for within so many days after the prediction."""


def drafts(root: Root, plant: Plant, by: str = SYSTEM, now: datetime | None = None) -> list[Standing]:
    """Make drafts of everything that asks for one now; the new ones are returned, each made once.

    Raises:
        RightError: `by` is a person without the right to submit those kinds.
    """
    lake = lake_of(root)
    held = book(lake, now)
    taken = {s.content.subject for s in held.standings.values() if s.state in OPEN and not s.expired(held.now)}
    wanted = [*orders(lake, plant), *moves(lake, plant), *_repairs(lake, plant), *_forecasts(lake)]
    fresh = [(one, salt) for one, salt in wanted if one.subject not in taken]
    made = draft_all(lake, plant, fresh, by, now=now) if fresh else []
    return [s for s in made if s.key not in held.standings]


def _repairs(lake: Lake, plant: Plant) -> Iterator[tuple[Content, str]]:
    """The latest failure predictions above their threshold."""
    scored = lake.scan("gold.failure_risk").sort("scored_at").collect()
    latest = scored.group_by("machine", "failure_mode", maintain_order=True).last().filter(pl.col("alert"))
    for row in latest.sort("machine", "failure_mode").iter_rows(named=True):
        day: date = row["scored_at"].date()
        line = {
            "item": row["machine"],
            "quantity": 1.0,
            "unit": "job",
            "task": f"inspect for {row['failure_mode']}",
            "price_cents": round(plant.file.alerts.cost_planned * 100),
            "due_on": day + timedelta(days=BY_DAYS),
        }
        said = f"{100 * row['probability']:.0f} %" if row["probability"] is not None else "a chance above the threshold"
        reason = f"{said} to fail within {row['horizon_h']:g} h, scored {row['scored_at']:%Y-%m-%d %H:%M} UTC"
        reason += f": {row['explained_by']}" if row["explained_by"] else ""
        made = written(
            "maintenance", title=f"Inspect {row['machine']} for {row['failure_mode']}", lines=(line,), reason=reason,
            subject=f"repair {row['machine']} {row['failure_mode']}", site=row["site"],
            origin={"model_version": row["model_version"]},
        )  # fmt: skip
        if made is not None:
            yield made, day.isoformat()


def _forecasts(lake: Lake) -> Iterator[tuple[Content, str]]:
    """Forecasts approved in bronze.decisions and not exported: quantity and approver are read from there."""
    past = lake.scan("bronze.decisions").sort("decided_at").collect()
    latest = past.group_by("item", "period_start", "model_version", maintain_order=True).last()
    ready = latest.filter(pl.col("decision") == "approved")
    periods = lake.scan("gold.forecast").select("item", "period_start", "model_version", "period").collect()
    joined = ready.join(periods, on=["item", "period_start", "model_version"], how="inner")
    for row in joined.sort("item", "period_start").iter_rows(named=True):
        line = {"item": row["item"], "quantity": row["quantity"], "unit": "pcs", "start_on": row["period_start"],
                "due_on": last_day(row["period_start"], row["period"])}  # fmt: skip
        by = f"approved by {row['decided_by']} at {row['decided_at'].astimezone(UTC):%Y-%m-%d %H:%M} UTC"
        made = written(
            "forecast", lines=(line,), reason=f"{by}: {row['comment']}" if row["comment"] else by,
            title=f"Forecast {row['quantity']:,.0f} {row['item']} for the {row['period']} from {row['period_start']}",
            subject=f"forecast {row['item']} {row['period_start']} {row['model_version']}",
            origin={"model_version": row["model_version"], "period": row["period"]},
        )  # fmt: skip
        if made is not None:
            yield made, str(row["decided_at"])


def last_day(start: date, period: str) -> date:
    """Last day of a forecast period (day, week, month) that begins on a day.

    >>> last_day(date(2026, 11, 30), "week"), last_day(date(2026, 2, 1), "month")
    (datetime.date(2026, 12, 6), datetime.date(2026, 2, 28))
    """
    if period == "month":
        return (start.replace(day=1) + timedelta(days=32)).replace(day=1) - timedelta(days=1)
    return start + timedelta(days={"day": 0, "week": 6}[period])
