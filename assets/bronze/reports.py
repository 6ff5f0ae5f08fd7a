"""bronze.reports: intervals booked by people or an MES, dropped as files."""

from __future__ import annotations

import dagster as dg

from connectors.base import Dock, Landings
from connectors.files.drop import read_all
from plant.config import Plant


@dg.asset(key=["bronze", "reports"], group_name="bronze", kinds={"polars", "delta"})
def reports(plant: dg.ResourceParam[Plant], dock: dg.ResourceParam[Dock]) -> Landings:
    """What a machine did from when to when, with pieces: the files of all sources with content "reports"."""
    return Landings(lambda: read_all(plant, "reports", dock.root, dock.seen, dock.now()))
