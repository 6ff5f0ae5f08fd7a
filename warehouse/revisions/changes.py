"""Why a number changed: its way from one instant to another, one step a cause and write, summing to the last digit.

The sums of a cell are moved from then to now by what each cause changed, one after another in time order, and the
KPI is evaluated after each step. Differences are of values rounded to twelve decimals, so they sum exactly.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import ROUND_HALF_EVEN, Decimal, localcontext
from typing import Any

import duckdb
import polars as pl

from plant.errors import TerminalError
from warehouse.revisions.as_of import Source, chosen, measured, reading
from warehouse.revisions.cells import Cells, Grain, Level, checked, days_around, instant
from warehouse.revisions.definitions import Definition, in_force, published

TOTAL, DEFINITION = "total", "definition"
APPEARED, VANISHED = "the number appeared", "the number vanished"
GRAINS = ("hour", "shift", "day", "week", "month")
PLACES = Decimal("1e-12")
SHAPE: dict[str, Any] = {
    "cause": pl.String, "known_from": pl.Datetime("us", "UTC"), "value_before": pl.Float64, "value_after": pl.Float64,
    "contribution": pl.Decimal(38, 12), "note": pl.String,
}  # fmt: skip


@dataclass(frozen=True)
class Part:
    """One step of a number: the cause, since when, the value before and after. Null values: there was no number."""

    cause: str
    known_from: datetime | None
    before: float | None
    after: float | None
    contribution: Decimal | None

    @property
    def note(self) -> str | None:
        """A number that came or went, in words; None for one that moved."""
        if self.before is None and self.after is not None:
            return APPEARED
        return VANISHED if self.before is not None and self.after is None else None


def why(
    source: Source,
    kpi: str,
    level: Level,
    scope: str,
    grain: Grain,
    period_start: datetime,
    then: datetime,
    now: datetime | None = None,
) -> pl.DataFrame:
    """The parts of a change of one number, in time order, and a last row `total`.

    Columns: cause, known_from, value_before, value_after, contribution (exact decimal, null where a number came or
    went), note. Steps that left the number alone are not listed. The contributions sum to that of the total: the
    difference of the two values rounded to twelve decimals; null where one of them is missing.

    Args:
        source: root, lake or connection.
        kpi: name of the KPI.
        level: machine, line, area, site, order, product, operator or characteristic.
        scope: which one.
        grain: hour, shift, day, week or month.
        period_start: start of the period as it was known then (or is known now).
        then: UTC instant before.
        now: UTC instant after; None for now.

    Raises:
        TerminalError: an unknown KPI, level or grain; the message names the valid ones.
    """
    checked(level, grain, GRAINS)
    then, period_start = instant(then, "then"), instant(period_start, "period_start")
    until = instant(now or datetime.now(UTC), "now")
    if then > until:
        raise TerminalError(f"then is {then}, after {until}; valid is an instant before it")
    with reading(source) as con:
        parts = steps(con, kpi, level, scope, grain, period_start, then, until)
    first, last = parts[0], parts[-1]
    total = Part(TOTAL, None, first.after, last.after, difference(first.after, last.after))
    moved = [p for p in parts[1:] if p.note or p.contribution]
    rows = [(p.cause, p.known_from, p.before, p.after, p.contribution, p.note) for p in (*moved, total)]
    return pl.DataFrame(rows, schema=SHAPE, orient="row")


def steps(
    con: duckdb.DuckDBPyConnection,
    kpi: str,
    level: Level,
    scope: str,
    grain: Grain,
    period_start: datetime,
    then: datetime,
    now: datetime,
) -> list[Part]:
    """Every step from then to now, those that left the number alone too; the first one is the number as it was then."""
    versions = _versions(published(con), kpi, then, now)
    cells = Cells(level, grain, measured(con, [one for _, one in versions]))
    first, last = days_around(grain, period_start)
    values = {"first": first, "last": last, "scope": scope, "at": then, "now": now, "start": period_start}
    rows = con.execute(_sql(cells, [one.over(cells.measures).value for _, one in versions]), values).fetchall()
    if not rows or rows[0][0] is not None:  # nothing was known then
        rows = [(None, None, *(None for _ in versions)), *rows]
    return list(_parts(_in_order(rows, versions)))


def _versions(
    of: Sequence[Definition], kpi: str, then: datetime, now: datetime
) -> list[tuple[datetime | None, Definition]]:
    """The definition in force then, and each that followed until now with the instant from which it stood."""
    (begun,) = chosen(of, kpi, then) if kpi in in_force(of, then) else chosen(of, kpi, now)
    later = [d for d in of if d.kpi == kpi and d != begun and d.known_from and then < d.known_from <= now]
    return [(None, begun), *((d.known_from, d) for d in later)]


Step = tuple[datetime | None, str | None, float | None]


def _in_order(
    rows: Sequence[tuple[Any, ...]], versions: Sequence[tuple[datetime | None, Definition]]
) -> Iterator[Step]:
    """Steps of the sums in the definition in force, with a step of its own for each new definition."""
    held, in_use = rows[0], 0
    yield None, None, held[2]
    for row in rows[1:]:
        while in_use + 1 < len(versions) and versions[in_use + 1][0] <= row[0]:
            in_use += 1
            yield versions[in_use][0], DEFINITION, held[2 + in_use]
        held = row
        yield row[0], row[1], row[2 + in_use]
    for k in range(in_use + 1, len(versions)):
        yield versions[k][0], DEFINITION, held[2 + k]


def _parts(steps: Iterator[Step]) -> Iterator[Part]:
    """Steps with what each contributes. A number that was gone for a while is held against the last one there was."""
    before: float | None = None
    held: float | None = None
    for k, (at, cause, value) in enumerate(steps):
        moved = None if value is None or held is None else difference(held, value)
        yield Part(cause or "", at, before if k else value, value, moved if k else None)
        before, held = value, held if value is None else value


def difference(before: float | None, after: float | None) -> Decimal | None:
    """Difference of two values rounded to twelve decimals; null when one is missing."""
    if before is None or after is None:
        return None
    with localcontext() as context:
        context.prec = 60
        return rounded(after) - rounded(before)


def exact_sum(parts: Iterable[Decimal]) -> Decimal:
    """Sum of decimals, all digits kept."""
    with localcontext() as context:
        context.prec = 60
        return sum(parts, Decimal(0))


def rounded(value: float) -> Decimal:
    """A value to twelve decimals, half to even, as an exact decimal."""
    with localcontext() as context:
        context.prec = 60
        return Decimal(value).quantize(PLACES, ROUND_HALF_EVEN)


def _sql(cells: Cells, arithmetic: Sequence[str]) -> str:
    """One row for the sums as known then (nulls first), then one an instant and cause until now: these, and values."""
    moved = ", ".join(f"sum(sign * {m}) AS {m}, sum(sign) FILTER ({m} IS NULL) AS {m}__null" for m in cells.measures)
    running = ", ".join(
        f"CASE WHEN coalesce(sum({m}__null) OVER so_far, 0) = 0 "
        f"THEN coalesce(sum({m}) OVER so_far, 0)::DOUBLE END AS {m}"
        for m in cells.measures
    )
    held = ", ".join(("characteristic", *cells.measures))
    values = ", ".join(f"CASE WHEN rows > 0 THEN {value} END" for value in arithmetic)
    return f"""
WITH {cells.rows()},
asked AS (
    SELECT * FROM cells
    WHERE period_start = $start AND known_from <= $now AND (known_to IS NULL OR known_to > known_from)
), moves AS (
    SELECT known_from AS instant, cause, 1 AS sign, {held} FROM asked
    UNION ALL SELECT known_to, ended_by, -1, {held} FROM asked WHERE known_to <= $now
), steps AS (
    SELECT CASE WHEN instant > $at THEN instant END AS instant, CASE WHEN instant > $at THEN cause END AS cause,
        sum(sign) AS rows, {moved}
    FROM moves GROUP BY ALL
), sums AS (
    SELECT instant, cause, sum(rows) OVER so_far AS rows, {running},
        (SELECT count(DISTINCT characteristic) FROM asked) AS characteristics
    FROM steps WINDOW so_far AS (ORDER BY instant NULLS FIRST, cause NULLS FIRST ROWS UNBOUNDED PRECEDING)
)
SELECT instant, cause, {values} FROM sums ORDER BY instant NULLS FIRST, cause NULLS FIRST"""
