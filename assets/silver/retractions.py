"""silver.retractions: stretches of tags whose raw samples do not count; the samples themselves stay in bronze."""

from __future__ import annotations

import dagster as dg
import polars as pl

from assets.kernels.edits import retractions as in_force


@dg.asset(
    key=["silver", "retractions"],
    ins={"made": dg.AssetIn(key=["bronze", "edits"])},
    group_name="silver",
    kinds={"polars", "delta"},
)
def retractions(made: pl.LazyFrame) -> pl.DataFrame:
    """One row per retraction in force."""
    return in_force(made.collect(engine="in-memory"))
