"""Definitions of KPIs as SQL, with the time each was in force: gold.kpi_definitions.

A number as known then is the sums as known then, in the definition in force then; a change of the definition
is a cause of its own. What was ever published stays, with its arithmetic, though the code has moved on.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

import duckdb
import polars as pl

from plant.kpi.declaration import Kpi
from plant.tables import table
from warehouse.kpi_sql import denominator_sql, number, numerator_sql
from warehouse.lake import Lake

NAME = "gold.kpi_definitions"
_FUNCTIONS = {"least", "greatest", "abs", "sqrt"}
_WORD = re.compile(r"\b[a-z][a-z0-9_]*\b")


@dataclass(frozen=True)
class Definition:
    """A KPI's arithmetic over columns named like the measures, and when it was in force (None: it still is)."""

    kpi: str
    definition_id: str
    numerator: str
    denominator: str
    factor: float
    unit: str
    known_from: datetime | None = None
    known_to: datetime | None = None

    @property
    def value(self) -> str:
        """The point value as SQL: null unless the denominator is above 0."""
        ratio = f"CASE WHEN ({self.denominator}) > 0 THEN ({self.numerator}) / ({self.denominator}) END"
        return ratio if self.factor == 1.0 else f"({ratio}) * {number(self.factor)}"

    def words(self) -> set[str]:
        """The columns of its arithmetic: measures, and `characteristics`."""
        return set(_WORD.findall(f"{self.numerator} {self.denominator}")) - _FUNCTIONS

    def over(self, measures: Iterable[str]) -> Definition:
        """Itself where those measures are all it needs; else one that is null: a measure of old is kept no more."""
        if self.words() <= {*measures, "characteristics"}:
            return self
        return replace(self, numerator="NULL::DOUBLE", denominator="NULL::DOUBLE")


def catalogue() -> tuple[Kpi, ...]:
    """Every KPI the code declares today."""
    from plant.kpi.catalogue import KPIS

    return tuple(KPIS)


def definitions(lake: Lake, now: datetime, kpis: Sequence[Kpi] | None = None) -> pl.DataFrame:
    """The frame of gold.kpi_definitions: today's definitions, and all earlier ones closed.

    Args:
        lake: the lake with the definitions published so far.
        now: UTC instant from which new definitions are in force and the ones gone are not.
        kpis: the declared KPIs; None for the catalogue.
    """
    past = {row["definition_id"]: row for row in lake.scan(NAME).collect().iter_rows(named=True)}
    rows = []
    for kpi in catalogue() if kpis is None else kpis:
        before = past.pop(kpi.definition_id, None)
        rows.append(_row(kpi) | {"known_from": before["known_from"] if before else now, "known_to": None})
    closed = [row | {"known_to": row["known_to"] or now} for row in past.values()]
    return pl.DataFrame([*rows, *closed], schema=table(NAME).schema, orient="row")


def _row(kpi: Kpi) -> dict[str, object]:
    said = {n: getattr(kpi, n) for n in ("definition_id", "title", "family", "edition", "source", "formula", "factor",
                                         "unit", "better", "iso_number", "variant_of")}  # fmt: skip
    arithmetic = {"numerator": numerator_sql(kpi), "denominator": denominator_sql(kpi)}
    return said | arithmetic | {"kpi": kpi.name, "page": f"docs/kpi/{kpi.name}.md"}


def published(con: duckdb.DuckDBPyConnection) -> list[Definition]:
    """Every definition ever published, oldest first; before the first publication what the code declares."""
    rows = con.execute(
        "SELECT kpi, definition_id, numerator, denominator, factor, unit, known_from, known_to "
        "FROM gold.kpi_definitions ORDER BY known_from, definition_id"
    ).fetchall()
    if rows:
        return [Definition(*row) for row in rows]
    return [
        Definition(k.name, k.definition_id, numerator_sql(k), denominator_sql(k), k.factor, k.unit) for k in catalogue()
    ]


def in_force(of: Iterable[Definition], at: datetime | None) -> dict[str, Definition]:
    """The definition of each KPI at an instant (None: now), by name.

    Before a KPI was first published its first definition stands; a KPI that is declared no more has none.
    """
    found: dict[str, Definition] = {}
    for one in of:
        holds = one.known_to is None or (at is not None and at < one.known_to)
        begun = at is None or one.known_from is None or one.known_from <= at
        if holds and (begun or one.kpi not in found):
            found[one.kpi] = one
    return found
