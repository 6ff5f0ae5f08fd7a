"""gold.order_days: the additive base of orders, of one day at a time; everything else about orders is sums of it."""

from __future__ import annotations

import polars as pl

from assets.kernels.finance.day_costs import COSTS, machine_rows
from assets.kernels.finance.lead_time import in_plant, order_rows, spans
from plant.tables import table

TABLES = ("time_ledger", "count_ledger", "energy_ledger", "operations", "work_orders", "cost_rates")
"""Silver tables it is made of; the first three by production day, the others whole."""


def order_days(
    time: pl.LazyFrame,
    counts: pl.LazyFrame,
    energy: pl.LazyFrame,
    operations: pl.LazyFrame,
    work_orders: pl.LazyFrame,
    machines: pl.DataFrame,
    lines: pl.DataFrame,
) -> pl.DataFrame:
    """gold.order_days of the days of the ledgers.

    machines: `plant.dimensions.machines_frame`. lines: `rates.timeline` over them. The row without machine holds where
    the order's lead time went, those with one what it took there; the two are not added to each other.
    """
    known = in_plant(operations, machines)
    taken = machine_rows(time, counts, energy, known, lines)
    went = order_rows(time, spans(known, work_orders, machines))
    both = pl.concat([taken, went], how="diagonal")
    measures = [c.name for c in table("gold.order_days").columns if c.kind == "i64" and not c.null]
    costs = [pl.when(pl.col("machine").is_null()).then(0).otherwise(pl.col(f"{c}_ucents")).alias(f"{c}_ucents")
             for c in COSTS]  # fmt: skip
    whole = both.with_columns(*(pl.lit(0, pl.Int64).alias(m) for m in measures if m not in both.columns)).with_columns(
        pl.col(measures).fill_null(0), *costs
    )
    schema = table("gold.order_days").schema
    return whole.select(pl.col(n).cast(d) for n, d in schema.items()).sort(
        "production_day", "order_id", "machine", "operation", nulls_last=True
    )
