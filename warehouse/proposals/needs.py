"""What stock asks for, as contents of proposals: gold.replenishment buys and makes, gold.slotting moves."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import polars as pl

from plant import units
from plant.config import Plant
from plant.proposals.content import Content, Kind, ProposalError, content
from warehouse.lake import Lake

KINDS: dict[str, Kind] = {"buy": "purchase", "make": "production"}
MOST_LINES = 200
"""Lines one proposal may hold; of more moves the ones that save most are proposed first."""
MOVE_DAYS = 7
"""Stock is to be moved within so many days."""
Found = Iterator[tuple[Content, str]]


def written(kind: Kind, **given: Any) -> Content | None:
    """The content, or None where the figures it comes from make none (a quantity of 0, beyond every limit)."""
    try:
        return content({"kind": kind, **given})
    except ProposalError:
        return None


def orders(lake: Lake, plant: Plant) -> Found:
    """What gold.replenishment says to buy and to make; each with the day it is decided on."""
    rows = lake.scan("gold.replenishment").filter(pl.col("action").is_in(list(KINDS))).collect()
    for row in rows.sort("site", "material").iter_rows(named=True):
        made = _order(row, plant.file.plant.currency)
        if made is not None:
            yield made, row["production_day"].isoformat()


def _order(row: dict[str, Any], currency: str) -> Content | None:
    kind, price, unit = KINDS[row["action"]], row["price"], row["unit"]
    where = f" at {row['location']}" if row["location"] else ""
    per = f"{units.price(price * 100)} {currency} per {unit}" if price else "price not known"
    line = {"item": row["material"], "quantity": row["action_qty"], "unit": unit, "due_on": row["action_day"],
            "to_location": row["location"], "price_cents": round(price * 100, 6) if price else None}  # fmt: skip
    if kind == "production":
        line["start_on"] = row["production_day"] + timedelta(days=1)
    verb = "Buy" if kind == "purchase" else "Make"
    return written(
        kind, title=f"{verb} {row['action_qty']:,.0f} {unit} of {row['material']}", lines=(line,), site=row["site"],
        subject=f"reorder {row['material']}{where}", reason=f"{row['reason']}; {per}"[:2000],
        partner=row["supplier"] if kind == "purchase" else None,
    )  # fmt: skip


def moves(lake: Lake, _plant: Plant) -> Found:
    """One proposal a site: the moves of gold.slotting, where they save anything, at the standard cost of the stock."""
    costs = lake.scan("silver.materials").select("material", "standard_cost_cents")
    rows = lake.scan("gold.slotting").join(costs, on="material", how="left", maintain_order="left").collect()
    for part in rows.partition_by("site", maintain_order=True):
        moved = part.filter(pl.col("from_location") != pl.col("to_location"))
        if moved.is_empty() or moved["payback_weeks"][0] is None:
            continue
        made = _move(part, moved.sort("saved_m_week", "material", descending=[True, False]).head(MOST_LINES))
        if made is not None:
            yield made, part["production_day"][0].isoformat()


def _move(part: pl.DataFrame, moved: pl.DataFrame) -> Content | None:
    site, day = part["site"][0], part["production_day"][0]
    now, saved = part["now_m_week"].sum(), part["saved_m_week"].sum()
    lines = tuple(
        {"item": r["material"], "quantity": r["qty"], "unit": r["unit"], "from_location": r["from_location"],
         "to_location": r["to_location"], "due_on": day + timedelta(days=MOVE_DAYS),
         "price_cents": r["standard_cost_cents"]}
        for r in moved.iter_rows(named=True)
    )  # fmt: skip
    reason = (
        f"{saved:,.0f} of {now:,.0f} m a week less; moving takes {moved['move_m'].sum():,.0f} m, "
        f"paid back in {moved['payback_weeks'][0]:.1f} weeks"
    )
    return written("stock_move", title=f"Move {moved.height} stocks, {saved:,.0f} m a week less", lines=lines,
                   subject=f"slotting {site}", reason=reason, site=site)  # fmt: skip
