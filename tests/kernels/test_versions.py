"""Versions of records in the order their source made them, and the date that was confirmed first."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from assets.kernels.enterprise.records import judge, latest, renamed
from assets.kernels.enterprise.versions import first_confirmed, history, in_order
from plant.adapters.canonical import CANONICAL
from plant.tables import table

T0 = datetime(2026, 11, 2, 8, tzinfo=UTC)
SET = "erp.po"
CONTRACT = CANONICAL["purchase_orders"]
RENAME = {"purchase_id": "id", "confirmed_at": "conf", "confirmed_qty": "conf_qty"}


def day(n):
    return f"2026-11-{n:02d}T06:00:00.000000Z"


def version(read, changed=None, *, key="p1", deleted=False, **fields):
    row = {"id": key, "supplier": "acme", "material": "bolt", "qty": 10, "unit_price_cents": 5, "status": "open"}
    at = T0 + timedelta(hours=read)
    return {
        "record_set": SET, "record_key": json.dumps([key]), "row_hash": f"{read}", "deleted": deleted,
        "watermark": None if changed is None else (T0 + timedelta(hours=changed)).strftime("%Y-%m-%dT%H:%M:%S.%fZ"),
        "payload": json.dumps(row | fields), "ingested_at": at, "segment": f"b{read:03d}", "seq": 0,
    }  # fmt: skip


def frame(rows):
    return pl.LazyFrame(rows, schema=table("bronze.records").schema)


def silver(rows, rename=RENAME):
    records = frame(rows)
    newest = renamed(latest(records, [SET]), CONTRACT.columns, rename)
    decoded = judge([(first_confirmed(newest, records, SET, rename, CONTRACT), rename)], CONTRACT)
    assert decoded.rejected.collect().is_empty()
    return {r["purchase_id"]: r for r in decoded.rows.collect().to_dicts()}


def told(row):
    at = row["first_confirmed_at"]
    return (at and at.day, row["first_confirmed_qty"])


CASES = {  # versions, then day and quantity first confirmed
    "never": ([version(0), version(1, status="received")], (None, None)),
    "at once": ([version(0, conf=day(9), conf_qty=8)], (9, 8.0)),
    "overwritten twice": ([version(0), version(1, conf=day(9), conf_qty=8), version(2, conf=day(12), conf_qty=5),
                           version(3, conf=day(20), conf_qty=10)], (9, 8.0)),
    "taken back": ([version(0, conf=day(9)), version(1, conf=None)], (9, None)),
    "the quantity came later": ([version(0, conf=day(9)), version(1, conf=day(9), conf_qty=7)], (9, None)),
    "a quantity before any date": ([version(0, conf_qty=3), version(1, conf=day(9), conf_qty=4)], (9, 4.0)),
    "no date at all": ([version(0, conf="soon"), version(1, conf=day(9))], (9, None)),
    "a quantity nobody can read": ([version(0, conf=day(9), conf_qty="x"), version(1, conf=day(9))], (9, None)),
    "deleted, then there again": ([version(0, conf=day(9)), version(1, deleted=True), version(2, conf=day(15))],
                                  (9, None)),
    "the source's own column": ([version(0, conf=day(9)), version(1, conf=day(12), first_confirmed_at=day(8))],
                                (8, None)),
}  # fmt: skip


@pytest.mark.parametrize("case", CASES, ids=str)
def test_the_date_confirmed_first(case):
    rows, expected = CASES[case]
    assert told(silver(rows)["p1"]) == expected
    assert told(silver(list(reversed(rows)))["p1"]) == expected, "the order of rows says nothing"


def test_the_sources_own_change_time_goes_before_the_order_of_reading():
    """The older version was read last, as after a late replay of a log; without change times reading decides."""
    assert told(silver([version(1, 6, conf=day(12)), version(2, 5, conf=day(9))])["p1"])[0] == 9
    assert told(silver([version(1, conf=day(12)), version(2, conf=day(9))])["p1"])[0] == 12


def test_a_number_for_a_watermark_is_no_time():
    rows = [version(1, conf=day(12)) | {"watermark": "99"}, version(2, conf=day(9)) | {"watermark": "7"}]
    assert told(silver(rows)["p1"])[0] == 12


@settings(max_examples=40, deadline=None)
@given(
    st.lists(st.tuples(st.one_of(st.none(), st.integers(1, 28)), st.integers(1, 9)), min_size=1, max_size=6),
    st.permutations(range(6)), st.booleans(),
)  # fmt: skip
def test_versions_in_any_order_of_arrival_say_the_same(drawn, order, mixed):
    """Change times are given; when each version was read is not what counts."""
    made = [{"conf": d and day(d), "conf_qty": q} for d, q in drawn]
    # The newest must be read last: silver keeps the version that was read last.
    reads = [r for r in order if r < len(made) - 1] + [len(made) - 1]
    rows = [version(reads[n], n, **fields) for n, fields in enumerate(made)]
    rows += [version(50, 0, key="p2", conf=day(1))] if mixed else []
    dates = [(d, float(q)) for d, q in drawn if d is not None]
    assert told(silver(rows)["p1"]) == (dates[0] if dates else (None, None))


def test_history_is_every_version_with_its_number_and_times():
    rows = [version(2, 1, conf=day(9)), version(0, deleted=True), version(3, 2), version(1, key="p2"), version(0, 0)]
    odd = version(4, key="p3") | {"payload": "[1]"}
    found = history(frame([*rows, odd]), SET).collect()
    assert found["payload"].to_list()[-1] == "[1]"
    told_of = [json.loads(p) for p in found["payload"].to_list()[:-1]]
    assert [(r["id"], r["_version"], r["_changed_at"], r["_read_at"]) for r in told_of] == [
        ("p1", 1, "2026-11-02T08:00:00.000000Z", "2026-11-02T08:00:00.000000Z"),
        ("p1", 2, "2026-11-02T09:00:00.000000Z", "2026-11-02T10:00:00.000000Z"),
        ("p1", 3, "2026-11-02T10:00:00.000000Z", "2026-11-02T11:00:00.000000Z"),
        ("p2", 1, "2026-11-02T09:00:00.000000Z", "2026-11-02T09:00:00.000000Z"),
    ]
    assert in_order(frame(rows), "erp.other").collect().is_empty()
    empty = version(0) | {"payload": " {} "}
    assert json.loads(history(frame([empty]), SET).collect()["payload"][0])["_version"] == 1
