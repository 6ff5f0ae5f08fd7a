"""The naive oracle's world: the neutral CSV files of a case as plain Python rows. Nothing of the project is imported.

It is a second system in the sense of docs/conformance.md: it knows the files and the rules of that page only.
Instants and durations are integers, microseconds since 1970 UTC.
"""

from __future__ import annotations

import csv
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

Row = dict[str, Any]
TABLES = (
    "machines", "tags", "states", "ideal", "calendar", "planned", "replacements", "minor_stops", "readings",
    "operations", "downtimes", "reports", "edits", "attendance",
)  # fmt: skip
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
WHOLE = {"minor_us", "minimum_run_us", "stale_us", "rollover", "ideal_us", "status", "seq", "good_pcs",
         "scrap_pcs", "rework_pcs", "runs_through_breaks"}  # fmt: skip
REAL = {"value", "low", "high", "max_rate_per_s", "back_step_pcs", "starts_at"}
DAYS = {"production_day", "valid_from"}
INSTANTS = {"ts", "at", "start_at", "end_at", "started_at", "ended_at", "received_at", "edited_at"}


@dataclass
class World:
    """Tables by name, and the first and last production day asked for."""

    first: date
    last: date
    tables: dict[str, list[Row]] = field(default_factory=dict)
    _by_tag: dict[str, list[Row]] = field(default_factory=dict)
    _by_machine: dict[str, dict[str, list[Row]]] = field(default_factory=dict)

    def __getitem__(self, name: str) -> list[Row]:
        return self.tables.get(name, [])

    def of(self, name: str, machine: str) -> list[Row]:
        """Rows of a table that are of one machine."""
        if name not in self._by_machine:
            self._by_machine[name] = {}
            for row in self[name]:
                self._by_machine[name].setdefault(row["machine"], []).append(row)
        return self._by_machine[name].get(machine, [])

    def cells(self, line: str, *, before: bool = False) -> list[Row]:
        """Calendar of a line, in order; `before` takes the day before the first one as well."""
        first = self.first - timedelta(days=1) if before else self.first
        own = [c for c in self["calendar"] if c["line"] == line and first <= c["production_day"] <= self.last]
        return sorted(own, key=lambda c: c["start_at"])

    def readings(self, tag: str) -> list[Row]:
        """Readings of one tag."""
        if not self._by_tag:
            for row in self["readings"]:
                self._by_tag.setdefault(row["tag"], []).append(row)
        return self._by_tag.get(tag, [])

    def in_force(self) -> list[Row]:
        """Edits that no revert in force names; a revert of a revert brings the edit back."""
        reverts = [e for e in self["edits"] if e["kind"] == "revert"]

        def holds(edit: Row) -> bool:
            return not any(r["reverts"] == edit["edit_id"] and holds(r) for r in reverts)

        return [e for e in self["edits"] if e["kind"] != "revert" and holds(e)]

    def word(self, mapping: str | None, code: str) -> str | None:
        """Word of a raw code; without a mapping the code is the word."""
        if mapping is None:
            return code
        return next((s["word"] for s in self["states"] if (s["states"], s["code"]) == (mapping, code)), None)


def instant(text: str) -> int:
    return us(datetime.fromisoformat(text))


def us(at: datetime) -> int:
    return (at - EPOCH) // timedelta(microseconds=1)


def cell(name: str, value: str) -> Any:
    """A CSV cell as what its column holds; nothing is None."""
    if value in {"", None}:
        return None
    if name in INSTANTS:
        return instant(value)
    if name in DAYS:
        return date.fromisoformat(value)
    return int(value) if name in WHOLE else float(value) if name in REAL else value


def read(path: Path) -> list[Row]:
    if not path.exists():
        return []
    found = list(csv.DictReader(path.read_text(encoding="utf8").splitlines()))
    return [{name: cell(name, value) for name, value in row.items()} for row in found]


def world_of(case: Path, first: date, last: date, *, late: bool = False) -> World:
    """A case as it stands before, or with what arrives after, the first build."""
    tables = {name: read(case / f"{name}.csv") for name in TABLES}
    if late:
        tables = {name: rows + read(case / f"late_{name}.csv") for name, rows in tables.items()}
    return World(first, last, completed(tables))


def completed(tables: dict[str, list[Row]]) -> dict[str, list[Row]]:
    """Columns an input file may leave out."""
    for n, row in enumerate(tables["readings"]):
        row.setdefault("text", None)
        row["received_at"] = row.get("received_at") or row["ts"] + 1_000_000
        row.setdefault("segment", "seg")
        row.setdefault("seq", n)
    for row in tables["reports"]:
        for name in ("order_id", "product", "operation", "operator"):
            row.setdefault(name, None)
        row.setdefault("segment", "f")
        row.update({n: row.get(n) or 0 for n in ("good_pcs", "scrap_pcs", "rework_pcs")})
    for row in tables["operations"]:
        for name in ("product", "operation"):
            row.setdefault(name, None)
    return tables
