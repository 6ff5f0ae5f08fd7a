"""gold.replenishment: reorder points, order quantities, the outlook and what to do, by material."""

from __future__ import annotations

import polars as pl

from assets.gold.stock.day import last_days
from assets.kernels.stock.demand import weekly
from assets.kernels.stock.position import position
from assets.kernels.stock.sites import sites_of
from assets.kernels.supply.prices import in_own_money
from plant.config import Plant

import dagster as dg  # isort: skip

INPUTS = (
    "stock_ledger", "sales_orders", "bills_of_material", "purchase_orders", "purchase_terms", "work_orders", "partners",
    "materials", "locations", "exchange_rates",
)  # fmt: skip


@dg.asset(
    key=["gold", "replenishment"],
    ins={
        "inventory": dg.AssetIn(key=["gold", "inventory"]),
        "classes": dg.AssetIn(key=["gold", "stock_classes"]),
        **{name: dg.AssetIn(key=["silver", name]) for name in INPUTS},
    },
    group_name="gold",
    kinds={"polars", "delta"},
)
def replenishment(
    inventory: pl.LazyFrame,
    classes: pl.LazyFrame,
    stock_ledger: pl.LazyFrame,
    sales_orders: pl.LazyFrame,
    bills_of_material: pl.LazyFrame,
    purchase_orders: pl.LazyFrame,
    purchase_terms: pl.LazyFrame,
    work_orders: pl.LazyFrame,
    partners: pl.LazyFrame,
    materials: pl.LazyFrame,
    locations: pl.LazyFrame,
    exchange_rates: pl.LazyFrame,
    plant: dg.ResourceParam[Plant],
) -> pl.DataFrame:
    """One row per site and raw or finished material."""
    from models.replenishment.pattern import panel
    from models.replenishment.policy import decided
    from models.replenishment.terms import offers
    from models.replenishment.words import as_table

    ends, sites = last_days(inventory, plant), sites_of(plant)
    bought = in_own_money(purchase_orders, exchange_rates, plant.file.plant.currency)
    stands = position(stock_ledger, bought, work_orders, partners, materials, locations, ends.lazy(), sites).collect()
    asked = panel(weekly(stock_ledger, sales_orders, bills_of_material, ends, sites))
    aims = plant.file.stock
    return as_table(decided(stands, classes.collect(), asked, aims, offers(aims.terms, purchase_terms.collect())))
