"""Runs every case of tests/cases/oee: inputs and results as CSV files, worked out by hand."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from ledger_run import Inputs, Ledgers, plant_of, rows_of, run, samples

from plant.tables import table

CASES = sorted(p.parent for p in (Path(__file__).parent.parent / "cases" / "oee").glob("*/case.toml"))
INPUTS = {"operations": "silver.operations", "downtimes": "silver.downtimes", "reports": "bronze.reports"}


def rows(path: Path, name: str) -> list[dict[str, Any]]:
    """Rows of a CSV input, in the dtypes of the table; nothing where there is no file."""
    if not path.exists():
        return []
    kinds = {
        c: t for c, t in table(name).schema.items() if c in path.read_text(encoding="utf8").splitlines()[0].split(",")
    }
    text = {c: pl.String if t == pl.Datetime("us", "UTC") else t for c, t in kinds.items()}
    frame = pl.read_csv(path, schema_overrides=text)
    instants = [pl.col(c).str.to_datetime("%+", time_unit="us", time_zone="UTC") for c in kinds if text[c] != kinds[c]]
    return frame.with_columns(instants).rows(named=True)


def inputs(case: Path) -> Inputs:
    given = {name: rows(case / f"{name}.csv", contract) for name, contract in INPUTS.items()}
    told = [
        {"source": "book", "segment": "f", "date": r["end_at"].date(), "received_at": r["end_at"]} | r
        for r in given["reports"]
    ]
    frames = {name: rows_of(INPUTS[name], told if name == "reports" else r) for name, r in given.items()}
    return Inputs(samples(rows(case / "readings.csv", "bronze.readings")), **frames)


def results(made: Ledgers) -> dict[str, pl.DataFrame]:
    """The ledgers summed to what a person can work out."""
    pieces = ["good_pcs", "scrap_pcs", "rework_pcs", "quarantined_pcs"]
    ideal = pl.when(pl.col("ideal_us").count() > 0).then(pl.col("ideal_us").sum() // 1_000_000)
    day = ["machine", "production_day"]
    seconds, energy_wh = pl.col("duration_us").sum() / 1e6, pl.col("energy_j").sum() / 3600
    return {
        "time": made.time.group_by(*day, "shift", "account", "reason").agg(seconds=seconds),
        "count": made.count.group_by(*day, "shift", "order_id").agg(pl.col(pieces).sum(), ideal_s=ideal),
        "energy": made.energy.group_by(*day, "account").agg(energy_wh=energy_wh),
    }


@pytest.mark.parametrize("case", CASES, ids=lambda p: p.name)
def test_case(case):
    about = tomllib.loads((case / "case.toml").read_text(encoding="utf8"))
    plant = plant_of((case / "plant.toml").read_text(encoding="utf8"))
    got = results(run(plant, inputs(case), about["first"], about["last"]))
    compared = [name for name in got if (case / f"{name}.csv").exists()]
    assert compared, "a case that compares nothing"
    for name in compared:
        expected = pl.read_csv(case / f"{name}.csv", schema=got[name].schema)
        key = expected.columns
        assert got[name].select(key).sort(key).rows() == expected.sort(key).rows(), f"{about['title']}: {name}"


def test_there_are_cases():
    assert len(CASES) >= 4
