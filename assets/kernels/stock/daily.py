"""gold.inventory: stock at the end of each production day, its value over time, turns, cover, reorder point.

Stock has the algebra of machine time: on hand is the sum of signed postings, average value is the
integral of on-hand value over the day divided by the day, never (open + close) / 2. Quantities are
summed as whole millionths of a unit, so ten receipts of 0.1 and one issue of 1 leave exactly 0, and
values as whole millionths of a cent: a day reads the same to the last bit however many days a run builds.
"""

from __future__ import annotations

from datetime import date, timedelta

import polars as pl

from assets.kernels.figures.sums import scaled
from assets.kernels.stock.sites import Sites
from assets.kernels.stock.supply import lead_times, on_order
from plant.tables import table

TRAILING_DAYS = 28
DEMAND = ("issue", "shipment")
"""Kinds of move that are demand on a material."""
OUTFLOW = (*DEMAND, "transfer")
"""Kinds of move that are demand on the location they leave: a transfer feeds the next location."""
SERVICE_Z = 1.6448536269514722
"""Standard normal quantile of 95 % cycle service."""
YEAR_DAYS = 365
MICRO = 1_000_000

_ISSUES = {"issued": OUTFLOW, "demanded": DEMAND}
_USED = (("issued", "micro"), ("issued", "value_cents"), ("demanded", "micro"))
PAIR = ("site", "material", "location")
COLUMNS = [c for c in table("gold.inventory").schema if c not in {"revision", "known_from"}]


def first_needed(first: date) -> date:
    """First production day whose bounds `inventory` needs to fill `first`."""
    return first - timedelta(days=TRAILING_DAYS - 1)


def inventory(
    ledger: pl.LazyFrame,
    materials: pl.LazyFrame,
    purchases: pl.LazyFrame,
    partners: pl.LazyFrame,
    days: pl.LazyFrame,
    first: date,
    sites: Sites,
) -> pl.LazyFrame:
    """One row a material, location and production day from `first` on, since the pair first moved.

    `ledger` is the whole silver.stock_ledger, `days` (site, production_day, start_at, end_at) the bounds
    from `first_needed(first)` to the last day wanted, `sites` says which site a purchase is of. Rows of a day
    depend on postings up to that day only.

    Demand is what leaves a location by issue or shipment, issues hold transfers as well; scrap and adjustments
    are neither. Over the trailing n = min(28, days since the site's first posting) days:

    * turns = 365 x value of issues / sum of daily average values; null without stock value
    * dio_d = 365 / turns: days of inventory outstanding; null without issues
    * days_of_cover = on hand / mean daily issues, at least 0; null without issues
    * reorder_point = d x L + z x sqrt(L x var(d) + d^2 x var(L)), z = 1.645 (95 %), d the mean daily demand on the
      location, L the lead time in days (`supply.lead_times`); null without demand or lead time
    * alert: negative_stock, else below_reorder_point (on hand + on order), else no_movement (stock, full 28
      days, no posting)
    """
    grid = _grid(ledger, days, first)
    wanted = grid.filter(pl.col("production_day") >= first)
    stocked = wanted.join(materials.select("material", "unit"), on="material", how="left")
    ordered = purchases.with_columns(sites.of("site"))
    led = _as_known(_as_known(stocked, lead_times(ordered, partners), "known_at"), on_order(ordered), "since_at")
    out = led.with_columns(
        pl.col("unit").fill_null("unknown"),
        scaled(pl.col("on_hand_micro"), MICRO, 6).alias("on_hand_qty"),
        scaled(pl.col("on_hand_cents"), 100, 2).alias("on_hand_value"),
        scaled(pl.col("average_micro"), 100 * MICRO, 8).alias("average_value"),
        scaled(pl.col("issued_micro"), MICRO, 6).alias("issued_qty"),
        pl.when(pl.col("average_28") > 0)
        .then(YEAR_DAYS * MICRO * pl.col("issued_cost_28") / pl.col("average_28"))
        .alias("turns"),
        _reorder_point().alias("reorder_point_qty"),
    ).with_columns(
        pl.when(pl.col("issued_28") > 0)
        .then((pl.col("on_hand_qty") / _mean("issued")).clip(0))
        .alias("days_of_cover"),
        pl.when(pl.col("turns") > 0).then(YEAR_DAYS / pl.col("turns")).alias("dio_d"),
        _alert().alias("alert"),
    )  # fmt: skip
    return out.select(COLUMNS).sort("production_day", "material", "location")


def _grid(ledger: pl.LazyFrame, days: pl.LazyFrame, first: date) -> pl.LazyFrame:
    """Every pair and day from the pair's first posting on, with stock at its end and trailing sums."""
    micro = (pl.col("qty") * MICRO).round().cast(pl.Int64)
    out = {name: pl.col("kind").is_in(list(kinds)) & (pl.col("qty") < 0) for name, kinds in _ISSUES.items()}
    posted = ledger.with_columns(micro.alias("micro"), *(at.alias(name) for name, at in out.items()))
    before = pl.col("micro", "value_cents").filter(pl.col("production_day") < first_needed(first)).sum()
    pairs = posted.group_by(*PAIR).agg(pl.col("production_day").min().alias("first_day"), before.name.prefix("open_"))
    opened = pairs.with_columns(pl.col("first_day").min().over("site").alias("site_first_day"))
    grid = opened.join(days, on="site", how="inner").filter(pl.col("production_day") >= pl.col("first_day"))
    full = grid.join(_daily(posted, days), on=[*PAIR, "production_day"], how="left").sort(*PAIR, "production_day")
    moved = ("micro", "value_cents", "weighted_micro", "postings", *(f"{name}_{unit}" for name, unit in _USED))
    stocked = full.with_columns(pl.col(moved).fill_null(0)).with_columns(
        (pl.col("open_micro") + pl.col("micro").cum_sum().over(*PAIR)).alias("on_hand_micro"),
        (pl.col("open_value_cents") + pl.col("value_cents").cum_sum().over(*PAIR)).alias("on_hand_cents"),
    )
    opening = (pl.col("on_hand_cents") - pl.col("value_cents")) * MICRO
    known = stocked.with_columns((opening + pl.col("weighted_micro")).alias("average_micro"), _trailing_days())
    sums = {"average_28": "average_micro", "postings_28": "postings", "issued_cost_28": "issued_value_cents"}
    more = [_sum_28(column).alias(name) for name, column in sums.items()]
    return known.with_columns(_use_28("issued"), _use_28("demanded"), _square_28("demanded"), *more)


def _daily(posted: pl.LazyFrame, days: pl.LazyFrame) -> pl.LazyFrame:
    """Postings per pair and day; `weighted_micro` is what they add to the day's average value."""
    left = (pl.col("end_at") - pl.col("at")).dt.total_microseconds()
    length = (pl.col("end_at") - pl.col("start_at")).dt.total_microseconds()
    inside = posted.join(days, on=["site", "production_day"], how="inner")
    return inside.group_by(*PAIR, "production_day").agg(
        pl.col("micro", "value_cents").sum(),
        (pl.col("value_cents") * (left / length).clip(0, 1) * MICRO).round().cast(pl.Int64).sum()
        .alias("weighted_micro"),
        *((-pl.col(unit)).filter(pl.col(name)).sum().alias(f"{name}_{unit}") for name, unit in _USED),
        pl.len().cast(pl.Int64).alias("postings"),
    )  # fmt: skip


def _trailing_days() -> pl.Expr:
    lived = (pl.col("production_day") - pl.col("site_first_day")).dt.total_days() + 1
    return lived.clip(1, TRAILING_DAYS).alias("n_days")


def _sum_28(column: str) -> pl.Expr:
    """Sum of whole numbers over the trailing days; the grid is dense, so rows are days."""
    return pl.col(column).rolling_sum(TRAILING_DAYS, min_samples=1).over(*PAIR)


def _use_28(name: str) -> pl.Expr:
    """Trailing quantity of issues or demand."""
    return scaled(_sum_28(f"{name}_micro"), MICRO, 6).alias(f"{name}_28")


def _square_28(name: str) -> pl.Expr:
    """Sum of the squares of the trailing daily quantities.

    Squares outgrow 64 bits as whole numbers; they are added term by term, because a running float sum
    would depend on where the run began.
    """
    square = scaled(pl.col(f"{name}_micro"), MICRO, 6) ** 2
    return pl.sum_horizontal(square.shift(n).over(*PAIR) for n in range(TRAILING_DAYS)).alias(f"{name}_square_28")


def _mean(name: str) -> pl.Expr:
    return pl.col(f"{name}_28") / pl.col("n_days")


def _variance(name: str) -> pl.Expr:
    """Sample variance of daily quantity, days without any as 0."""
    n = pl.col("n_days")
    spread = (pl.col(f"{name}_square_28") - pl.col(f"{name}_28") ** 2 / n).clip(0)
    return pl.when(n > 1).then(spread / (n - 1)).otherwise(0.0)


def _reorder_point() -> pl.Expr:
    demand, lead = _mean("demanded"), pl.col("lead_d")
    spread = lead * _variance("demanded") + demand**2 * pl.col("lead_var")
    return pl.when(pl.col("demanded_28") > 0).then(demand * lead + SERVICE_Z * spread.clip(0).sqrt())


def _as_known(stocked: pl.LazyFrame, facts: pl.LazyFrame, since: str) -> pl.LazyFrame:
    """The facts of the material known at each day's end."""
    return stocked.sort("end_at").join_asof(
        facts.sort(since), left_on="end_at", right_on=since, by=["site", "material"], strategy="backward",
        allow_exact_matches=False, check_sortedness=False,
    )  # fmt: skip


def _alert() -> pl.Expr:
    still = (pl.col("on_hand_micro") > 0) & (pl.col("n_days") >= TRAILING_DAYS) & (pl.col("postings_28") == 0)
    return (
        pl.when(pl.col("on_hand_micro") < 0)
        .then(pl.lit("negative_stock"))
        .when(pl.col("on_hand_qty") + pl.col("on_order_qty").fill_null(0) < pl.col("reorder_point_qty"))
        .then(pl.lit("below_reorder_point"))
        .when(still)
        .then(pl.lit("no_movement"))
    )
