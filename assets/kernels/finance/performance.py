"""gold.order_performance and gold.operation_performance: plan against actual, schedule adherence, lead time.

Adherence: begun within the tolerance of the planned start and ended within it of the planned end. None of the 34 KPIs
of ISO 22400-2 is about dates, so the definition is ours: both ends count, early is a miss as well as late, because
early is what the next order's machine was taken from. What is tolerated is `[finance] adherence_h` of plant.toml.
"""

from __future__ import annotations

from collections.abc import Sequence

import polars as pl

from assets.kernels.axis import INSTANT, us
from assets.kernels.finance.lead_time import BUCKETS, in_plant, over, spans
from plant.tables import table

_PIECES = ("good_pcs", "scrap_pcs", "rework_pcs")
_ON_MACHINE = ("setup_us", "run_us", "interrupted_us", "planned_us", "not_scheduled_us", "unknown_us")
TIMES = (*BUCKETS, "person_us", "energy_j")


def order_performance(
    days: pl.LazyFrame,
    operations: pl.LazyFrame,
    work_orders: pl.LazyFrame,
    machines: pl.DataFrame,
    reach: pl.DataFrame,
    tolerance_s: float,
    stock: pl.LazyFrame | None = None,
) -> pl.DataFrame:
    """gold.order_performance: one row an order that was released or begun.

    stock: silver.stock_ledger; where no pieces of an order were counted, those received into stock are its good ones.

    days: gold.order_days. reach: site, as_of_at: how far the ledger of each site reaches; orders of a site without
    one are left out. An open order's dates are those that happened, its lead time runs to as_of_at.
    """
    known = spans(operations, work_orders, machines).join(reach.with_columns(as_of_us=us("as_of_at")), on="site")
    plan = work_orders.select("order_id", "status", "planned_pcs", "planned_start_at", "planned_end_at")
    told = known.join(plan.collect(engine="in-memory"), on="order_id", how="left")
    made = _made(days, in_plant(operations, machines))
    whole = told.join(_lead(days), on="order_id", how="left").join(made, on="order_id", how="left")
    if stock is not None:
        whole = whole.join(_received(stock), on=["order_id", "product"], how="left").with_columns(
            pl.when(pl.col(c).fill_null(0) == 0).then(pl.coalesce("received", c)).otherwise(c).alias(c)
            for c in ("good_pcs", "started_pcs")
        )
    filled = whole.with_columns(pl.col(*BUCKETS, "good_pcs", "scrap_pcs", "started_pcs").fill_null(0))
    dated = filled.with_columns(
        pl.col("end_us").is_null().alias("open"),
        *(pl.col(f"{n}_us").cast(INSTANT).alias(f"{n}_at") for n in ("released", "started")),
        pl.col("end_us").cast(INSTANT).alias("ended_at"), lead_us=pl.sum_horizontal(BUCKETS),
    )  # fmt: skip
    late = pl.when(pl.col("as_of_at") > pl.col("planned_end_at")).then(_after("as_of_at", "planned_end_at"))
    judged = dated.with_columns(
        start_deviation_s=_after("started_at", "planned_start_at"),
        end_deviation_s=pl.when(pl.col("open")).then(late).otherwise(_after("ended_at", "planned_end_at")),
    )
    held = pl.col("status").eq_missing("cancelled")
    judged = judged.with_columns(adherence=pl.when(~held).then(_adherence(tolerance_s, open_too=True)))
    return (
        judged.with_columns(note=_note())
        .select(pl.col(n).cast(d) for n, d in table("gold.order_performance").schema.items())
        .sort("order_id")
    )


def operation_performance(
    days: pl.LazyFrame, operations: pl.LazyFrame, work_orders: pl.LazyFrame, machines: pl.DataFrame, tolerance_s: float
) -> pl.DataFrame:
    """gold.operation_performance: one row an order, operation and machine that has begun."""
    operations = with_quantity(operations, work_orders)
    key = ["order_id", "operation", "machine"]
    sums = (
        days.filter(pl.col("machine").is_not_null())
        .group_by(key)
        .agg(pl.col(*_ON_MACHINE, *_PIECES, "person_us", "energy_j").sum(), _all_or_null("ideal_us"))
    )
    plan = ("planned_pcs", "planned_setup_s", "planned_run_s")
    rows = operations.filter(pl.col("started_at").is_not_null()).group_by(key).agg(
        pl.col("product", "seq").drop_nulls().first(), *(_all_or_null(p) for p in plan),
        pl.col("planned_start_at", "started_at").min(), pl.col("planned_end_at").max(),
        ended_at=pl.when(pl.col("ended_at").is_not_null().all()).then(pl.col("ended_at").max()),
    )  # fmt: skip
    place = machines.lazy().select("machine", "site", "area", "line")
    both = rows.join(place, on="machine").join(sums, on=key, how="left").collect(engine="in-memory")
    filled = both.with_columns(pl.col(*_ON_MACHINE, *_PIECES, "person_us", "energy_j").fill_null(0)).with_columns(
        pl.col("ended_at").is_null().alias("open"),
        start_deviation_s=_after("started_at", "planned_start_at"),
        end_deviation_s=_after("ended_at", "planned_end_at"),
        standard_run_s=standard_us() / 1e6,
    )  # fmt: skip
    judged = filled.with_columns(adherence=_adherence(tolerance_s, open_too=False))
    return judged.select(pl.col(n).cast(d) for n, d in table("gold.operation_performance").schema.items()).sort(
        "order_id", "machine", "operation"
    )


def with_quantity(operations: pl.LazyFrame, orders: pl.LazyFrame) -> pl.LazyFrame:
    """Operations with planned_pcs: their own, else that of their order (orders: order_id, planned_pcs)."""
    ordered = orders.select("order_id", _ordered="planned_pcs")
    both = operations.join(ordered, on="order_id", how="left", maintain_order="left")
    return both.with_columns(pl.coalesce("planned_pcs", "_ordered").alias("planned_pcs")).drop("_ordered")


def standard_us() -> pl.Expr:
    """Standard run time of the pieces made: the plan's time a piece, else their ideal cycles; null without either."""
    made = pl.sum_horizontal(_PIECES)
    planned = pl.when(pl.col("planned_pcs") > 0).then(pl.col("planned_run_s") * 1e6 / pl.col("planned_pcs") * made)
    return pl.coalesce(planned, pl.when(made > 0).then(pl.col("ideal_us").cast(pl.Float64)))


def last_operations(operations: pl.LazyFrame) -> pl.LazyFrame:
    """First and last position in the routing of each order's operations: order_id, operation, seq, first, last."""
    steps = operations.group_by("order_id", "operation").agg(pl.col("seq").min())
    return steps.with_columns(
        first=pl.col("seq") == pl.col("seq").min().over("order_id"),
        last=pl.col("seq") == pl.col("seq").max().over("order_id"),
    )


def _lead(days: pl.LazyFrame) -> pl.DataFrame:
    whole = days.filter(pl.col("machine").is_null()).group_by("order_id").agg(pl.col(BUCKETS).sum())
    return whole.collect(engine="in-memory")


def _made(days: pl.LazyFrame, operations: pl.LazyFrame) -> pl.DataFrame:
    """Pieces of each order: good ones of the last operation, all of the first, scrap of all; first and last known."""
    made = days.filter(pl.col("machine").is_not_null()).join(
        last_operations(operations), on=["order_id", "operation"], how="left"
    )
    return made.group_by("order_id").agg(
        good_pcs=pl.col("good_pcs").filter("last").sum(), scrap_pcs=pl.col("scrap_pcs").sum(),
        started_pcs=pl.sum_horizontal(_PIECES).filter(pl.col("first")).sum(),
    ).collect(engine="in-memory")  # fmt: skip


def _received(stock: pl.LazyFrame) -> pl.DataFrame:
    """Pieces of an order's product that came into stock from it: order_id, product, received."""
    rows = stock.filter(pl.col("kind") == "production", pl.col("reference").is_not_null())
    summed = rows.group_by(order_id="reference", product="material").agg(
        received=pl.col("qty").sum().round().cast(pl.Int64)
    )
    return summed.filter(pl.col("received") > 0).collect(engine="in-memory")


def _all_or_null(column: str) -> pl.Expr:
    return pl.when(pl.col(column).is_not_null().all()).then(pl.col(column).sum()).alias(column)


def _after(actual: str, planned: str) -> pl.Expr:
    return (us(actual) - us(planned)) / 1e6


def _adherence(tolerance_s: float, *, open_too: bool) -> pl.Expr:
    """What missed the plan, the end before the start; null without both dates, or while nothing is over."""
    start, end = pl.col("start_deviation_s"), pl.col("end_deviation_s")
    so_far = pl.when(end > tolerance_s).then(pl.lit("late_so_far")) if open_too else pl.lit(None, pl.String)
    done = (
        pl.when(start.is_null() | end.is_null()).then(None)
        .when(end > tolerance_s).then(pl.lit("late_end"))
        .when(start > tolerance_s).then(pl.lit("late_start"))
        .when(start < -tolerance_s).then(pl.lit("early_start"))
        .when(end < -tolerance_s).then(pl.lit("early_end"))
        .otherwise(pl.lit("on_time"))
    )  # fmt: skip
    return pl.when(pl.col("open")).then(so_far).otherwise(done)


def _note() -> pl.Expr:
    """Findings, joined: no plan, no end, ended before it began, more good pieces than were started."""
    no_plan = pl.col("planned_start_at").is_null() | pl.col("planned_end_at").is_null()
    found: Sequence[tuple[pl.Expr, str]] = (
        (no_plan, "no planned dates: adherence cannot be said"),
        (over() & pl.col("end_us").is_null(), "its status says that it is over, no end is told: it counts as open"),
        (pl.col("end_us") < pl.col("begin_us"), "ended before it began: correct the order's dates"),
        (pl.col("good_pcs") > pl.col("started_pcs"), "more good pieces than the first operation counted"),
        (pl.col("unknown_us") > 0, "a part of the lead time has no signal"),
    )
    words = pl.concat_list([pl.when(against).then(pl.lit(text)) for against, text in found]).list.drop_nulls()
    return pl.when(words.list.len() > 0).then(words.list.join("; "))
