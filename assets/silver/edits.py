"""silver.edits: what people corrected about states and reasons, as far as it was not reverted."""

from __future__ import annotations

import dagster as dg
import polars as pl

from assets.kernels.edits import edits as in_force


@dg.asset(
    key=["silver", "edits"],
    ins={"made": dg.AssetIn(key=["bronze", "edits"])},
    group_name="silver",
    kinds={"polars", "delta"},
)
def edits(made: pl.LazyFrame) -> pl.DataFrame:
    """One row per edit in force."""
    return in_force(made.collect(engine="in-memory"))
