"""One Dagster asset check per silver and gold table: its Great Expectations suite over the days of the run.

A broken contract or house identity is an ERROR and blocks what is built on the table; a finding about
the plant is a WARN. Every result is also handed to the book-keeping, so that meta.checks shows it.

No `from __future__ import annotations` here: Dagster reads a check's annotations as they stand.
"""

from collections.abc import Iterable, Sequence
from datetime import date, timedelta
from typing import Any, Protocol

from assets.partitions import DAYS  # first: silences Dagster's beta warning before decorators run

import dagster as dg  # isort: skip

from assets.expectations import Outcome, suite, validate
from plant.tables import Table, table, tables

CHECK = "expectations"
RANGE_TAGS = ("dagster/asset_partition_range_start", "dagster/asset_partition_range_end")
DAY_TAG = "dagster/partition"
__all__ = ["CHECK", "DAYS", "Bookkeeping", "Rows", "checks_for", "days_of"]


class Rows(Protocol):
    """Where the rows are: `warehouse.Lake` is one."""

    def select(self, name: str, days: Sequence[date] | None = None) -> str:
        """DuckDB SELECT of a table's rows, of some days or all."""
        ...


class Bookkeeping(Protocol):
    """Where results are remembered: `warehouse.State` is one."""

    def record_checks(self, results: Iterable[Any]) -> None:
        """Remember the last result of each check."""
        ...


def checks_for(names: Iterable[str] | None = None) -> list[dg.AssetChecksDefinition]:
    """The check of each table named; None for every silver and gold table."""
    wanted = [n for n, t in tables().items() if t.layer in {"silver", "gold"}] if names is None else list(names)
    return [_check(table(name)) for name in wanted]


def _check(contract: Table) -> dg.AssetChecksDefinition:
    layer, short = contract.name.split(".")
    words = "; ".join(r.doc for r in suite(contract) if r.kind == "rows") or "the table's contract"

    @dg.asset_check(asset=dg.AssetKey([layer, short]), name=CHECK, description=f"Contract and: {words}", blocking=True)
    def check(
        context: dg.AssetCheckExecutionContext, lake: dg.ResourceParam[Rows], state: dg.ResourceParam[Bookkeeping]
    ) -> dg.AssetCheckResult:
        days = days_of(context.run.tags) if contract.write == "replace_day" else None
        outcomes = validate(contract, lake.select(contract.name, days))
        state.record_checks(outcomes)
        return _result(outcomes, days)

    return check


def days_of(tags: Any) -> list[date] | None:
    """Production days of a run by its tags, None when it names none (then all rows are looked at)."""
    start, end = (tags.get(tag, tags.get(DAY_TAG)) for tag in RANGE_TAGS)
    if start is None or end is None:
        return None
    first, last = date.fromisoformat(start), date.fromisoformat(end)
    return [first + timedelta(days=i) for i in range((last - first).days + 1)]


def _result(outcomes: Sequence[Outcome], days: Sequence[date] | None) -> dg.AssetCheckResult:
    failed = [o for o in outcomes if not o.passed]
    blocking = [o for o in failed if o.severity == "blocking"]
    span = "all rows" if days is None else f"{days[0]}..{days[-1]}"
    return dg.AssetCheckResult(
        passed=not failed,
        severity=dg.AssetCheckSeverity.ERROR if blocking or not failed else dg.AssetCheckSeverity.WARN,
        description=f"{len(outcomes) - len(failed)} of {len(outcomes)} expectations kept over {span}"
        + "".join(f"; {o.check_name}: {o.observed}" for o in failed),
        metadata={"looked_at": span, **{o.check_name: _words(o) for o in outcomes}},
    )


def _words(outcome: Outcome) -> str:
    against = "" if outcome.unexpected is None else f", {outcome.unexpected} rows against it"
    return f"{'kept' if outcome.passed else outcome.severity.upper()}: {outcome.observed}{against}"
