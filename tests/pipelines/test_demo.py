"""The demo as its user runs it, and what an auditor would try on it afterwards. One plant for all tests."""

import json
import os
import shutil
import subprocess
import sys
from datetime import date
from pathlib import Path

import duckdb
import polars as pl
import pytest

from pipelines.days.receipts import STAGES
from plant.tables import tables
from warehouse.lake import Lake

ROOT = Path(__file__).parents[2]
BUILT = [name for names in STAGES.values() for name in names]


def shopfloor(*args, timeout=600):
    return subprocess.run(
        [sys.executable, "-m", "pipelines.cli", *args],
        capture_output=True, text=True, check=False, cwd=ROOT, env={**os.environ, "NO_COLOR": "1"}, timeout=timeout,
    )  # fmt: skip


@pytest.fixture(scope="module")
def demo(tmp_path_factory):
    root = tmp_path_factory.mktemp("demo")
    done = shopfloor("demo", "--no-serve", "--days", "2", "--seed", "11", "--root", str(root))
    return root, done


def content(root):
    lake = Lake(root)
    door = ("revision", "known_from")
    return {n: lake.scan(n).drop(door, strict=False).collect().sort(pl.all(), nulls_last=True) for n in BUILT}


def test_it_ends_well_and_every_number_holds_against_the_truth(demo):
    _, done = demo
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.count("holds") == 11
    assert "DIFFERS" not in done.stdout


def test_every_table_of_the_interface_is_filled(demo):
    root, _ = demo
    lake = Lake(root)
    names = [n for n, t in tables().items() if t.layer in ("silver", "gold")]
    empty = {n for n in names if lake.scan(n).limit(1).collect().is_empty()}
    corrected = {"silver.edits", "silver.retractions", "gold.notifications"}  # by people; nobody did
    assert empty == {"silver.rejected_records"} | corrected  # the plant in a box keeps clean books


def test_a_second_build_changes_no_silver_or_gold_version(demo):
    root, _ = demo
    lake = Lake(root)
    names = [n for n, t in tables().items() if t.layer in ("silver", "gold")]
    before = {n: lake.version(n) for n in names}
    done = shopfloor("build", "--root", str(root))
    assert done.returncode == 0, done.stderr
    assert {n: lake.version(n) for n in names} == before


def test_the_intervals_of_every_machine_tile_its_days(demo):
    root, _ = demo
    rows = Lake(root).scan("silver.time_ledger").sort("machine", "start_at").collect()
    gaps = rows.with_columns(before=pl.col("end_at").shift().over("machine")).filter(
        pl.col("before").is_not_null() & (pl.col("before") != pl.col("start_at"))
    )
    assert gaps.is_empty()
    assert rows["machine"].n_unique() == 8


def test_verify_reproduces_the_numbers_and_notices_tampering(demo, tmp_path):
    root, _ = demo
    good = shopfloor("verify", "--root", str(root))
    assert good.returncode == 0, good.stdout + good.stderr
    forged = tmp_path / "forged"
    shutil.copytree(root, forged)
    lake = Lake(forged)
    day = max(lake.days("gold.oee"))
    rows = lake.scan("gold.oee", days=(day, day)).collect()
    lake.replace_days("gold.oee", rows.with_columns(good_pcs=pl.col("good_pcs") + 1), [day])
    bad = shopfloor("verify", f"gold.oee@{day}", "--root", str(forged))
    assert bad.returncode == 1
    assert f"gold.oee@{day}" in bad.stdout


def test_a_deleted_silver_day_is_built_again_identically(demo, tmp_path):
    root = tmp_path / "copy"
    shutil.copytree(demo[0], root)
    before = content(root)
    lake = Lake(root)
    day = min(lake.days("silver.time_ledger"))
    lake.replace_days("silver.time_ledger", tables()["silver.time_ledger"].empty(), [day])
    done = shopfloor("build", "--root", str(root))
    assert done.returncode == 0, done.stderr
    after = content(root)
    assert all(before[n].equals(after[n]) for n in BUILT)


def test_info_says_what_is_there(demo):
    root, _ = demo
    done = shopfloor("info", "--json", "--root", str(root))
    told = json.loads(done.stdout)
    assert {r["table_name"] for r in told["Tables"]} >= {"gold.oee", "silver.time_ledger", "bronze.readings"}
    assert {r["source"] for r in told["Sources"]} >= {"cell-opcua", "press-plc", "edge-mqtt", "erp"}


def test_the_published_file_explains_itself_to_plain_duckdb(demo):
    root, _ = demo
    con = duckdb.connect(str(root / "published" / "shopfloor.duckdb"), read_only=True)
    bare = con.execute(
        "SELECT schema_name, table_name, column_name FROM duckdb_columns() WHERE NOT internal AND comment IS NULL"
        " AND schema_name IN ('gold', 'silver', 'bronze', 'meta')"
    ).fetchall()
    good = con.execute("SELECT sum(good_pcs) FROM gold.oee").fetchone()[0]
    con.close()
    assert bare == []
    assert good > 10_000


def test_forecasts_are_approved_exported_once_and_read_back(demo):
    root, _ = demo
    none = shopfloor("export", "forecast", "--by", "P. Planner", "--root", str(root))
    assert none.returncode == 1
    assert "no approved forecast" in none.stdout
    row = Lake(root).scan("gold.forecast").sort("item", "period_start").collect().row(0, named=True)
    from warehouse.decisions import decide

    key = (row["item"], row["period_start"], row["model_version"])
    decide(root, *key, "approved", by="M. Manager", quantity=row["quantity"], comment="looks right")
    done = shopfloor("export", "forecast", "--by", "P. Planner", "--root", str(root))
    assert done.returncode == 0, done.stderr
    files = list((root / "exports").glob("forecast-*.csv"))
    assert len(files) == 1
    assert pl.read_csv(files[0]).height == 1
    assert shopfloor("export", "forecast", "--by", "P. Planner", "--root", str(root)).returncode == 1
    assert shopfloor("build", "--root", str(root)).returncode == 0
    status = Lake(root).scan("gold.forecast").filter(pl.col("item") == row["item"]).collect()
    assert status.filter(pl.col("period_start") == row["period_start"])["status"].to_list() == ["exported"]


def test_the_receipt_of_an_unknown_table_names_the_valid_ones(demo):
    done = shopfloor("verify", f"gold.nothing@{date(2026, 1, 1)}", "--root", str(demo[0]))
    assert done.returncode == 1
    assert "gold.oee" in done.stderr
