"""bronze.records: rows of relational source tables, one row per seen version of a record."""

from __future__ import annotations

import dagster as dg

from connectors.base import Dock, Landings
from plant.config import Plant
from plant.sources.batch import SqlSource


@dg.asset(key=["bronze", "records"], group_name="bronze", kinds={"polars", "delta"})
def records(plant: dg.ResourceParam[Plant], dock: dg.ResourceParam[Dock]) -> Landings:
    """New and changed rows of every SQL source, and tombstones for those that are gone."""
    from connectors.sql.source import read_source

    sources = [s for s in plant.file.source if isinstance(s, SqlSource)]
    return Landings(lambda: (x for s in sources for x in read_source(s, dock.root, dock, dock.now())))
