"""Jobs: one a stage of the enfilade, all in process (a spawned step costs about 4 CPU seconds)."""

from __future__ import annotations

import assets.partitions  # noqa: F401  silences the beta warning before any asset is defined
from pipelines.days.stages import COSTS, EDITS, INVENTORY, NUMBERS, STANDING
from pipelines.upkeep import upkeep

import dagster as dg  # isort: skip

RETRY = dg.RetryPolicy(max_retries=3, delay=5, backoff=dg.Backoff.EXPONENTIAL, jitter=dg.Jitter.PLUS_MINUS)
"""Ingestion may fail because a peer is away; everything behind it is a pure function and is not retried."""

LEDGERS = ("readings", "time_ledger", "count_ledger", "energy_ledger")
"""Silver day tables, built in a chain of days."""

_ledgers = dg.AssetSelection.assets(*(["silver", name] for name in LEDGERS))
_day_gold = dg.AssetSelection.assets(*(name.split(".") for name in NUMBERS))
_edits = dg.AssetSelection.assets(*(name.split(".") for name in EDITS))

ingest = dg.define_asset_job(
    "ingest", dg.AssetSelection.groups("bronze"), op_retry_policy=RETRY,
    description="Take in new files and changed relational rows.", executor_def=dg.in_process_executor,
)  # fmt: skip
edits = dg.define_asset_job(
    "edits", _edits,
    description="Edits in force and retractions, after somebody edited.", executor_def=dg.in_process_executor,
)  # fmt: skip
enterprise = dg.define_asset_job(
    "enterprise", dg.AssetSelection.groups("silver") - _ledgers - _edits,
    description="Bring orders, stock, quality and maintenance up to date.", executor_def=dg.in_process_executor,
)  # fmt: skip
readings = dg.define_asset_job(
    "readings", dg.AssetSelection.assets(["silver", "readings"]),
    description="Clean samples of the days named by the partition range.", executor_def=dg.in_process_executor,
)  # fmt: skip
ledgers = dg.define_asset_job(
    "ledgers", _ledgers - dg.AssetSelection.assets(["silver", "readings"]),
    description="Time, count and energy ledger of the days named.", executor_def=dg.in_process_executor,
)  # fmt: skip
numbers = dg.define_asset_job(
    "numbers", _day_gold,
    description="KPI sums, OEE, yield, KPIs of the days named.", executor_def=dg.in_process_executor,
)  # fmt: skip
costs = dg.define_asset_job(
    "costs", dg.AssetSelection.assets(*(name.split(".") for name in COSTS)),
    description="Losses and what orders took, with their cost, of the days named.", executor_def=dg.in_process_executor,
)  # fmt: skip
energy = dg.define_asset_job(
    "energy", dg.AssetSelection.assets(["gold", "energy"]),
    description="Energy against its baseline, of the days named.", executor_def=dg.in_process_executor,
)  # fmt: skip
inventory = dg.define_asset_job(
    "inventory", dg.AssetSelection.assets(*(name.split(".") for name in INVENTORY)),
    description="Stock on hand, turns, cover, alerts, space used of the days named.",
    executor_def=dg.in_process_executor,
)  # fmt: skip
models = dg.define_asset_job(
    "models", dg.AssetSelection.groups("models")
    | dg.AssetSelection.assets(["gold", "failure_risk"], ["gold", "forecast"]),
    description="Train, score, forecast.", executor_def=dg.in_process_executor,
)  # fmt: skip
scores = dg.define_asset_job(
    "scores", dg.AssetSelection.assets(["gold", "failure_risk"]),
    description="Score failure risk with the model on the shelf.", executor_def=dg.in_process_executor,
)  # fmt: skip
decisions = dg.define_asset_job(
    "decisions", dg.AssetSelection.assets(["gold", "forecast"]),
    description="Lay people's decisions over the forecasts.", executor_def=dg.in_process_executor,
)  # fmt: skip
exports = dg.define_asset_job(
    "exports", dg.AssetSelection.groups("exports"),
    description="Publish the analysts' file and approved exports.", executor_def=dg.in_process_executor,
)  # fmt: skip
backfill = dg.define_asset_job(
    "backfill", _ledgers,
    description="Rebuild silver day tables over a range of days in a single run.", executor_def=dg.in_process_executor,
)  # fmt: skip

STANDING_JOBS = {
    name: dg.define_asset_job(
        name, dg.AssetSelection.assets(*(t.split(".") for t in tables)),
        description=f"How things stand now: {', '.join(tables)}.", executor_def=dg.in_process_executor,
    )
    for name, tables in STANDING.items()
}  # fmt: skip
"""The job of each group of `pipelines.days.stages.STANDING`."""

STAGE_JOBS = {
    "edits": edits, "enterprise": enterprise, "readings": readings, "ledgers": ledgers, "numbers": numbers,
    "costs": costs, "energy": energy, "inventory": inventory,
}  # fmt: skip
"""The job of each stage of `pipelines.days.stages`."""

JOBS = [ingest, *STAGE_JOBS.values(), *STANDING_JOBS.values(), models, scores, decisions, exports, backfill, upkeep]
