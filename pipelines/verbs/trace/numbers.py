"""The receipt of one number: definition, sums, ledger rows, raw rows, and a hash over all of them.

The hash is over what the number is made of, not over where it lies: files and versions may be rewritten.
"""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import asdict, dataclass
from datetime import UTC, date, datetime
from hashlib import sha256
from typing import Any, get_args

import polars as pl

from pipelines.verbs.trace.raw import Window, sources
from plant.config import Plant
from plant.errors import PlantError
from plant.tables import DOOR_MADE
from warehouse import as_of
from warehouse.lake import Lake
from warehouse.revisions.cells import Level

SUMS = "gold.kpi_sums"
LEDGERS = ("silver.time_ledger", "silver.count_ledger", "silver.energy_ledger")
LEVELS: tuple[str, ...] = get_args(Level)
EXAMPLE = 'shopfloor trace "oee level=machine scope=cnc-101 day=2026-11-15"'
HASHED = ("definition", "number", "kpi_sums", "ledgers", "bronze")
"""Sections of a receipt; each has its own hash, so that a difference can be named."""


@dataclass(frozen=True)
class Asked:
    """A number: a KPI of a scope on a production day, or in one shift of it."""

    kpi: str
    level: str
    scope: str
    day: date
    shift: str | None = None

    @property
    def column(self) -> str:
        """Column of the scope in the sums and the ledgers."""
        return "order_id" if self.level == "order" else self.level

    def rows(self, lake: Lake, name: str) -> pl.DataFrame:
        """Rows of a day table that belong to the number, without what the door makes."""
        rows = lake.scan(name, days=(self.day, self.day)).drop(DOOR_MADE, strict=False)
        known = rows.collect_schema().names()
        if self.column not in known:
            return rows.head(0).collect()
        found = rows.filter(pl.col(self.column) == self.scope)
        found = found if self.shift is None else found.filter(pl.col("shift") == self.shift)
        return found.collect().sort(pl.all(), nulls_last=True)


def parse(text: str) -> Asked:
    """Read `kpi level=... scope=... day=... [shift=...]`.

    Raises:
        PlantError: says what is missing or not known.
    """
    kpi, *pairs = text.split()
    given = dict(pair.partition("=")[::2] for pair in pairs)
    unknown = sorted(set(given) - {"level", "scope", "day", "shift"})
    missing = [name for name in ("level", "scope", "day") if not given.get(name)]
    if unknown or missing:
        found = f"not known: {', '.join(unknown)}" if unknown else f"missing: {', '.join(missing)}"
        raise PlantError(f"cannot trace {text!r}: {found}; write e.g. {EXAMPLE}")
    if given["level"] not in LEVELS:
        raise PlantError(f"cannot trace {text!r}: no level {given['level']!r}; valid: {', '.join(LEVELS)}")
    try:
        day = date.fromisoformat(given["day"])
    except ValueError as error:
        raise PlantError(f"cannot trace {text!r}: {given['day']!r} is not a day; write 2026-11-15") from error
    return Asked(kpi, given["level"], given["scope"], day, given.get("shift"))


def receipt(plant: Plant, lake: Lake, asked: Asked) -> dict[str, Any]:
    """Everything a number is made of, as JSON values, with a hash of each section and of all.

    Raises:
        PlantError: there is no such number; says what there is.
    """
    number = _number(lake, asked)
    sums, ledgers = asked.rows(lake, SUMS), {name: asked.rows(lake, name) for name in LEDGERS}
    machines = {m for frame in (sums, *ledgers.values()) if "machine" in frame.columns for m in frame["machine"]}
    known = tuple(sorted(m for m in machines if m in plant.machines))
    raw = sources(lake, Window(plant, known, asked.day))
    told = {
        "asked": {k: str(v) for k, v in asdict(asked).items() if v is not None},
        "definition": _definition(lake, number),
        "number": {k: number[k] for k in ("value", "numerator", "denominator", "unit")},
        "known": _known(lake, asked, number),
        "kpi_sums": _plain(sums),
        "ledgers": {name: _plain(frame) for name, frame in ledgers.items()},
        "bronze": raw,
    }
    hashes = {name: section_hash(name, told[name]) for name in HASHED}
    return told | {"hashes": hashes, "hash": _digest(hashes)}


def section_hash(name: str, content: Any) -> str:
    """Hash of a section. Raw rows count by table, segment and position, whatever file they are in."""
    if name != "bronze":
        return _digest(content)
    rows: Counter[str] = Counter()
    for entry in content:
        for segment, positions in entry["rows"].items():
            rows.update(f"{entry['table']} {segment} {n}" for n in _spread(positions))
    return _digest(sorted(rows.items()))


def _spread(positions: str) -> list[str]:
    out: list[str] = []
    for part in positions.split(","):
        first, _, last = part.partition("-")
        out += [str(n) for n in range(int(first), int(last) + 1)] if last and first.isdigit() else [part]
    return out


def _digest(content: Any) -> str:
    return sha256(json.dumps(content, sort_keys=True, default=str).encode()).hexdigest()


def _number(lake: Lake, asked: Asked) -> dict[str, Any]:
    grain: Any = "day" if asked.shift is None else "shift"
    level: Any = asked.level
    rows = as_of(lake, asked.kpi, datetime.now(UTC), level, asked.scope, grain=grain, first=asked.day, last=asked.day)
    found = rows if asked.shift is None else rows.filter(pl.col("shift").str.split("+").list.contains(asked.shift))
    if found.is_empty():
        raise PlantError(_nothing(lake, asked))
    return found.row(0, named=True)


def _nothing(lake: Lake, asked: Asked) -> str:
    """There is no such number: which there are."""
    days = lake.days(SUMS)
    span = f"{days[0]} to {days[-1]}" if days else "no day yet; run `shopfloor build` first"
    scopes = lake.scan(SUMS).select(pl.col(asked.column).drop_nulls().unique().sort()).collect().to_series()
    where = asked.day if asked.shift is None else f"{asked.day} in shift {asked.shift!r}"
    there = f"{span}, {asked.level}s {', '.join(map(str, scopes.head(12)))}"
    return f"there is no {asked.kpi} of {asked.level} {asked.scope!r} on {where}; there is {there}"


def _definition(lake: Lake, number: dict[str, Any]) -> dict[str, Any]:
    names = ("definition_id", "kpi", "formula", "numerator", "denominator", "factor", "unit", "edition", "source")
    rows = lake.scan("gold.kpi_definitions").filter(pl.col("definition_id") == number["definition_id"]).collect()
    if rows.height:
        return {name: rows[name][0] for name in names}
    from plant.kpi.catalogue import BY_NAME
    from warehouse.revisions.definitions import definitions

    declared = definitions(lake, datetime.now(UTC), [BY_NAME[number["kpi"]]]).row(0, named=True)
    return {name: declared[name] for name in names}


def _known(lake: Lake, asked: Asked, number: dict[str, Any]) -> dict[str, Any]:
    """How often the number was revised and why: no part of the hash, a rebuild begins at revision 1."""
    days = (asked.day, asked.day)
    past = lake.scan(SUMS, days=days, history=True).filter(pl.col(asked.column) == asked.scope)
    causes = past.select(pl.col("cause").drop_nulls().unique().sort()).collect().to_series().to_list()
    return {"revision": number["revision"], "known_from": str(number["known_from"]), "causes": causes}


def _plain(frame: pl.DataFrame) -> list[dict[str, Any]]:
    """Rows as JSON values, without nulls and zeros: most of a hundred measures are 0 in a row."""
    rows = frame.with_columns(pl.col(pl.Datetime, pl.Date).cast(pl.String))
    return [{k: v for k, v in row.items() if v is not None and v != 0} for row in rows.iter_rows(named=True)]
