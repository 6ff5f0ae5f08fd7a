"""Questions about suppliers and customers: on time in full, orders, lead times, prices, what is overdue.

As in `warehouse.marts`: one .sql file a question. Days are due days (prices: days ordered), both ends included. Every
ratio is one division of sums. `direction` is inbound (suppliers) or outbound (customers); `basis` is requested,
confirmed or promised (suppliers only).
"""

from __future__ import annotations

from datetime import date
from typing import Literal

import polars as pl

from warehouse.marts import Con, run

Direction = Literal["inbound", "outbound"]
Basis = Literal["requested", "confirmed", "promised"]


def supply_partners(con: Con, *, direction: Direction, basis: Basis, first: date, last: date) -> pl.DataFrame:
    """Partner, name, country, the sums of gold.supplier_performance, and its ratios; worst on-time-in-full first.

    More columns: otif_share, on_time_share, in_full_share (null without a due line), in_time_share (of the quantity),
    rejected_share (of the quantity looked at), returned_share (of the quantity due), papers_share, mean_late_d (of
    late and overdue lines), as_of_day.
    """
    return run(con, "supply_partners", direction=direction, basis=basis, first=first, last=last)


def supply_names(con: Con, *, direction: Direction) -> pl.DataFrame:
    """partner, name: all that have an order line, by name."""
    return run(con, "supply_names", direction=direction)


def supply_trend(con: Con, *, direction: Direction, basis: Basis, first: date, last: date) -> pl.DataFrame:
    """partner, name, week (its Monday), due, otif, otif_share: a row a partner and week with due lines."""
    return run(con, "supply_trend", direction=direction, basis=basis, first=first, last=last)


def supply_orders(con: Con, *, direction: Direction, basis: Basis, first: date, last: date) -> pl.DataFrame:
    """partner, name, orders, on_time, in_full, damage_free, documents_ok, told, perfect, open_orders: whole orders.

    `told` are those of which it can be said whether they were perfect; open_orders could still become either.
    """
    return run(con, "supply_orders", direction=direction, basis=basis, first=first, last=last)


def supply_open(con: Con, *, direction: Direction, basis: Basis) -> pl.DataFrame:
    """Lines that are not over: gold.supply_lines with name, description, unit, behind_d (days; negative: to come).

    Overdue ones first, the longest overdue first, then those to come by day; a line without a date last.
    """
    return run(con, "supply_open", direction=direction, basis=basis)


def supply_backlog(con: Con, *, direction: Direction, basis: Basis) -> pl.DataFrame:
    """bucket, from_d, lines, partners, open_value (lines in the plant's currency): lines not over, by days behind."""
    return run(con, "supply_backlog", direction=direction, basis=basis)


def supply_unmatched(con: Con) -> pl.DataFrame:
    """Deliveries and returns that count nowhere: reason, direction, kind, delivery_id, order_line, partner, name, ...

    `reason` is unknown_line (the books have no such line; `line_rejected`: it came and was left out, see the
    quarantine; `other_direction`: it is one of the other side), undated_return, or no_line (none is named: last).
    Further columns: material, unit, qty, at (arrival, else dispatch). Once the line is there, they count.
    """
    return run(con, "supply_unmatched")


def supply_lines(con: Con, *, direction: Direction, partner: str, since: date | None = None) -> pl.DataFrame:
    """gold.supply_lines of one partner, due from a day on (None: all, and those without a day)."""
    return run(con, "supply_lines", direction=direction, partner=partner, since=since)


def perfect_orders(con: Con, *, direction: Direction, partner: str, since: date | None = None) -> pl.DataFrame:
    """gold.perfect_orders of one partner, due from a day on (None: all, and those without a day)."""
    return run(con, "perfect_orders", direction=direction, partner=partner, since=since)


def lead_times(con: Con) -> pl.DataFrame:
    """gold.lead_times with name; the row of all materials of a supplier (material null) first."""
    return run(con, "lead_times")


def price_variance(con: Con, *, first: date, last: date) -> pl.DataFrame:
    """supplier, material, name, unit, description and sums of gold.price_variance in currency units; dearest first.

    Columns: lines, foreign, ordered, over_standard, over_previous, over_share (of standard), last_price, standard_cost.
    """
    return run(con, "price_variance", first=first, last=last)
