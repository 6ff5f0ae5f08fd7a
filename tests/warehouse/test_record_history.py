"""silver.record_history: half-open validity, tombstones, and the state of a table as of any instant."""

from __future__ import annotations

import json
import random
from datetime import UTC, datetime, timedelta

import duckdb
import polars as pl
import pytest

from plant.tables import table
from warehouse.connect import connect
from warehouse.lake import Lake
from warehouse.publish import publish

T0 = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
AS_OF = """SELECT record_key, payload FROM silver.record_history WHERE record_set = 'erp.orders' AND NOT deleted
AND valid_from_at <= $at AND (valid_to_at IS NULL OR valid_to_at > $at)"""


def land(lake: Lake, minute: int, versions: dict[str, int | None]) -> None:
    """One reading: values by key, None for a tombstone."""
    rows = [
        ("erp.orders", json.dumps([key]), "gone" if v is None else f"h{v}", None, "{}" if v is None else f'{{"v":{v}}}',
         v is None, T0 + timedelta(minutes=minute), f"sql:erp.orders:x:{minute}", n)
        for n, (key, v) in enumerate(versions.items())
    ]  # fmt: skip
    frame = pl.DataFrame(rows, schema=table("bronze.records").schema, orient="row")
    lake.append_once("bronze.records", frame, "sql:erp.orders", minute)


@pytest.fixture
def lake(tmp_path) -> Lake:
    return Lake(tmp_path)


def test_versions_follow_one_another_without_gap_or_overlap(lake):
    land(lake, 0, {"a": 1, "b": 1})
    land(lake, 5, {"a": 2})
    land(lake, 9, {"a": None})
    land(lake, 12, {"a": 3})
    rows = connect(lake.root).execute(
        "SELECT version, valid_from_at, valid_to_at, deleted, payload FROM silver.record_history "
        "WHERE record_key = '[\"a\"]' ORDER BY version"
    )
    at = [T0 + timedelta(minutes=m) for m in (0, 5, 9, 12)]
    assert rows.fetchall() == [
        (1, at[0], at[1], False, '{"v":1}'),
        (2, at[1], at[2], False, '{"v":2}'),
        (3, at[2], at[3], True, '{"v":2}'),
        (4, at[3], None, False, '{"v":3}'),
    ]


def test_the_state_as_of_any_instant_is_what_the_readings_said(lake):
    rng, state, states = random.Random(5), {}, {}
    for minute in range(0, 60, 3):
        change = {rng.choice("abcdef"): rng.choice([None, 1, 2, 3, 4]) for _ in range(3)}
        change = {k: v for k, v in change.items() if state.get(k) != v}
        if change:
            land(lake, minute, change)
        state = {k: v for k, v in {**state, **change}.items() if v is not None}
        states[minute] = dict(state)
    con = connect(lake.root)
    for minute, expected in states.items():
        for later in (0, 1):
            found = con.execute(AS_OF, {"at": T0 + timedelta(minutes=minute + later)}).fetchall()
            assert {json.loads(k)[0]: json.loads(p)["v"] for k, p in found} == expected, minute


def test_the_published_file_has_it_with_a_comment_on_every_column(lake):
    land(lake, 0, {"a": 1})
    with duckdb.connect(str(publish(lake.root)), read_only=True) as con:
        assert con.execute("SELECT count(*) FROM silver.record_history").fetchone() == (1,)
        told = con.execute("SELECT comment FROM duckdb_columns() WHERE table_name = 'record_history'").fetchall()
        assert len(told) == 11
        assert all(comment for (comment,) in told)
