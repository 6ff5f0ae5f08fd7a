"""Measures of whole orders: their way through the plant from first start to end, and what happened on it.

They stand on rows of their own without machine, so that AOET is not summed once for each machine: at the levels that
hold all operations of the order (its line, area or site where they are one), by full local hour.
"""

from __future__ import annotations

from collections.abc import Sequence

import polars as pl

from assets.kernels.axis import us
from assets.kernels.figures.hours import Hours

KEY = ("production_day", "site", "area", "line", "hour_at", "order_id", "product")
MEASURES = (
    "aoet_us", "order_apt_us", "order_aubt_us", "order_unknown_us", "order_pcs", "order_scrap_pcs",
    "order_quarantined_pcs", "psq_micropcs",
)  # fmt: skip
_MICRO = 1_000_000


def order_sums(
    operations: pl.LazyFrame,
    work_orders: pl.LazyFrame,
    machines: pl.DataFrame,
    hours: Hours,
    made: Sequence[pl.DataFrame],
    ends: pl.DataFrame,
) -> pl.DataFrame:
    """Sums per order and full local hour: `KEY` and `MEASURES`.

    operations, work_orders: silver tables; an order counts once one of its operations has started.
    made: sums by time and by pieces (`time_sums`, `piece_sums` with `last_op_pcs`), for what the order's machines did.
    ends: site, end_us: how far the ledger of each site reaches; an order still on runs to there.
    """
    orders = _orders(operations, machines, ends).with_row_index("order")
    spans = orders.with_columns(hours.track(pl.lit("site:") + pl.col("site")))
    elapsed = hours.cut(spans).select("order", "cell", aoet_us="part_us")
    done = [elapsed, *(_done(frame, spans, hours) for frame in made)]
    at = pl.col("order").cast(pl.Int64) * hours.cells.height + pl.col("cell")
    whole = pl.concat((frame.select(pl.exclude("order", "cell"), at=at) for frame in done), how="diagonal")
    summed = whole.group_by("at").agg(pl.col(MEASURES[:-1]).sum()).sort("at")
    placed = summed.with_columns(order=pl.col("at") // hours.cells.height, cell=pl.col("at") % hours.cells.height)
    known = orders.select(pl.col("order").cast(pl.Int64), "order_id", "site", "area", "line", "product")
    named = hours.named(placed).join(known, on="order").join(_plan(work_orders), on="order_id", how="left")
    return named.select(*KEY, *MEASURES[:-1], _planned_scrap())


def _orders(operations: pl.LazyFrame, machines: pl.DataFrame, ends: pl.DataFrame) -> pl.DataFrame:
    """Orders that have started: order_id, product, site, area, line (null where several), start_us, end_us.

    An order of machines of several sites has no level that holds it and is left out.
    """
    rows = operations.collect(engine="in-memory").join(machines.select("machine", "site", "area", "line"), on="machine")
    one = [pl.when(pl.col(c).n_unique() == 1).then(pl.col(c).first()).alias(c) for c in ("site", "area", "line")]
    start = pl.col("started_at").min()
    ended = pl.when(pl.col("ended_at").is_not_null().all()).then(pl.col("ended_at").max())
    found = rows.group_by("order_id").agg(
        *one, pl.col("product").drop_nulls().sort().first(), start_us=us(start), end_us=us(ended)
    )
    held = found.filter(pl.col("site").is_not_null(), pl.col("start_us").is_not_null()).join(ends, on="site")
    return held.with_columns(end_us=pl.min_horizontal("end_us", "end_us_right")).drop("end_us_right")


def _done(sums: pl.DataFrame, spans: pl.DataFrame, hours: Hours) -> pl.DataFrame:
    """What the machines of known orders did, by the order's number and the full hour of its site."""
    measures = [m for m in MEASURES if m in sums.columns]
    told = sums.select("order_id", *measures, at_us=us("hour_at"))
    known = told.join(spans.select("order_id", "order", "track"), on="order_id")
    return hours.at(known).select("order", "cell", *measures)


def of_time(sums: pl.DataFrame) -> pl.DataFrame:
    """`time_sums` as measures of orders: order_id, hour_at and what the hour adds."""
    return sums.filter(pl.col("order_id").is_not_null()).select(
        "order_id", "hour_at", order_apt_us="apt_us",
        order_aubt_us=pl.col("apt_us") + pl.col("aust_us") + pl.col("adet_us"), order_unknown_us="unknown_us",
    )  # fmt: skip


def of_pieces(sums: pl.DataFrame, routing: pl.DataFrame) -> pl.DataFrame:
    """`piece_sums` as measures of orders: pieces of the last operation, scrap and quarantined pieces of all."""
    told = sums.select("order_id", "operation", "hour_at", "produced_pcs", "scrap_pcs", "quarantined_pcs")
    last = told.join(routing.select("order_id", "operation", "last_op"), on=["order_id", "operation"])
    return last.select(
        "order_id", "hour_at", order_pcs=pl.col("produced_pcs") * pl.col("last_op"), order_scrap_pcs="scrap_pcs",
        order_quarantined_pcs="quarantined_pcs",
    )  # fmt: skip


def _plan(work_orders: pl.LazyFrame) -> pl.DataFrame:
    """Scrap planned for a piece of each order that plans scrap: order_id, scrap_per_pc."""
    planned = work_orders.filter(pl.col("planned_scrap_pcs").is_not_null(), pl.col("planned_pcs") > 0)
    share = pl.col("planned_scrap_pcs") / pl.col("planned_pcs")
    return planned.select("order_id", scrap_per_pc=share).collect(engine="in-memory")


def _planned_scrap() -> pl.Expr:
    planned = pl.col("order_pcs") * pl.col("scrap_per_pc") * _MICRO
    return planned.round().cast(pl.Int64).fill_null(0).alias("psq_micropcs")
