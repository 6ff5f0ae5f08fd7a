"""The published file as an asset: made by the composition root, because it writes outside the lake."""

from __future__ import annotations

from typing import Any

import dagster as dg

from pipelines.days.stages import STANDING
from pipelines.place import Place
from plant.config import Plant
from warehouse import refresh_changes
from warehouse.publish import publish

GOLD = (
    "kpi_sums", "oee", "losses", "order_days", "yield", "inventory", "space_use", "energy", "kpi", "failure_risk",
    "forecast", *(name.removeprefix("gold.") for names in STANDING.values() for name in names),
)  # fmt: skip
CHANGES = ("kpi_definitions", "notifications")
"""Gold tables written here, before the file: what the KPIs mean and whose signed numbers changed."""


@dg.asset(
    key=["exports", "shopfloor_duckdb"], group_name="exports", kinds={"duckdb"},
    deps=[["gold", name] for name in GOLD],
)  # fmt: skip
def published(
    plant: dg.ResourceParam[Plant], place: dg.ResourceParam[Place], lake: dg.ResourceParam[Any]
) -> dg.MaterializeResult:
    """The analysts' file `published/shopfloor.duckdb`, replaced atomically; untouched when nothing changed."""
    changes = refresh_changes(lake)
    sources = [(s.name, s.kind) for s in plant.sources.values()]
    path = publish(place.root, plant_name=plant.name, sources=sources, lake=lake)
    about = {"path": str(path), "bytes": path.stat().st_size, "changes": ", ".join(changes)}
    return dg.MaterializeResult(metadata=about)
