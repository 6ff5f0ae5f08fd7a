"""Questions about orders: plan against actual, lead time, cost against standard, work in progress, cash to cash.

As in `warehouse.marts`: one .sql file a question, production days with both ends included, `None` for all. Money is in
currency units.
"""

from __future__ import annotations

from datetime import date

import polars as pl

from warehouse.marts import Con, run


def orders(
    con: Con, *, first: date, last: date, site: str | None = None, line: str | None = None
) -> pl.DataFrame:  # fmt: skip
    """gold.order_performance of orders under way on the days, late ones first.

    More columns: first_day, last_day, actual, standard, variance, scrap (thereof), cost_note. A sum is null where a
    part of it is not known, and cost_note says why.
    """
    return run(con, "orders", first=first, last=last, site=site, line=line)


def order_variance(
    con: Con, *, first: date, last: date, site: str | None = None, line: str | None = None, order: str | None = None
) -> pl.DataFrame:
    """One row: what orders that ended on the days cost against standard, and why.

    Columns: orders, known_orders (those in the sums), planned, standard, actual, volume, price, usage, efficiency,
    downtime, unknown, yield, scrap. planned + volume = standard; standard + the other parts = actual.
    """
    return run(con, "order_variance", first=first, last=last, site=site, line=line, order=order)


def order_costs(con: Con, *, order: str) -> pl.DataFrame:
    """Cost of one order by component, dearest first, then in total: actual, standard, variance and its parts."""
    return run(con, "order_costs", order=order)


def order_operations(con: Con, *, order: str) -> pl.DataFrame:
    """Operations of one order on machines, in the order of the routing; times in seconds."""
    return run(con, "order_operations", order=order)


def wip(con: Con, *, first: date, last: date, site: str | None = None) -> pl.DataFrame:
    """gold.wip of the days, by day."""
    return run(con, "wip", first=first, last=last, site=site)


def cash_to_cash(con: Con, *, day: date | None = None) -> pl.DataFrame:
    """gold.cash_to_cash: the trailing window up to a day first, then months, latest first."""
    return run(con, "cash_to_cash", day=day)
