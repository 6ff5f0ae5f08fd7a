"""The simulator follows plant.toml, not the example: other lines, kinds, shifts, units and codes."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import numpy as np
import polars as pl
import pytest

import simulator
from plant.config import Plant
from plant.errors import TerminalError
from plant.model import PlantFile

START = datetime(2026, 3, 28, 0, 0, tzinfo=UTC)  # the night of 29 March loses an hour in Helsinki


def machine(name: str, operation: str, kind: str = "grinder", **more) -> dict:
    tag = {"source": "plc", "address": "x", "type": "uint32"}
    return {
        "name": name, "line": "gears", "kind": kind, "operation": operation, **more,
        "tags": [
            {"name": "mode", "role": "state", "states": "words", **tag},
            {"name": "ok", "role": "good_count", "unit": "pcs", **tag},
            {"name": "nok", "role": "scrap_count", "unit": "pcs", **tag},
            {"name": "meter", "role": "energy", "unit": "kWh", **tag},
            {"name": "oil", "role": "pressure", "unit": "bar", "range": [0.0, 200.0], **tag},
            {"name": "part", "role": "product", **tag},
        ],
    }  # fmt: skip


def build(codes: dict[str, str] | None = None) -> Plant:
    words = {"10": "producing", "20": "setup", "30": "stopped", "40": "planned_stop", "0": "off"}
    raw = {
        "schema": 1,
        "plant": {"name": "small"},
        "site": [{"name": "oulu", "timezone": "Europe/Helsinki", "day_start": "00:00"}],
        "area": [{"name": "hall", "site": "oulu"}],
        "line": [{"name": "gears", "area": "hall"}, {"name": "empty", "area": "hall"}],
        "shift": [
            {"name": "night", "site": "oulu", "start": "21:00", "end": "05:00",
             "breaks": [{"start": "02:30", "end": "03:15"}], "lines": ["gears"]},
        ],
        "states": {"words": words if codes is None else codes},
        "source": [{"kind": "modbus", "name": "plc", "host": "127.0.0.1"}],
        "product": [
            {"name": "gear", "ideal": [{"machine": m, "seconds": 20.0} for m in ("saw", "mill-a", "mill-b", "wash")]},
            {"name": "ring", "ideal": [{"machine": "saw", "seconds": 15.0}, {"machine": "wash", "seconds": 9.0}]},
        ],
        "machine": [machine("saw", "sawing"), machine("mill-a", "milling"), machine("mill-b", "milling"),
                    machine("wash", "washing")],
    }  # fmt: skip
    return Plant(PlantFile.model_validate(raw, strict=False), "plant.toml")


@pytest.fixture(scope="module")
def run() -> simulator.Run:
    return simulator.plant_run(build(), 5, START, START + timedelta(days=5))


def test_products_take_the_stages_they_have_a_cycle_for(run):
    made = run.truth["pieces"].group_by("machine", "product").agg(pl.len()).sort("machine", "product")
    pairs = set(made.select("machine", "product").iter_rows())
    assert ("saw", "ring") in pairs
    assert ("wash", "ring") in pairs
    assert ("mill-a", "ring") not in pairs
    assert {("mill-a", "gear"), ("mill-b", "gear"), ("wash", "gear")} <= pairs


def test_a_night_that_loses_an_hour(run):
    """21:00 to 05:00 on the night of 28 March 2026 lasts seven hours; 02:30 to 03:15 keeps its 45 minutes."""
    night = run.truth["intervals"].filter(
        pl.col("machine") == "saw", pl.col("account") != "not_scheduled",
        pl.col("start_at") >= datetime(2026, 3, 28, 12, tzinfo=UTC),
        pl.col("end_at") <= datetime(2026, 3, 29, 12, tzinfo=UTC),
    ).with_columns(length=pl.col("end_at") - pl.col("start_at"))  # fmt: skip
    assert night["start_at"].min() == datetime(2026, 3, 28, 19, tzinfo=UTC)
    assert night["end_at"].max() == datetime(2026, 3, 29, 2, tzinfo=UTC)
    assert night["length"].sum() == timedelta(hours=7)
    assert night.filter(reason="break")["length"].sum() == timedelta(minutes=45)


def test_words_without_a_code_are_shown_by_their_nearest_kin(run):
    shown = set(run.samples.filter(pl.col("tag").str.ends_with(".mode"))["value"].drop_nulls())
    assert shown <= {0.0, 10.0, 20.0, 30.0, 40.0}
    assert {0.0, 10.0, 20.0, 30.0} <= shown


def test_a_missing_code_is_named():
    plant = build({"0": "off", "1": "idle"})
    with pytest.raises(TerminalError, match=r"no numeric code for producing.*\[states\.words\]"):
        simulator.plant_run(plant, 1, START, START + timedelta(days=1))


def test_meters_in_kwh_and_roles_without_numbers(run):
    meter = run.samples.filter(tag="saw.meter")["value"].to_numpy()
    used = run.truth["energy"].filter(machine="saw")["energy_j"].sum() / 3.6e6
    assert abs((meter[-1] - meter[0]) - used) < 0.5
    assert np.allclose(meter * 1000, np.round(meter * 1000))
    assert run.samples.filter(tag="saw.part").height == 0
    assert run.samples.filter(tag="saw.oil")["value"].is_between(0, 200).all()


def test_its_export_is_csv_only_and_its_books_close(run, tmp_path):
    simulator.export(run, tmp_path)
    assert not list((tmp_path / "plant" / "historian").glob("*.parquet"))
    assert len(list((tmp_path / "plant" / "historian").glob("*.csv"))) == 5
    done = run.tables["work_orders"].filter(status="done")
    assert done.height > 1
    pieces = run.truth["pieces"].group_by("order_id").agg(pl.col("scrap_pcs").sum())
    good = run.truth["pieces"].filter(machine="wash").group_by("order_id").agg(pl.col("good_pcs").sum())
    both = done.join(pieces, left_on="id", right_on="order_id").join(good, left_on="id", right_on="order_id")
    assert (both["planned_pcs"] == both["good_pcs"] + both["scrap_pcs"]).all()


def test_a_plant_without_shifts_stands_still():
    plant = build()
    silent = Plant(plant.file.model_copy(update={"shift": ()}), plant.path)
    run = simulator.plant_run(silent, 1, START, START + timedelta(days=1))
    assert set(run.truth["intervals"]["account"]) == {"not_scheduled"}
    assert run.truth["pieces"].height == 0
