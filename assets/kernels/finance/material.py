"""Material of orders: what was issued to them minus what came back, and what their bill of material asks for."""

from __future__ import annotations

import polars as pl

MICRO = 1_000_000
DEEPEST = 20
"""Levels a bill of material is taken apart in; a deeper one goes round in a circle and is left as it is."""
_ITEM = ["order_id", "item"]


def issued(stock: pl.LazyFrame, locations: pl.LazyFrame) -> pl.DataFrame:
    """What each order took out of stock: order_id, item, qty_micro (millionths of a unit), value_cents.

    The sum is signed, so a return takes away.
    """
    taken = issues(stock, locations).select(
        order_id="reference", item="material", value_cents=-pl.col("value_cents"),
        qty_micro=-(pl.col("qty") * MICRO).round().cast(pl.Int64),
    )  # fmt: skip
    return taken.group_by(_ITEM).agg(pl.col("qty_micro", "value_cents").sum()).collect(engine="in-memory")


def issues(stock: pl.LazyFrame, locations: pl.LazyFrame) -> pl.LazyFrame:
    """Postings of kind issue that name an order.

    What the order makes itself on its way (it has production postings of it) is not material, and places where
    production happens hold none: what goes from a store into them has left it.
    """
    inside = locations.filter(pl.col("kind") == "production").select("location")
    own = own_made(stock).rename({"order_id": "reference", "item": "material"})
    rows = stock.filter(pl.col("kind") == "issue", pl.col("reference").is_not_null())
    return rows.join(inside, on="location", how="anti").join(own, on=["reference", "material"], how="anti")


def own_made(stock: pl.LazyFrame) -> pl.LazyFrame:
    """What orders made: order_id, item."""
    made = stock.filter(pl.col("kind") == "production", pl.col("reference").is_not_null())
    return made.select(pl.col("reference").alias("order_id"), pl.col("material").alias("item")).unique()


def needed(orders: pl.DataFrame, bills: pl.DataFrame, own: pl.DataFrame) -> pl.DataFrame:
    """What one piece of each order's product takes: order_id, item, per_pc, packed.

    The bill is taken apart through what the order makes itself, down to what it is issued. `packed`: beside something
    made on the way, so it is used for pieces that are already good; everything else for each piece that is begun.
    """
    parts = bills.select(made="product", item="component", per="qty_per_pc")
    level = orders.select("order_id", made="product", per_pc=pl.lit(1.0))
    found: list[pl.DataFrame] = []
    for depth in range(DEEPEST):
        down = level.join(parts, on="made").select("order_id", "item", per_pc=pl.col("per_pc") * pl.col("per"))
        level = down.join(own, on=_ITEM, how="semi").rename({"item": "made"})
        leaves = down.join(own, on=_ITEM, how="anti")
        staged = pl.col("order_id").is_in(level["order_id"].implode()) if depth == 0 else pl.lit(value=False)
        found.append(leaves.with_columns(packed=staged))
        if level.is_empty():
            break
    whole = pl.concat(found)
    return whole.group_by(_ITEM).agg(pl.col("per_pc").sum(), pl.col("packed").all())
