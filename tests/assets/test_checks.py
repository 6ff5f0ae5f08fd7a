"""Asset checks in a real Dagster run: which days are looked at, what blocks, what only warns, what is recorded."""

from datetime import UTC, date, datetime

import polars as pl
import pytest

from assets.checks import CHECK, checks_for, days_of
from assets.partitions import DAYS, SINGLE_RUN
from plant.tables import table, tables
from warehouse.lake import Lake
from warehouse.state import State

import dagster as dg  # isort: skip

FIRST, LAST = date(2026, 11, 2), date(2026, 11, 4)
RANGE = {"dagster/asset_partition_range_start": str(FIRST), "dagster/asset_partition_range_end": str(LAST)}
GOOD = {"produced_pcs": 3, "good_pcs": 1, "scrap_pcs": 1, "rework_pcs": 1, "pot_s": 8.0, "pbt_s": 2.5}
TIMES = ("apt_s", "aust_s", "adet_s", "adot_s", "unknown_s")


def oee(day, **values):
    at = datetime(day.year, day.month, day.day, 5, tzinfo=UTC)
    row = dict.fromkeys(("site", "area", "line", "machine", "shift"), "x") | dict.fromkeys(TIMES, 0.5)
    row |= {"production_day": day, "start_at": at, "end_at": at, **GOOD, **values}
    schema = {n: t for n, t in table("gold.oee").schema.items() if n not in {"revision", "known_from"}}
    return pl.DataFrame([{c: row.get(c) for c in schema}], schema=schema, orient="row")


@dg.asset(key=["gold", "oee"], partitions_def=DAYS, backfill_policy=SINGLE_RUN)
def made() -> None:
    """Stands for the asset: the rows are in the lake already."""


@dg.asset(key=["gold", "losses"], partitions_def=DAYS, backfill_policy=SINGLE_RUN, deps=[made])
def built_on_it() -> None:
    """Runs only when nothing blocks."""


def run(lake, tags):
    state = State(lake.root)
    found = dg.Definitions(
        assets=[made, built_on_it],
        asset_checks=checks_for(["gold.oee", "gold.losses"]),
        jobs=[dg.define_asset_job("job", selection=dg.AssetSelection.assets(made, built_on_it))],
        resources={"lake": lake, "state": state},
        executor=dg.in_process_executor,
    )
    result = found.resolve_job_def("job").execute_in_process(tags=tags, raise_on_error=False)
    ran = {e.asset_key.path[1] for e in result.get_asset_materialization_events()}
    checks = {e.asset_key.path[1]: e for e in result.get_asset_check_evaluations()}
    return ran, checks, {(c.table_name, c.check_name): c for c in state.checks()}


@pytest.fixture
def lake(tmp_path):
    lake = Lake(tmp_path)
    bad = date(2026, 10, 1)
    lake.replace_days("gold.oee", pl.concat([oee(FIRST), oee(bad, produced_pcs=9)]), [FIRST, bad])
    return lake


def test_only_the_days_of_the_run_are_looked_at(lake):
    ran, checks, recorded = run(lake, RANGE)
    assert ran == {"oee", "losses"}
    assert checks["oee"].passed
    assert checks["oee"].metadata["looked_at"].text == "2026-11-02..2026-11-04"
    assert checks["oee"].metadata["pieces"].text == "kept: 0 rows, 0 rows against it"
    assert recorded["gold.oee", "pieces"].passed
    assert ("gold.losses", "columns") in recorded


def test_a_broken_identity_blocks_what_is_built_on_it(lake):
    lake.replace_days("gold.oee", oee(LAST, produced_pcs=9), [LAST])
    ran, checks, recorded = run(lake, RANGE)
    assert ran == {"oee"}
    assert (checks["oee"].passed, checks["oee"].severity) == (False, dg.AssetCheckSeverity.ERROR)
    assert "pieces: 1 rows" in checks["oee"].description
    assert (recorded["gold.oee", "pieces"].passed, recorded["gold.oee", "pieces"].unexpected) == (False, 1)


def test_a_finding_about_the_plant_only_warns(lake):
    lake.replace_days("gold.oee", oee(LAST, effectiveness=1.3), [LAST])
    ran, checks, _ = run(lake, RANGE)
    assert ran == {"oee", "losses"}
    assert (checks["oee"].passed, checks["oee"].severity) == (False, dg.AssetCheckSeverity.WARN)


def test_the_days_of_a_run():
    assert days_of(RANGE) == [FIRST, date(2026, 11, 3), LAST]
    assert days_of({"dagster/partition": "2026-11-02"}) == [FIRST]
    assert days_of({}) is None


def test_every_silver_and_gold_table_has_its_check():
    covered = {".".join(key.asset_key.path) for c in checks_for() for key in c.check_keys if key.name == CHECK}
    assert covered == {n for n, t in tables().items() if t.layer in {"silver", "gold"}}
