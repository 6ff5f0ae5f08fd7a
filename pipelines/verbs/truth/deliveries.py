"""Order lines of suppliers and customers against what the simulated plant knows of them, line by line."""

from __future__ import annotations

from pathlib import Path

import polars as pl

from plant.config import Plant
from plant.supply import Supply
from simulator.enterprise.supply.otif import verdicts
from warehouse.lake import Lake

KEYS = ("direction", "line", "basis")
TOLD = ("order_id", "partner", "material", "due_day", "outcome", "in_full", "otif", "days_late")


def differing(lake: Lake, truth: Path, plant: Plant) -> tuple[int, int] | None:
    """Verdicts that differ from the truth, and how many were compared.

    None where there is nothing to compare: an older truth, no supply tables built yet, a source without deliveries, or
    tolerances in plant.toml (the truth has none).
    """
    file = truth / "supply.parquet"
    built = lake.version("gold.supply_lines") is not None
    if not file.exists() or not built or lake.scan("silver.deliveries").head(1).collect().is_empty():
        return None
    if plant.file.supply.model_dump(exclude={"lead_time_days"}) != Supply().model_dump(exclude={"lead_time_days"}):
        return None
    true = verdicts(pl.read_parquet(file), plant.zone(plant.file.site[0].name))
    ours = lake.scan("gold.supply_lines").select(*KEYS, *TOLD, known=pl.lit(value=True)).collect()
    both = true.with_columns(true=pl.lit(value=True)).join(ours, on=KEYS, how="full", coalesce=True, suffix="_ours")
    wrong = pl.any_horizontal(pl.col(c).ne_missing(pl.col(f"{c}_ours")) for c in TOLD)
    missing = pl.col("true").is_null() | pl.col("known").is_null()
    return both.filter(wrong | missing).height, both.height
