"""How far the data reach: the now of figures about what is still open. No clock is asked."""

from __future__ import annotations

from datetime import timedelta

import polars as pl

from assets.kernels.axis import us

APART = timedelta(days=92)
"""No plant that works is without a posting, an invoice and a reading for a quarter."""


def reach(time: pl.LazyFrame) -> pl.DataFrame:
    """How far the time ledger of each site reaches: site, as_of_at.

    Sites end on days of their own: one lies behind the others by its zone, or stands still since last year. Only the
    days on which one of them ends are read.
    """
    last = time.group_by("site").agg(pl.col("production_day").max()).collect(engine="in-memory")["production_day"]
    recent = time.filter(pl.col("production_day").is_in(last.unique().implode()))
    return recent.group_by("site").agg(as_of_at=pl.col("end_at").max()).collect(engine="in-memory")


def records_reach_us(time: pl.LazyFrame, stock: pl.LazyFrame, invoices: pl.LazyFrame) -> int:
    """The latest of the ledger's end and what stock and invoices say has happened, us since 1970; 0 without any.

    A due date is no happening, and a payment of the future is none either: only issued and posted rows count. A date
    that comes more than `APART` after all others is typed wrong and no happening.
    """
    books = (reach(time).lazy().select(at_us=us("as_of_at")), stock.select(at_us=us("at")),
             invoices.select(at_us=us("issued_at")))  # fmt: skip
    dates = pl.concat(books).drop_nulls().unique().sort("at_us")
    after = pl.col("at_us").diff().fill_null(0)
    near = dates.filter(after <= APART // timedelta(microseconds=1)).select(pl.col("at_us").max())
    found: int | None = near.collect(engine="in-memory").item()
    return 0 if found is None else found + 1
