"""Sums of order lines a partner, material and due day, and orders as a whole: what every ratio is divided from."""

from __future__ import annotations

import polars as pl

from assets.kernels.supply.facts import MICRO
from plant.contracts.supply import SUMS
from plant.tables import table

OUTCOMES = ("on_time", "early", "late", "overdue", "untold", "not_due", "undated", "cancelled")


def performance(lines: pl.LazyFrame, direction: str, partner: str, material: str) -> pl.LazyFrame:
    """Lines of one direction summed by partner, material, due day and basis; whole numbers only.

    OTIF = otif / due, on time = on_time / due, in full = in_full / due, over any rows added up. A line is one row of
    one day, so a month is the sum of its days, and a week or a month of several partners is, too.
    """
    due = pl.col("due")
    one = {name: (pl.col("outcome") == name).sum().cast(pl.Int64) for name in OUTCOMES}
    behind = pl.col("days_late").filter(pl.col("outcome").is_in(["late", "overdue"]))
    sums = one | {
        "lines": pl.len().cast(pl.Int64), "due": due.sum().cast(pl.Int64),
        "in_full": _yes("in_full"), "otif": _yes("otif"), "late_days": behind.sum(),
        "due_micro": _micro("due_qty"), "in_time_micro": _micro("in_time_qty"),
        "checked_micro": _micro("rejection_told_qty"), "rejected_micro": _micro("rejected_qty"),
        "returned_micro": _micro("returned_qty"),
        "papers_told": (due & pl.col("documents_ok").is_not_null()).sum().cast(pl.Int64),
        "papers_ok": (due & pl.col("documents_ok")).sum().cast(pl.Int64),
    }  # fmt: skip
    keys = (pl.col("partner").alias(partner), pl.col("material").alias(material), "due_day", "basis")
    mine = lines.filter(direction=direction).group_by(*keys).agg(
        pl.col("as_of_day").max(), *(sums[c.name].alias(c.name) for c in SUMS)
    )  # fmt: skip
    return mine.sort(partner, material, "due_day", "basis")


def _yes(column: str) -> pl.Expr:
    return pl.col(column).sum().cast(pl.Int64)


def _micro(column: str) -> pl.Expr:
    """Whole millionths of the due lines: quantities are millionths to the last digit."""
    return (pl.col(column).filter(pl.col("due")) * MICRO).round().cast(pl.Int64).sum()


def orders(lines: pl.LazyFrame) -> pl.LazyFrame:
    """gold.perfect_orders: an order counts when each of its lines that is not cancelled does.

    Perfect after SCOR DS RL.1.1 (customers) and RL.1.2 (suppliers): in full, on time, documents right, condition
    perfect. One that is not settles it; one that is not told leaves it open (null), never true.
    """
    whole = {
        name: pl.col(name).all(ignore_nulls=False) for name in ("on_time", "in_full", "damage_free", "documents_ok")
    }
    told = lines.filter(pl.col("outcome") != "cancelled").group_by("direction", "partner", "order_id", "basis").agg(
        pl.col("as_of_day").max(),
        pl.when(pl.col("due_day").is_not_null().all()).then(pl.col("due_day").max()).alias("due_day"),
        pl.len().cast(pl.Int64).alias("lines"), _yes("otif").alias("otif_lines"), pl.col("due").all().alias("due"),
        *(verdict.alias(name) for name, verdict in whole.items()),
    )  # fmt: skip
    counted = told.with_columns(pl.when("due").then(name).alias(name) for name in whole)
    perfect = pl.when("due").then(pl.all_horizontal(list(whole)))
    columns = list(table("gold.perfect_orders").schema)
    return (
        counted.with_columns(perfect.alias("perfect")).select(columns).sort("direction", "partner", "order_id", "basis")
    )
