"""gold.slotting: which material should lie where."""

from __future__ import annotations

import polars as pl

from assets.gold.stock.day import last_days
from assets.kernels.stock.shelves import bins, shelved
from assets.kernels.stock.sites import sites_of
from plant.config import Plant

import dagster as dg  # isort: skip


@dg.asset(
    key=["gold", "slotting"],
    ins={
        "inventory": dg.AssetIn(key=["gold", "inventory"]),
        **{name: dg.AssetIn(key=["silver", name]) for name in ("stock_ledger", "materials", "locations")},
    },
    group_name="gold",
    kinds={"polars", "delta"},
)
def slotting(
    inventory: pl.LazyFrame,
    stock_ledger: pl.LazyFrame,
    materials: pl.LazyFrame,
    locations: pl.LazyFrame,
    plant: dg.ResourceParam[Plant],
) -> pl.DataFrame:
    """One row per material, location now and location proposed."""
    from models.slotting import proposed

    known = bins(locations, sites_of(plant))
    lying = shelved(stock_ledger, materials, known, last_days(inventory, plant).lazy())
    return proposed(lying.collect(), known.collect(), plant.file.stock.slotting_weeks)
