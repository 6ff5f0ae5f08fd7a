"""`shopfloor verify`: recompute published numbers from bronze, in a scratch lake, and compare row by row.

The scratch lake sees the same bronze files and nothing else; what it builds must equal what is there.
"""

from __future__ import annotations

import tempfile
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import polars as pl
from rich.console import Console

from pipelines.build import Builder
from pipelines.days.receipts import STAGES
from pipelines.place import Place, lake_place
from pipelines.verbs.progress import Progress
from plant.config import Plant, load
from plant.errors import PlantError
from plant.tables import table
from warehouse.lake import Lake

console = Console(highlight=False, soft_wrap=True)
DOOR_MADE = ("revision", "known_from", "known_to")
DAY_TABLES = tuple(name for names in STAGES.values() for name in names)


@dataclass(frozen=True)
class Difference:
    """A day of a table that is not what bronze gives."""

    table: str
    day: date
    published: int
    recomputed: int
    example: str


def verify_command(root: Path | None, plant_toml: Path, receipt: str | None) -> int:
    """The verb: 0 when every compared day is reproduced, 1 on any difference."""
    plant, where = load(plant_toml), lake_place(root)
    names, day = _wanted(receipt)
    compared, found = verify(plant, where, names, day)
    for d in found:
        console.print(f"[red]differs[/red] {d.table}@{d.day}: {d.published} published rows, {d.recomputed} recomputed")
        console.print(f"    {d.example}", markup=False)
    console.print(f"{compared} table days recomputed from bronze, {len(found)} differ")
    return 1 if found or not compared else 0


def _wanted(receipt: str | None) -> tuple[tuple[str, ...], date | None]:
    if receipt is None:
        return DAY_TABLES, None
    name, _, day = receipt.partition("@")
    try:
        wanted = date.fromisoformat(day) if day else None
    except ValueError as error:
        raise PlantError(f"receipt {receipt!r}: {day!r} is not a day; write gold.oee@2026-11-15") from error
    if name not in DAY_TABLES:
        raise PlantError(f"receipt {receipt!r}: no day table {name!r}; valid: {', '.join(DAY_TABLES)}")
    return (name,), wanted


def verify(plant: Plant, where: Place, names: tuple[str, ...], day: date | None) -> tuple[int, list[Difference]]:
    """How many table days were compared, and which differ."""
    with tempfile.TemporaryDirectory(prefix="shopfloor-verify-") as scratch:
        again = recompute(plant, where, Place(Path(scratch)))
        published = Lake(where.root)
        pairs = [(name, d) for name in names for d in _days(published, again, name, day)]
        found = [compare(published, again, name, d) for name, d in pairs]
    return len(pairs), [f for f in found if f is not None]


def recompute(plant: Plant, where: Place, scratch: Place) -> Lake:
    """Build silver and gold in a scratch root from the bronze files of another."""
    (scratch.root / "lake").mkdir()
    (scratch.root / "lake" / "bronze").symlink_to(where.root / "lake" / "bronze", target_is_directory=True)
    builder = Builder(plant, scratch, Progress(), checks=False)
    builder.recompute()
    return Lake(scratch.root)


def compare(published: Lake, again: Lake, name: str, day: date) -> Difference | None:
    """None when both lakes hold the same rows of that day, up to what the door adds."""
    ours, theirs = _rows(published, name, day), _rows(again, name, day)
    if ours.equals(theirs):
        return None
    keys = ours.columns
    odd = ours.join(theirs, on=keys, how="anti", nulls_equal=True)
    odd = odd if odd.height else theirs.join(ours, on=keys, how="anti", nulls_equal=True)
    return Difference(name, day, ours.height, theirs.height, str(odd.head(1).to_dicts()))


def _rows(lake: Lake, name: str, day: date) -> pl.DataFrame:
    columns = [c for c in table(name).schema if c not in DOOR_MADE]
    rows = lake.scan(name, days=(day, day)).select(columns).collect()
    return rows.sort(columns, nulls_last=True)


def _days(published: Lake, again: Lake, name: str, day: date | None) -> list[date]:
    known = sorted({*published.days(name), *again.days(name)})
    if day is None:
        return known
    if day not in known:
        span = f"{known[0]} to {known[-1]}" if known else "none yet; run `shopfloor build` first"
        raise PlantError(f"{name} has no day {day}; it has {span}")
    return [day]
