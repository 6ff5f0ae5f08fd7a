"""Dagster repairs by itself: ticks of the sensor find one stale stage after the other, and pause after a failure."""

import dagster as dg
import pytest
from late_plant import START, Floor, builder, plant_of

from pipelines import sensors
from pipelines.days.plan import plan
from pipelines.definitions import build
from pipelines.place import Place
from pipelines.sensors import RANGE_END, RANGE_START, stale_days
from warehouse import edits
from warehouse.lake import Lake
from warehouse.state import State


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    folder = tmp_path_factory.mktemp("ticks")
    floor = Floor(folder / "root")
    floor.usual_days(2)
    plant = plant_of(folder)
    builder(plant, folder / "root").recompute()
    return plant, folder / "root"


def tick(plant, root, instance):
    """What one evaluation of the sensor asks for."""
    resources = {"plant": plant, "lake": Lake(root), "state": State(root)}
    with dg.build_sensor_context(instance=instance, resources=resources) as context:
        return list(stale_days(context))


def runs(defs, instance, asked):
    """Run what was asked for, as the daemon would."""
    for request in asked:
        job = defs.resolve_job_def(request.job_name)
        assert job.execute_in_process(instance=instance, tags=dict(request.tags)).success


def test_ticks_repair_until_nothing_is_stale(built):
    plant, root = built
    defs = build(plant, Place(root), checks=False)
    with dg.DagsterInstance.ephemeral() as instance:
        assert isinstance(tick(plant, root, instance)[0], dg.SkipReason)
        Floor(root).rows([("m-1.state", START.replace(hour=12), 9), ("m-1.state", START.replace(hour=13), 1)])
        edits.edit_reason(root, plant, "m-2", START, START.replace(hour=6), "jam", "breakdown", "anna")
        seen = []
        for _ in range(12):
            asked = tick(plant, root, instance)
            if isinstance(asked[0], dg.SkipReason):
                break
            seen.append((asked[0].job_name, asked[0].tags.get(RANGE_START), asked[0].tags.get(RANGE_END)))
            runs(defs, instance, asked)
        assert asked[0].skip_message == "every day is up to date"
        assert [job for job, _, _ in seen][:4] == ["edits", "readings", "ledgers", "numbers"]
        assert {(first, last) for job, first, last in seen if job == "ledgers"} == {("2026-03-02", "2026-03-02")}
        assert plan(plant, Lake(root), State(root)) is None


def test_a_stage_that_runs_or_failed_is_not_asked_for_again(built, monkeypatch):
    plant, root = built
    job = build(plant, Place(root), checks=False).resolve_job_def("readings")
    with dg.DagsterInstance.ephemeral() as instance:
        Floor(root).rows([("m-1.state", START.replace(hour=13), 9)])
        assert tick(plant, root, instance)[0].job_name == "readings"
        run = instance.create_run_for_job(job, status=dg.DagsterRunStatus.STARTED)
        assert tick(plant, root, instance)[0].skip_message == "readings is queued or running"
        instance.report_run_failed(run)
        assert "failed less than" in tick(plant, root, instance)[0].skip_message
        monkeypatch.setattr(sensors, "PAUSE_AFTER_FAILURE", sensors.PAUSE_AFTER_FAILURE * 0)
        assert tick(plant, root, instance)[0].job_name == "readings"


def test_a_run_of_another_stage_does_not_hold_the_first_one_up(built):
    plant, root = built
    other = build(plant, Place(root), checks=False).resolve_job_def("exports")
    with dg.DagsterInstance.ephemeral() as instance:
        Floor(root).rows([("m-2.state", START.replace(hour=13), 9)])
        instance.create_run_for_job(other, status=dg.DagsterRunStatus.STARTED)
        assert tick(plant, root, instance)[0].job_name == "readings"
