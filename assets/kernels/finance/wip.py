"""gold.wip: orders in progress by day, as numbers, pieces and money, and Little's law held against them.

Little (1961): in a stationary system the mean number inside is what leaves a day times the mean time inside. It is an
identity over a long window, so where the two differ much over the trailing days orders pile up or run dry, or release
dates are not what really happened: that is the finding.
"""

from __future__ import annotations

import polars as pl

from assets.kernels.axis import us
from assets.kernels.finance.day_costs import COSTS
from assets.kernels.finance.material import issues
from assets.kernels.finance.performance import last_operations
from plant.tables import table

WINDOW_D = 7
APART = 0.25
"""A finding from this share of the larger of the two on."""
_PIECES = ("good_pcs", "scrap_pcs", "rework_pcs")


def wip(
    days: pl.LazyFrame, orders: pl.DataFrame, operations: pl.LazyFrame, stock: pl.LazyFrame, locations: pl.LazyFrame,
    bounds: pl.DataFrame,
) -> pl.DataFrame:  # fmt: skip
    """gold.wip: one row a site and production day of gold.order_days.

    days: gold.order_days. orders: gold.order_performance. operations: of machines of the plant.
    bounds: site, production_day, start_at, end_at.
    Value at the end of a day: what the orders then open had cost by then (material issued by posting time, machines,
    people, energy, overhead by day), minus the products they had delivered by then at posted value. Pieces are those
    of the same orders: an order that ended has none, also where its counts never met.
    """
    grid = _grid(days, bounds)
    held = _open_then(grid, orders)
    spent = _spent(grid, held, days, stock, locations)
    found = grid.join(_orders(grid, orders), on=["site", "production_day"], how="left")
    found = found.join(_pieces(held, days, operations), on=["site", "production_day"], how="left")
    found = found.join(spent, on=["site", "production_day"], how="left")
    zero = found.with_columns(pl.col("orders", "pieces", "ended_orders", "under_us", "lead_us").fill_null(0))
    filled = zero.with_columns(
        average_orders=pl.col("under_us") / (pl.col("end_us") - pl.col("start_us")),
        value=pl.when(pl.col("unpaid").is_null()).then(0.0).otherwise(pl.col("value")),
    )  # fmt: skip
    judged = _little(filled.sort("site", "production_day"))
    schema = table("gold.wip").schema
    return judged.select(pl.col(n).cast(d) for n, d in schema.items()).sort("production_day", "site")


def _grid(days: pl.LazyFrame, bounds: pl.DataFrame) -> pl.DataFrame:
    """site, production_day, start_us, end_us of every day with an order."""
    held = days.select("site", "production_day").unique().collect(engine="in-memory")
    return bounds.select("site", "production_day", start_us=us("start_at"), end_us=us("end_at")).join(
        held, on=["site", "production_day"], how="semi"
    )


def _orders(grid: pl.DataFrame, orders: pl.DataFrame) -> pl.DataFrame:
    """Orders open at the end of each day, time under way in it, and those that ended in it with their lead time."""
    begin = us(pl.min_horizontal("released_at", "started_at"))
    known = orders.select("site", "lead_us", begin_us=begin, end_us_=us("ended_at"), as_of_us=us("as_of_at"))
    met = grid.join(known, on="site").filter(pl.col("begin_us") < pl.col("end_us"))
    until = pl.min_horizontal("end_us", pl.coalesce("end_us_", "as_of_us"))
    ended = pl.col("end_us_").is_between("start_us", "end_us", closed="left").fill_null(value=False)
    under = (until - pl.max_horizontal("start_us", "begin_us")).clip(0)
    return met.group_by("site", "production_day").agg(
        orders=(pl.col("end_us_").is_null() | (pl.col("end_us_") >= pl.col("end_us"))).sum(),
        under_us=under.sum(),
        ended_orders=ended.sum(),
        lead_us=pl.col("lead_us").filter(ended).sum(),
    )


def _open_then(grid: pl.DataFrame, orders: pl.DataFrame) -> pl.DataFrame:
    """Orders open at the end of each day of their site: site, production_day, end_us, order_id."""
    begin = us(pl.min_horizontal("released_at", "started_at"))
    known = orders.select("order_id", "site", begin_us=begin, ended_us=us("ended_at"))
    met = grid.join(known, on="site").filter(
        pl.col("begin_us") < pl.col("end_us"), pl.col("ended_us").is_null() | (pl.col("ended_us") >= pl.col("end_us"))
    )
    return met.select("site", "production_day", "end_us", "order_id")


def _pieces(held: pl.DataFrame, days: pl.LazyFrame, operations: pl.LazyFrame) -> pl.DataFrame:
    """Pieces of open orders that came off the first operation and not yet off the last, nor were scrapped."""
    steps = last_operations(operations)
    made = days.filter(pl.col("machine").is_not_null()).join(steps, on=["order_id", "operation"])
    entered = pl.sum_horizontal(_PIECES) * pl.col("first").cast(pl.Int64)
    left = pl.col("scrap_pcs") + (pl.col("good_pcs") + pl.col("rework_pcs")) * pl.col("last").cast(pl.Int64)
    daily = made.group_by("order_id", made_on="production_day").agg(pieces=(entered - left).sum())
    met = held.join(daily.collect(engine="in-memory"), on="order_id").filter(
        pl.col("made_on") <= pl.col("production_day")
    )
    return met.group_by("site", "production_day").agg(pl.col("pieces").sum())


def _spent(
    grid: pl.DataFrame, held: pl.DataFrame, days: pl.LazyFrame, stock: pl.LazyFrame, locations: pl.LazyFrame
) -> pl.DataFrame:
    """Currency units in the orders open at the end of each day: value (null: a cost is not known), unpaid."""
    costs = [f"{c}_ucents" for c in COSTS]
    unknown = pl.any_horizontal(pl.col(costs).is_null()).any()
    daily = (
        days.filter(pl.col("machine").is_not_null())
        .group_by("order_id", "site", "production_day")
        .agg(ucents=pl.when(~unknown).then(pl.sum_horizontal(costs).sum()), unpaid=unknown)
    )
    ends = grid.lazy().select("site", "production_day", "end_us")
    conversion = daily.join(ends, on=["site", "production_day"])
    booked = conversion.select("order_id", "ucents", "unpaid", at_us=pl.col("end_us") - 1)
    moved = pl.concat([_lines(issues(stock, locations)), _lines(_delivered(stock))]).with_columns(
        unpaid=pl.lit(value=False)
    )
    lines = pl.concat([booked, moved], how="diagonal").collect(engine="in-memory")
    met = held.join(lines, on="order_id").filter(pl.col("at_us") < pl.col("end_us"))
    total = pl.when(~pl.col("unpaid").any()).then(pl.col("ucents").sum() / 1e8)
    return met.group_by("site", "production_day").agg(pl.col("unpaid").any(), value=total)


def _delivered(stock: pl.LazyFrame) -> pl.LazyFrame:
    """Products that came off orders: production postings of what nothing was issued of to the same order."""
    made = stock.filter(pl.col("kind") == "production", pl.col("reference").is_not_null())
    used = stock.filter(pl.col("kind") == "issue").select("reference", "material").unique()
    return made.join(used, on=["reference", "material"], how="anti")


def _lines(postings: pl.LazyFrame) -> pl.LazyFrame:
    """What left stock was spent, what came in was delivered."""
    return postings.select(order_id="reference", ucents=pl.col("value_cents") * -1_000_000, at_us=us("at"))


def _little(rows: pl.DataFrame) -> pl.DataFrame:
    """Sums of the trailing days of each site, of the days there are; the law is held against whole windows only."""
    sums = rows.rolling("production_day", period=f"{WINDOW_D}d", group_by="site").agg(
        under_w=pl.col("under_us").sum(), length_w=(pl.col("end_us") - pl.col("start_us")).sum(),
        ended_w=pl.col("ended_orders").sum(), lead_w=pl.col("lead_us").sum(),
    )  # fmt: skip
    both = rows.join(sums, on=["site", "production_day"]).with_columns(
        window_orders=pl.col("under_w") / pl.col("length_w"),
        little_orders=pl.when(pl.col("ended_w") > 0).then(pl.col("lead_w") / pl.col("length_w")),
    )
    apart = (pl.col("window_orders") - pl.col("little_orders")).abs()
    larger = pl.max_horizontal("window_orders", "little_orders")
    said = pl.format(
        "{} orders were under way, Little's law gives {}: orders pile up, run dry, or their dates are wrong",
        pl.col("window_orders").round(1), pl.col("little_orders").round(1),
    )  # fmt: skip
    whole = pl.col("production_day") - pl.col("production_day").min().over("site") >= pl.duration(days=WINDOW_D - 1)
    return both.with_columns(note=pl.when(whole & (apart > APART * larger)).then(said))
