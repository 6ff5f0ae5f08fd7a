"""gold.stock_ageing: how long the stock on hand has been there, in buckets of days.

A lot is as old as its creation says, wherever it lies and however often it moved. Stock without a lot has no such date:
the oldest is taken to have gone first, so what is there is what came last (layers of the inflows to the location).
"""

from __future__ import annotations

from collections.abc import Sequence

import polars as pl

from assets.kernels.stock.places import MICRO, unscrapped, whole
from plant.tables import table

PLACE = ["site", "material", "location"]


def ageing(
    ledger: pl.LazyFrame,
    lots: pl.LazyFrame,
    materials: pl.LazyFrame,
    locations: pl.LazyFrame,
    ends: pl.LazyFrame,
    edges: Sequence[int],
) -> pl.LazyFrame:
    """Quantity and value by material, location, bucket and basis, of stock above 0 that is not scrap.

    Args:
        ledger: silver.stock_ledger; postings from the end of the day on do not count.
        lots: silver.lots; a lot without a creation has no age (bucket 'unknown', from_d -1).
        materials: silver.materials.
        locations: silver.locations.
        ends: site, production_day, end_at: one row a site, the day the stock is as of.
        edges: rising edges of the buckets in days; an age of exactly an edge is in the older bucket.
    """
    posted = unscrapped(ledger, locations).drop("production_day").join(ends, on="site")
    posted = posted.filter(pl.col("at") < pl.col("end_at")).with_columns(micro=whole())
    aged = pl.concat([_by_lot(posted, lots), _by_layer(posted)], how="diagonal").join(ends, on="site")
    days = (pl.col("end_at") - pl.col("since_at")).dt.total_microseconds() / 86_400e6
    found = aged.with_columns(_bucket(days, edges), pl.col("production_day"))
    units = materials.select("material", "unit")
    summed = found.group_by("production_day", *PLACE, "from_d", "basis").agg(
        qty=pl.col("micro").sum() / MICRO,
        value=(pl.col("cents").sum() / 100).round(4),
        oldest_at=pl.col("since_at").min(),
    )
    worded = summed.join(units, on="material", how="left").with_columns(
        pl.col("unit").fill_null("unknown"), *_named(edges)
    )
    return worded.select(list(table("gold.stock_ageing").schema)).sort(
        "site", "material", "location", "from_d", "basis"
    )


def _by_lot(posted: pl.LazyFrame, lots: pl.LazyFrame) -> pl.LazyFrame:
    held = posted.filter(pl.col("lot").is_not_null()).group_by(*PLACE, "lot").agg(
        pl.col("micro").sum(), cents=pl.col("value_cents").sum().cast(pl.Float64)
    )  # fmt: skip
    born = lots.select("lot", since_at="created_at")
    return held.filter(pl.col("micro") > 0).join(born, on="lot", how="left").with_columns(basis=pl.lit("lot"))


def _by_layer(posted: pl.LazyFrame) -> pl.LazyFrame:
    """The latest inflows that make up what is there, each at the mean cost of what is there."""
    loose = posted.filter(pl.col("lot").is_null())
    held = loose.group_by(PLACE).agg(
        held=pl.col("micro").sum(), worth=pl.col("value_cents").sum().cast(pl.Float64)
    ).filter(pl.col("held") > 0)  # fmt: skip
    came = loose.filter(pl.col("micro") > 0).join(held, on=PLACE).sort(*PLACE, "at", "move_id", descending=True)
    after = pl.col("micro").cum_sum().over(PLACE) - pl.col("micro")
    layer = pl.min_horizontal("micro", pl.col("held") - after).clip(0)
    left = came.with_columns(layer.alias("layer")).filter(pl.col("layer") > 0)
    return left.select(
        *PLACE,
        micro="layer",
        cents=pl.col("worth") * pl.col("layer") / pl.col("held"),
        since_at="at",
        basis=pl.lit("fifo"),
    )


def _bucket(days: pl.Expr, edges: Sequence[int]) -> pl.Expr:
    """`from_d` of an age; what lies in the future (a lot dated after the day) is of the youngest bucket."""
    chain = pl.when(days.is_null()).then(pl.lit(-1))
    for edge in reversed(edges):
        chain = chain.when(days >= edge).then(pl.lit(edge))  # type: ignore[assignment]
    return chain.otherwise(pl.lit(0)).cast(pl.Int64).alias("from_d")


def _named(edges: Sequence[int]) -> list[pl.Expr]:
    words = {-1: "unknown", edges[-1]: f"over {edges[-1]} d"}
    words |= {low: f"{low} to {high} d" for low, high in zip((0, *edges), edges, strict=False)}
    until = dict(zip((0, *edges), edges, strict=False))
    return [
        pl.col("from_d").replace_strict(words, return_dtype=pl.String).alias("bucket"),
        pl.col("from_d").replace_strict(until, default=None, return_dtype=pl.Int64).alias("to_d"),
    ]
