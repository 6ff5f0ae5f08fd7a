"""The real MES log through nothing but its plant.toml: every row booked or listed with a reason."""

from __future__ import annotations

import os
from datetime import UTC, datetime
from pathlib import Path

import polars as pl
import pytest

from connectors.base import Landing, nothing_seen
from connectors.files.drop import DATA_DEFAULT, DATA_ENV, read_files
from plant.config import Plant, load
from plant.sources.batch import FilesSource

HOUSE = Path(__file__).parents[2]
NOW = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)


@pytest.fixture(scope="module")
def plant() -> Plant:
    return load(HOUSE / "examples" / "machine_shop" / "plant.toml")


@pytest.fixture(scope="module")
def landing(plant) -> Landing:
    data = Path(os.environ.get(DATA_ENV) or HOUSE / DATA_DEFAULT)
    if not (data / "production_log_4tu" / "Production_Data.csv").exists():
        pytest.skip("data set production_log_4tu is not here")
    (source,) = plant.file.source
    assert isinstance(source, FilesSource)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(DATA_ENV, str(data))
        (only,) = read_files(source, plant, Path("unused"), nothing_seen, NOW, force=True)
    return only


def test_the_plant_has_the_machines_of_the_log(plant):
    assert len(plant.machines) == 31
    assert all(plant.site_of(m).name == "machine-shop" for m in plant.machines)
    (source,) = plant.file.source
    assert sorted(source.machines.values()) == sorted(plant.machines)


def test_every_row_is_booked_or_held_back_with_its_reason(landing):
    held = landing.quarantine.filter(~pl.col("booked"))
    assert landing.frame.height + held.height == 4543
    assert held["reason"].value_counts().rows() == [("duplicate", 22)]
    assert sorted([*landing.frame["seq"], *held["position"]]) == list(range(1, 4544))


def test_pieces_are_accounted_for_to_the_piece(landing):
    held = landing.quarantine.filter(~pl.col("booked"))
    cells = held.select(
        pl.col("payload").str.json_decode(pl.Struct({"Qty Completed": pl.String, "Qty Rejected": pl.String}))
    )
    said = cells.unnest("payload").cast(pl.Int64).sum().row(0)
    booked = landing.frame.select(pl.col("good_pcs", "scrap_pcs").sum()).row(0)
    assert (booked[0] + said[0], booked[1] + said[1]) == (92519, 593)
    assert booked == (92519, 593), "the repeated rows carry no pieces"
    assert landing.frame["rework_pcs"].sum() == 105


def test_report_types_become_states(landing):
    states = dict(landing.frame["state"].value_counts().iter_rows())
    assert states == {"producing": 3764, "setup": 704, "failed": 53}
    assert landing.frame["machine"].n_unique() == 31
    assert landing.frame["order_id"].n_unique() == 225
    assert landing.frame["operation"].n_unique() == 55
    assert landing.frame["operator"].n_unique() == 49


def test_the_broken_span_is_reported_and_booked(landing):
    (row,) = landing.quarantine.filter(pl.col("reason") == "broken_span").to_dicts()
    assert row["booked"]
    assert "1899/12/31 01:49:00" in row["message"]
    booked = landing.frame.filter(pl.col("seq") == row["position"])
    assert booked.select("start_at", "end_at").row(0) == (
        datetime(2012, 2, 1, 7, 30, tzinfo=UTC), datetime(2012, 2, 1, 7, 50, tzinfo=UTC)
    )  # fmt: skip


def test_spans_that_differ_from_their_interval_are_reported_and_booked(landing):
    off = landing.quarantine.filter(pl.col("reason") == "span_mismatch")
    assert off["booked"].all()
    assert off.height == 684
    zero = off["payload"].str.json_path_match("$.Span") == "000:00"
    assert zero.sum() == 662 - 20, "20 of the 22 repeated rows say 000:00"


def test_instants_are_taken_as_written(landing):
    assert landing.frame["start_at"].min() == datetime(2012, 1, 2, 0, 0, tzinfo=UTC)
    assert landing.frame["end_at"].max() == datetime(2012, 3, 31, 5, 45, tzinfo=UTC)
    assert (landing.frame["end_at"] >= landing.frame["start_at"]).all()
