"""The alert of a material, what to do about it, how much and by when, and why in a sentence with its figures."""

from __future__ import annotations

from datetime import date, timedelta
from math import ceil
from typing import Any

import polars as pl

from models.replenishment.terms import Terms
from plant.stock import Stock
from plant.tables import table

COLUMNS = tuple(table("gold.replenishment").schema)
ORDERS = ("buy", "make")
OFTEN = 0.5
"""Chance of a stock-out from which what is on its way is not soon enough."""


def reasoned(row: dict[str, Any], aims: Stock) -> dict[str, Any]:
    """A row of gold.replenishment: `row` with alert, action, how much, by when and why; other columns drop out."""
    day: date = row["production_day"]
    out = {c: row.get(c) for c in COLUMNS}
    due = row["due"] or ()
    out["next_due_day"] = day + timedelta(days=max(1, ceil(due[0]["in_d"]))) if due else None
    gone = row["out_in_d"]
    out["stockout_day"] = None if gone is None else day + timedelta(days=gone)
    out |= _alerted(row, day)
    terms: Terms = row["terms"]
    out["min_order_qty"], out["multiple_qty"] = terms.least or None, terms.multiple if terms != Terms() else None
    quantity = out["action_qty"] if out["action"] in ORDERS else row.get("order_qty")
    if terms.breaks and quantity:
        usual = row["price"] or terms.breaks[0][1]
        out["price"] = terms.price(quantity, usual)
    out["reason"] = _reason(row | out, aims)
    return out


def _alerted(row: dict[str, Any], day: date) -> dict[str, Any]:
    """The worst finding and its action; `action_day`: when an order placed now can be there, or stock is gone."""
    held, coming, point = row["on_hand_qty"], row["on_order_qty"], row.get("reorder_point_qty")
    lead = row["lead_d"] or 0.0
    if held < 0:
        return {"alert": "negative_stock", "action": "count", "action_qty": -held, "action_day": day}
    if point is not None and held + coming <= point:
        wanted = row["terms"].rounded(max(row["order_up_to_qty"] - held - coming, 1.0))
        at = day + timedelta(days=max(1, ceil(lead)))
        name = "stock_out" if held == 0 else "below_reorder_point"
        return {"alert": name, "action": row["source"], "action_qty": wanted, "action_day": at}
    risk = row["stockout_probability"]
    if risk is not None and risk >= OFTEN and coming > 0:
        at = day if row["out_in_d"] is None else day + timedelta(days=row["out_in_d"])
        return {"alert": "stock_out", "action": "expedite", "action_qty": coming, "action_day": at}
    if row["state"] in ("dead", "excess"):
        return {"alert": row["state"], "action": "sell_off", "action_qty": row["excess_qty"], "action_day": None}
    return {"alert": None, "action": None, "action_qty": None, "action_day": None}


def _reason(row: dict[str, Any], aims: Stock) -> str:
    unit = row["unit"]
    said = [f"{row['on_hand_qty']:,.0f} {unit} on hand"]
    if row["on_order_qty"]:
        by = f", next by {row['next_due_day']}" if row["next_due_day"] else ""
        said.append(f"{row['on_order_qty']:,.0f} on order{by}")
    if row["mean_d"] is None:
        return "; ".join([*said, "less than a whole week of demand: no reorder point"])
    said.append(f"demand {row['mean_d']:,.1f} a day" if row["mean_d"] else "no demand in the last 26 weeks")
    if row["lead_d"] is None:
        said.append("lead time not known: nothing received, nothing agreed, so no reorder point")
    elif row["reorder_point_qty"] is not None:
        spread = f" +- {row['lead_sd_d']:.1f}" if row["lead_sd_d"] else ""
        said.append(f"lead time {row['lead_d']:.1f}{spread} d and {aims.review_d:g} d review")
        aim = "cycle service" if row["measure"] == "cycle" else "fill rate"
        said.append(f"reorder at {row['reorder_point_qty']:,.0f} for {row['target']:.0%} {aim} ({row['model']})")
    said += _ordering(row, aims)
    if row["stockout_probability"] is not None and row["mean_d"]:
        said.append(f"{row['stockout_probability']:.0%} to run out before an order placed now arrives")
    if row["state"] in ("dead", "excess"):
        limit = aims.dead_after_d if row["state"] == "dead" else aims.excess_cover_d
        why = (
            f"no demand and no arrival for {limit} d" if row["state"] == "dead" else f"more than {limit:g} d of demand"
        )
        said.append(f"{row['excess_qty']:,.0f} {unit} too much: {why}")
    return "; ".join(said)


def _ordering(row: dict[str, Any], aims: Stock) -> list[str]:
    """What an order has to keep to, where terms are known, and the price that goes with it."""
    terms: Terms = row["terms"]
    if terms == Terms() or not row.get("order_qty"):
        return []
    unit, quantity = row["unit"], row["order_qty"]
    said = f"cheapest order {quantity:,.10g} {unit}"
    rules = [f"at least {terms.least:,.10g}"] if terms.least else []
    rules += [f"in multiples of {terms.multiple:,.10g}"] if terms.multiple != 1.0 else []
    said += f" ({', '.join(rules)})" if rules else ""
    bought = row["action_qty"] if row["action"] in ORDERS else quantity
    reached = [start for start, _ in terms.breaks if bought >= start]
    if terms.breaks and row["price"]:
        said += f" at {row['price']:,.10g} each" + (f" from {reached[-1]:,.10g} {unit}" if reached else "")
    days = quantity / row["mean_d"] if row["mean_d"] else 0.0
    long = f"an order lasts {days:,.0f} d, more than the {aims.excess_cover_d:g} d allowed"
    return [said, long] if days > aims.excess_cover_d else [said]


def as_table(rows: pl.DataFrame) -> pl.DataFrame:
    """The rows in the contract's columns and dtypes; no rows give the empty table."""
    schema = table("gold.replenishment").schema
    return pl.DataFrame(schema=schema) if rows.is_empty() else rows.select(pl.col(c).cast(t) for c, t in schema.items())
