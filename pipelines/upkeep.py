"""Daily upkeep of the lake: old files sorted and merged, unneeded files removed. Content is unchanged."""

# No `from __future__ import annotations`: Dagster compares the type of `context` itself, not its name.

from typing import Any

import dagster as dg

TIDIED = ("bronze.readings", "bronze.records", "bronze.quarantine", "silver.readings")


@dg.op(required_resource_keys={"lake"})
def tidy_lake(context: dg.OpExecutionContext) -> None:
    """Sort-rewrite old partitions and vacuum with a day's retention, table by table."""
    lake: Any = context.resources.lake
    for name in TIDIED:
        if lake.exists(name):
            context.log.info("%s: %s", name, lake.tidy(name))


@dg.job(executor_def=dg.in_process_executor, description="Sort, merge and vacuum the large tables.")
def upkeep() -> None:
    """One run a day is enough."""
    tidy_lake()
