"""The analysts' notebook, run as a script over the tiny lake as published: its answers against the ledgers."""

from __future__ import annotations

import subprocess
import sys
from importlib.util import module_from_spec, spec_from_file_location
from io import StringIO
from pathlib import Path
from types import ModuleType

import duckdb
import polars as pl
import pytest

from warehouse.publish import publish

REPO = Path(__file__).parents[2]
NOTEBOOK = REPO / "notebooks" / "analyst.py"


def part(name: str) -> ModuleType:
    spec = spec_from_file_location(name, REPO / "tests" / "dashboards" / f"{name}.py")
    assert spec and spec.loader
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def tiny() -> ModuleType:
    return part("tiny_lake")


def run(root: Path) -> str:
    """Standard output of the notebook as a script, from a folder that is not the repository."""
    done = subprocess.run(
        [sys.executable, str(NOTEBOOK)],
        capture_output=True,
        text=True,
        cwd=root,
        env={"SHOPFLOOR_ROOT": str(root), "PATH": "", "HOME": str(root)},
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def answers(tiny: ModuleType, tmp_path_factory: pytest.TempPathFactory) -> dict[str, pl.DataFrame]:
    """Every answer of the notebook by its title."""
    root = tiny.fill(tmp_path_factory.mktemp("published"))
    part("tiny_sums").fill(root, tiny.oee(), tiny.DAYS)
    publish(root, plant_name="tiny")
    parts = [part.split("\n", 1) for part in f"\n{run(root)}".split("\n# ")[1:]]
    return {title: pl.read_csv(StringIO(text.strip())) for title, text in parts}


def test_every_table_and_column_has_a_comment(answers: dict[str, pl.DataFrame]) -> None:
    assert {"gold.oee", "silver.time_ledger", "bronze.readings"} <= set(answers["tables"]["table_name"])
    assert answers["tables"]["comment"].null_count() == 0
    assert answers["columns of gold.oee"]["comment"].null_count() == 0


def test_oee_is_a_ratio_of_sums_with_bounds(answers: dict[str, pl.DataFrame], tiny: ModuleType) -> None:
    mine = tiny.oee().filter(pl.col("machine") == "cnc-1")
    earned = mine["ideal_s"].sum() * mine["good_pcs"].sum() / mine["produced_pcs"].sum()
    pbt, unknown = mine["pbt_s"].sum(), mine["unknown_s"].sum()
    row = answers["oee"].row(by_predicate=pl.col("machine") == "cnc-1", named=True)
    assert row["oee"] == pytest.approx(earned / (pbt - unknown))
    assert row["oee_low"] == pytest.approx(earned / pbt)
    assert row["oee_high"] == pytest.approx((earned + unknown) / pbt)
    assert row["oee"] != pytest.approx(mine["oee"].drop_nulls().mean())


def test_a_walk_between_standards_sums_to_the_difference(answers: dict[str, pl.DataFrame]) -> None:
    walk = answers["reconciliation"]
    assert walk["step"].to_list() == [0, 1, 2, 3, 4]
    assert walk["contribution"].sum() == pytest.approx(walk["value"][-1] - walk["value"][0], abs=1e-11)


def test_changes_come_with_their_cause_and_sum(answers: dict[str, pl.DataFrame]) -> None:
    changes = answers["changes"]
    assert {"late rows", "calendar", "reclassification"} & set(changes["cause"])
    moved = changes["value"] - changes["value_before"]
    assert changes["contribution"].to_list() == pytest.approx(moved.to_list(), abs=1e-11)


def test_pareto_of_losses_ends_at_everything(answers: dict[str, pl.DataFrame], tiny: ModuleType) -> None:
    lost = tiny.losses().filter(pl.col("account") != "planned_down")
    assert answers["losses"]["hours"].sum() == pytest.approx(lost["duration_s"].sum() / 3600)
    assert answers["losses"]["hours"].is_sorted(descending=True)
    assert answers["losses"]["cumulative"][-1] == pytest.approx(1.0)


def test_energy_per_piece_is_a_ratio_of_sums(answers: dict[str, pl.DataFrame], tiny: ModuleType) -> None:
    mine = tiny.energy().filter(pl.col("machine") == "press-1")
    row = answers["energy"].row(by_predicate=pl.col("machine") == "press-1", named=True)
    assert row["kwh_per_good_pc"] == pytest.approx(mine["energy_kwh"].sum() / mine["good_pcs"].sum())


def test_a_number_leads_to_its_raw_rows(answers: dict[str, pl.DataFrame], tiny: ModuleType) -> None:
    raw = answers["raw rows"]
    last = tiny.oee().filter((pl.col("machine") == "cnc-1") & (pl.col("production_day") == tiny.DAYS[-1]))
    booked = last.filter(pl.col("shift") == "night")["good_pcs"][0]
    assert raw["good_pcs"].unique().to_list() == [booked]
    assert raw["increment"].sum() == booked
    known = {(r["segment"], r["seq"]) for r in tiny.raw_counter().iter_rows(named=True)}
    assert set(raw.select("segment", "seq").iter_rows()) <= known
    assert answers["adds up"].row(0) == (booked, booked)


def test_failed_checks_are_told(answers: dict[str, pl.DataFrame]) -> None:
    assert answers["failed checks"]["check_name"].to_list() == ["stock not negative"]


def test_without_a_published_file_it_says_what_to_do(tmp_path: Path) -> None:
    assert "Run `shopfloor build`" in run(tmp_path)


def test_raw_rows_add_up_over_a_reset_and_are_not_of_time_off() -> None:
    """The question as it stands in the notebook, asked of a counter that is reset at 07:00 and once again at night."""
    sql = NOTEBOOK.read_text().split('"raw rows",')[1].split('"""')[1]
    con = duckdb.connect()
    con.execute("CREATE SCHEMA gold; CREATE SCHEMA silver; CREATE SCHEMA bronze; SET TimeZone = 'UTC'")
    shifts = [("early", "06:00", "14:00", 14), ("off", "22:00", "23:59", 1)]
    said = ", ".join(
        f"('m', DATE '2026-11-02', '{shift}', TIMESTAMPTZ '2026-11-02 {a}', TIMESTAMPTZ '2026-11-02 {b}', {good})"
        for shift, a, b, good in shifts
    )
    con.execute(f"CREATE TABLE gold.oee AS FROM (VALUES {said}) t(machine, production_day, shift, start_at, end_at, "
                "good_pcs)")  # fmt: skip
    samples = [("05:59", 90), ("06:30", 100), ("07:00", 0), ("07:30", 4), ("22:30", 5), ("23:00", 0)]
    rows = ", ".join(f"(TIMESTAMPTZ '2026-11-02 {at}', {value}, {n})" for n, (at, value) in enumerate(samples))
    con.execute(f"CREATE TABLE given AS FROM (VALUES {rows}) t(ts, value, seq)")
    con.execute("CREATE TABLE silver.readings AS SELECT 'm' AS machine, ts::DATE AS production_day, 'm.good' AS tag, "
                "'good_count' AS role, ts AS at, value::DOUBLE AS value, false AS opening FROM given")  # fmt: skip
    con.execute("CREATE TABLE bronze.readings AS SELECT 'm.good' AS tag, ts, ts::DATE AS date, 's' AS source, "
                "'a' AS segment, seq FROM given")  # fmt: skip
    raw = con.sql(sql).pl()
    assert raw["shift"].unique().to_list() == ["early"]
    assert raw["increment"].to_list() == [10.0, 0.0, 4.0]
    assert raw["increment"].sum() == raw["good_pcs"][0]
