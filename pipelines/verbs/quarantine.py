"""`shopfloor quarantine`: what was set aside, why, and another try after a fix."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import polars as pl
from rich.console import Console

from connectors.quarantine import pending, replay, split
from pipelines.place import lake_place
from plant.config import load
from plant.errors import PlantError
from warehouse.lake import Lake
from warehouse.meta import quarantine_frame

console = Console(highlight=False, soft_wrap=True)


def open_rows(lake: Lake) -> pl.DataFrame:
    """Held-back rows that no replay has accepted and no ingestion has settled."""
    return pending(lake.scan("bronze.quarantine"), lake.scan("bronze.replays"))


def list_rows(root: Path | None) -> int:
    """The verb `list`."""
    lake = Lake(lake_place(root).root)
    rows = lake.scan("bronze.quarantine").unique("id").collect()
    waiting = set(open_rows(lake)["id"])
    broken = lake.scan("silver.rejected_records").group_by("source", "record_set", "reason").len().collect()
    if rows.is_empty() and broken.is_empty():
        doubtful = quarantine_frame(lake)["rows"].sum()
        flagged = f"; {doubtful:,} samples are flagged in silver.readings, see meta.quarantine" if doubtful else ""
        console.print(f"nothing is in quarantine{flagged}")
    counted = rows.with_columns(open=pl.col("id").is_in(list(waiting))).group_by("source", "origin", "reason", "booked")
    for row in counted.agg(pl.len(), pl.col("open").sum()).sort("source", "origin", "reason").iter_rows(named=True):
        kind = "reported only" if row["booked"] else f"held back, {row['open']} open"
        console.print(f"{row['len']:>8,}  {row['reason']:<20} {row['source']} / {row['origin']}  ({kind})")
    kind = "left out of silver, see silver.rejected_records"
    for source, record_set, reason, count in broken.sort("source", "record_set", "reason").iter_rows():
        console.print(f"{count:>8,}  {reason:<20} {source} / {record_set}  ({kind})")
    return 0


def show_rows(root: Path | None, reason: str | None, source: str | None, limit: int) -> int:
    """The verb `show`.

    Raises:
        PlantError: rows there are, but none of this reason or source; the message names what there is.
    """
    held = rows = Lake(lake_place(root).root).scan("bronze.quarantine")
    for column, wanted in (("reason", reason), ("source", source)):
        rows = rows if wanted is None else rows.filter(pl.col(column) == wanted)
    found = rows.unique("id").sort("quarantined_at", "position").head(limit).collect()
    if found.is_empty():
        _nothing(held, reason, source)
    for row in found.iter_rows(named=True):
        console.print(f"{row['id']}  {row['reason']}  {row['source']} / {row['origin']} row {row['position']}")
        console.print(f"    {row['message']}\n    {row['payload']}", markup=False)
    return 0


def _nothing(held: pl.LazyFrame, reason: str | None, source: str | None) -> None:
    """Say that nothing is there; a word that fits no row is an error that names those that do."""
    there = held.select("source", "reason").unique().sort("source", "reason").collect().rows()
    if not there:
        console.print("nothing is in quarantine")
        return
    asked = " and ".join(f"{name} {word!r}" for name, word in (("reason", reason), ("source", source)) if word)
    raise PlantError(f"no row has {asked}; there are {', '.join(' of '.join((why, name)) for name, why in there)}")


def replay_rows(root: Path | None, plant_toml: Path, source: str | None) -> int:
    """The verb `replay`: 0 when every row that can be replayed was accepted, 1 when some are rejected again."""
    lake = Lake(lake_place(root).root)
    rows = open_rows(lake)
    rows = rows if source is None else rows.filter(pl.col("source") == source)
    plant = load(plant_toml)
    ready, left = split(rows, plant)
    landings, results = replay(ready, plant, datetime.now(UTC))
    for landing in landings:
        lake.append_once(landing.table, landing.frame, landing.app, landing.version)
        if landing.quarantine.height:
            lake.append_once("bronze.quarantine", landing.quarantine, landing.app, landing.version)
    if results.height:
        lake.append_once("bronze.replays", results, f"replays:{results.select(pl.col('replayed_at').max()).item()}", 0)
    accepted = results.filter(pl.col("result") == "accepted").height
    console.print(f"{accepted} of {ready.height} replayable rows accepted", end="")
    console.print("; run `shopfloor build` to bring the tables up to date" if accepted else "")
    for reason, why, count in left.group_by("reason", "why").len().sort("reason").iter_rows():
        console.print(f"not replayable: {count:,} {reason}: {why}", markup=False)
    return 0 if accepted == ready.height else 1
