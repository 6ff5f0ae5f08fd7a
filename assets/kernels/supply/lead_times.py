"""gold.lead_times: days from order to receipt, with open lines as survivors so that slow ones do not hide."""

from __future__ import annotations

import polars as pl

from plant.supply import Supply
from plant.tables import table

DAY_US = 86_400_000_000
NOISE = 1e-9
"""A survival within this of the level has reached it: products of fractions are not exact."""
_GROUP = ("supplier", "material")


def lead_times(lines: pl.LazyFrame, suppliers: pl.LazyFrame, rules: Supply) -> pl.LazyFrame:
    """Distribution a supplier and material, and of all a supplier's materials together (material null).

    `lines` is gold.supply_lines; lines ordered in the `lead_time_days` before its as_of_day. A lead time is known
    when the line ended (in full, or closed with what came). Kaplan and Meier (1958): an open line of age t says that
    its lead time is above t; leaving such lines out makes a supplier who stopped delivering look fast.
    """
    since = pl.col("as_of_day") - pl.duration(days=rules.lead_time_days)
    bought = lines.filter((pl.col("direction") == "inbound") & (pl.col("basis") == "requested"))
    known = bought.with_columns(since.alias("since_day"), supplier="partner").filter(
        pl.col("ordered_at").is_null() | (pl.col("ordered_at").dt.date() >= pl.col("since_day"))
    )
    both = pl.concat([known, known.with_columns(material=pl.lit(None, pl.String))])
    timed = both.with_columns(_took().alias("took"), _age().alias("age"))
    agreed = suppliers.select("supplier", agreed_d="lead_time_d")
    rows = timed.join(agreed, on="supplier", how="left").group_by(_GROUP).agg(_figures())
    return (
        rows.join(_survival(timed), on=_GROUP, how="left", nulls_equal=True)
        .select(list(table("gold.lead_times").schema))
        .sort(_GROUP)
    )


def _took() -> pl.Expr:
    """Lead time in us of a line that ended after it was ordered; null for others."""
    us = (pl.col("ended_at") - pl.col("ordered_at")).dt.total_microseconds()
    return pl.when((us >= 0) & (pl.col("status") != "cancelled")).then(us)


def _age() -> pl.Expr:
    """Age in us of a line that is still open; null for others."""
    is_open = (pl.col("status") == "open") & pl.col("ended_at").is_null()
    us = (pl.col("as_of_at") - pl.col("ordered_at")).dt.total_microseconds()
    return pl.when(is_open & (us >= 0)).then(us)


def _figures() -> list[pl.Expr]:
    took, age = pl.col("took"), pl.col("age")
    days = took.drop_nulls() / DAY_US
    quantiles = {"p10_d": 0.1, "p50_d": 0.5, "p90_d": 0.9}
    beyond = (took / DAY_US > pl.col("agreed_d")).sum().cast(pl.Int64)
    return [
        pl.col("as_of_day").max(), pl.col("since_day").max(), pl.col("agreed_d").first(),
        took.count().cast(pl.Int64).alias("n"), age.count().cast(pl.Int64).alias("open"),
        (took.is_null() & age.is_null()).sum().cast(pl.Int64).alias("left_out"),
        took.sum().alias("sum_us"),
        pl.when(took.count() > 0).then(took.sum() / took.count() / DAY_US).alias("mean_d"),
        days.std().alias("sd_d"), days.min().alias("min_d"), days.max().alias("max_d"),
        *(days.quantile(q, "linear").alias(name) for name, q in quantiles.items()),
        (age.max() / DAY_US).alias("oldest_open_d"), beyond.alias("over_agreed"),
    ]  # fmt: skip


def _survival(timed: pl.LazyFrame) -> pl.LazyFrame:
    """Median and 90 % quantile of the Kaplan-Meier estimate; null where the curve does not fall so far."""
    ended = pl.col("took").is_not_null()
    lived = timed.with_columns(pl.coalesce("took", "age").alias("lived"), ended.alias("ended")).filter(
        pl.col("lived").is_not_null()
    )
    # At a tie those that ended come first: one that is still open at t may end at t.
    ordered = lived.sort(*_GROUP, "lived", ~pl.col("ended"))
    at_risk = pl.len().over(_GROUP) - pl.int_range(pl.len()).over(_GROUP)
    step = pl.when("ended").then(1 - 1 / at_risk).otherwise(1.0)
    curve = ordered.with_columns(step.cum_prod().over(_GROUP).alias("left"))
    return curve.group_by(_GROUP).agg(
        (pl.col("lived").filter(pl.col("left") <= 1 - p + NOISE).min() / DAY_US).alias(f"km_p{round(100 * p)}_d")
        for p in (0.5, 0.9)
    )
