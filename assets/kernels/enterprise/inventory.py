"""gold.inventory: stock at the end of each production day, its value over time, turns, cover, classes, reorder point.

Stock has the algebra of machine time: on hand is the sum of signed postings, average value is the
integral of on-hand value over the day divided by the day, never (open + close) / 2. Quantities are
summed as whole millionths of a unit, so ten receipts of 0.1 and one issue of 1 leave exactly 0, and
values as whole millionths of a cent: a day reads the same to the last bit however many days a run builds.
"""

from __future__ import annotations

from datetime import date, timedelta

import polars as pl

from assets.kernels.figures.sums import scaled
from plant.tables import table

TRAILING_DAYS = 28
DEMAND = ("issue", "shipment")
"""Kinds of move that are demand on the location they leave; scrap, transfers and adjustments are not."""
SERVICE_Z = 1.6448536269514722
"""Standard normal quantile of 95 % cycle service."""
YEAR_DAYS = 365
MICRO = 1_000_000

PAIR = ("site", "material", "location")
COLUMNS = [c for c in table("gold.inventory").schema if c not in {"revision", "known_from"}]


def first_needed(first: date) -> date:
    """First production day whose bounds `inventory` needs to fill `first`."""
    return first - timedelta(days=TRAILING_DAYS - 1)


def inventory(
    ledger: pl.LazyFrame, materials: pl.LazyFrame, lead_times: pl.LazyFrame, days: pl.LazyFrame, first: date
) -> pl.LazyFrame:
    """One row a material, location and production day from `first` on, since the pair first moved.

    `ledger` is the whole silver.stock_ledger, `days` (site, production_day, start_at, end_at) the bounds
    from `first_needed(first)` to the last day wanted. Rows of a day depend on postings up to that day only.

    With the trailing n = min(28, days since the site's first posting) days, over which I is the value and
    d the daily quantity of issues and shipments:

    * turns = 365 x sum(I) / sum(average value); null without stock value
    * days_of_cover = on hand / mean(d), at least 0; null without issues
    * abc: materials by sum(I), share before it under 80 % A, 95 % B, else C; xyz: standard deviation / mean
      of d up to 0.5 X, 1.0 Y, else Z; both over all locations of a site, null without issues
    * reorder_point = mean(d) x L + z x sqrt(L x var(d) + mean(d)^2 x var(L)), z = 1.645 (95 %), L the lead time
      in days (`lead_times`); null without issues or lead time
    * alert: negative_stock, else below_reorder_point, else no_movement (stock, full 28 days, no posting)
    """
    grid = _grid(ledger, days, first)
    stocked = grid.filter(pl.col("production_day") >= first).join(_classes(grid), on=_material_day(), how="left")
    stocked = stocked.join(materials.select("material", "unit"), on="material", how="left")
    led = _with_lead(stocked, lead_times)
    point = pl.when((pl.col("mean_qty") > 0) & pl.col("lead_d").is_not_null()).then(
        pl.col("mean_qty") * pl.col("lead_d")
        + SERVICE_Z
        * (pl.col("lead_d") * pl.col("var_qty") + pl.col("mean_qty") ** 2 * pl.col("lead_var")).clip(0).sqrt()
    )
    out = led.with_columns(
        pl.col("unit").fill_null("unknown"),
        scaled(pl.col("on_hand_micro"), MICRO, 6).alias("on_hand_qty"),
        scaled(pl.col("on_hand_cents"), 100, 2).alias("on_hand_value"),
        scaled(pl.col("average_micro"), 100 * MICRO, 8).alias("average_value"),
        scaled(pl.col("issued_micro"), MICRO, 6).alias("issued_qty"),
        pl.when(pl.col("average_28") > 0)
        .then(YEAR_DAYS * MICRO * pl.col("cost_28") / pl.col("average_28"))
        .alias("turns"),
        point.alias("reorder_point_qty"),
    ).with_columns(
        pl.when(pl.col("mean_qty") > 0)
        .then((pl.col("on_hand_qty") / pl.col("mean_qty")).clip(0))
        .alias("days_of_cover"),
        _alert().alias("alert"),
    )  # fmt: skip
    return out.select(COLUMNS).sort("production_day", "material", "location")


def lead_times(purchases: pl.LazyFrame, partners: pl.LazyFrame) -> pl.LazyFrame:
    """What is known of each material's lead time and since when: material, known_at, lead_d, lead_var.

    From the first receipt on the mean and variance of received - ordered, in days (variance 0 for one
    receipt); before it, from the first order on, what the supplier agreed to, with variance 0.
    """
    agreed = (
        purchases.join(partners, left_on="supplier", right_on="partner", how="inner")
        .filter(pl.col("lead_time_d").is_not_null() & pl.col("ordered_at").is_not_null())
        .select("material", known_at="ordered_at", lead_d="lead_time_d", lead_var=pl.lit(0.0), seen=pl.lit(value=False))
    )
    took = (pl.col("received_at") - pl.col("ordered_at")).dt.total_microseconds() / 86_400e6
    timed = purchases.with_columns(took.alias("took"), one=pl.lit(1.0))
    received = timed.filter(pl.col("took") >= 0).sort("received_at", "purchase_id")
    n, total, squares = (e.cum_sum().over("material") for e in (pl.col("one"), pl.col("took"), pl.col("took") ** 2))
    variance = pl.when(n > 1).then(((squares - total**2 / n) / (n - 1)).clip(0)).otherwise(0.0)
    measured = received.select(
        "material", known_at="received_at", lead_d=total / n, lead_var=variance, seen=pl.lit(value=True)
    )
    both = pl.concat([agreed, measured]).sort("known_at", "seen")
    # once a receipt is known, later orders' agreed times no longer count
    since = pl.col("seen").cum_max().over("material")
    return both.filter(pl.col("seen") | ~since).select("material", "known_at", "lead_d", "lead_var")


def _grid(ledger: pl.LazyFrame, days: pl.LazyFrame, first: date) -> pl.LazyFrame:
    """Every pair and day from the pair's first posting on, with stock at its end and trailing sums."""
    micro = (pl.col("qty") * MICRO).round().cast(pl.Int64)
    demand = pl.col("kind").is_in(list(DEMAND)) & (pl.col("qty") < 0)
    posted = ledger.with_columns(micro.alias("micro"), demand.alias("demand"))
    before = pl.col("micro", "value_cents").filter(pl.col("production_day") < first_needed(first)).sum()
    pairs = posted.group_by(*PAIR).agg(pl.col("production_day").min().alias("first_day"), before.name.prefix("open_"))
    opened = pairs.with_columns(pl.col("first_day").min().over("site").alias("site_first_day"))
    grid = opened.join(days, on="site", how="inner").filter(pl.col("production_day") >= pl.col("first_day"))
    full = grid.join(_daily(posted, days), on=[*PAIR, "production_day"], how="left").sort(*PAIR, "production_day")
    moved = ("micro", "value_cents", "weighted_micro", "issued_micro", "issued_cents", "postings")
    stocked = full.with_columns(pl.col(moved).fill_null(0)).with_columns(
        (pl.col("open_micro") + pl.col("micro").cum_sum().over(*PAIR)).alias("on_hand_micro"),
        (pl.col("open_value_cents") + pl.col("value_cents").cum_sum().over(*PAIR)).alias("on_hand_cents"),
    )
    opening = (pl.col("on_hand_cents") - pl.col("value_cents")) * MICRO
    known = stocked.with_columns((opening + pl.col("weighted_micro")).alias("average_micro"), _trailing_days())
    more = [_sum_28("average_micro", PAIR).alias("average_28"), _sum_28("postings", PAIR).alias("postings_28")]
    return known.with_columns(_demand_28(PAIR) + more).with_columns(_mean(), _variance().alias("var_qty"))


def _daily(posted: pl.LazyFrame, days: pl.LazyFrame) -> pl.LazyFrame:
    """Postings per pair and day; `weighted_micro` is what they add to the day's average value."""
    left = (pl.col("end_at") - pl.col("at")).dt.total_microseconds()
    length = (pl.col("end_at") - pl.col("start_at")).dt.total_microseconds()
    inside = posted.join(days, on=["site", "production_day"], how="inner")
    return inside.group_by(*PAIR, "production_day").agg(
        pl.col("micro", "value_cents").sum(),
        (pl.col("value_cents") * (left / length).clip(0, 1) * MICRO).round().cast(pl.Int64).sum()
        .alias("weighted_micro"),
        (-pl.col("micro")).filter(pl.col("demand")).sum().alias("issued_micro"),
        (-pl.col("value_cents")).filter(pl.col("demand")).sum().alias("issued_cents"),
        pl.len().cast(pl.Int64).alias("postings"),
    )  # fmt: skip


def _trailing_days() -> pl.Expr:
    lived = (pl.col("production_day") - pl.col("site_first_day")).dt.total_days() + 1
    return lived.clip(1, TRAILING_DAYS).alias("n_days")


def _sum_28(column: str, group: tuple[str, ...]) -> pl.Expr:
    """Sum of whole numbers over the trailing days; the grid is dense, so rows are days."""
    return pl.col(column).rolling_sum(TRAILING_DAYS, min_samples=1).over(*group)


def _demand_28(group: tuple[str, ...]) -> list[pl.Expr]:
    """Trailing quantity, its squares and cost of issues.

    Squares outgrow 64 bits as whole numbers; they are added term by term, because a running float sum
    would depend on where the run began.
    """
    square = scaled(pl.col("issued_micro"), MICRO, 6) ** 2
    return [
        scaled(_sum_28("issued_micro", group), MICRO, 6).alias("qty_28"),
        pl.sum_horizontal(square.shift(n).over(*group) for n in range(TRAILING_DAYS)).alias("square_28"),
        _sum_28("issued_cents", group).alias("cost_28"),
    ]


def _mean() -> pl.Expr:
    return (pl.col("qty_28") / pl.col("n_days")).alias("mean_qty")


def _variance() -> pl.Expr:
    """Sample variance of daily quantity, days without an issue as 0."""
    n = pl.col("n_days")
    spread = (pl.col("square_28") - pl.col("qty_28") ** 2 / n).clip(0)
    return pl.when(n > 1).then(spread / (n - 1)).otherwise(0.0)


def _material_day() -> list[str]:
    return ["site", "material", "production_day"]


def _classes(grid: pl.LazyFrame) -> pl.LazyFrame:
    """ABC and XYZ of each material of a site on each day, over all its locations."""
    by_day = grid.group_by(*_material_day()).agg(
        pl.col("issued_micro", "issued_cents").sum(), pl.col("n_days").first(), pl.col("site_first_day").first()
    )
    rolled = by_day.sort(*_material_day()).with_columns(_demand_28(("site", "material")))
    spent = rolled.with_columns(_mean()).with_columns(_variance().alias("var_qty"))
    spent = spent.sort("production_day", "site", "cost_28", "material", descending=[False, False, True, False])
    group = ("site", "production_day")
    cost = pl.col("cost_28")
    share = (cost.cum_sum().over(*group) - cost) / cost.sum().over(*group)
    abc = pl.when(share < 0.8).then(pl.lit("A")).when(share < 0.95).then(pl.lit("B")).otherwise(pl.lit("C"))
    cv = pl.col("var_qty").sqrt() / pl.col("mean_qty")
    xyz = pl.when(cv <= 0.5).then(pl.lit("X")).when(cv <= 1.0).then(pl.lit("Y")).otherwise(pl.lit("Z"))
    issued = pl.col("mean_qty") > 0
    return spent.select(
        *_material_day(),
        pl.when(issued & (pl.col("cost_28") > 0)).then(abc).alias("abc"),
        pl.when(issued & (pl.col("n_days") > 1)).then(xyz).alias("xyz"),
    )


def _with_lead(stocked: pl.LazyFrame, lead_times: pl.LazyFrame) -> pl.LazyFrame:
    """The lead time known at each day's end."""
    known = lead_times.sort("known_at").with_columns(pl.col("known_at").cast(pl.Datetime("us", "UTC")))
    return stocked.sort("end_at").join_asof(
        known, left_on="end_at", right_on="known_at", by="material", strategy="backward", allow_exact_matches=False,
        check_sortedness=False,
    )  # fmt: skip


def _alert() -> pl.Expr:
    still = (pl.col("on_hand_micro") > 0) & (pl.col("n_days") >= TRAILING_DAYS) & (pl.col("postings_28") == 0)
    return (
        pl.when(pl.col("on_hand_micro") < 0)
        .then(pl.lit("negative_stock"))
        .when(pl.col("on_hand_qty") < pl.col("reorder_point_qty"))
        .then(pl.lit("below_reorder_point"))
        .when(still)
        .then(pl.lit("no_movement"))
    )
