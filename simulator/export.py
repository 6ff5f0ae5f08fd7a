"""Writes a run where the pipeline finds it (historian files, archive, database) and the truth where it does not look.

Layout under root: plant/historian/<UTC day>.parquet|csv, plant/historian_archive/<UTC month>.parquet,
plant/erp.sqlite, truth/*.parquet, truth/run.json.
"""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path

import polars as pl
import sqlalchemy as sa

from plant.config import Plant, tag_id
from simulator import truth
from simulator.database import create, upsert
from simulator.enterprise.journal import known_at
from simulator.instants import to_us
from simulator.run import Run

_QUALITY = {0: "Good", 1: "Uncertain", 2: "Bad"}
"""Word of a CSV historian by the severity of the status (status >> 30)."""


def export(run: Run, root: Path | str, database_url: str | None = None, until: datetime | None = None) -> None:
    """Write what was known of a run at `until` (default: its end) under root, replacing an earlier export.

    The database is `database_url` (SQLAlchemy, SQLite or PostgreSQL), else root/plant/erp.sqlite.

    Raises:
        TerminalError: the database belongs to somebody else (see `simulator.database.create`).
    """
    root, until = Path(root), until or run.end_at
    past = pl.col("ts") < pl.lit(until.astimezone(UTC)).cast(pl.Datetime("us", "UTC"))
    _historian(run.plant, run.samples.filter(past), root / "plant" / "historian")
    _archive(run.archive.filter(past), root / "plant" / "historian_archive")
    engine = engine_for(root, database_url)
    try:
        create(engine, run.seed, run.start_at)
        upsert(engine, {name: known_at(frame, to_us(until)) for name, frame in run.tables.items()})
    finally:
        engine.dispose()
    _truth(run, root / "truth", until)


def engine_for(root: Path | str, database_url: str | None = None) -> sa.Engine:
    """An engine for the plant's database: the URL, else root/plant/erp.sqlite (its folder is made)."""
    if database_url:
        return sa.create_engine(database_url)
    path = Path(root) / "plant" / "erp.sqlite"
    path.parent.mkdir(parents=True, exist_ok=True)
    return sa.create_engine(f"sqlite:///{path}")


def advance(run: Run, engine: sa.Engine, from_at: datetime, until: datetime) -> dict[str, int]:
    """Write what became known in [from_at, until) to the database; rows written by table.

    Records that changed more than once appear in their last state. Calling it again writes the same.
    """
    since = pl.col("updated_at") >= pl.lit(from_at.astimezone(UTC)).cast(pl.Datetime("us", "UTC"))
    return upsert(engine, {n: known_at(f.filter(since), to_us(until)) for n, f in run.tables.items()})


def csv_tags(plant: Plant) -> list[str]:
    """Tags whose machine speaks Modbus: their historian writes CSV, all others Parquet."""
    return [tag_id(m, t) for m, t in plant.tags() if getattr(plant.sources.get(t.source), "kind", "") == "modbus"]


def _empty(folder: Path) -> Path:
    """A folder without files of an earlier export."""
    folder.mkdir(parents=True, exist_ok=True)
    for old in (*folder.glob("*.parquet"), *folder.glob("*.csv")):
        old.unlink()
    return folder


def _historian(plant: Plant, samples: pl.DataFrame, folder: Path) -> None:
    _empty(folder)
    for (day,), part in samples.group_by(pl.col("ts").dt.date(), maintain_order=True):
        write_historian(plant, part, folder, str(day))


def write_historian(plant: Plant, samples: pl.DataFrame, folder: Path, stem: str) -> None:
    """One pair of historian files: CSV for machines on Modbus, Parquet for the others; none for no samples."""
    folder.mkdir(parents=True, exist_ok=True)
    named = pl.col("tag").is_in(csv_tags(plant))
    _parquet(samples.filter(~named), folder / f"{stem}.parquet")
    _csv(samples.filter(named), folder / f"{stem}.csv")


def _parquet(part: pl.DataFrame, path: Path) -> None:
    if part.height:
        part.rename({"ts": "timestamp"}).write_parquet(path, compression="zstd", compression_level=3)


def _csv(part: pl.DataFrame, path: Path) -> None:
    if part.height:
        part.select(
            pl.col("tag").alias("Tag"),
            pl.col("ts").dt.strftime("%Y-%m-%dT%H:%M:%S%.6fZ").alias("Timestamp"),
            pl.col("value").alias("Value"),
            (pl.col("status") // 2**30).replace_strict(_QUALITY, return_dtype=pl.String).alias("Quality"),
        ).write_csv(path)


def _archive(samples: pl.DataFrame, folder: Path) -> None:
    _empty(folder)
    for (month,), part in samples.group_by(pl.col("ts").dt.strftime("%Y-%m"), maintain_order=True):
        _parquet(part, folder / f"{month}.parquet")


def _truth(run: Run, folder: Path, until: datetime) -> None:
    _empty(folder)
    for name, frame in truth.until(dict(run.truth), until).items():
        frame.write_parquet(folder / f"{name}.parquet")
    meta = {"seed": run.seed, "start_at": run.start_at.isoformat(), "end_at": until.astimezone(UTC).isoformat(),
            "loss": run.loss.share, "contaminated": run.contaminated}  # fmt: skip
    (folder / "run.json").write_text(json.dumps(meta, indent=2) + "\n", encoding="utf8")
