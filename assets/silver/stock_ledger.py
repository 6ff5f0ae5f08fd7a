"""silver.stock_ledger: every stock movement as signed postings; the sum to any instant is the stock on hand."""

# No `from __future__ import annotations`: Dagster compares the type of `context` itself, not its name.

import polars as pl

from assets.kernels.enterprise.stock import ledger, moves
from assets.silver.enterprise import kept, record_sets
from plant.calendar import clock
from plant.config import Plant

import dagster as dg  # isort: skip


@dg.asset(
    key=["silver", "stock_ledger"],
    ins={
        "records": dg.AssetIn(key=["bronze", "records"]),
        "locations": dg.AssetIn(key=["silver", "locations"]),
    },
    group_name="silver",
    kinds={"polars", "delta"},
)
def stock_ledger(
    context: dg.AssetExecutionContext,
    records: pl.LazyFrame,
    locations: pl.LazyFrame,
    plant: dg.ResourceParam[Plant],
) -> pl.LazyFrame:
    """One row per stock move and location inside the plant."""
    moved = kept(context, moves(records, record_sets(plant, "stock_moves")))
    sites = {s.name: (s.timezone, clock(s.day_start)) for s in plant.file.site}
    return ledger(moved.lazy(), locations, sites, default_site=plant.file.site[0].name)
