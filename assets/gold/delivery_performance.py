"""gold.supplier_performance, gold.customer_performance, gold.perfect_orders: sums of gold.supply_lines."""

from __future__ import annotations

import dagster as dg
import polars as pl

from assets.kernels.supply.performance import orders, performance

LINES = {"supply_lines": dg.AssetIn(key=["gold", "supply_lines"])}


@dg.asset(key=["gold", "supplier_performance"], ins=LINES, group_name="gold", kinds={"polars", "delta"})
def supplier_performance(supply_lines: pl.LazyFrame) -> pl.LazyFrame:
    """One row per supplier, material, due day and basis."""
    return performance(supply_lines, "inbound", "supplier", "material")


@dg.asset(key=["gold", "customer_performance"], ins=LINES, group_name="gold", kinds={"polars", "delta"})
def customer_performance(supply_lines: pl.LazyFrame) -> pl.LazyFrame:
    """One row per customer, product, due day and basis."""
    return performance(supply_lines, "outbound", "customer", "product")


@dg.asset(key=["gold", "perfect_orders"], ins=LINES, group_name="gold", kinds={"polars", "delta"})
def perfect_orders(supply_lines: pl.LazyFrame) -> pl.LazyFrame:
    """One row per order and basis."""
    return orders(supply_lines)
