"""The relational silver tables: latest version of each record of MES, WMS and ERP, one asset a table.

The adapters of the plant's SQL sources say how each is filled, so one factory makes the assets. A record that breaks
its contract is left out and reported: in silver.rejected_records, as a warning in the run's log and as metadata.
"""

# No `from __future__ import annotations`: Dagster compares the type of `context` itself, not its name.

from typing import Any

import polars as pl

from assets.silver.judging import Judging, Verdict
from plant.adapters.canonical import CANONICAL
from plant.tables import Table

import dagster as dg  # isort: skip

SAMPLES = 5
"""Rejected records shown in an asset's metadata; all of them are counted."""


def kept(context: dg.AssetExecutionContext, verdict: Verdict) -> pl.DataFrame:
    """The rows that keep the contract; the others are counted and shown in the asset's metadata."""
    context.add_output_metadata(_about(verdict.rejected))
    for row in verdict.rejected.head(SAMPLES).iter_rows(named=True):
        context.log.warning("%s %s left out: %s", row["record_set"], row["record_key"], row["message"])
    return verdict.rows


def _about(rejected: pl.DataFrame) -> dict[str, Any]:
    by_reason = rejected.group_by("reason").len().sort("reason").rows()
    sample = [f"{r['record_set']} {r['record_key']}: {r['message']}" for r in rejected.head(SAMPLES).to_dicts()]
    return {
        "rejected": rejected.height,
        "rejected_by_reason": dg.MetadataValue.json(dict(by_reason)),
        "rejected_sample": dg.MetadataValue.json(sample),
    }


def _asset(name: str, contract: Table) -> dg.AssetsDefinition:
    @dg.asset(
        key=["silver", name],
        ins={"records": dg.AssetIn(key=["bronze", "records"])},
        group_name="silver",
        kinds={"polars", "delta"},
        description=f"{contract.doc} Of every SQL source whose adapter fills it.",
    )
    def enterprise_table(
        context: dg.AssetExecutionContext,
        records: pl.LazyFrame,
        judging: dg.ResourceParam[Judging],
    ) -> pl.DataFrame:
        return kept(context, judging.table(name, records))

    return enterprise_table


enterprise_tables: list[dg.AssetsDefinition] = [_asset(name, contract) for name, contract in CANONICAL.items()]
