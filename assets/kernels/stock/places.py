"""Which site a location is of, and which stock counts: what several kernels of stock ask of silver.locations."""

from __future__ import annotations

import polars as pl

from assets.kernels.stock.ledger import EXTERNAL
from assets.kernels.stock.sites import Sites

MICRO = 1_000_000
SCRAP = "scrap"
USABLE = ("storage", "receiving")
"""Kinds of location whose stock can be used; without a kind a location is storage."""
OUTSIDE = ("supplier", "customer", "view")


def placed(locations: pl.LazyFrame, sites: Sites) -> pl.LazyFrame:
    """Locations inside the plant with `site` (that it or its zone names, else the first) and `kind` without null."""
    kind = pl.col("kind").fill_null("storage")
    return locations.with_columns(sites.of("site", "zone", "location"), kind).filter(
        (pl.col("location") != EXTERNAL) & ~kind.is_in(list(OUTSIDE))
    )


def scrapped() -> pl.Expr:
    """True for locations of what is no inventory any more: scrap and losses."""
    named = (pl.col("zone") == SCRAP) | (pl.col("location") == SCRAP)
    return (named | (pl.col("kind") == "lost")).fill_null(value=False)


def unscrapped(rows: pl.LazyFrame, locations: pl.LazyFrame) -> pl.LazyFrame:
    """Rows of stock (column `location`) but those at locations of scrap."""
    return rows.join(locations.filter(scrapped()).select("location"), on="location", how="anti")


def whole(column: str = "qty") -> pl.Expr:
    """A quantity in whole millionths of a unit: sums of them are exact."""
    return (pl.col(column) * MICRO).round().cast(pl.Int64)
