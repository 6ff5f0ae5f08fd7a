"""What analysts ask of changes in plain SQL, also in the published file: gold.kpi_changes and gold.why_kpi.

The same steps as `warehouse.revisions.changes`, in the definitions in force now, as a view and as a table macro.
Decimals are made by DuckDB from the doubles: they sum as exactly, and may differ from Python's in the last place.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import duckdb

from plant.kpi.measures import DIMENSIONS
from warehouse.revisions.cells import SHIFTS_OFF
from warehouse.revisions.definitions import Definition, in_force, published
from warehouse.snapshot import literal

LEVELS = {"machine": "machine", "line": "line", "area": "area", "site": "site", "order": "order_id",
          "product": "product", "operator": "operator", "characteristic": "characteristic"}  # fmt: skip
STORED = ("machine", "line", "area", "site")
CELL = "level, scope, grain, production_day, period_start"
COMMENTS = {
    "kpi_changes": "Every change of every KPI of machines, lines, areas and sites by shift and day, with its cause, "
    "in the definitions in force. One row: KPI x scope x period x instant x cause.",
    "kpi": "name of the KPI", "definition_id": "definition and edition", "unit": "unit", "level": "level of the scope",
    "scope": "which one", "grain": "shift or day", "production_day": "production day",
    "period_start": "start of the period", "known_from": "since when it reads so", "cause": "why it changed",
    "value_before": "value before; null: the number appeared", "value": "value since",
    "contribution": "difference to twelve decimals, exact",
}  # fmt: skip

WHY = (
    "Why a number changed between two instants: gold.why_kpi(kpi, level, scope, grain, period_start, then, now); grain "
    "is shift or day; a day is named by its date or the instant it starts. "
    "One row an instant and cause with what it added, and a row 'total'; the parts sum to it exactly."
)


def create_views(con: duckdb.DuckDBPyConnection) -> None:
    """Create or replace gold.kpi_changes and gold.why_kpi over the definitions a connection shows as in force."""
    held = {row[0] for row in con.execute('DESCRIBE "gold"."kpi_sums_history"').fetchall()}
    current = [one.over(held) for one in in_force(published(con), None).values()]
    measures = sorted({word for one in current for word in one.words()} & held)
    con.execute(f"CREATE OR REPLACE VIEW gold.kpi_changes AS {_changes(current, measures)}")
    con.execute(f"CREATE OR REPLACE MACRO gold.why_kpi({', '.join(PARAMETERS)}) AS TABLE {_why(current, measures)}")


def comment_views() -> Iterator[str]:
    """COMMENT statements of the view, its columns and the macro."""
    said = dict(COMMENTS)
    yield f"COMMENT ON VIEW gold.kpi_changes IS {literal(said.pop('kpi_changes'))}"
    for column, words in said.items():
        yield f"COMMENT ON COLUMN gold.kpi_changes.{column} IS {literal(words)}"
    yield f"COMMENT ON MACRO TABLE gold.why_kpi IS {literal(WHY)}"


PARAMETERS = ("kpi_", "level_", "scope_", "grain_", "period_start_", "then_", "now_")


_HERE = (
    "scope = scope_ AND (period_start = period_start_ OR "
    "(grain = 'day' AND production_day::TIMESTAMPTZ = period_start_::TIMESTAMPTZ))"
)
"""A day is named by the instant it starts or by its date."""
_TURNED = "error('then is ' || then_ || ', after ' || now_ || '; valid is an instant before it')"
_NOTHING = (
    "error('there is no ' || grain_ || ' of ' || level_ || ' ' || coalesce(scope_, 'NULL') || ' that starts at ' || "
    "coalesce(period_start_::VARCHAR, 'NULL') || '; level, scope, grain and period_start in gold.kpi name those there "
    "are, a day also by its date')"
)


def _changes(of: Sequence[Definition], measures: Sequence[str]) -> str:
    scopes = ", ".join(STORED)
    levels = f"unnest([{', '.join(map(literal, STORED))}]) AS level, unnest([{scopes}]) AS scope"
    kpis = ", ".join(
        f"{{kpi: {literal(d.kpi)}, definition_id: {literal(d.definition_id)}, unit: {literal(d.unit)}, "
        f"value: ({d.value})::DOUBLE}}"
        for d in of
    )
    return f"""
WITH {_cells(levels, "['shift', 'day']", "known_to IS NULL", measures)},
{_sums("instant", "cause", "TRUE", "TRUE", measures)},
valued AS (SELECT {CELL}, instant, cause, rows, unnest([{kpis}], recursive := true) FROM sums),
numbers AS (SELECT * REPLACE (CASE WHEN rows > 0 THEN value END AS value) FROM valued),
changes AS (
    SELECT *, lag(value) OVER (PARTITION BY kpi, {CELL} ORDER BY instant, cause) AS value_before FROM numbers
)
SELECT kpi, definition_id, unit, {CELL}, instant AS known_from, cause, value_before, value,
    value::DECIMAL(38, 12) - value_before::DECIMAL(38, 12) AS contribution
FROM changes WHERE value IS DISTINCT FROM value_before"""


def _why(of: Sequence[Definition], measures: Sequence[str]) -> str:
    scope = " ".join(f"WHEN {literal(level)} THEN {column}" for level, column in LEVELS.items())
    scope += f" ELSE error('level is ' || coalesce(level_, 'NULL') || '; valid are {', '.join(LEVELS)}')"
    kpi = " ".join(f"WHEN {literal(d.kpi)} THEN {d.value}" for d in of)
    unknown = "error('there is no KPI ' || coalesce(kpi_, 'NULL') || '; gold.kpi_definitions has them all')"
    kpi += f" ELSE {unknown}"
    named = ", ".join(literal(d.kpi) for d in of)
    wrong = f"CASE WHEN kpi_ IS NULL OR kpi_ NOT IN ({named}) THEN {unknown} WHEN then_ > now_ THEN {_TURNED} "
    wrong += f"WHEN NOT EXISTS (FROM cells WHERE {_HERE}) THEN {_NOTHING} END"
    instant, cause = (f"CASE WHEN instant > then_ THEN {name} END" for name in ("instant", "cause"))
    asked = f"{_HERE} AND production_day BETWEEN period_start_::DATE - 2 "
    return f"""
WITH {_cells(f"level_ AS level, CASE level_ {scope} END AS scope", "[grain_]", _known("then_"), measures)},
{_sums(instant, cause, f"{asked} AND period_start_::DATE + 2", "instant <= now_", measures)},
numbers AS (SELECT instant, cause, CASE WHEN rows > 0 THEN CASE kpi_ {kpi} END END AS value FROM sums),
steps AS (
    SELECT *, last_value(value IGNORE NULLS) OVER (so_far ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING) AS last_one,
        lag(value) OVER so_far AS value_before
    FROM numbers WINDOW so_far AS (ORDER BY instant NULLS FIRST, cause NULLS FIRST)
), parts AS (
    SELECT cause, instant AS known_from, value_before, value AS value_after,
        value::DECIMAL(38, 12) - last_one::DECIMAL(38, 12) AS contribution
    FROM steps WHERE instant IS NOT NULL AND value IS DISTINCT FROM value_before
), ends AS (
    SELECT (SELECT value FROM numbers WHERE instant IS NULL) AS before,
        (SELECT value FROM numbers ORDER BY instant DESC NULLS LAST, cause DESC LIMIT 1) AS after
)
SELECT * FROM parts
UNION ALL
SELECT coalesce({wrong}, 'total'), NULL, before, after, after::DECIMAL(38, 12) - before::DECIMAL(38, 12) FROM ends
ORDER BY known_from NULLS LAST, cause"""


def _cells(levels: str, grains: str, valid: str, measures: Sequence[str]) -> str:
    """Rows of the history by level and grain, each with the start of its period as known where `valid`."""
    key, held = ", ".join(DIMENSIONS), ", ".join(measures)
    shift, day = ("production_day, line, shift", "production_day, site")
    start = f"coalesce(min(hour_at) FILTER ({valid}) OVER (PARTITION BY {{0}}), min(hour_at) OVER (PARTITION BY {{0}}))"
    return f"""
marked AS (
    SELECT *, lead(cause) OVER (PARTITION BY {key} ORDER BY revision) AS ended_by,
        {start.format(shift)} AS shift_start, {start.format(day)} AS day_start
    FROM gold.kpi_sums_history
), leveled AS (SELECT *, {levels}, {grains} AS grains FROM marked), grained AS (
    SELECT * EXCLUDE (grains), unnest(grains) AS grain FROM leveled WHERE scope IS NOT NULL
), cells AS (
    SELECT level, scope, grain, production_day, characteristic, known_from, known_to, cause, ended_by, {held},
        CASE grain WHEN 'shift' THEN shift_start WHEN 'day' THEN day_start ELSE error('grain is ' || grain ||
            '; valid are shift, day (other grains: warehouse.why in Python)') END AS period_start
    FROM grained WHERE grain <> 'shift' OR ({SHIFTS_OFF})
)"""


def _sums(instant: str, cause: str, asked: str, until: str, measures: Sequence[str]) -> str:
    """Running sums of each cell after each instant and cause."""
    held = ", ".join(("characteristic", *measures))
    moved = ", ".join(f"sum(sign * {m}) AS {m}, sum(sign) FILTER ({m} IS NULL) AS {m}__null" for m in measures)
    running = ", ".join(
        f"CASE WHEN coalesce(sum({m}__null) OVER so_far, 0) = 0 "
        f"THEN coalesce(sum({m}) OVER so_far, 0)::DOUBLE END AS {m}"
        for m in measures
    )
    return f"""moves AS (
    SELECT {CELL}, known_from AS instant, cause, 1 AS sign, {held} FROM cells
    WHERE known_to IS NULL OR known_to > known_from
    UNION ALL
    SELECT {CELL}, known_to, ended_by, -1, {held} FROM cells WHERE known_to > known_from
), kinds AS (SELECT {CELL}, count(DISTINCT characteristic) AS characteristics FROM moves GROUP BY ALL), moved AS (
    SELECT {CELL}, {instant} AS instant, {cause} AS cause, sum(sign) AS rows, {moved}
    FROM moves WHERE ({asked}) AND ({until}) GROUP BY ALL
), sums AS (
    SELECT {CELL}, instant, cause, characteristics, sum(rows) OVER so_far AS rows, {running}
    FROM moved JOIN kinds USING ({CELL})
    WINDOW so_far AS (
        PARTITION BY {CELL} ORDER BY instant NULLS FIRST, cause NULLS FIRST ROWS UNBOUNDED PRECEDING)
)"""


def _known(at: str) -> str:
    return f"known_from <= {at} AND (known_to IS NULL OR known_to > {at})"
