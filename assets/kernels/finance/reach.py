"""How far the data reach: the now of figures about what is still open. No clock is asked."""

from __future__ import annotations

import polars as pl

from assets.kernels.axis import us


def reach(time: pl.LazyFrame) -> pl.DataFrame:
    """How far the time ledger of each site reaches: site, as_of_at. Only its last two days are read."""
    last = time.select(pl.col("production_day").max()).collect(engine="in-memory").item()
    recent = time.filter(pl.col("production_day") == last) if last else time
    return recent.group_by("site").agg(as_of_at=pl.col("end_at").max()).collect(engine="in-memory")


def records_reach_us(time: pl.LazyFrame, stock: pl.LazyFrame, invoices: pl.LazyFrame) -> int:
    """The latest of the ledger's end and what stock and invoices say has happened, us since 1970; 0 without any.

    A due date is no happening, and a payment of the future is none either: only issued and posted rows count.
    """
    ends = [*reach(time)["as_of_at"].cast(pl.Int64), *_last(stock, "at"), *_last(invoices, "issued_at")]
    return max((int(e) + 1 for e in ends if e is not None), default=0)


def _last(rows: pl.LazyFrame, column: str) -> list[int | None]:
    return [rows.select(us(column).max()).collect(engine="in-memory").item()]
