"""The asset graph: data flow one way only, every table has one owner, every job resolves."""

import os
import subprocess
import sys
from pathlib import Path

import dagster as dg
import pytest

from pipelines.definitions import build
from pipelines.place import Place
from plant.config import load
from plant.tables import tables

ROOT = Path(__file__).parents[2]
RANK = {"bronze": 0, "silver": 1, "models": 2, "gold": 3, "exports": 4}


@pytest.fixture(scope="module")
def defs(tmp_path_factory):
    return build(load("plant.toml"), Place(tmp_path_factory.mktemp("root")))


def test_definitions_are_loadable(defs):
    dg.Definitions.validate_loadable(defs)


def test_data_never_walk_backwards(defs):
    graph = defs.resolve_asset_graph()
    wrong = [
        (parent.to_user_string(), key.to_user_string())
        for key in graph.get_all_asset_keys()
        for parent in graph.get(key).parent_keys
        if RANK[parent.path[0]] > RANK[key.path[0]]
    ]
    assert not wrong


def test_every_silver_and_gold_table_has_exactly_one_asset(defs):
    keys = {".".join(k.path) for k in defs.resolve_asset_graph().get_all_asset_keys()}
    wanted = {n for n, t in tables().items() if t.layer in ("silver", "gold")}
    assert wanted <= keys


def test_every_silver_and_gold_table_has_a_check(defs):
    graph = defs.resolve_asset_graph()
    checked = {".".join(c.asset_key.path) for c in graph.asset_check_keys}
    wanted = {n for n, t in tables().items() if t.layer in ("silver", "gold")}
    assert wanted <= checked


def test_jobs_schedules_and_sensors_resolve(defs):
    repo = defs.get_repository_def()
    assert {
        "ingest",
        "enterprise",
        "readings",
        "ledgers",
        "numbers",
        "inventory",
        "models",
        "exports",
        "backfill",
    } <= set(repo.job_names)
    assert {s.name for s in repo.sensor_defs} == {"new_files", "stale_days"}
    assert len(repo.schedule_defs) >= 3


def test_assets_are_in_the_groups_of_the_house(defs):
    graph = defs.resolve_asset_graph()
    groups = {graph.get(k).group_name for k in graph.get_all_asset_keys()}
    assert groups <= {"bronze", "silver", "gold", "models", "exports", "default"}


def test_dagster_itself_loads_the_module(tmp_path):
    """The way `dagster dev` and `dg dev` find the definitions is not the way our own code does."""
    env = {**os.environ, "SHOPFLOOR_ROOT": str(tmp_path), "DAGSTER_HOME": str(tmp_path)}
    done = subprocess.run(
        [sys.executable, "-m", "dagster", "definitions", "validate", "-m", "pipelines.definitions"],
        capture_output=True, text=True, check=False, cwd=ROOT, env=env,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
