"""Any KPI at any level and grain in plain SQL: the table macros gold.kpi_by and gold.kpi_reconciliation.

Made from the declarations of `plant.kpi` over gold.kpi_sums, so that a notebook, the published file and
`assets.kernels.figures` answer the same.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Sequence

import duckdb

from plant.kpi.catalogue import KPIS
from plant.kpi.declaration import Kpi
from plant.kpi.elements import IDEAL
from plant.kpi.measures import NAMES
from plant.kpi.needs import LATE, NEEDS, NO_SIGNAL, NOTHING_PLANNED, SEVERAL
from plant.kpi.needs import QUARANTINED as QUARANTINED_NOTE
from plant.kpi.reconciliation import WALKS
from plant.kpi.scenarios import QUARANTINE_DOUBT, QUARANTINED, UNKNOWN, UNKNOWN_DOUBT, Scenario, changed_by
from plant.kpi.terms import Op, Term
from plant.states import OFF_SHIFT
from warehouse.kpi_sql import in_doubt, sql_of
from warehouse.snapshot import literal

LEVELS = {"machine": "machine", "line": "line", "area": "area", "site": "site", "order": "order_id",
          "product": "product", "operator": "operator", "characteristic": "characteristic"}  # fmt: skip
GRAINS = ("hour", "shift", "day", "week", "month", "all")
PARAMETERS = "level_, grain_, first_ := DATE '0001-01-01', last_ := DATE '9999-12-31'"
CELL = "level, scope, grain, production_day, period_start, shift"
_ASKED = (
    "CASE WHEN first_ <= last_ THEN production_day BETWEEN first_ AND last_ "
    "ELSE error('first_ is ' || coalesce(first_::VARCHAR, 'NULL') || "
    "', last_ is ' || coalesce(last_::VARCHAR, 'NULL') || '; valid are two days, the earlier first') END"
)
NOTED = {*IDEAL.measures(), "apt_counting_us", "pbt_us", "unknown_us", "quarantined_pcs"}
"""Measures the notes ask for, whatever the KPI."""
WORDS = {
    "gold.kpi_by": "Every KPI by any level (machine, line, area, site, order, product, operator, characteristic) and "
    "grain (hour, shift, day, week, month, all) of the production days first_ to last_, with bounds and note.",
    "gold.kpi_reconciliation": "Why a scope and period reads differently in each standard: from one KPI to another, "
    "one rule at a time; contributions sum to the difference.",
}


def create_macros(con: duckdb.DuckDBPyConnection) -> None:
    """Create or replace gold.kpi_by and gold.kpi_reconciliation on a connection that shows gold.kpi_sums."""
    con.execute(f"CREATE OR REPLACE MACRO gold.kpi_by({PARAMETERS}) AS TABLE {_by(KPIS)}")
    con.execute(f"CREATE OR REPLACE MACRO gold.kpi_reconciliation({PARAMETERS}) AS TABLE {_reconciled()}")


def comment_macros() -> Iterator[str]:
    """COMMENT statements of the macros."""
    for name, words in WORDS.items():
        yield f"COMMENT ON MACRO TABLE {name} IS {literal(words)}"


def by_sql(*kpis: Kpi) -> str:
    """gold.kpi_by of only these KPIs, over only what they need: a query with $level_, $grain_, $first_ and $last_.

    Rows and numbers are those of the macro, in a fraction of its time.
    """
    needed = {measure for kpi in kpis for measure in in_doubt(kpi)}
    return re.sub(r"\b(level_|grain_|first_|last_)\b", r"$\1", _by(kpis, sorted(needed)))


def _sums(names: Sequence[str] = NAMES) -> str:
    """CTEs up to `sums`: measures of every scope and period of a level and grain, as doubles."""
    scope = " ".join(f"WHEN {literal(level)} THEN {column}" for level, column in LEVELS.items())
    hour = (
        "(date_trunc('hour', hour_at AT TIME ZONE zone) - (hour_at AT TIME ZONE zone) + (hour_at AT TIME ZONE 'UTC'))"
        " AT TIME ZONE 'UTC'"
    )
    shift_start = "CASE WHEN line IS NOT NULL THEN min(hour_at) OVER (PARTITION BY production_day, line, shift) END"
    period = f"""CASE grain_ WHEN 'hour' THEN {hour} WHEN 'shift' THEN {shift_start}
            WHEN 'day' THEN min(hour_at) OVER (PARTITION BY production_day, site)
            WHEN 'week' THEN date_trunc('week', production_day)::TIMESTAMP AT TIME ZONE 'UTC'
            WHEN 'month' THEN date_trunc('month', production_day)::TIMESTAMP AT TIME ZONE 'UTC'
            WHEN 'all' THEN (min(production_day) OVER ())::TIMESTAMP AT TIME ZONE 'UTC'
            ELSE error('grain is ' || coalesce(grain_, 'NULL') || '; valid are {", ".join(GRAINS)}') END"""
    wrong_level = f"error('level is ' || coalesce(level_, 'NULL') || '; valid are {', '.join(LEVELS)}')"
    measures = ", ".join(f"sum({m})::DOUBLE AS {m}" for m in names)
    return f"""zones AS (SELECT site, any_value(timezone) AS zone FROM silver.machines GROUP BY site),
days AS (
    SELECT s.*, coalesce(zone, 'UTC') AS zone FROM gold.kpi_sums s LEFT JOIN zones USING (site)
    WHERE {_ASKED} AND (grain_ <> 'shift' OR shift <> {literal(OFF_SHIFT)})
), placed AS (SELECT *, CASE level_ {scope} ELSE {wrong_level} END AS scope, {period} AS period_start FROM days
), sums AS (
    SELECT level_ AS level, scope, grain_ AS grain, period_start, min(production_day) AS production_day,
        CASE WHEN grain_ = 'shift' THEN string_agg(DISTINCT shift, '+' ORDER BY shift) END AS shift,
        count(DISTINCT characteristic) AS characteristics, {measures}
    FROM placed WHERE scope IS NOT NULL AND period_start IS NOT NULL GROUP BY scope, period_start
)"""


def _by(kpis: Sequence[Kpi], names: Sequence[str] = NAMES) -> str:
    """`names`: the measures the KPIs hang on in any world."""
    point = ", ".join(map(_point, kpis))
    bounded = ", ".join(map(_in_a_world, kpis))
    return f"""
WITH {_sums(sorted({*names, *NOTED}))},
{worlds("sums", "u", UNKNOWN_DOUBT, UNKNOWN, names)},
{worlds("in_u", "q", QUARANTINE_DOUBT, QUARANTINED, names)},
points AS (SELECT {CELL}, unnest([{point}], recursive := true) FROM sums),
told AS (SELECT level, scope, grain, period_start, unnest([{bounded}], recursive := true) FROM in_q),
bounds AS (
    SELECT level, scope, grain, period_start, kpi, min(seen) AS least, max(seen) AS most, bool_or(open) AS open
    FROM told GROUP BY ALL
)
SELECT {CELL}, kpi, definition_id, numerator, denominator, value,
    CASE WHEN exact THEN value WHEN had AND NOT open THEN least(least, value) END AS value_low,
    CASE WHEN exact THEN value WHEN had AND NOT open THEN greatest(most, value) END AS value_high, unit, note
FROM points LEFT JOIN bounds USING (level, scope, grain, period_start, kpi)
ORDER BY kpi, scope, period_start"""


def worlds(before: str, name: str, doubt: Term, kinds: Sequence[Scenario], only: Collection[str] = NAMES) -> str:
    """CTEs `<name>_rows` and `in_<name>`: each row as it is (0) or, where there is doubt, once a world.

    `only`: the measures the rows have; changes of others are left out, and of worlds that then are alike one is kept.
    """
    held = [measure for measure in changed_by(tuple(kinds)) if measure in only]
    told = list(dict.fromkeys(tuple((m, term) for m, term in world.changes if m in only) for world in kinds))
    changes = [f"{_changed(measure, name, told)} AS {measure}" for measure in held]
    replaced = f" REPLACE ({', '.join(changes)})" if changes else ""
    doubted = f"CASE WHEN {sql_of(doubt)} > 0 THEN range(1, {len(told) + 1}) ELSE [0] END"
    return f"""{name}_rows AS (SELECT *, unnest({doubted}) AS {name} FROM {before}
), in_{name} AS (SELECT *{replaced} FROM {name}_rows)"""


def _changed(measure: str, name: str, told: Sequence[tuple[tuple[str, Term], ...]]) -> str:
    """A measure in the world a row stands for; `told`: the changes of each."""
    new = [(n, term) for n, changes in enumerate(told, 1) for m, term in changes if m == measure]
    return f"CASE {name} {' '.join(f'WHEN {n} THEN {sql_of(term)}' for n, term in new)} ELSE {measure} END"


def _point(kpi: Kpi) -> str:
    """One KPI of a row of sums as a struct."""
    had = has(kpi)
    value = f"CASE WHEN {had} THEN {sql_of(kpi.value)} END"
    return (
        f"{{kpi: {literal(kpi.name)}, definition_id: {literal(kpi.definition_id)}, unit: {literal(kpi.unit)}, "
        f"numerator: (CASE WHEN {had} THEN {sql_of(kpi.numerator)} END)::DOUBLE, "
        f"denominator: (CASE WHEN {had} THEN {sql_of(kpi.denominator)} END)::DOUBLE, "
        f"value: ({value})::DOUBLE, had: {had}, exact: {str(kpi.exact).lower()}, note: {_note(kpi, value)}}}"
    )


def _in_a_world(kpi: Kpi) -> str:
    """Value of a KPI in one world, and whether nothing limits it there."""
    return f"{{kpi: {literal(kpi.name)}, seen: ({sql_of(kpi.value)})::DOUBLE, open: {unlimited(kpi)}}}"


def unlimited(kpi: Kpi) -> str:
    """Whether nothing limits a KPI in a world: a part of it is null there, or something is divided by nothing."""
    top, bottom = f"({sql_of(kpi.numerator)})", f"({sql_of(kpi.denominator)})"
    return f"{top} IS NULL OR {bottom} IS NULL OR ({bottom} <= 0 AND {top} <> 0)"


def has(kpi: Kpi) -> str:
    """Whether a row of sums has what the KPI needs."""
    had = [f"({sql_of(NEEDS[need][0])}) > 0" for need in kpi.needs]
    if kpi.one:
        had.append(f"{kpi.one}s <= 1")
    return " AND ".join(had) or "true"


def _note(kpi: Kpi, value: str) -> str:
    """Why the value is null, or what is remarkable about it, in the words of `assets.kernels.figures`."""
    lacking = [f"WHEN NOT coalesce(({sql_of(NEEDS[n][0])}) > 0, false) THEN {literal(NEEDS[n][1])}" for n in kpi.needs]
    if kpi.one:
        lacking.append(f"WHEN {kpi.one}s > 1 THEN {literal(SEVERAL)}")
    lacking.append(f"WHEN ({value}) IS NOT NULL THEN NULL")
    if kpi.timed:
        lacking.append(f"WHEN pbt_us = 0 THEN {literal(NOTHING_PLANNED)}")
        lacking.append(f"WHEN pbt_us = unknown_us THEN {literal(NO_SIGNAL)}")
    said = [f"CASE {' '.join(lacking)} ELSE {literal(kpi.empty)} END"]
    if kpi.finding:
        fast = f"{sql_of(IDEAL)} > apt_counting_us AND apt_counting_us > 0 AND ({value}) IS NOT NULL"
        late = f"CASE WHEN unknown_us > 0 THEN {literal(kpi.finding + LATE)} ELSE {literal(kpi.finding)} END"
        said.append(f"CASE WHEN {fast} THEN {late} END")
    if "pieces" in kpi.needs:
        said.append(f"CASE WHEN quarantined_pcs > 0 THEN {literal(QUARANTINED_NOTE)} END")
    return said[0] if len(said) == 1 else f"nullif(concat_ws('; ', {', '.join(said)}), '')"


def _reconciled() -> str:
    """Values after every step of every walk, each with what the step adds."""
    steps = ", ".join(
        f"{{start_kpi: {literal(walk.start)}, end_kpi: {literal(walk.end)}, step: {n}, rule: {literal(words)}, "
        f"numerator: ({sql_of(top)})::DOUBLE, denominator: ({sql_of(bottom)})::DOUBLE, "
        f"value: ({sql_of(Op('/', top, bottom))})::DOUBLE}}"
        for walk in WALKS
        for n, (words, top, bottom) in enumerate(walk.ratios())
    )
    return f"""
WITH {_sums()}, walked AS (SELECT {CELL}, unnest([{steps}], recursive := true) FROM sums)
SELECT *, value::DECIMAL(38, 12) - lag(value::DECIMAL(38, 12)) OVER (
    PARTITION BY scope, period_start, start_kpi, end_kpi ORDER BY step) AS contribution
FROM walked ORDER BY start_kpi, end_kpi, scope, period_start, step"""
