"""The composition root for Dagster: `build(plant, root)` wires every room. Nothing else happens at import.

`dagster dev` and `dg dev` load `defs`, made from the plant file and root in the environment
(SHOPFLOOR_PLANT, SHOPFLOOR_ROOT).
"""

from __future__ import annotations

import importlib
import os
from datetime import timedelta
from pathlib import Path
from typing import Any

import dagster as dg  # isort: skip

from assets.silver.judging import Judging
from pipelines.days.opening import opening
from pipelines.days.receipts import Receipts
from pipelines.dock import LakeDock
from pipelines.io import door
from pipelines.jobs import JOBS
from pipelines.place import Place, place
from pipelines.publication import CHANGES, published
from pipelines.schedules import SCHEDULES
from pipelines.sensors import SENSORS
from pipelines.whole.inputs import known_of
from plant.config import Plant, load
from plant.tables import table
from warehouse.adapting.select import Mapper
from warehouse.lake import Lake
from warehouse.shelf import Shelf
from warehouse.state import State

ROOMS = ("assets.bronze", "assets.silver", "assets.gold", "assets.models", "assets.exports")
FRESH = {
    "bronze": timedelta(minutes=15),
    "silver": timedelta(hours=30),
    "gold": timedelta(hours=30),
    "exports": timedelta(minutes=30),
}
"""How old the last materialisation may be before Dagster calls it stale. Unchanged days are not built again."""


WITHOUT_ASSET = (
    *(f"bronze.{name}" for name in ("quarantine", "replays", "decisions", "edits", "signoffs")),
    *(f"gold.{name}" for name in CHANGES),
)
"""Tables no asset makes: the door, replays, and people who decide, edit and sign off append to those of bronze; those
of gold are written with the publication."""


def build(plant: Plant, where: Place, *, checks: bool = True, **overrides: Any) -> dg.Definitions:
    """All assets, checks, jobs, schedules and sensors of one plant. `overrides` replace resources, for tests."""
    from assets.checks import checks_for

    assets = [_with_policies(a) for a in load_assets()]
    return dg.Definitions(
        assets=[*assets, _with_policies(published), *(_appended(name) for name in WITHOUT_ASSET)],
        asset_checks=checks_for() if checks else [],
        jobs=JOBS,
        schedules=SCHEDULES,
        sensors=SENSORS,
        resources={**resources(plant, where), **overrides},
        executor=dg.in_process_executor,
    )


def resources(plant: Plant, where: Place) -> dict[str, Any]:
    """What the assets are given: the plant, the door, the dock, the opening rows."""
    lake, state, shelf = Lake(where.root), State(where.root), Shelf(where.root)
    return {
        "plant": plant,
        "io_manager": door(where, lake, shelf, lambda: Receipts(plant, lake, state)),
        "dock": LakeDock(where, lake, state),
        "opening": opening(lake),
        "judging": _judging(plant, lake, state),
        "lake": lake,
        "state": state,
        "place": where,
    }


def _judging(plant: Plant, lake: Lake, state: State) -> dg.ResourceDefinition:
    """One for each run: what a run judged of bronze.records holds for that run alone."""
    known = known_of(plant, lake, state)
    return dg.ResourceDefinition(lambda _: Judging(plant, Mapper(), known))


def load_assets() -> list[dg.AssetsDefinition]:
    """Every asset of the rooms, found by package."""
    found: list[dg.AssetsDefinition] = []
    for room in ROOMS:
        found.extend(a for a in dg.load_assets_from_package_module(importlib.import_module(room)))  # type: ignore[misc]
    return found


def _appended(name: str) -> dg.AssetSpec:
    contract = table(name)
    loaded_by = {"dagster/io_manager_key": "io_manager"}
    return dg.AssetSpec(name.split("."), group_name=contract.layer, description=contract.doc, metadata=loaded_by)


def _with_policies(assets: dg.AssetsDefinition) -> dg.AssetsDefinition:
    def fresh(spec: dg.AssetSpec) -> dg.AssetSpec:
        window = FRESH.get(spec.key.path[0])
        if window is None:
            return spec
        return dg.apply_freshness_policy(spec, dg.FreshnessPolicy.time_window(fail_window=window))

    return assets.map_asset_specs(fresh)


@dg.definitions
def defs() -> dg.Definitions:
    """What `dagster dev` and `dg dev` load, lazily: an import reads no environment."""
    where = place()
    return build(load(Path(os.environ.get("SHOPFLOOR_PLANT", "plant.toml"))), where)
