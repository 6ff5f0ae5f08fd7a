"""silver.stock_ledger: every stock movement as signed postings; the sum to any instant is the stock on hand."""

# No `from __future__ import annotations`: Dagster compares the type of `context` itself, not its name.

import polars as pl

from assets.kernels.stock.ledger import ledger
from assets.kernels.stock.sites import sites_of
from plant.calendar import clock
from plant.config import Plant

import dagster as dg  # isort: skip


@dg.asset(
    key=["silver", "stock_ledger"],
    ins={
        "stock_moves": dg.AssetIn(key=["silver", "stock_moves"]),
        "locations": dg.AssetIn(key=["silver", "locations"]),
    },
    group_name="silver",
    kinds={"polars", "delta"},
)
def stock_ledger(stock_moves: pl.LazyFrame, locations: pl.LazyFrame, plant: dg.ResourceParam[Plant]) -> pl.LazyFrame:
    """One row per stock move and location inside the plant."""
    starts = {s.name: (s.timezone, clock(s.day_start)) for s in plant.file.site}
    return ledger(stock_moves, locations, starts, sites_of(plant))
