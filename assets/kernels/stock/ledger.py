"""Stock moves -> the stock ledger: two signed postings a move, so that any sum to an instant is the stock on hand."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import time

import polars as pl

from assets.kernels.stock.sites import Sites
from plant.tables import table

EXTERNAL = "external"
"""The world outside the plant: what goes there or comes from there has no posting on that side."""


def ledger(
    moves: pl.LazyFrame, locations: pl.LazyFrame, days: Mapping[str, tuple[str, time]], sites: Sites
) -> pl.LazyFrame:
    """silver.stock_ledger out of silver.stock_moves: one row a move and location inside the plant.

    A move takes `qty` from `from_location` and adds it to `to_location`; value is quantity times the
    move's unit cost, rounded once per move (half to even), so both sides cancel exactly. A move within one location
    stays as one posting of 0.

    A location belongs to the site that it or its zone names (`Sites.of`), one nobody knows to the first.
    `days` gives each site's time zone and start of the production day (local clock); a posting belongs
    to the production day whose local clock it shows.
    """
    cents = (pl.col("qty") * pl.col("unit_cost_cents")).round().cast(pl.Int64)
    booked = moves.with_columns(cents.alias("value_cents"))
    out = booked.select(location="from_location", sign=pl.lit(-1), **_kept())
    into = booked.select(location="to_location", sign=pl.lit(1), **_kept())
    postings = (
        pl.concat([out, into])
        .filter(pl.col("location") != EXTERNAL)
        .with_columns(pl.col("qty") * pl.col("sign"), pl.col("value_cents") * pl.col("sign"))
        .group_by("move_id", "location")
        .agg(pl.col("at", "material", "lot", "kind", "reference").first(), pl.col("qty", "value_cents").sum())
    )
    known = locations.select("location", sites.of("site", "zone", "location"))
    placed = postings.join(known, on="location", how="left").with_columns(pl.col("site").fill_null(sites.names[0]))
    columns = table("silver.stock_ledger").schema
    return placed.with_columns(production_day(days)).select(list(columns)).sort("at", "move_id", "location")


def production_day(days: Mapping[str, tuple[str, time]]) -> pl.Expr:
    """Production day of the instant `at` at `site`: yesterday's until the local clock shows the day's start."""
    chain: pl.Expr = pl.lit(None, pl.Date)
    for site, (zone, day_start) in days.items():
        local = pl.col("at").dt.convert_time_zone(zone)
        day = local.dt.date() - pl.when(local.dt.time() < day_start).then(pl.duration(days=1)).otherwise(pl.duration())
        chain = pl.when(pl.col("site") == site).then(day).otherwise(chain)
    return chain.cast(pl.Date).alias("production_day")


def _kept() -> dict[str, str]:
    return {name: name for name in ("move_id", "at", "material", "lot", "kind", "reference", "qty", "value_cents")}
