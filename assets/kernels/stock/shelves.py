"""What slotting asks: how much of each material lies where, how often somebody goes there, what locations hold."""

from __future__ import annotations

from datetime import timedelta

import polars as pl

from assets.kernels.stock.daily import TRAILING_DAYS
from assets.kernels.stock.places import MICRO, placed, scrapped, whole
from assets.kernels.stock.sites import Sites

PLACE = ["site", "material", "location"]


def bins(locations: pl.LazyFrame, sites: Sites) -> pl.LazyFrame:
    """site, location, zone, capacity, travel_m of the storage locations whose way is known."""
    storage = placed(locations, sites).filter((pl.col("kind") == "storage") & ~scrapped())
    return storage.filter(pl.col("travel_m").is_not_null()).select("site", "location", "zone", "capacity", "travel_m")


def shelved(ledger: pl.LazyFrame, materials: pl.LazyFrame, known: pl.LazyFrame, ends: pl.LazyFrame) -> pl.LazyFrame:
    """One row a material and bin (`bins`) it lies in, or lay or was fetched from in the last 28 days.

    Columns: site, production_day, material, unit, location, zone, qty (0 where it is gone), each (space of a unit),
    trips_week (moves in and out of this bin, 28 days or as many as the site has records of), load (mean space of
    what a move brought, else of what one fetched; null: neither).
    """
    posted = ledger.join(ends.select("site", "end_at", last="production_day"), on="site")
    begun = pl.col("production_day").min().over("site").alias("begun")
    here = posted.with_columns(begun).filter(pl.col("at") < pl.col("end_at")).join(
        known.select("site", "location", "zone"), on=["site", "location"]
    )  # fmt: skip
    lived = ((pl.col("last") - pl.col("begun")).dt.total_days() + 1).clip(1, TRAILING_DAYS).first()
    recent = pl.col("production_day") > pl.col("last") - timedelta(days=TRAILING_DAYS)
    moved = recent & (pl.col("kind") != "adjustment")
    sums = here.with_columns(micro=whole()).group_by(*PLACE, "zone").agg(
        production_day=pl.col("last").first(), qty=(pl.col("micro").sum() / MICRO).clip(0),
        trips_week=moved.sum() * 7.0 / lived,
        brought=pl.col("qty").filter((pl.col("qty") > 0) & (pl.col("kind") != "adjustment")).mean(),
        fetched=-pl.col("qty").filter(pl.col("qty") < 0).mean(),
    )  # fmt: skip
    used = sums.filter((pl.col("qty") > 0) | (pl.col("trips_week") > 0))
    each = pl.col("space_per_unit").fill_null(1.0)
    rows = used.join(materials.select("material", "unit", each=each), on="material", how="left")
    filled = rows.with_columns(pl.col("unit").fill_null("unknown"), pl.col("each").fill_null(1.0))
    return (
        filled.with_columns(load=pl.coalesce("brought", "fetched") * pl.col("each"))
        .drop("brought", "fetched")
        .sort(PLACE)
    )
