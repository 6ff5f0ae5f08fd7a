"""`shopfloor export`: approved forecasts as files, and a copy of the lake that travels."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import polars as pl
from rich.console import Console

from pipelines.place import place
from plant.errors import PlantError

FORMATS = {"csv": "csv", "excel": "xlsx", "json": "json"}
console = Console(highlight=False, soft_wrap=True)


def export_forecast(plant_toml: Path, root: Path | None, *, by: str, form: str) -> int:
    """The verb `forecast`: writes approved rows, marks them exported, says where the file is."""
    from warehouse.connect import connect
    from warehouse.decisions import decide
    from warehouse.marts import forecasts

    if form not in FORMATS:
        raise PlantError(f"--format {form!r} is not known; valid: {', '.join(FORMATS)}")
    if not by.strip():
        raise PlantError("--by is missing: an export is signed with a name, e.g. --by 'J. Planner'")
    where = place(root)
    rows = forecasts(connect(where.root)).filter(pl.col("status") == "approved")
    if rows.is_empty():
        console.print("no approved forecast; approve some on the forecasts page first")
        return 1
    where.exports.mkdir(parents=True, exist_ok=True)
    path = where.exports / f"forecast-{datetime.now(UTC):%Y%m%dT%H%M%S}.{FORMATS[form]}"
    write(rows, path)
    for row in rows.iter_rows(named=True):
        key = (row["item"], row["period_start"], row["model_version"])
        decide(where.root, *key, "exported", by=by, quantity=row["quantity"], comment=path.name)
    console.print(f"{rows.height} rows written to {path}")
    return 0


def write(rows: pl.DataFrame, path: Path) -> None:
    """Write rows in the format the file name asks for."""
    if path.suffix == ".csv":
        rows.write_csv(path)
    elif path.suffix == ".json":
        rows.write_json(path)
    else:
        rows.write_excel(path)


def export_copy(root: Path | None, path: Path) -> int:
    """The verb `copy`: a self-contained DuckDB file."""
    from warehouse.publish import export_copy as copy

    console.print(f"written to {copy(place(root).root, path)}")
    return 0
