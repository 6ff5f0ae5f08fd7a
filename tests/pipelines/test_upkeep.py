"""The daily tidying of the other tables: by `shopfloor build` without Dagster, or by Dagster's schedule."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from appender import NAME
from test_lane import files, filled, rows

from pipelines.build import Builder
from pipelines.days.receipts import receipt_of
from pipelines.place import Place
from pipelines.upkeep import upkeep
from warehouse.lake import Lake
from warehouse.state import State


@pytest.fixture
def builder(tmp_path):
    """A builder that only notes which jobs it is asked for."""
    made = object.__new__(Builder)
    made.state, made.jobs = State(tmp_path), []
    made._job = made.jobs.append
    return made


def test_the_first_build_of_a_day_tidies_but_not_the_first_of_a_root(builder):
    builder._upkeep()
    assert builder.jobs == []
    builder._upkeep()
    assert builder.jobs == []
    builder.state.record_built(receipt_of("job:upkeep", None, "2026-01-01"))
    builder._upkeep()
    builder._upkeep()
    assert builder.jobs == ["upkeep"]
    assert builder.state.built("job:upkeep", None).inputs_hash == datetime.now(UTC).date().isoformat()


def test_the_job_sorts_finished_days_and_changes_no_row(tmp_path):
    lake = filled(tmp_path, 9)
    kept, before = rows(tmp_path), files(tmp_path)
    given = {"lake": lake, "state": State(tmp_path), "place": Place(tmp_path)}
    assert upkeep.execute_in_process(resources=given).success
    after = files(tmp_path)
    yesterday, today = min(before), max(before)
    assert (before[yesterday], after[yesterday]) == (3, 1)
    assert after[today] == before[today]
    assert rows(tmp_path).equals(kept)
    assert Lake(tmp_path).transaction_version(NAME, "a") == 9
