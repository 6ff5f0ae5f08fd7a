"""Makes a case readable without our plant.toml: the plant as CSV tables, times resolved to UTC.

`python tests/cases/neutral.py` writes them into every case and the index `cases.csv`; tests/kernels/test_cases.py
holds the files to what this script makes. Columns are explained in docs/conformance.md.
"""

from __future__ import annotations

import csv
import io
import sys
import tomllib
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

from plant import calendar
from plant.config import Plant
from plant.dimensions import ideal_frame, machines_frame, minor_stops_frame, states_frame, tags_frame
from plant.model import PlantFile

Row = dict[str, Any]
KIT = Path(__file__).parent / "oee"
NEUTRAL = ("machines", "tags", "states", "ideal", "calendar", "planned", "replacements", "minor_stops")


def cases() -> list[Path]:
    """Directories of the kit's cases, by name."""
    return sorted(p.parent for p in KIT.glob("*/case.toml"))


def about(case: Path) -> Row:
    """title, first, last and working of a case."""
    return tomllib.loads((case / "case.toml").read_text(encoding="utf8"))


def plant_of(case: Path) -> Plant:
    text = (case / "plant.toml").read_text(encoding="utf8")
    return Plant(PlantFile.model_validate(tomllib.loads(text)), case / "plant.toml")


def neutral(plant: Plant, first: date, last: date) -> dict[str, list[Row]]:
    """The plant as the tables of NEUTRAL; the calendar from the day before `first` to `last`."""
    machines = machines_frame(plant).drop("description", "kind", "minor_stop_s").rows(named=True)
    tags = tags_frame(plant).drop("site", "source", "replaced", "monotone").rows(named=True)
    swaps = tags_frame(plant).select("tag", "replaced").explode("replaced", empty_as_null=False).unnest("replaced")
    return {
        "machines": [_in_us(m, "minimum_run_s") | _evidence(plant, m["machine"]) for m in machines],
        "tags": tags,
        "minor_stops": minor_stops_frame(plant).rows(named=True),
        "replacements": swaps.drop_nulls("at").rows(named=True),
        "planned": calendar.planned_machines(plant, first, last).rows(named=True),
        "states": states_frame(plant).sort("states", "code").rows(named=True),
        "ideal": ideal_frame(plant).rows(named=True),
        "calendar": list(_calendar(plant, first, last)),
    }


def _in_us(row: Row, *seconds: str) -> Row:
    """Settings in seconds become integers in microseconds."""
    return {
        (k.removesuffix("_s") + "_us" if k in seconds else k): round(v * 1e6) if k in seconds else v
        for k, v in row.items()
    }


def _evidence(plant: Plant, machine: str) -> Row:
    """What a machine has to say what it does: a signal, else reports of people, else nothing."""
    signal = any(t.role == "state" for t in plant.machines[machine].tags)
    booked = any(s.kind == "files" and s.content == "reports" for s in plant.file.source)
    return {"evidence": "signal" if signal else "report" if booked else "none"}


def _calendar(plant: Plant, first: date, last: date) -> Iterator[Row]:
    """Stretches of one kind, hours taken together: they tile every line and production day."""
    keys = ("site", "line", "production_day", "shift", "kind", "reason", "crew")
    held: Row | None = None
    for row in calendar.segments(plant, first - timedelta(days=1), last).sort("line", "start_at").rows(named=True):
        part = {k: row[k] for k in (*keys, "start_at", "end_at")}
        if held and held["end_at"] == part["start_at"] and all(held[k] == part[k] for k in keys):
            held["end_at"] = part["end_at"]
            continue
        if held:
            yield held
        held = part
    if held:
        yield held


def text(rows: list[Row]) -> str:
    """CSV of the rows: instants as ISO 8601 in UTC, true and false as 1 and 0, null as nothing."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(rows[0].keys() if rows else ())
    writer.writerows([_cell(value) for value in row.values()] for row in rows)
    return out.getvalue()


def _cell(value: Any) -> Any:
    if isinstance(value, datetime):
        return value.astimezone(UTC).replace(tzinfo=None).isoformat() + "Z"
    if isinstance(value, bool):
        return int(value)
    return f"{value:g}" if isinstance(value, float) else value


def files() -> Iterator[tuple[Path, str]]:
    """Every generated file of the kit with what must be in it; tables without rows have no file."""
    index = []
    for case in cases():
        told = about(case)
        index.append({"case": case.name, "first": told["first"], "last": told["last"], "title": told["title"]})
        for name, rows in neutral(plant_of(case), told["first"], told["last"]).items():
            if rows:
                yield case / f"{name}.csv", text(rows)
    yield KIT / "cases.csv", text(index)


if __name__ == "__main__":
    for path, content in files():
        path.write_text(content, encoding="utf8")
    sys.stdout.write(f"{len(cases())} cases\n")
