"""One machine through the whole house: files and orders in, numbers out; twice the same; late data repaired."""

import os
import shutil
import time
from datetime import date, timedelta

import duckdb
import polars as pl
import pytest
from small_plant import START, day_rows, small_plant, write_csv, write_orders

from pipelines.build import Builder
from pipelines.days.receipts import STAGES
from pipelines.place import Place
from pipelines.verbs.progress import Progress
from plant.config import load
from plant.tables import DOOR_MADE, tables
from warehouse.lake import Lake

DAY = date(2026, 3, 2)
BUILT = [name for names in STAGES.values() for name in names]


def settle(path):
    """Make a file look finished: the dock leaves files that are still growing for the next run."""
    old = time.time() - 60
    os.utime(path, (old, old))


def build(plant, root, *, checks=True):
    """A whole build; without checks also without models and publication, which other tests hold."""
    builder = Builder(plant, Place(root), Progress(quiet=True), checks=checks)
    return builder.run() if checks else builder.ingest_and_recompute()


@pytest.fixture
def root(tmp_path):
    root = tmp_path / "root"
    write_orders(root)
    for day in range(2):
        settle(write_csv(root, f"day-{day}.csv", day_rows(day)))
    return root


def versions(root):
    lake = Lake(root)
    return {n: lake.version(n) for n, t in tables().items() if t.layer in ("silver", "gold")}


def content(root, names=BUILT):
    lake = Lake(root)
    return {n: lake.scan(n).drop(DOOR_MADE, strict=False).collect().sort(pl.all(), nulls_last=True) for n in names}


def test_one_day(root, tmp_path):
    plant = small_plant(tmp_path)
    built = build(plant, root)
    assert built.failed_checks == []
    row = Lake(root).scan("gold.oee", days=(DAY, DAY)).filter(pl.col("shift") == "day").collect().row(0, named=True)
    assert (row["pot_s"], row["pbt_s"], row["adet_s"], row["apt_s"]) == (43200, 43200, 1800, 41400)
    assert (row["good_pcs"], row["scrap_pcs"], row["produced_pcs"]) == (689, 0, 689)
    assert row["availability"] == pytest.approx(41400 / 43200)
    assert row["effectiveness"] == pytest.approx(689 * 60 / 41400)
    assert row["oee_low"] <= row["oee"] <= row["oee_high"]
    assert row["coverage"] == 1.0
    con = duckdb.connect(str(root / "published" / "shopfloor.duckdb"), read_only=True)
    assert con.execute("SELECT count(*) FROM gold.oee").fetchone()[0] > 0
    con.close()


def test_building_twice_changes_no_table(root, tmp_path):
    plant = small_plant(tmp_path)
    build(plant, root)
    before = versions(root)
    again = build(plant, root)
    assert versions(root) == before
    assert not [s for s in again.stages if ".." in s]


def test_a_deleted_silver_day_comes_back_identical(root, tmp_path):
    plant = small_plant(tmp_path)
    build(plant, root, checks=False)
    before = content(root)
    lake = Lake(root)
    lake.replace_days("silver.time_ledger", tables()["silver.time_ledger"].empty(), [DAY])
    assert lake.scan("silver.time_ledger", days=(DAY, DAY)).collect().is_empty()
    build(plant, root, checks=False)
    after = content(root)
    assert all(before[n].equals(after[n]) for n in BUILT)


def test_late_rows_repair_to_what_a_full_build_gives(root, tmp_path):
    plant = small_plant(tmp_path)
    build(plant, root, checks=False)
    revision = Lake(root).scan("gold.oee", days=(DAY, DAY)).select("machine", "shift", "revision").collect()
    late = [
        ("m-1.state", START + timedelta(hours=6), "6", "Good"),
        ("m-1.state", START + timedelta(hours=7), "1", "Good"),
    ]
    settle(write_csv(root, "late.csv", late))
    built = build(plant, root, checks=False)
    assert any(s.startswith("ledgers 2026-03-02..2026-03-02") for s in built.stages)
    fresh = tmp_path / "fresh"
    write_orders(fresh)
    for name, rows in (("day-0.csv", day_rows(0)), ("late.csv", late), ("day-1.csv", day_rows(1))):
        settle(write_csv(fresh, name, rows))
    build(plant, fresh, checks=False)
    ours, theirs = content(root), content(fresh)
    for name in BUILT:
        assert ours[name].drop("source", strict=False).equals(theirs[name].drop("source", strict=False)), name
    row = Lake(root).scan("gold.oee", days=(DAY, DAY)).filter(pl.col("shift") == "day").collect().row(0, named=True)
    assert row["adet_s"] == 1800 + 3600
    assert row["revision"] == revision.filter(pl.col("shift") == "day")["revision"][0] + 1


def test_bad_rows_are_set_aside_and_the_rest_is_built(root, tmp_path):
    bad = root / "drop" / "bad.csv"
    at = (START + timedelta(hours=1)).strftime("%Y-%m-%dT%H:%M:%SZ")
    lines = [
        "Tag,Timestamp,Value,Quality",
        f"m-1.temperature,{at},abc,Good",
        "m-1.temperature,yesterday,20,Good",
        "m-1.temperature,1970-01-01T00:00:00Z,20,Good",
        "m-1.temperature,2199-01-01T00:00:00Z,20,Good",
        f"m-1.temperature,{at},NaN,Good",
        f"m-1.temperature,{at},20,Sparkling",
        f"nobody.temperature,{at},20,Good",
    ]
    bad.write_text("\n".join(lines) + "\n")
    settle(bad)
    missing = root / "drop" / "missing.csv"
    missing.write_text("Tag,Time,Value,Quality\nm-1.temperature,x,1,Good\n")
    settle(missing)
    plant = small_plant(tmp_path)
    (root / "mes.sqlite").unlink()
    (root / "mes.sqlite").mkdir()  # a database that is down: not even a file
    build(plant, root, checks=False)
    held = Lake(root).scan("bronze.quarantine").collect()
    reasons = set(held["reason"])
    assert {"not_a_number", "future_timestamp", "ancient_timestamp", "not_finite", "unknown_tag"} <= reasons
    assert {"missing_column", "source_down"} <= reasons
    assert len(reasons) >= 9, reasons
    assert Lake(root).scan("silver.count_ledger").collect()["good_pcs"].sum() > 600


def test_a_missing_signal_opens_bounds_and_is_never_zero(tmp_path):
    root = tmp_path / "root"
    write_orders(root)
    rows = [r for r in day_rows(0) if not (r[0] == "m-1.state" and r[1] > START)]
    rows.append(("m-1.state", START + timedelta(hours=2), "", "Bad"))
    settle(write_csv(root, "day.csv", rows))
    build(small_plant(tmp_path), root, checks=False)
    row = Lake(root).scan("gold.oee", days=(DAY, DAY)).filter(pl.col("shift") == "day").collect().row(0, named=True)
    assert row["pot_s"] == 12 * 3600 - 60  # the data end with the last count, at 17:59
    assert row["unknown_s"] == 10 * 3600 - 60
    assert row["coverage"] == pytest.approx(2 * 3600 / row["pbt_s"])
    assert row["oee_low"] < row["oee_high"]


def test_files_deleted_from_disk_are_built_again(root, tmp_path):
    plant = small_plant(tmp_path)
    build(plant, root, checks=False)
    names = (*BUILT, "silver.operations", "silver.machines")
    before = content(root, names)
    for name in ("silver.readings", "silver.time_ledger", "gold.kpi"):
        shutil.rmtree(root / "lake" / name.replace(".", "/") / f"production_day={DAY}")
    shutil.rmtree(root / "lake" / "silver" / "operations")
    build(plant, root, checks=False)
    after = content(root, names)
    assert all(before[n].equals(after[n]) for n in names)


def test_one_row_of_a_reset_clock_does_not_stop_the_build(root, tmp_path):
    settle(write_csv(root, "reset.csv", [("m-1.good", START.replace(year=2001), "5", "Good")]))
    build(small_plant(tmp_path), root, checks=False)
    assert Lake(root).scan("gold.oee", days=(DAY, DAY)).collect().height > 0


def test_a_change_of_the_plant_file_gives_what_a_fresh_build_gives(root, tmp_path):
    build(small_plant(tmp_path), root, checks=False)
    path = tmp_path / "changed.toml"
    path.write_text((tmp_path / "plant.toml").read_text().replace('"06:00"', '"05:00"').replace("= 120.0", "= 7200.0"))
    changed = load(path)
    build(changed, root, checks=False)
    fresh = tmp_path / "fresh"
    shutil.copytree(root / "drop", fresh / "drop")
    shutil.copy(root / "mes.sqlite", fresh / "mes.sqlite")
    build(changed, fresh, checks=False)
    names = (*BUILT, "silver.machines")
    ours, theirs = content(root, names), content(fresh, names)
    assert not [n for n in names if not ours[n].equals(theirs[n])]
