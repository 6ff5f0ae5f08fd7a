"""Great Expectations suites: every rule of a table's contract and the house rules of `assets.suites`.

Suites run on DuckDB over the Parquet files of just the run's days. Great Expectations is imported inside
the functions that need it (about 4 CPU s, once per process). Its SQL engine needs a patch for DuckDB
(`_engine`); a broken engine must not read as bad data, so any exception it swallowed is raised here.
"""

from __future__ import annotations

import enum
import os
import re
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from itertools import count
from typing import Any, Literal

from assets.suites import HOUSE_RULES, Severity
from plant.errors import TerminalError
from plant.tables import Column, Table, tables

Kind = Literal["columns", "not_null", "allowed", "between", "unique", "rows"]
DOOR_MADE = ("revision", "known_from", "known_to")
NO_SAMPLES = {"result_format": "BASIC", "partial_unexpected_count": 0}
"""Counts only: fetching sample rows costs one more query an expectation."""
_BARE_COLON = re.compile(r"(?<![:\\]):(?=\w)")
_numbers = count()


@dataclass(frozen=True)
class Rule:
    """One expectation as data: its name in the table, what kind, and the values the kind needs."""

    name: str
    kind: Kind
    severity: Severity
    columns: tuple[str, ...] = ()
    low: float | None = None
    high: float | None = None
    allowed: tuple[str, ...] = ()
    sql: str = ""
    doc: str = ""


@dataclass(frozen=True)
class Outcome:
    """Result of one expectation. `unexpected` counts rows against it; `observed` is the engine's own value."""

    table_name: str
    check_name: str
    passed: bool
    severity: Severity
    unexpected: int | None
    observed: str | None
    checked_at: datetime


def suite(table: Table) -> tuple[Rule, ...]:
    """Every expectation of a table: its contract's rules (blocking), then its house rules."""
    key = Rule(f"{','.join(table.key)}: unique", "unique", "blocking", table.key, sql=_same_key(table), doc=table.grain)
    shape = Rule("columns", "columns", "blocking", tuple(table.schema), doc="the contract's columns, no others")
    contract = [rule for column in table.columns for rule in _column_rules(table, column)]
    house = [Rule(r.name, "rows", r.severity, sql=r.sql, doc=r.doc) for r in HOUSE_RULES.get(table.name, ())]
    return (shape, key, *contract, *house)


def _same_key(table: Table) -> str:
    """Rows whose key is there more than once; '' where no part of the key can be null.

    The native expectation takes null for different from null; a key takes it for a value like any other.
    """
    if not any(table.column(name).null for name in table.key):
        return ""
    key = ", ".join(f'"{name}"' for name in table.key)
    return f"SELECT * FROM (SELECT count(*) OVER (PARTITION BY {key}) AS times FROM {{batch}}) WHERE times > 1"


def _column_rules(table: Table, column: Column) -> list[Rule]:
    if table.revisioned and column.name in DOOR_MADE:
        return []
    name, found = column.name, []
    if not column.null:
        found.append(Rule(f"{name}: not_null", "not_null", "blocking", (name,), doc="a value in every row"))
    if column.allowed is not None:
        doc = f"one of {', '.join(column.allowed)}"
        found.append(Rule(f"{name}: allowed", "allowed", "blocking", (name,), allowed=column.allowed, doc=doc))
    if column.low is not None or column.high is not None:
        doc = f"between {column.low} and {column.high}"
        found.append(Rule(f"{name}: between", "between", "blocking", (name,), column.low, column.high, doc=doc))
    return found


def validate(table: Table, query: str, rules: Sequence[Rule] | None = None) -> list[Outcome]:
    """Run a suite over the rows of a DuckDB SELECT, one outcome per rule.

    Args:
        table: the contract the rows belong to.
        query: SELECT of the rows to look at, e.g. `Lake.select(name, days)`.
        rules: what to expect; None for `suite(table)`.

    Raises:
        TerminalError: the engine could not evaluate an expectation (never read as bad data).
    """
    wanted = suite(table) if rules is None else tuple(rules)
    with warnings.catch_warnings():
        # Great Expectations and duckdb-engine warn about their own insides; nothing here can act on it.
        warnings.simplefilter("ignore")
        by_number = _validated(query, wanted)
    now = datetime.now(UTC)
    return [_outcome(table, rule, by_number[i], now) for i, rule in enumerate(wanted)]


def _validated(query: str, wanted: Sequence[Rule]) -> dict[int, Any]:
    source = _engine()
    import great_expectations as gx

    asset = source.add_query_asset(f"batch_{next(_numbers)}", query=_BARE_COLON.sub(r"\\:", query))
    try:
        batch = asset.add_batch_definition_whole_table("whole").get_batch()
        expected = gx.ExpectationSuite(name=asset.name, expectations=[_expectation(r, i) for i, r in enumerate(wanted)])
        results = batch.validate(expected, result_format=NO_SAMPLES).results
    finally:
        source.delete_asset(asset.name)
    return {r.expectation_config.meta["number"]: r for r in results}


@cache
def _engine() -> Any:
    """The DuckDB data source of a Great Expectations context, once per process.

    Great Expectations keeps a connection open only for the dialects of a private tuple; without DuckDB in
    it every metric fails. A test holds that a passing expectation returns a real observed value.
    """
    os.environ["GX_ANALYTICS_ENABLED"] = "false"
    import great_expectations as gx
    import great_expectations.execution_engine.sqlalchemy_execution_engine as engine
    from great_expectations.data_context.types.base import ProgressBarsConfig

    if not any(d.value == "duckdb" for d in engine._PERSISTED_CONNECTION_DIALECTS):
        duckdb = enum.Enum("_Dialect", {"DUCKDB": "duckdb"}, type=str).DUCKDB  # type: ignore[attr-defined]
        engine._PERSISTED_CONNECTION_DIALECTS += (duckdb,)
    context = gx.get_context(mode="ephemeral")
    context.variables.progress_bars = ProgressBarsConfig(globally=False, metric_calculations=False)
    source = context.data_sources.add_sql("lake", connection_string="duckdb:///:memory:", create_temp_table=False)
    # DuckDB 2 reserves words ("at") the dialect does not know: have every column of ours quoted.
    words = source.get_engine().dialect.identifier_preparer.reserved_words
    words.update(column for t in tables().values() for column in t.schema)
    return source


def _expectation(rule: Rule, number: int) -> Any:
    from great_expectations import expectations as gxe

    severity = "critical" if rule.severity == "blocking" else "warning"
    common: dict[str, Any] = {"meta": {"number": number}, "severity": severity}
    match rule.kind:
        case "columns":
            return gxe.ExpectTableColumnsToMatchSet(column_set=list(rule.columns), exact_match=True, **common)
        case "not_null":
            return gxe.ExpectColumnValuesToNotBeNull(column=rule.columns[0], **common)
        case "allowed":
            return gxe.ExpectColumnValuesToBeInSet(column=rule.columns[0], value_set=list(rule.allowed), **common)
        case "between":
            return gxe.ExpectColumnValuesToBeBetween(
                column=rule.columns[0], min_value=rule.low, max_value=rule.high, **common
            )
        case "rows" | "unique" if rule.sql:
            return gxe.UnexpectedRowsExpectation(unexpected_rows_query=rule.sql, **common)
    if len(rule.columns) == 1:
        return gxe.ExpectColumnValuesToBeUnique(column=rule.columns[0], **common)
    return gxe.ExpectCompoundColumnsToBeUnique(column_list=list(rule.columns), ignore_row_if="never", **common)


def _outcome(table: Table, rule: Rule, result: Any, now: datetime) -> Outcome:
    _raise_if_broken(table, rule, result.exception_info)
    seen = result.result
    unexpected = seen.get("unexpected_count")
    observed = seen.get("observed_value")
    if rule.sql:
        unexpected = int(observed or 0)
        observed = f"{unexpected} rows"
    elif rule.kind == "columns":
        observed = "as the contract" if result.success else ", ".join(map(str, observed or ()))
    elif observed is None:
        observed = f"{seen.get('element_count')} rows looked at"
    passed = bool(result.success)
    return Outcome(table.name, rule.name, passed, rule.severity, unexpected, str(observed), now)


def _raise_if_broken(table: Table, rule: Rule, info: Any) -> None:
    """The two shapes of exception_info: flat, or keyed by metric id with the same inside."""
    shapes = [info, *(v for v in (info or {}).values() if isinstance(v, dict))]
    for shape in shapes:
        if shape and shape.get("raised_exception"):
            words = str(shape.get("exception_message")).strip().splitlines()[0]
            raise TerminalError(f"{table.name}: expectation {rule.name!r} could not be evaluated: {words}")
