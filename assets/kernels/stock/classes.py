"""gold.stock_classes: each material's class by value and evenness of demand, its turns, and what of it is too much."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta

import polars as pl

from assets.kernels.stock.daily import DEMAND, TRAILING_DAYS, YEAR_DAYS
from assets.kernels.stock.places import MICRO, unscrapped, whole
from plant.tables import table

KEY = ["site", "material"]
ARRIVALS = ("receipt", "production")


def classes(
    described: pl.LazyFrame,
    stock: pl.LazyFrame,
    materials: pl.LazyFrame,
    dead_after_d: int,
    excess_cover_d: float,
) -> pl.LazyFrame:
    """Rows of gold.stock_classes: every material with stock or demand.

    * abc: by value of demand of the last 52 weeks at standard cost; share before the material under 80 % A, 95 % B,
      else C; null without demand or cost
    * state: dead with stock, records that go back `dead_after_d` days, and neither demand nor an arrival in them;
      excess above `excess_cover_d` days of mean demand; else active. All stock of a dead material is in excess

    Args:
        described: `models.replenishment.pattern.described`.
        stock: `on_hand`.
        materials: silver.materials.
        dead_after_d: days.
        excess_cover_d: days of demand.
    """
    known = materials.select("material", "kind", "unit", "standard_cost_cents")
    rows = stock.join(described, on=KEY, how="full", coalesce=True).join(known, on="material", how="left")
    rows = rows.join(stock.select("site", day="production_day").unique("site"), on="site", how="left")
    held = ("on_hand_qty", "on_hand_value", "demand_qty")
    filled = rows.with_columns(
        pl.col("production_day").fill_null(pl.col("day")), pl.col("unit").fill_null("unknown"),
        pl.col(held).fill_null(0.0), pl.col("weeks").fill_null(0), pl.col("seasonal").fill_null(value=False),
    )  # fmt: skip
    value = pl.col("demand_qty") * pl.col("standard_cost_cents") / 100
    valued = filled.filter(pl.col("production_day").is_not_null()).with_columns(value.alias("demand_value"))
    ranked = valued.with_columns(_abc(), _cover(), _dio())
    return _too_much(ranked, dead_after_d, excess_cover_d).select(list(table("gold.stock_classes").schema)).sort(KEY)


def on_hand(ledger: pl.LazyFrame, inventory: pl.LazyFrame, locations: pl.LazyFrame, ends: pl.LazyFrame) -> pl.LazyFrame:
    """site, material with stock, value, turns and last arrival as of each site's last day; scrap left out.

    turns = 365 x value of demand / sum of daily average values over the trailing 28 days (fewer at the start):
    over all locations together, so a transfer inside the plant is no turn.

    Args:
        ledger: silver.stock_ledger.
        inventory: gold.inventory of at least the trailing days.
        locations: silver.locations.
        ends: site, production_day, end_at of the last day.
    """
    last = ends.select("site", last="production_day")
    posted = unscrapped(ledger, locations).join(last, on="site").filter(pl.col("production_day") <= pl.col("last"))
    recent = pl.col("production_day") > pl.col("last") - timedelta(days=TRAILING_DAYS)
    used = pl.col("value_cents").filter(pl.col("kind").is_in(list(DEMAND)) & recent).sum()
    came = pl.col("production_day").filter(pl.col("kind").is_in(list(ARRIVALS)) & (pl.col("qty") > 0)).max()
    sums = posted.with_columns(micro=whole()).group_by(*KEY).agg(
        on_hand_qty=pl.col("micro").sum() / MICRO, on_hand_value=pl.col("value_cents").sum() / 100,
        used_cents=-used, arrived_day=came, production_day=pl.col("last").first(),
        begun_day=pl.col("production_day").min(),
    )  # fmt: skip
    daily = unscrapped(inventory, locations).join(last, on="site").filter(recent)
    mean = daily.group_by(KEY).agg(pl.col("average_value").sum().alias("average_28"))
    joined = sums.join(mean, on=KEY, how="left")
    turned = pl.when(pl.col("average_28") > 0).then(YEAR_DAYS * pl.col("used_cents") / 100 / pl.col("average_28"))
    return joined.with_columns(turned.clip(0).alias("turns")).drop("used_cents", "average_28")


def _abc() -> pl.Expr:
    """Class by the share of value before a material, most valuable first; ties by name."""
    value = pl.when(pl.col("demand_value") > 0).then("demand_value")
    order = pl.struct(-value.fill_null(0.0), "material").rank("ordinal")
    running = value.fill_null(0.0).sort_by(order).cum_sum()
    before = (running.gather(order - 1) - value) / value.sum()
    cut = pl.when(before < 0.8).then(pl.lit("A")).when(before < 0.95).then(pl.lit("B")).otherwise(pl.lit("C"))
    return pl.when(value.is_not_null()).then(cut).over("site").alias("abc")


def _cover() -> pl.Expr:
    return pl.when(pl.col("mean_d") > 0).then(pl.col("on_hand_qty").clip(0) / pl.col("mean_d")).alias("cover_d")


def _dio() -> pl.Expr:
    return pl.when(pl.col("turns") > 0).then(YEAR_DAYS / pl.col("turns")).alias("dio_d")


def _too_much(rows: pl.LazyFrame, dead_after_d: int, excess_cover_d: float) -> pl.LazyFrame:
    since = pl.col("production_day") - timedelta(days=dead_after_d)
    old = pl.min_horizontal("begun_day", pl.col("production_day") - pl.duration(days=7 * pl.col("weeks"))) <= since
    still = [(pl.col(c).is_null() | (pl.col(c) <= since)) for c in ("last_demand_day", "arrived_day")]
    held = pl.col("on_hand_qty") > 0
    dead = held & old & still[0] & still[1]
    above = (pl.col("on_hand_qty") - pl.col("mean_d") * excess_cover_d).clip(0).fill_null(0.0)
    excess = pl.when(dead).then(pl.col("on_hand_qty")).when(held & (pl.col("mean_d") > 0)).then(above).otherwise(0.0)
    state = pl.when(dead).then(pl.lit("dead")).when(pl.col("excess_qty") > 0).then(pl.lit("excess")).otherwise(
        pl.lit("active")
    )  # fmt: skip
    value = pl.when(held).then(pl.col("on_hand_value") * pl.col("excess_qty") / pl.col("on_hand_qty")).otherwise(0.0)
    marked = rows.with_columns(excess.alias("excess_qty"))
    return marked.with_columns(pl.when(held).then(state).alias("state"), value.alias("excess_value"))


def as_of(inventory: pl.LazyFrame, bounds: pl.LazyFrame, sites: Sequence[str]) -> pl.LazyFrame:
    """site, production_day, end_at: the last day gold.inventory holds of each of the sites."""
    last = inventory.group_by("site").agg(pl.col("production_day").max()).filter(pl.col("site").is_in(list(sites)))
    return last.join(bounds.select("site", "production_day", "end_at"), on=["site", "production_day"])
