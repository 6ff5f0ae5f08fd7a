"""bronze.readings: what historians and other systems drop as files (the collector lands the live values)."""

from __future__ import annotations

import dagster as dg

from connectors.base import Dock, Landings
from connectors.files.drop import read_all
from plant.config import Plant


@dg.asset(key=["bronze", "readings"], group_name="bronze", kinds={"polars", "delta"})
def readings(plant: dg.ResourceParam[Plant], dock: dg.ResourceParam[Dock]) -> Landings:
    """Every value a tag delivered, as it came: the files of all sources with content "readings"."""
    return Landings(lambda: read_all(plant, "readings", dock.root, dock.seen, dock.now()))
