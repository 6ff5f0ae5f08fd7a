"""What people corrected, as it holds now: reverted edits and their reverts taken out. The originals stay in bronze.

A revert takes one edit back; a revert of a revert brings it again. Of an id that was appended twice the first counts.
"""

from __future__ import annotations

import polars as pl

from plant.edits import reverted
from plant.tables import table

OF_LEDGER = ("state", "reason")
"""Kinds of edit that change the time ledger."""


def edits(bronze: pl.DataFrame) -> pl.DataFrame:
    """silver.edits: edits of state and reason in force, one row an edit, sorted by machine and start.

    Takes bronze.edits. Edits of an empty stretch, or of neither state nor reason, change nothing and are left out.
    """
    said = pl.col("state").is_not_null() | pl.col("reason").is_not_null() | pl.col("reason_class").is_not_null()
    rows = _in_force(bronze).filter(pl.col("kind").is_in(OF_LEDGER), pl.col("machine").is_not_null(), said)
    return rows.select(table("silver.edits").schema.keys()).sort("machine", "start_at", "edit_id")


def retractions(bronze: pl.DataFrame) -> pl.DataFrame:
    """silver.retractions: stretches of tags whose raw samples do not count, one row a retraction."""
    rows = _in_force(bronze).filter(pl.col("kind") == "retract", pl.col("tag").is_not_null())
    return rows.select(table("silver.retractions").schema.keys()).sort("tag", "start_at", "edit_id")


def _in_force(bronze: pl.DataFrame) -> pl.DataFrame:
    told = bronze.sort("edited_at", "edit_id", maintain_order=True)
    first = told.unique("edit_id", keep="first", maintain_order=True)
    taken = first.filter(pl.col("kind") == "revert", pl.col("reverts").is_not_null())
    holds = ~pl.col("edit_id").is_in(list(reverted(taken.select("edited_at", "edit_id", "reverts").rows())))
    return first.filter(holds, pl.col("start_at") < pl.col("end_at"))
