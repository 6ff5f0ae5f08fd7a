"""silver.rejected_records: the records that break the contract of their silver table, with what is wrong."""

# No `from __future__ import annotations`: Dagster compares the type of `context` itself, not its name.

import polars as pl

from assets.silver.judging import Judging

import dagster as dg  # isort: skip


@dg.asset(
    key=["silver", "rejected_records"],
    ins={"records": dg.AssetIn(key=["bronze", "records"])},
    group_name="silver",
    kinds={"polars", "delta"},
)
def rejected_records(records: pl.LazyFrame, judging: dg.ResourceParam[Judging]) -> pl.LazyFrame:
    """One row per record that is left out of silver in its newest version; gone once its source corrects it."""
    return judging.rejected(records)
