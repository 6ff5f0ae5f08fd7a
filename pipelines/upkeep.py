"""Daily upkeep of the lake: old files sorted and merged, unneeded files removed. Content is unchanged."""

# No `from __future__ import annotations`: Dagster compares the type of `context` itself, not its name.

from dataclasses import replace
from typing import Any

import dagster as dg

from pipelines.days.fingerprints import fingerprints
from pipelines.lock import alone
from warehouse.lake import Lake
from warehouse.state import State

TIDIED = (
    "bronze.readings", "bronze.records", "bronze.quarantine", "bronze.proposals", "silver.readings", "gold.kpi_sums",
)  # fmt: skip


@dg.op(required_resource_keys={"lake", "state", "place"})
def tidy_lake(context: dg.OpExecutionContext) -> None:
    """Sort-rewrite old partitions and vacuum with a day's retention, table by table."""
    found: Any = context.resources
    with alone(found.place.root, f"upkeep, Dagster run {context.run_id}"):
        for name in TIDIED:
            if found.lake.exists(name):
                context.log.info("%s: %s", name, tidied(found.lake, found.state, name))


def tidied(lake: Lake, state: State, name: str) -> object:
    """Tidy a table; days whose files were the ones their receipts name are not made stale by it."""
    before = fingerprints(lake.snapshot(name))
    done = lake.tidy(name)
    after = fingerprints(lake.snapshot(name))
    moved = {day: (old, after.get(day, "")) for day, old in before.items() if old != after.get(day)}
    receipts = {str(r.production_day): r for r in state.receipts(name) if str(r.production_day) in moved}
    state.record_built(
        *(
            replace(receipt, output_fingerprint=moved[day][1])
            for day, receipt in receipts.items()
            if receipt.output_fingerprint == moved[day][0]
        )
    )
    return done


@dg.job(executor_def=dg.in_process_executor, description="Sort, merge and vacuum the large tables.")
def upkeep() -> None:
    """One run a day is enough."""
    tidy_lake()
