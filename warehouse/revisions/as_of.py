"""Any KPI of any level and grain as it read at an instant: sums known then, in a definition of then or of now."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import date, datetime
from pathlib import Path
from typing import Any, Literal

import duckdb
import polars as pl

from plant.errors import TerminalError
from plant.tables import table
from warehouse.connect import opened, quoted, show
from warehouse.lake import Lake
from warehouse.revisions.cells import Cells, Grain, Level, checked, instant, summed
from warehouse.revisions.definitions import Definition, in_force, published
from warehouse.snapshot import literal

Source = Path | str | Lake | duckdb.DuckDBPyConnection
"""A root, a lake, or a connection over one (of `connect`, or of the published file)."""
Which = Literal["then", "now"]
READ = ("gold.kpi_sums", "gold.kpi_definitions", "silver.machines")
SHAPE: dict[str, Any] = {
    "production_day": pl.Date, "kpi": pl.String, "definition_id": pl.String, "level": pl.String, "scope": pl.String,
    "grain": pl.String, "period_start": pl.Datetime("us", "UTC"), "shift": pl.String, "numerator": pl.Float64,
    "denominator": pl.Float64, "value": pl.Float64, "unit": pl.String, "revision": pl.Int64,
    "known_from": pl.Datetime("us", "UTC"), "known_to": pl.Datetime("us", "UTC"),
    "last_hour_at": pl.Datetime("us", "UTC"),
}  # fmt: skip


def as_of(
    source: Source,
    kpi: str | Sequence[str] | None,
    known_at: datetime,
    level: Level,
    scope: str | None = None,
    *,
    grain: Grain,
    first: date,
    last: date,
    definition: Which = "then",
) -> pl.DataFrame:
    """KPIs as they read at an instant; one row a KPI, scope and period, in the columns of gold.kpi.

    `revision` counts how often the sums of the scope and period had been published by then, known_from and
    known_to say from when until when they stood (null: they stand); `last_hour_at` is the last hour in them.
    `period_start` of a week or month is its first calendar day at 00:00 UTC, of 'all' that of `first`. Value null
    as in gold.kpi. Of days that `tidy` has thinned, hours that were still running at `known_at` are left out.

    Args:
        source: root, lake or connection.
        kpi: one KPI, several, or None for all there were.
        known_at: UTC instant.
        level: machine, line, area, site, order, product, operator or characteristic.
        scope: which one; None for all of the level.
        grain: hour, shift, day, week, month or all.
        first: first production day.
        last: last production day, included. Weeks and months hold only the days asked for.
        definition: 'then' for the definitions in force at `known_at`, 'now' for the current ones.

    Raises:
        TerminalError: an unknown KPI, level or grain (the message names the valid ones), or `known_at` has no zone.
    """
    checked(level, grain)
    known_at = instant(known_at, "known_at")
    with reading(source) as con:
        wanted = chosen(published(con), kpi, known_at if definition == "then" else None)
        cells = Cells(level, grain, measured(con, wanted))
        wanted = [one.over(cells.measures) for one in wanted]
        values = {"first": first, "last": last, "scope": scope, "at": known_at, "now": known_at}
        found: pl.DataFrame = con.sql(_sql(cells, wanted), params=values).pl()
    return found.select(pl.col(n).cast(t) for n, t in SHAPE.items())


@contextmanager
def reading(source: Source) -> Iterator[duckdb.DuckDBPyConnection]:
    """A cursor over the tables numbers of old are made of; a root is opened for the purpose."""
    con = source if isinstance(source, duckdb.DuckDBPyConnection) else None
    own = None
    if con is None:
        lake = source if isinstance(source, Lake) else Lake(source)  # type: ignore[arg-type]
        con = own = opened()
        for name in READ:
            show(con, table(name), lake.snapshot(name))
    cursor = con.cursor()
    try:
        yield cursor
    finally:
        cursor.close()
        if own is not None:
            own.close()


def chosen(of: Sequence[Definition], kpi: str | Sequence[str] | None, at: datetime | None) -> list[Definition]:
    """The definitions in force at an instant (None: now) of the KPIs asked for, in their order.

    Raises:
        TerminalError: a KPI that has none; names those that have.
    """
    there = in_force(of, at)
    names = [kpi] if isinstance(kpi, str) else list(there) if kpi is None else list(kpi)
    unknown = [name for name in names if name not in there]
    if unknown:
        raise TerminalError(f"no KPI {', '.join(map(repr, unknown))}; there are {', '.join(sorted(there))}")
    return [there[name] for name in names]


def measured(con: duckdb.DuckDBPyConnection, of: Sequence[Definition]) -> tuple[str, ...]:
    """The measures those definitions use, as far as the history has them."""
    words = {word for one in of for word in one.words()}
    held = [row[0] for row in con.execute(f"DESCRIBE {quoted('gold.kpi_sums_history')}").fetchall()]
    return tuple(name for name in held if name in words)


def _sql(cells: Cells, of: Sequence[Definition]) -> str:
    shift = "shift" if cells.grain == "shift" else "NULL::VARCHAR"
    return f"""
WITH {cells.rows()},
instants AS (
    SELECT scope, period_start, known_from AS instant FROM cells
    UNION SELECT scope, period_start, known_to FROM cells WHERE known_to IS NOT NULL
), stood AS (
    SELECT scope, period_start, count(*) FILTER (instant <= $at) AS revision,
        max(instant) FILTER (instant <= $at) AS known_from, min(instant) FILTER (instant > $at) AS known_to
    FROM instants GROUP BY ALL
), sums AS (
    SELECT scope, period_start, min(production_day) AS production_day, max(hour_at) FILTER (valid) AS last_hour_at,
        string_agg(DISTINCT shift, '+' ORDER BY shift) FILTER (valid) AS shift,
        count(DISTINCT characteristic) FILTER (valid) AS characteristics, {summed(cells.measures, "valid")}
    FROM cells GROUP BY scope, period_start HAVING count(*) FILTER (valid) > 0
), valued AS (
    SELECT production_day, scope, period_start, {shift} AS shift, last_hour_at,
        unnest([{", ".join(map(_one, of))}], recursive := true)
    FROM sums
)
SELECT *, '{cells.level}' AS level, '{cells.grain}' AS grain FROM valued JOIN stood USING (scope, period_start)
ORDER BY kpi, scope, period_start"""


def _one(one: Definition) -> str:
    """One KPI of a row of sums as a struct."""
    said = {"kpi": literal(one.kpi), "definition_id": literal(one.definition_id), "unit": literal(one.unit)}
    made = {"numerator": one.numerator, "denominator": one.denominator, "value": one.value}
    cast = {name: f"({text})::DOUBLE" for name, text in made.items()}
    return "{" + ", ".join(f"{name}: {text}" for name, text in (said | cast).items()) + "}"
