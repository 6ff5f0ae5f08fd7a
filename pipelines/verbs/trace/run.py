"""What `shopfloor trace` prints: the receipt of a number, or what became of a raw row."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from rich.console import Console

from pipelines.place import lake_place
from pipelines.verbs.trace.back import fate
from pipelines.verbs.trace.numbers import parse, receipt
from plant.config import load
from plant.errors import PlantError
from warehouse.lake import Lake

console = Console(highlight=False, soft_wrap=True)
SHOWN = 12
"""Rows of a table that are shown; --json has all of them."""


def trace(root: Path | None, plant_toml: Path, number: str | None, row: str | None, *, as_json: bool) -> int:
    """The verb: a number down to its raw rows, or a raw row (SEGMENT:SEQ) up to its numbers."""
    plant, lake = load(plant_toml), Lake(lake_place(root).root)
    if (number is None) == (row is None):
        raise PlantError("name a number, or a raw row with --row SEGMENT:SEQ; one of them")
    told = receipt(plant, lake, parse(number)) if number is not None else _row(plant, lake, row or "")
    if as_json:
        console.file.write(json.dumps(told, indent=1, default=str) + "\n")
        return 0
    for line in _number_lines(told) if number is not None else _row_lines(told):
        console.print(line, markup=False)
    return 0


def _row(plant: Any, lake: Lake, name: str) -> dict[str, Any]:
    segment, _, seq = name.rpartition(":")
    if not segment or not seq.isdigit():
        raise PlantError(f"{name!r} is no raw row; write SEGMENT:SEQ as `shopfloor trace` prints them")
    return fate(plant, lake, segment, int(seq))


def _number_lines(told: dict[str, Any]) -> list[str]:
    asked, number, definition, known = told["asked"], told["number"], told["definition"], told["known"]
    shift = f" shift {asked['shift']}" if "shift" in asked else ""
    what = f"{asked['kpi']} of {asked['level']} {asked['scope']} on {asked['day']}{shift}"
    causes = ", ".join(known["causes"]) or "none"
    out = [
        f"{what}: {number['value']} {number['unit']}  ({number['numerator']} / {number['denominator']})",
        f"definition {definition['definition_id']} ({definition['edition']}): {definition['formula']}",
        f"  numerator    {definition['numerator']}",
        f"  denominator  {definition['denominator']}",
        f"revision {known['revision']}, known from {known['known_from']}; causes: {causes}",
        *_table("gold.kpi_sums", told["kpi_sums"]),
    ]
    for name, rows in told["ledgers"].items():
        out += _table(name, rows)
    for entry in told["bronze"]:
        out.append(f"{entry['table']} version {entry['version']}, file {entry['file'] or 'any'}")
        out += [f"  {segment}:{positions}" for segment, positions in entry["rows"].items()]
    return [*out, *(f"hash of {name}: {h}" for name, h in told["hashes"].items()), f"hash: {told['hash']}"]


def _row_lines(told: dict[str, Any]) -> list[str]:
    row = told["row"]
    value = row["value"] if row["text"] is None else row["text"]
    out = [f"{row['segment']}:{row['seq']}  {row['tag']} at {row['ts']} = {value}"]
    out.append(f"  in {row['file']}, received {row['received_at']} through {row['source']}")
    out.append(told["fate"])
    if "machine" in told:
        out.append(f"machine {told['machine']}, production day {told['production_day']}")
    if told.get("opens"):
        out.append(f"carried into the opening of {', '.join(told['opens'])}")
    out += [told["note"]] if "note" in told else []
    for name in ("silver.time_ledger", "silver.count_ledger", "gold.kpi_sums"):
        out += _table(name, told[name]) if name in told else []
    return out + [f"part of every KPI of {number}" for number in told.get("numbers", [])]


def _table(name: str, rows: list[dict[str, Any]]) -> list[str]:
    more = [f"  ... {len(rows) - SHOWN} more, --json shows them"] if len(rows) > SHOWN else []
    shown = ["  " + ", ".join(f"{k}={v}" for k, v in row.items()) for row in rows[:SHOWN]]
    return [f"{name}: {len(rows)} rows", *shown, *more]
