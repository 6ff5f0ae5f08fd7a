"""gold.yield: pieces by product and operation, first pass yield and rolled throughput yield."""

from __future__ import annotations

import polars as pl

from plant.tables import table

UNKNOWN_PRODUCT = "unknown"
"""Product of pieces counted while no order was registered: they stay visible, under a name of their own."""

PIECES = ("good_pcs", "scrap_pcs", "rework_pcs")


def yields(counts: pl.LazyFrame, machines: pl.LazyFrame) -> pl.LazyFrame:
    """One row a product, operation, site and production day with at least one piece.

    first_pass_yield = good / (good + scrap + rework), pooled over parallel machines; scrap_ratio = scrap /
    the same. rolled_throughput_yield = product of the first pass yields of the operations the product
    went through that day (Six Sigma RTY); null for pieces without a known product, which are a mixture.
    A count without an operation counts for the machine's configured one, else for the machine by name.
    """
    configured = machines.select("machine", configured="operation")
    named = counts.join(configured, on="machine", how="left").with_columns(
        pl.coalesce("operation", "configured", "machine").alias("operation"),
        pl.col("product").fill_null(UNKNOWN_PRODUCT),
    )
    made = pl.sum_horizontal(*PIECES)
    pooled = named.group_by("production_day", "site", "product", "operation").agg(pl.col(*PIECES).sum())
    ratios = pooled.filter(made > 0).with_columns(
        (pl.col("good_pcs") / made).alias("first_pass_yield"), (pl.col("scrap_pcs") / made).alias("scrap_ratio")
    )
    rolled = pl.col("first_pass_yield").sort_by("operation").product().over("production_day", "site", "product")
    known = pl.col("product") != UNKNOWN_PRODUCT
    columns = [c for c in table("gold.yield").schema if c not in {"revision", "known_from"}]
    whole = ratios.with_columns(pl.when(known).then(rolled).alias("rolled_throughput_yield"))
    return whole.select(columns).sort("production_day", "site", "product", "operation")
