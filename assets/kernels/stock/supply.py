"""What is on its way from suppliers, and how long it takes: both as known at any instant, out of purchase orders."""

from __future__ import annotations

import polars as pl

PAIR = ("site", "material")


def lead_times(purchases: pl.LazyFrame, partners: pl.LazyFrame) -> pl.LazyFrame:
    """What is known of each material's lead time and since when: site, material, known_at, lead_d, lead_var.

    `purchases` is silver.purchase_orders with its `site` filled (`Sites.of`).
    From the first receipt on the mean and variance of received - ordered, in days (variance 0 for one
    receipt); before it, from the first order on, what the supplier agreed to, with variance 0.
    """
    agreed = (
        purchases.join(partners, left_on="supplier", right_on="partner", how="inner")
        .filter(pl.col("lead_time_d").is_not_null() & pl.col("ordered_at").is_not_null())
        .select(*PAIR, known_at="ordered_at", lead_d="lead_time_d", lead_var=pl.lit(0.0), seen=pl.lit(value=False))
    )
    took = (pl.col("received_at") - pl.col("ordered_at")).dt.total_microseconds() / 86_400e6
    timed = purchases.with_columns(took.alias("took"), one=pl.lit(1.0))
    received = timed.filter(pl.col("took") >= 0).sort("received_at", "purchase_id")
    n, total, squares = (e.cum_sum().over(*PAIR) for e in (pl.col("one"), pl.col("took"), pl.col("took") ** 2))
    variance = pl.when(n > 1).then(((squares - total**2 / n) / (n - 1)).clip(0)).otherwise(0.0)
    measured = received.select(
        *PAIR, known_at="received_at", lead_d=total / n, lead_var=variance, seen=pl.lit(value=True)
    )
    both = pl.concat([agreed, measured]).sort("known_at", "seen")
    # once a receipt is known, later orders' agreed times no longer count
    since = pl.col("seen").cum_max().over(*PAIR)
    return both.filter(pl.col("seen") | ~since).select(*PAIR, "known_at", "lead_d", "lead_var")


def _came() -> pl.Expr:
    """What a receipt takes off what is on its way: all of a line that is closed, else what came (null: all)."""
    return pl.when(pl.col("status") == "received").then("qty").otherwise(pl.min_horizontal("qty", "received_qty"))


def on_order(purchases: pl.LazyFrame) -> pl.LazyFrame:
    """Quantity ordered and not yet received from an instant on: site, material, since_at, on_order_qty.

    `purchases` is silver.purchase_orders with its `site` filled (`Sites.of`).
    Cancelled lines never count, also before they were cancelled: the source does not say when that was. The same for
    lines that are received, nobody says when.
    """
    untold = (pl.col("status") == "received") & pl.col("received_at").is_null()
    lines = purchases.filter((pl.col("status") != "cancelled") & ~untold & pl.col("ordered_at").is_not_null())
    ordered = lines.select(*PAIR, since_at="ordered_at", qty="qty")
    received = lines.filter(pl.col("received_at").is_not_null()).select(*PAIR, since_at="received_at", qty=-_came())
    steps = pl.concat([ordered, received]).sort("since_at", *PAIR, "qty")
    return steps.select(*PAIR, "since_at", on_order_qty=pl.col("qty").cum_sum().over(*PAIR).round(6))
