"""Demand on each material by week: of customers where they order it, else what was issued, else what bills ask for.

What was issued is demand as far as there was stock; what customers ordered is it in full. A material without orders of
its own whose ledger is younger than `SHORT_WEEKS` is given the demand of what it goes into, through the bills.
Weeks are whole and end with the last production day, so a weekday pattern cancels out in them.
"""

from __future__ import annotations

import polars as pl

from assets.kernels.stock.daily import DEMAND
from assets.kernels.stock.sites import Sites
from plant.tables import DTYPES

SHORT_WEEKS = 8
MOST_WEEKS = 156
MOST_LEVELS = 20
"""Levels of bills looked into; a circle of bills ends there."""
KEY = ["site", "material"]


def weekly(
    ledger: pl.LazyFrame, sales: pl.LazyFrame, bills: pl.LazyFrame, ends: pl.DataFrame, sites: Sites
) -> pl.DataFrame:
    """site, material, basis, week (0: the latest), qty, weeks, last_demand_day: one row a week without gaps.

    Args:
        ledger: silver.stock_ledger. Issues and shipments are demand; their reversals (booked the other way round)
            take it back on their day, and a week below 0 counts as 0.
        sales: silver.sales_orders; a line counts at the day it is requested for, else ordered; cancelled ones do not.
        bills: silver.bills_of_material.
        ends: site, production_day: the day the last week of a site ends with; nothing after it is looked at.
        sites: sites of the plant, and which a sales line belongs to.
    """
    last = ends.lazy().select("site", last="production_day")
    issued, ordered = _issued(ledger, last), _ordered(sales.with_columns(sites.of("site")), last)
    short = issued.filter(pl.col("weeks") < SHORT_WEEKS).select(KEY).unique()
    sold = ordered.select(KEY).unique()
    used = _exploded(ordered, bills)
    dependent = used.join(short, on=KEY, how="semi").join(sold, on=KEY, how="anti")
    covered = pl.concat([sold, dependent.select(KEY).unique()])
    rest = issued.join(covered, on=KEY, how="anti")
    return pl.concat([ordered, dependent, rest]).sort(*KEY, "week")


def _issued(ledger: pl.LazyFrame, last: pl.LazyFrame) -> pl.DataFrame:
    begun = pl.col("production_day").min().over("site").alias("begun")
    known = ledger.join(last, on="site").filter(pl.col("production_day") <= pl.col("last"))
    rows = known.with_columns(begun).with_columns(_weeks())
    taken = pl.when(pl.col("kind").is_in(list(DEMAND))).then(-pl.col("qty")).otherwise(0.0)
    return _dense(rows.select(*KEY, "weeks", "last", day="production_day", qty=taken), "issues")


def _ordered(sales: pl.LazyFrame, last: pl.LazyFrame) -> pl.DataFrame:
    day = pl.coalesce("requested_at", "ordered_at").dt.date()
    lines = sales.filter(pl.col("status") != "cancelled").select("site", material="product", day=day, qty="qty")
    known = lines.join(last, on="site").filter(pl.col("day") <= pl.col("last"))
    begun = known.with_columns(begun=pl.col("day").min().over("site")).with_columns(_weeks())
    return _dense(begun.select(*KEY, "weeks", "last", "day", "qty"), "sales")


def _weeks() -> pl.Expr:
    """Whole weeks since the records of the site begin."""
    lived = (pl.col("last") - pl.col("begun")).dt.total_days() + 1
    return (lived // 7).clip(0, MOST_WEEKS).cast(pl.Int64).alias("weeks")


def _dense(rows: pl.LazyFrame, basis: str) -> pl.DataFrame:
    """A row for every week since the records of the site began; weeks without demand hold 0."""
    week = ((pl.col("last") - pl.col("day")).dt.total_days() // 7).cast(pl.Int64).alias("week")
    found = rows.with_columns(week).collect(engine="in-memory")
    asked = pl.when(pl.col("qty") > 0).then(pl.col("day")).max().alias("last_demand_day")
    each = found.group_by(KEY).agg(pl.col("weeks").first(), asked).with_columns(basis=pl.lit(basis))
    grid = each.with_columns(week=pl.int_ranges(0, pl.col("weeks").clip(1))).explode("week", empty_as_null=True)
    sums = found.group_by(*KEY, "week").agg(pl.col("qty").sum().clip(0).round(6))
    full = grid.join(sums, on=[*KEY, "week"], how="left").with_columns(pl.col("qty").fill_null(0.0))
    return full.select(*KEY, "basis", "week", "qty", "weeks", "last_demand_day").cast(
        {"last_demand_day": DTYPES["day"]}
    )


def _exploded(ordered: pl.DataFrame, bills: pl.LazyFrame) -> pl.DataFrame:
    """Demand on components, from what is ordered of the products they go into, level by level."""
    lines = bills.select("product", "component", "qty_per_pc").collect(engine="in-memory")
    level, levels = ordered, []
    for _ in range(MOST_LEVELS):
        level = level.join(lines, left_on="material", right_on="product").select(
            "site", "week", "weeks", "last_demand_day", material="component", qty=pl.col("qty") * pl.col("qty_per_pc")
        )
        if level.is_empty():
            break
        levels.append(level)
    if not levels:
        return ordered.clear()
    summed = pl.concat(levels).group_by(*KEY, "week").agg(
        pl.col("qty").sum().round(6), pl.col("weeks").max(), pl.col("last_demand_day").max()
    )  # fmt: skip
    return summed.with_columns(basis=pl.lit("bill")).select(ordered.columns)
