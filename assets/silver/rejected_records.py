"""silver.rejected_records: the records that break the contract of their silver table, with what is wrong."""

# No `from __future__ import annotations`: Dagster compares the type of `context` itself, not its name.

import polars as pl

from assets.kernels.enterprise.records import left_out
from assets.silver.adapted import adapted, sources_of_sets
from plant.adapters.canonical import CANONICAL
from plant.adapters.run import Run
from plant.config import Plant

import dagster as dg  # isort: skip


@dg.asset(
    key=["silver", "rejected_records"],
    ins={"records": dg.AssetIn(key=["bronze", "records"])},
    group_name="silver",
    kinds={"polars", "delta"},
)
def rejected_records(
    records: pl.LazyFrame, plant: dg.ResourceParam[Plant], run_mapping: dg.ResourceParam[Run]
) -> pl.LazyFrame:
    """One row per record that is left out of silver in its newest version; gone once its source corrects it."""
    judged = {name: adapted(plant, records, name, run_mapping) for name in CANONICAL}
    return left_out(judged, sources_of_sets(plant))
