"""The simulator follows plant.toml, not the example: other lines, kinds, shifts, units and codes."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from itertools import pairwise

import numpy as np
import polars as pl
import pytest

import simulator
from plant.calendar import segments
from plant.config import Plant
from plant.errors import TerminalError
from plant.model import PlantFile
from simulator.floor.worktime import BREAK, OFF, WORK, worktimes
from simulator.instants import to_us

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


def other(**sections) -> Plant:
    """The small plant with other sections."""
    raw = build().file.model_dump(mode="python", by_alias=True) | sections
    return Plant(PlantFile.model_validate(raw), "plant.toml")


def test_extra_cancelled_and_changed_days_are_those_of_the_calendar():
    """The simulator's working time and `plant.calendar` share no code: both must read a shift's dates alike."""
    shift = {
        "name": "day", "site": "oulu", "start": "06:00", "end": "14:00", "rrule": "FREQ=WEEKLY;BYDAY=MO,WE,FR",
        "extra": [date(2026, 3, 28), date(2026, 4, 2)], "cancelled": [date(2026, 4, 1)],
        "valid_from": date(2026, 3, 25), "valid_until": date(2026, 4, 12), "works_holidays": False,
        "breaks": [{"start": "10:00", "end": "10:30", "valid_until": date(2026, 3, 30)},
                   {"start": "11:00", "end": "11:15", "valid_from": date(2026, 3, 31)}],
    }  # fmt: skip
    duty = {**shift, "name": "duty", "start": "15:00", "end": "16:00", "works_holidays": True, "breaks": []}
    easter = {"name": "Easter", "site": "oulu", "day": date(2026, 4, 3), "days": 4}
    rest = {"name": "Day of rest", "site": "oulu", "day": date(2026, 1, 11), "rrule": "FREQ=WEEKLY;BYDAY=FR",
            "cancelled": [date(2026, 3, 27)]}  # fmt: skip
    plant = other(shift=[shift, duty], holiday=[easter, rest])
    first, last = date(2026, 3, 20), date(2026, 4, 20)
    found = segments(plant, first, last).filter(line="gears").sort("start_at")
    known = {"off": OFF, "shift": WORK, "work": WORK, "break": BREAK}
    work = worktimes(plant, first - timedelta(days=2), last + timedelta(days=2))["gears"]
    worked = [(to_us(s), known[k]) for k, s in found.select("kind", "start_at").iter_rows()]
    assert {mode for _, mode in worked} == {OFF, WORK, BREAK}
    for (at, mode), (end, _) in pairwise(worked):
        assert work.mode_at(at) == mode
        assert work.mode_at(end - 1) == mode
    assert sum(mode == WORK for _, mode in worked) > 12


@pytest.mark.parametrize(
    ("sections", "named"),
    [
        ({"planned": [{"reason": "meeting", "site": "oulu", "start": datetime(2026, 3, 30, 8),  # noqa: DTZ001
                       "end": datetime(2026, 3, 30, 9)}]}, r"\[\[planned\]\]"),  # noqa: DTZ001
        ({"holiday": [{"name": "Eve", "site": "oulu", "day": date(2026, 12, 24), "start": "12:00"}]}, "half-day"),
    ],
)  # fmt: skip
def test_a_calendar_it_does_not_know_is_refused(sections, named):
    with pytest.raises(TerminalError, match=f"does not simulate .*{named}"):
        simulator.plant_run(other(**sections), 1, START, START + timedelta(days=1))


def test_a_machine_with_an_operation_mode_executes_while_it_is_set_up():
    """OPC 40001-1: state and mode together say what the state alone says elsewhere."""
    machines = build().file.model_dump(mode="python", by_alias=True)["machine"]
    state = {**machines[0]["tags"][0], "states": "item"}
    machines[0]["tags"] = [state, {**state, "name": "operation", "role": "mode", "states": "modes"}]
    states = {"words": {"10": "producing", "20": "setup", "30": "stopped", "40": "planned_stop", "0": "off"},
              "item": {"0": "off", "1": "failed", "2": "idle", "3": "producing"},
              "modes": {"1": "planned_stop", "2": "setup", "3": "producing"}}  # fmt: skip
    run = simulator.plant_run(other(machine=machines, states=states), 5, START, START + timedelta(days=5))
    said = run.samples.filter(pl.col("tag").is_in(["saw.mode", "saw.operation"])).pivot(
        "tag", index="ts", values="value"
    )
    true = run.truth["intervals"].filter(machine="saw").select("state", ts="start_at")
    seen = true.join(said, on="ts", how="left").unique(["state", "saw.mode", "saw.operation"])
    read = {(s, m, o) for s, m, o in seen.select("state", "saw.mode", "saw.operation").drop_nulls().iter_rows()}
    assert {("producing", 3.0, 3.0), ("setup", 3.0, 2.0)} <= read
    assert not {m for s, m, _ in read if s not in {"producing", "setup"}} & {3.0}
