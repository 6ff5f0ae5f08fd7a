"""What a loss costs: its time at the rate of the machine then.

A rate that changes inside a shift is weighed by the time of the machine on either side of it, by shift and account; so
the costs of the reasons of an account add up to its time at the rates.

Only what a bottleneck loses cannot be made up for elsewhere. So where plant.toml says that a machine is one, a loss
also has a margin: pieces not made = time / ideal cycle of the product in hand, each at its price minus the standard
cost of the material in it. The two are no sum: cost is what the time cost anyway, margin is what did not come in.
"""

from __future__ import annotations

from collections.abc import Sequence

import polars as pl

from assets.kernels.axis import us
from assets.kernels.finance.day_costs import HOUR_US, cut
from assets.kernels.finance.material import needed
from assets.kernels.finance.rates import TIMELINE, per_piece

TIMELINE_EMPTY = pl.DataFrame(schema=TIMELINE)
WORTHLESS = pl.DataFrame(
    schema={"machine": pl.String, "product": pl.String, "valid_from": pl.Date, "cents_per_us": pl.Float64}
)
"""No machine is a bottleneck."""
_CELL = ["production_day", "machine", "shift", "account"]


def priced(rows: pl.LazyFrame, time: pl.LazyFrame, lines: pl.DataFrame, worth: pl.DataFrame) -> pl.LazyFrame:
    """`rows` (cell of day, machine, shift and account with duration_s) with cost and margin, currency units.

    lines: `rates.timeline`. worth: from `worth`; without rows no loss has a margin.
    """
    spans = time.filter(pl.col("account") != "not_scheduled").select(
        *_CELL, start_us=us("start_at"), end_us=us("end_at")
    )
    # Time costs nothing where the machine is paid by the piece; what stops it does: nobody can say how much.
    by_piece = lines.filter(pl.col("kind") == per_piece("machine"))
    hourly = lines.filter(pl.col("kind") == "machine").join(by_piece, on=["machine", "from_us"], how="anti")
    taken = cut(spans.collect(engine="in-memory"), "machine", hourly)
    length = pl.col("end_us") - pl.col("start_us")
    by_rate = taken.group_by(*_CELL, "rate_cents").agg(length_us=length.sum())
    mean = (pl.col("rate_cents") * pl.col("length_us")).sum() / pl.col("length_us").sum()
    rates = (
        by_rate.sort("rate_cents")
        .group_by(_CELL)
        .agg(hour_cents=pl.when(pl.col("rate_cents").is_not_null().all()).then(mean))
    )
    costed = rows.join(rates.lazy(), on=_CELL, how="left")
    cost = pl.col("duration_s") * 1_000_000 * pl.col("hour_cents") / HOUR_US / 100
    margin = pl.col("duration_s") * 1_000_000 * pl.col("cents_per_us") / 100
    valued = (
        costed.with_columns(cost=cost.round(6)).drop("hour_cents").join(_margins(time, worth), on=_CELL, how="left")
    )
    return valued.with_columns(margin=margin.round(6)).drop("cents_per_us")


def worth(
    ideal: pl.DataFrame, bottlenecks: Sequence[str], materials: pl.DataFrame, bills: pl.DataFrame
) -> pl.DataFrame:
    """What a microsecond of a bottleneck is worth: machine, product, valid_from, cents_per_us.

    ideal: `plant.dimensions.ideal_frame`. A product without price, bill of material or cost of a part is left out.
    """
    price = materials.filter(pl.col("price_cents").is_not_null()).select(
        "price_cents", order_id="material", product="material"
    )
    nothing = pl.DataFrame(schema={"order_id": pl.String, "item": pl.String})
    made = bills.select(item="product").unique()
    parts = needed(price, bills, price.select("order_id").join(made, how="cross") if price.height else nothing)
    cost = materials.select(item="material", each="standard_cost_cents")
    used = (
        parts.join(cost, on="item", how="left")
        .group_by("order_id")
        .agg(material=pl.when(pl.col("each").is_not_null().all()).then((pl.col("per_pc") * pl.col("each")).sum()))
    )
    margin = price.join(used, on="order_id").select("product", cents=pl.col("price_cents") - pl.col("material"))
    mine = ideal.filter(pl.col("machine").is_in(bottlenecks), pl.col("ideal_us") > 0).join(margin, on="product")
    per_us = pl.col("cents") / pl.col("ideal_us")
    return mine.select("machine", "product", "valid_from", cents_per_us=per_us).drop_nulls("cents_per_us")


def _margins(time: pl.LazyFrame, worth: pl.DataFrame) -> pl.LazyFrame:
    """Mean worth of a microsecond by cell, weighed by the time of each product; null where some of it has none."""
    mine = time.filter(pl.col("account") != "not_scheduled", pl.col("machine").is_in(worth["machine"].implode()))
    spent = (
        mine.group_by(*_CELL, "product").agg(length_us=pl.col("duration_us").sum()).sort("production_day", "product")
    )
    valued = spent.join_asof(
        worth.lazy().sort("valid_from"), left_on="production_day", right_on="valid_from", by=["machine", "product"],
        strategy="backward", check_sortedness=False,
    )  # fmt: skip
    mean = (pl.col("cents_per_us") * pl.col("length_us")).sum() / pl.col("length_us").sum()
    return valued.group_by(_CELL).agg(cents_per_us=pl.when(pl.col("cents_per_us").is_not_null().all()).then(mean))
