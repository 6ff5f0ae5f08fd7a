"""The real MES log through the whole pipeline: every piece accounted for, time tiled, numbers filled."""

import os
from pathlib import Path

import polars as pl
import pytest

from pipelines.build import Builder
from pipelines.place import Place
from pipelines.verbs.progress import Progress
from plant.config import load
from warehouse.lake import Lake

ROOT = Path(__file__).parents[2]
DATA = Path(os.environ.get("SHOPFLOOR_DATA", ROOT.parent / "shared" / "data"))
SET = DATA / "production_log_4tu" / "Production_Data.csv"

pytestmark = pytest.mark.skipif(not SET.exists(), reason="data set production_log_4tu is absent")


@pytest.fixture(scope="module")
def lake(tmp_path_factory):
    root = tmp_path_factory.mktemp("shop")
    before = os.environ.get("SHOPFLOOR_DATA")
    os.environ["SHOPFLOOR_DATA"] = str(DATA)
    try:
        plant = load(ROOT / "examples" / "machine_shop" / "plant.toml")
        Builder(plant, Place(root), Progress(quiet=True), checks=False).ingest_and_recompute()
    finally:
        if before is None:
            del os.environ["SHOPFLOOR_DATA"]
        else:
            os.environ["SHOPFLOOR_DATA"] = before
    return Lake(root)


def test_every_piece_is_booked_or_listed_as_a_duplicate(lake):
    booked = lake.scan("gold.oee").select(pl.col("good_pcs").sum(), pl.col("scrap_pcs").sum()).collect().row(0)
    twice = lake.scan("bronze.quarantine").filter(pl.col("reason") == "duplicate").collect()["payload"]
    rows = twice.str.json_decode(pl.Struct({"Qty Completed": pl.String(), "Qty Rejected": pl.String()})).struct.unnest()
    held = rows.select(pl.all().cast(pl.Float64).sum()).row(0)
    assert (booked[0] + held[0], booked[1] + held[1]) == (92_519, 593)


def test_duplicates_and_the_broken_span_are_in_quarantine(lake):
    held = lake.scan("bronze.quarantine").group_by("reason").len().collect()
    counts = dict(held.iter_rows())
    assert counts["duplicate"] == 22
    assert counts["broken_span"] == 1


def test_intervals_of_all_31_machines_tile_time_without_overlap(lake):
    rows = lake.scan("silver.time_ledger").sort("machine", "start_at").collect()
    assert rows["machine"].n_unique() == 31
    last = rows.with_columns(before=pl.col("end_at").shift().over("machine"))
    assert last.filter(pl.col("before") != pl.col("start_at")).is_empty()
    total = rows.group_by("machine").agg(pl.col("duration_us").sum())["duration_us"]
    assert total.n_unique() == 1


def test_reports_become_production_setup_and_breakdown_time(lake):
    found = lake.scan("silver.time_ledger").group_by("state").agg(pl.col("duration_us").sum() / 3.6e9).collect()
    hours = dict(found.iter_rows())
    assert all(hours[state] > 100 for state in ("producing", "setup", "failed"))


def test_oee_and_yield_are_filled(lake):
    oee = lake.scan("gold.oee").filter(pl.col("availability").is_not_null()).collect()
    assert oee.height > 500
    assert lake.scan("gold.yield").collect().height > 200
