"""From what is asked (an order, a machine and a time, a time) to the lots a trace starts from."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

import polars as pl


@dataclass(frozen=True)
class Starts:
    """Lots a trace starts from. Those of `still` are affected as well, but nothing is walked from them."""

    lots: tuple[str, ...]
    still: tuple[str, ...] = ()


def of_order(order_id: str, lots: pl.LazyFrame) -> Starts:
    """The lots a work order made; none when it made none."""
    made = lots.filter(pl.col("order_id") == order_id).select(pl.col("lot").sort()).collect()
    return Starts(tuple(made["lot"]))


def of_time(first: datetime, last: datetime, lots: pl.LazyFrame) -> Starts:
    """The lots made or received in [first, last)."""
    made = (
        lots.filter(pl.col("created_at") >= first, pl.col("created_at") < last).select(pl.col("lot").sort()).collect()
    )
    return Starts(tuple(made["lot"]))


def of_machine(
    machine: str,
    first: datetime,
    last: datetime,
    lots: pl.LazyFrame,
    links: pl.LazyFrame,
    operations: pl.LazyFrame,
) -> Starts:
    """The lots that may hold pieces that were on a machine in [first, last).

    Orders registered there meanwhile: those of their lots that were made after `first` (a lot that was done before
    cannot hold such a piece), and all that was made after `first` out of a lot in work that is older; of that one,
    what is left is affected, what was made before is not. Within the window lots are not told apart: rather one too
    many.
    """
    there = (pl.col("started_at") < last) & (pl.col("ended_at").is_null() | (pl.col("ended_at") > first))
    orders = operations.filter(pl.col("machine") == machine, there).select("order_id").unique()
    mine = lots.join(orders, on="order_id", how="semi").select("lot", "created_at").collect()
    # Without an instant of creation nothing says that the lot was done before.
    later = mine.filter(pl.col("created_at").fill_null(first) >= first)["lot"]
    older = mine.filter(pl.col("created_at") < first).select(parent_lot="lot")
    used = links.join(older.lazy(), on="parent_lot").filter(pl.col("at").is_null() | (pl.col("at") >= first))
    made = used.select("parent_lot", "child_lot").unique().collect()
    own = {*later, *made["child_lot"]}
    return Starts(tuple(sorted(own)), tuple(sorted(set(made["parent_lot"]) - own)))
