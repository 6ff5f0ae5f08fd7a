"""gold.price_variance: purchase prices against standard cost and against the price before, in money."""

from __future__ import annotations

import polars as pl

from assets.kernels.finance.exchange import in_plant_money
from assets.kernels.supply.facts import day
from plant.tables import table

_PAIR = ("supplier", "material")


def price_variance(
    purchases: pl.LazyFrame, materials: pl.LazyFrame, rates: pl.LazyFrame, zone: str, currency: str
) -> pl.LazyFrame:
    """Order lines that are not cancelled, summed by supplier, material and day ordered (days of `zone`).

    Each line's amount at each price is rounded to the minor unit (half to even), differences are of those: sums add
    up. The price before is that of the supplier's line of the material ordered just before (by instant, then line); the
    first has none and adds 0, and `against_previous` counts the others. Standard cost is today's: the source keeps no
    older one. Prices are in `currency`: one in another is taken at the rate (silver.exchange_rates) of the instant it
    was ordered; without a rate the line is in no sum of money and counted in `foreign`.
    """
    kept = in_plant_money(purchases.filter(pl.col("status") != "cancelled"), rates, currency, "ordered_at")
    own = pl.col("per_unit").is_not_null().alias("own")
    lines = kept.with_columns(own, day("ordered_at", zone).alias("ordered_day"))
    price = pl.col("unit_price_cents") * pl.col("per_unit")
    priced = (
        lines.join(materials.select("material", "standard_cost_cents"), on="material", how="left")
        .sort("ordered_at", "purchase_id", nulls_last=True)
        .with_columns(price.alias("price"))
        # Lines in another currency and lines without a date have no place in the row of prices.
        .with_columns(pl.when(pl.col("ordered_at").is_not_null()).then("price").alias("told"))
        .with_columns(pl.col("told").forward_fill().shift(1).over(_PAIR).alias("before"))
    )
    standard, before = pl.col("standard_cost_cents"), pl.when(pl.col("told").is_not_null()).then("before")
    summed = priced.group_by(*_PAIR, "ordered_day").agg(
        pl.len().cast(pl.Int64).alias("lines"), (~pl.col("own")).sum().cast(pl.Int64).alias("foreign"),
        (pl.col("price") - standard).count().cast(pl.Int64).alias("against_standard"),
        (pl.col("price") - before).count().cast(pl.Int64).alias("against_previous"),
        _cents(pl.col("price")).sum().alias("ordered_cents"),
        _cents(pl.when(pl.col("price").is_not_null()).then(standard)).sum().alias("standard_cents"),
        (_cents(pl.col("price")) - _cents(standard)).sum().alias("over_standard_cents"),
        (_cents(pl.col("price")) - _cents(before)).sum().alias("over_previous_cents"),
        pl.col("price").drop_nulls().last().alias("last_price_cents"),
    )  # fmt: skip
    return summed.select(list(table("gold.price_variance").schema)).sort(*_PAIR, "ordered_day")


def _cents(per_unit: pl.Expr) -> pl.Expr:
    return (pl.col("qty") * per_unit).round().cast(pl.Int64)


def in_own_money(purchases: pl.LazyFrame, rates: pl.LazyFrame, currency: str) -> pl.LazyFrame:
    """silver.purchase_orders with `unit_price_cents` in the plant's `currency`.

    Null where no rate of silver.exchange_rates held when the line was ordered.
    """
    worth = in_plant_money(purchases, rates, currency, "ordered_at")
    own = pl.col("unit_price_cents") * pl.col("per_unit")
    return worth.with_columns(own.alias("unit_price_cents")).select(purchases.collect_schema().names())
