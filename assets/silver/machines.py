"""silver.machines: the machines of plant.toml with their place in the plant."""

from __future__ import annotations

import dagster as dg
import polars as pl

from plant.config import Plant
from plant.dimensions import machines_frame
from plant.tables import table


@dg.asset(key=["silver", "machines"], group_name="silver", kinds={"polars", "delta"})
def machines(plant: dg.ResourceParam[Plant]) -> pl.DataFrame:
    """One row per machine."""
    return machines_frame(plant).select(table("silver.machines").schema.keys())
