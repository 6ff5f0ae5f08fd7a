"""Order lines of both directions in one shape, what arrived of them, and the instant they are judged as of."""

from __future__ import annotations

import polars as pl

MICRO = 1_000_000
KEY = ("direction", "line")
NEAR = pl.duration(days=31)
"""A receipt or shipment booked further than this behind every other booking is a typing error, not the present."""


def as_of(purchases: pl.LazyFrame, sales: pl.LazyFrame, deliveries: pl.LazyFrame) -> pl.LazyFrame:
    """One row, `as_of_at`: the newest instant booked in the order books; null when nothing in them has a date.

    The books and no clock, so that the same books give the same numbers. A receipt or shipment counts when another
    booking is at most 31 days older: one year mistyped must not make every open line overdue.
    """
    ordered = pl.concat([purchases.select(at="ordered_at"), sales.select(at="ordered_at")]).drop_nulls().unique()
    moved = [
        purchases.select(at="received_at"), sales.select(at="shipped_at"), deliveries.select(at="shipped_at"),
        deliveries.select(at="delivered_at"),
    ]  # fmt: skip
    booked = pl.concat([ordered, *moved]).drop_nulls().unique().sort("at")
    near = (pl.col("at") - pl.col("at").shift(1)) <= NEAR
    newest = booked.select(near=pl.col("at").filter(near).max(), last=pl.col("at").max())
    trusted = newest.join(ordered.select(ordered=pl.col("at").max()), how="cross")
    return trusted.select(as_of_at=pl.coalesce(pl.max_horizontal("near", "ordered"), "last"))


def order_lines(purchases: pl.LazyFrame, sales: pl.LazyFrame) -> pl.LazyFrame:
    """silver.purchase_orders and silver.sales_orders as one frame, a row a line; a line without an order is its own."""
    bought = purchases.select(
        pl.lit("inbound").alias("direction"), pl.col("purchase_id").alias("line"), pl.col("supplier").alias("partner"),
        "material", *_SHARED, "promised_at", ended="received_at", ended_qty="received_qty",
    )  # fmt: skip
    sold = sales.select(
        pl.lit("outbound").alias("direction"), pl.col("sales_id").alias("line"), pl.col("customer").alias("partner"),
        pl.col("product").alias("material"), *_SHARED, promised_at=pl.lit(None, pl.Datetime("us", "UTC")),
        ended="shipped_at", ended_qty="shipped_qty",
    )  # fmt: skip
    return pl.concat([bought, sold]).with_columns(pl.coalesce("order_id", "line").alias("order_id"))


_FIRST = pl.col("first_confirmed_at").is_not_null()
_SHARED = (
    "order_id", "qty", "unit_price_cents", "currency", "status", "ordered_at", "requested_at",
    pl.coalesce("first_confirmed_at", "confirmed_at").alias("confirmed_at"),
    pl.when(_FIRST).then("first_confirmed_qty").otherwise("confirmed_qty").alias("confirmed_qty"),
)  # fmt: skip
"""What both directions have. The confirmation is the first that is known, with the quantity confirmed with it."""


def arrivals(lines: pl.LazyFrame, deliveries: pl.LazyFrame, known: pl.LazyFrame) -> pl.LazyFrame:
    """What was delivered of each line: direction, line, at (null: on its way), micro, rejected_micro, documents_ok.

    From silver.deliveries; a line without any is told by its own receipt or shipment (`told_by` is `order`; nothing
    is known of damage and papers then). An arrival later than `known` (`as_of`) is still on its way. Returns are none.
    """
    told = deliveries.filter(pl.col("order_line").is_not_null() & ~_BACK).select(
        "direction", pl.col("order_line").alias("line"), pl.col("delivered_at").alias("at"), _micro("qty"),
        _micro("rejected_qty").alias("rejected_micro"), "documents_ok", pl.lit("deliveries").alias("told_by"),
        pl.col("delivery_id").alias("tie"),
    )  # fmt: skip
    own = lines.filter(pl.col("ended").is_not_null()).join(told.select(KEY).unique(), on=KEY, how="anti")
    by_order = own.select(
        *KEY, pl.col("ended").alias("at"), _micro("ended_qty").fill_null(_micro("qty")).alias("micro"),
        pl.lit(None, pl.Int64).alias("rejected_micro"), pl.lit(None, pl.Boolean).alias("documents_ok"),
        pl.lit("order").alias("told_by"), pl.lit("").alias("tie"),
    )  # fmt: skip
    both = pl.concat([told.rename({"qty": "micro"}), by_order]).join(known, how="cross")
    return both.with_columns(pl.when(pl.col("at") <= pl.col("as_of_at")).then("at").alias("at")).drop("as_of_at")


_BACK = pl.col("kind").fill_null("delivery") == "return"


def returns(deliveries: pl.LazyFrame, known: pl.LazyFrame) -> pl.LazyFrame:
    """What of each line went back: direction, line, returned_micro, blamed (null: nobody said whose fault it was).

    A return counts from when it arrived back at its sender (not told: when it was sent) up to `known` (`as_of`).
    """
    at = pl.coalesce("delivered_at", "shipped_at")
    rows = deliveries.filter(_BACK & pl.col("order_line").is_not_null()).join(known, how="cross")
    back = rows.filter(at <= pl.col("as_of_at")).select(
        "direction", pl.col("order_line").alias("line"), _micro("qty").alias("micro"), "sender_fault"
    )
    return back.group_by(KEY).agg(
        pl.col("micro").sum().alias("returned_micro"), pl.col("sender_fault").any(ignore_nulls=False).alias("blamed")
    )


def _micro(column: str) -> pl.Expr:
    return (pl.col(column) * MICRO).round().cast(pl.Int64)


def day(column: str, zone: str) -> pl.Expr:
    """Calendar day of an instant at the site."""
    return pl.col(column).dt.convert_time_zone(zone).dt.date()
