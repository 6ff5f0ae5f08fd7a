"""gold.cash_to_cash: DIO + DSO - DPO from balances over time, by month and trailing window."""

from __future__ import annotations

import dagster as dg
import polars as pl

from assets.kernels.finance.cash import cash_to_cash as cycle
from assets.kernels.finance.reach import records_reach_us
from plant.config import Plant


@dg.asset(
    key=["gold", "cash_to_cash"], group_name="gold", kinds={"polars", "delta"},
    ins={n: dg.AssetIn(key=["silver", n]) for n in ("stock_ledger", "invoices", "exchange_rates", "time_ledger")},
)  # fmt: skip
def cash_to_cash(
    stock_ledger: pl.LazyFrame, invoices: pl.LazyFrame, exchange_rates: pl.LazyFrame, time_ledger: pl.LazyFrame,
    plant: dg.ResourceParam[Plant],
) -> pl.DataFrame:  # fmt: skip
    """One row per month and per trailing window, up to where the records reach."""
    as_of_us = records_reach_us(time_ledger, stock_ledger, invoices)
    zone, currency = plant.file.site[0].timezone, plant.file.plant.currency
    return cycle(stock_ledger, invoices, exchange_rates, zone, currency, as_of_us)
