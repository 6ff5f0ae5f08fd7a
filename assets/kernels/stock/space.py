"""gold.space_use: how full each zone is at the end of each production day."""

from __future__ import annotations

import polars as pl

from assets.kernels.stock.places import MICRO, placed
from assets.kernels.stock.sites import Sites
from plant.tables import table


def space_use(inventory: pl.LazyFrame, materials: pl.LazyFrame, locations: pl.LazyFrame, sites: Sites) -> pl.LazyFrame:
    """One row a zone and day of `inventory` (gold.inventory), also of a zone with nothing in it.

    Space is stock above 0 times the material's space per unit (1 where none is stated), in the unit of the
    capacities; it is summed in whole millionths. The capacity of a zone is the sum over its locations, null when
    one of them states none. Stock at a location the WMS does not know is in zone 'unknown', without a capacity.
    """
    known = placed(locations, sites)
    zones = known.group_by("site", "zone").agg(
        pl.when(pl.col("capacity").is_not_null().all()).then(pl.col("capacity").sum()).alias("capacity"),
        pl.len().cast(pl.Int64).alias("locations"),
    )
    each = materials.select("material", each=pl.col("space_per_unit").fill_null(1.0))
    held = inventory.filter(pl.col("on_hand_qty") > 0).join(each, on="material", how="left")
    taken = (pl.col("on_hand_qty") * pl.col("each").fill_null(1.0) * MICRO).round().cast(pl.Int64)
    filled = held.join(known.select("location", "zone"), on="location", how="left").group_by(
        "production_day", "site", pl.col("zone").fill_null("unknown")
    ).agg(used=taken.sum() / MICRO, materials=pl.col("material").n_unique().cast(pl.Int64))  # fmt: skip
    days = inventory.select("production_day", "site").unique()
    rows = days.join(zones, on="site", how="inner").join(
        filled, on=["production_day", "site", "zone"], how="full", coalesce=True
    )
    share = pl.when(pl.col("capacity") > 0).then(pl.col("used") / pl.col("capacity"))
    full = rows.with_columns(pl.col("used").fill_null(0.0), pl.col("materials", "locations").fill_null(0))
    columns = list(table("gold.space_use").schema)
    return full.with_columns(share.alias("share")).select(columns).sort("production_day", "site", "zone")
