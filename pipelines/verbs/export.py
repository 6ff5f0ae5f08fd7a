"""`shopfloor export`: approved forecasts as files, and a copy of the lake that travels."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import polars as pl
from rich.console import Console

from pipelines.place import lake_place
from plant.errors import PlantError

FORMATS = {"csv": "csv", "excel": "xlsx", "json": "json"}
OUTGOING = ("item", "period", "period_start", "quantity", "approved_by", "approved_at", "comment", "model_version")
console = Console(highlight=False, soft_wrap=True)


def export_forecast(plant_toml: Path, root: Path | None, *, by: str, form: str) -> int:
    """The verb `forecast`: writes approved rows, marks them exported, says where the file is."""
    from warehouse.connect import connect
    from warehouse.decisions import Pick, decide_all
    from warehouse.marts import forecast

    if form not in FORMATS:
        raise PlantError(f"--format {form!r} is not known; valid: {', '.join(FORMATS)}")
    if not by.strip():
        raise PlantError("--by is missing: an export is signed with a name, e.g. --by 'J. Planner'")
    where = lake_place(root)
    rows = forecast(connect(where.root)).filter(pl.col("status") == "approved")
    if rows.is_empty():
        console.print("no approved forecast; approve some on the forecasts page first")
        return 1
    where.exports.mkdir(parents=True, exist_ok=True)
    path = where.exports / f"forecast-{datetime.now(UTC):%Y%m%dT%H%M%S}.{FORMATS[form]}"
    write(outgoing(rows), path)
    picks = [Pick(*key) for key in rows.select("item", "period_start", "model_version").iter_rows()]
    decide_all(where.root, picks, "exported", by=by, comment=path.name)
    console.print(f"{rows.height} rows written to {path}")
    return 0


def outgoing(rows: pl.DataFrame) -> pl.DataFrame:
    """The columns that leave the house; `quantity` is what was approved, instants are ISO text in UTC."""
    agreed = pl.coalesce("decided_quantity", "approved_qty", "quantity")
    stamp = pl.col("approved_at").dt.strftime("%Y-%m-%dT%H:%M:%SZ")
    return rows.with_columns(quantity=agreed, approved_at=stamp).select(OUTGOING)


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

    if not path.resolve().parent.is_dir():
        raise PlantError(f"{path}: the folder {path.resolve().parent} does not exist; create it or choose another")
    if path.is_dir():
        raise PlantError(f"{path}: is a folder; name a file, e.g. {path / 'copy.duckdb'}")
    console.print(f"written to {copy(lake_place(root).root, path)}")
    return 0
