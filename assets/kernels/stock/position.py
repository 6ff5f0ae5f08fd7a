"""Where each material stands when it is decided on: usable stock, what comes when, how long it takes, what it costs."""

from __future__ import annotations

import polars as pl

from assets.kernels.stock.places import MICRO, USABLE, placed, scrapped, whole
from assets.kernels.stock.sites import Sites

KEY = ["site", "material"]
DAY_US = 86_400e6
LATEST = 20
"""Receipts or orders the lead time is taken from: the latest ones."""
DECIDED = ("raw", "finished")
"""Kinds of material that are replenished; semi-finished material follows its orders."""
COMING = ("planned", "released", "running")


def position(
    ledger: pl.LazyFrame,
    purchases: pl.LazyFrame,
    work_orders: pl.LazyFrame,
    partners: pl.LazyFrame,
    materials: pl.LazyFrame,
    locations: pl.LazyFrame,
    ends: pl.LazyFrame,
    sites: Sites,
) -> pl.LazyFrame:
    """One row a site and raw or finished material: what `models.replenishment.policy` decides on.

    Columns: site, material, production_day, end_at, kind, unit, on_hand_qty, location, source, supplier, price,
    lead_d, lead_sd_d, due (list of structs: in_d, qty; overdue ones below 0), on_order_qty.

    * usable stock lies in storage and receiving, not in scrap; `location` is where it last arrived
    * make: some work order makes it; lead time from planned or actual start to end of the latest 20 that ended.
      buy: from order to receipt of the latest 20 lines; before the first, what the supplier agreed to
    * what counts is known at the end of the day: lines and orders of later do not
    * a line that is received, nobody says when, is not on its way any more

    `purchases` has its prices in the money of the plant (`assets.kernels.supply.prices.in_own_money`).
    """
    usable = placed(locations, sites).filter(pl.col("kind").is_in(list(USABLE)) & ~scrapped()).select("location")
    posted = ledger.join(ends.select("site", "end_at", "production_day"), on="site", suffix="_last")
    posted = posted.filter(pl.col("at") < pl.col("end_at")).join(usable, on="location", how="semi")
    stock = posted.with_columns(micro=whole()).sort("at", "move_id").group_by(KEY).agg(
        on_hand_qty=pl.col("micro").sum() / MICRO,
        location=pl.col("location").filter((pl.col("qty") > 0) & (pl.col("kind") != "adjustment")).last(),
        anywhere=pl.col("location").filter(pl.col("qty") > 0).last(),
    )  # fmt: skip
    frame = ends.select("site", "production_day", "end_at")
    bought = _bought(purchases.with_columns(sites.of("site")), partners, frame)
    made = _made(work_orders.with_columns(sites.of("site")), frame)
    known = materials.filter(pl.col("kind").is_in(list(DECIDED))).select(
        "material", "kind", "unit", cost=(pl.col("standard_cost_cents") / 100).round(8)
    )
    rows = stock.join(bought, on=KEY, how="full", coalesce=True).join(made, on=KEY, how="full", coalesce=True)
    return _joined(rows.join(frame, on="site").join(known, on="material"))


def _joined(rows: pl.LazyFrame) -> pl.LazyFrame:
    make = pl.col("made_orders").is_not_null()
    pick = [
        pl.when(make).then(f"made_{c}").otherwise(f"bought_{c}").alias(c)
        for c in ("lead_d", "lead_sd_d", "due", "on_order_qty")
    ]
    return rows.select(
        *KEY, "production_day", "end_at", "kind", "unit", pl.col("on_hand_qty").fill_null(0.0),
        pl.coalesce("location", "anywhere").alias("location"),
        pl.when(make).then(pl.lit("make")).otherwise(pl.lit("buy")).alias("source"),
        pl.when(~make).then("supplier").alias("supplier"), pl.coalesce("price", "cost").alias("price"), *pick,
    ).with_columns(pl.col("on_order_qty").fill_null(0.0)).sort(KEY)  # fmt: skip


def _bought(purchases: pl.LazyFrame, partners: pl.LazyFrame, ends: pl.LazyFrame) -> pl.LazyFrame:
    lines = purchases.join(ends, on="site")
    lines = lines.filter((pl.col("status") != "cancelled") & (pl.col("ordered_at") < pl.col("end_at")))
    agreed = lines.join(partners.select(supplier="partner", agreed_d="lead_time_d"), on="supplier", how="left")
    came = pl.col("received_at") < pl.col("end_at")
    took = ((pl.col("received_at") - pl.col("ordered_at")).dt.total_microseconds() / DAY_US).alias("took_d")
    measured = agreed.with_columns(pl.when(came).then(took).alias("took_d"), came=came.fill_null(value=False))
    got = pl.when(pl.col("came")).then(pl.col("received_qty").fill_null(pl.col("qty"))).otherwise(0.0)
    closed = (pl.col("status") == "received") & (pl.col("came") | pl.col("received_at").is_null())
    left = pl.when(closed).then(0.0).otherwise((pl.col("qty") - got).clip(0))
    due = pl.coalesce("promised_at", pl.col("ordered_at") + pl.duration(days=pl.col("agreed_d").fill_null(0.0)))
    opened = measured.with_columns(left.alias("left"), _in_d(due))
    seen = pl.col("took_d").filter(pl.col("took_d") >= 0).sort_by(
        pl.col("received_at").filter(pl.col("took_d") >= 0)
    ).tail(LATEST)  # fmt: skip
    return opened.sort("ordered_at", "purchase_id").group_by(KEY).agg(
        supplier=pl.col("supplier").last(), price=_price(),
        bought_lead_d=pl.coalesce(seen.mean(), pl.col("agreed_d").drop_nulls().last()),
        bought_lead_sd_d=seen.std().fill_null(0.0), **_coming("bought"),
    )  # fmt: skip


def _price() -> pl.Expr:
    """The last one that is known and asked for: a free sample says nothing of the next order."""
    cents = pl.col("unit_price_cents")
    return (cents.filter(cents > 0).last() / 100).round(8)


def _made(work_orders: pl.LazyFrame, ends: pl.LazyFrame) -> pl.LazyFrame:
    orders = work_orders.with_columns(material="product").join(ends, on="site")
    ended = pl.col("ended_at") < pl.col("end_at")
    began = pl.min_horizontal("planned_start_at", "started_at")
    took = ((pl.col("ended_at") - began).dt.total_microseconds() / DAY_US).alias("took_d")
    measured = orders.with_columns(pl.when(ended).then(took).alias("took_d"))
    coming = pl.col("status").is_in(list(COMING)) & pl.col("ended_at").is_null()
    left = pl.when(coming).then("planned_pcs").otherwise(0.0).alias("left")
    opened = measured.with_columns(left, _in_d(pl.col("planned_end_at").fill_null(pl.col("end_at"))))
    seen = pl.col("took_d").filter(pl.col("took_d") >= 0).sort_by(
        pl.col("ended_at").filter(pl.col("took_d") >= 0)
    ).tail(LATEST)  # fmt: skip
    return opened.group_by(KEY).agg(
        made_orders=pl.len(), made_lead_d=seen.mean(), made_lead_sd_d=seen.std().fill_null(0.0), **_coming("made")
    )


def _in_d(due: pl.Expr) -> pl.Expr:
    return ((due - pl.col("end_at")).dt.total_microseconds() / DAY_US).alias("in_d")


def _coming(prefix: str) -> dict[str, pl.Expr]:
    some = pl.col("left") > 0
    return {
        f"{prefix}_on_order_qty": pl.col("left").sum(),
        f"{prefix}_due": pl.struct("in_d", qty="left").filter(some).sort_by(pl.col("in_d").filter(some)),
    }
