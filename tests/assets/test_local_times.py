"""A time without a zone is the source's local time, by whatever way it comes; what could be either is refused."""

from __future__ import annotations

import json
from datetime import UTC, datetime

import polars as pl
import pytest

from assets.silver.adapted import filled
from plant.adapters.model import Adapter
from plant.sources.batch import SqlSource
from plant.tables import table
from warehouse.adapting.select import run_mapping

AT = datetime(2026, 11, 16, 6, tzinfo=UTC)
LOCAL = {
    "2026-10-26 06:00:00": datetime(2026, 10, 26, 5, tzinfo=UTC),
    "2026-10-26": datetime(2026, 10, 25, 23, tzinfo=UTC),
    "2026-10-25T02:30:00.250": datetime(2026, 10, 25, 1, 30, 0, 250000, UTC),  # shown twice: the second
    "2026-03-29 02:30:00": datetime(2026, 3, 29, 1, 30, tzinfo=UTC),  # never shown: an hour later
    "2026-10-26 06:00:00+02:00": datetime(2026, 10, 26, 4, tzinfo=UTC),
    "2026-10-26T06:00:00.000000Z": datetime(2026, 10, 26, 6, tzinfo=UTC),
}
RENAME = {"into": "attendance", "from": "log", "rename": {"attendance_id": "id", "start_at": "come"}}
FIXED = "SELECT id::VARCHAR AS attendance_id, 'o' AS operator, 'm' AS machine, {} AS start_at, _record FROM log"


def judged(mapping, come, zone="Europe/Berlin", **types):
    adapter = Adapter.model_validate({"name": "x", "types": {"log": types}, "tables": [mapping]})
    rows = [{"id": n, "operator": "o", "machine": "m", "come": c} for n, c in enumerate(come)]
    told = [{"record_set": "a.log", "record_key": f"[{n}]", "row_hash": "h", "payload": json.dumps(r),
             "deleted": False, "segment": "s", "seq": n, "ingested_at": AT} for n, r in enumerate(rows)]  # fmt: skip
    source = SqlSource(kind="sql", name="a", url="sqlite:///x", timezone=zone)
    records = pl.LazyFrame(told, schema=table("bronze.records").schema)
    decoded = filled([(source, adapter)], records, "attendance", run_mapping)
    return decoded.rows.collect().sort("attendance_id"), decoded.rejected.collect()


def by(sql):
    return {"into": "attendance", "sql": FIXED.format(sql)}


@pytest.mark.parametrize("mapping", [RENAME, by("come"), by("instant(come)")])
def test_text_without_an_offset_is_local_by_rename_and_by_select(mapping):
    rows, rejected = judged(mapping, LOCAL)
    assert rejected.is_empty()
    assert rows["start_at"].to_list() == list(LOCAL.values())


@pytest.mark.parametrize("mapping", [RENAME, by("come"), by("come::DATE")])
def test_a_day_begins_where_the_source_is(mapping):
    rows, _ = judged(mapping, ["2026-10-26"], "America/Chicago")
    assert rows["start_at"].to_list() == [datetime(2026, 10, 26, 5, tzinfo=UTC)]


@pytest.mark.parametrize("mapping", [RENAME, by("come")])
def test_text_that_is_no_time_is_told_as_it_came(mapping):
    rows, rejected = judged(mapping, ["gestern", "2026-10-26 06:00:00"])
    assert rows.height == 1
    assert "is 'gestern'; valid: an ISO 8601 instant" in rejected["message"][0]


@pytest.mark.parametrize(
    "sql",
    [
        "come::TIMESTAMP",
        "epoch_ms(1792900000000)",
        "strptime(come, '%Y-%m-%d %H:%M:%S')",
        "come::TIMESTAMP_S",
        "come::TIMESTAMP_NS",
    ],
)
def test_a_timestamp_that_may_be_local_or_utc_is_refused(sql):
    rows, rejected = judged(by(sql), ["2026-10-26 06:00:00"])
    assert rows.is_empty()
    assert "start_at is a TIMESTAMP" in rejected["message"][0]
    assert "instant(...) for local time of Europe/Berlin, or ... AT TIME ZONE 'UTC'" in rejected["message"][0]
    assert judged(by(sql), ["2026-10-26 06:00:00"], "UTC")[0].height == 1
    assert judged(by(f"({sql}) AT TIME ZONE 'UTC'"), ["2026-10-26 06:00:00"])[0].height == 1
