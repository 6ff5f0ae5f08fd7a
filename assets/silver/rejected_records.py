"""silver.rejected_records: the records that break the contract of their silver table, with what is wrong."""

# No `from __future__ import annotations`: Dagster compares the type of `context` itself, not its name.

import polars as pl

from assets.kernels.enterprise.records import ADAPTERS, adapt, left_out
from assets.kernels.enterprise.stock import moves
from assets.silver.enterprise import record_sets
from plant.config import Plant

import dagster as dg  # isort: skip


@dg.asset(
    key=["silver", "rejected_records"],
    ins={"records": dg.AssetIn(key=["bronze", "records"])},
    group_name="silver",
    kinds={"polars", "delta"},
)
def rejected_records(records: pl.LazyFrame, plant: dg.ResourceParam[Plant]) -> pl.LazyFrame:
    """One row per record that is left out of silver in its newest version; gone once its source corrects it."""
    judged = {a.table: adapt(records, a, record_sets(plant, a.source_table)) for a in ADAPTERS}
    judged["stock_ledger"] = moves(records, record_sets(plant, "stock_moves"))
    sources = {f"{s.name}.{t.name}": s.name for s in plant.file.source if s.kind == "sql" for t in s.tables}
    return left_out(judged, sources)
