"""The published file as an asset: made by the composition root, because it writes outside the lake."""

from __future__ import annotations

import dagster as dg

from pipelines.place import Place
from plant.config import Plant
from warehouse.publish import publish

GOLD = ("oee", "losses", "yield", "inventory", "energy", "kpi", "failure_risk", "forecast")


@dg.asset(
    key=["exports", "shopfloor_duckdb"], group_name="exports", kinds={"duckdb"},
    deps=[["gold", name] for name in GOLD],
)  # fmt: skip
def published(plant: dg.ResourceParam[Plant], place: dg.ResourceParam[Place]) -> dg.MaterializeResult:
    """The analysts' file `published/shopfloor.duckdb`, replaced atomically; untouched when nothing changed."""
    sources = [(s.name, s.kind) for s in plant.sources.values()]
    path = publish(place.root, plant_name=plant.name, sources=sources)
    return dg.MaterializeResult(metadata={"path": str(path), "bytes": path.stat().st_size})
