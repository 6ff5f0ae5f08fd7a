import json
import os
import time
from datetime import UTC, date, datetime, timedelta

import polars as pl
import pytest

from warehouse.connect import consistent
from warehouse.meta import frames
from warehouse.state import CheckResult, Receipt, State

DAY = date(2026, 11, 2)
AT = datetime(2026, 11, 2, 6, tzinfo=UTC)


@pytest.fixture
def state(lake):
    return State(lake.root)


def meta(lake, state, name, sources=()):
    return frames(lake, state, consistent(lake), sources)[f"meta.{name}"]


def test_sizes_come_from_the_log(lake, state, frame):
    days = [DAY, DAY + timedelta(days=1)]
    rows = frame("gold.losses", *({"production_day": d, "machine": m} for d in days for m in "abc"))
    lake.replace_days("gold.losses", rows, days)
    row = meta(lake, state, "tables").row(by_predicate=_named("gold.losses"), named=True)
    assert (row["delta_version"], row["row_count"], row["files"]) == (1, 6, 2)
    assert row["bytes"] > 0
    assert abs((datetime.now(UTC) - row["written_at"]).total_seconds()) < 60
    empty = meta(lake, state, "tables").row(by_predicate=_named("gold.kpi"), named=True)
    assert (empty["delta_version"], empty["row_count"]) == (None, None)


def _named(name):
    return pl.col("table_name") == name


def test_freshness_is_the_latest_instant_in_the_data(lake, state, frame):
    rows = frame(
        "silver.time_ledger", {"machine": "a", "end_at": AT}, {"machine": "b", "end_at": AT + timedelta(hours=2)}
    )
    lake.replace_days("silver.time_ledger", rows, [DAY])
    row = meta(lake, state, "freshness").row(by_predicate=_named("silver.time_ledger"), named=True)
    assert row["latest_at"] == AT + timedelta(hours=2)
    assert row["lag_s"] == pytest.approx((row["published_at"] - row["latest_at"]).total_seconds())


def test_quarantine_counts_what_is_still_open(lake, state, frame):
    held = frame(
        "bronze.quarantine",
        *({"id": f"q{i}", "reason": "not_a_number", "source": "csv", "origin": "f.csv"} for i in range(3)),
        {"id": "q9", "reason": "not_finite", "source": "csv", "origin": "f.csv", "booked": True},
    )
    lake.append_once("bronze.quarantine", held, "csv", 1)
    replays = frame("bronze.replays", {"id": "q0", "result": "accepted"}, {"id": "q1", "result": "rejected"})
    lake.append_once("bronze.replays", replays, "replay", 1)
    down = {"id": "d0", "reason": "source_down", "source": "erp", "origin": "erp"}
    times = (AT, AT + timedelta(hours=1), AT + timedelta(hours=3))
    for n, at in enumerate(times):
        lake.append_once("bronze.quarantine", frame("bronze.quarantine", {**down, "quarantined_at": at}), "erp", n)
    settled = {"id": "d0", "result": "settled", "replayed_at": AT + timedelta(hours=2)}
    lake.append_once("bronze.replays", frame("bronze.replays", settled), "settled", 1)
    flagged = frame(
        "silver.readings",
        {"tag": "m.count", "flag": "jump", "source": "plc", "opening": False, "at": AT},
        {"tag": "m.count", "flag": "jump", "source": "plc", "opening": True, "at": AT},
        {"tag": "m.power", "flag": None, "source": "plc"},
    )
    lake.replace_days("silver.readings", flagged, [DAY])
    left_out = {"source": "mes", "record_set": "mes.orders", "message": "missing_value: product is empty"}
    lake.replace(
        "silver.rejected_records", frame("silver.rejected_records", *({**left_out, "record_key": k} for k in "ab"))
    )
    rows = meta(lake, state, "quarantine").select("source", "reason", "booked", "rows", "open_rows").rows()
    assert rows == [
        ("csv", "not_a_number", False, 3, 2),
        ("csv", "not_finite", True, 1, 0),
        ("erp", "source_down", False, 3, 1),
        ("mes", "broken_record", False, 2, 2),
        ("plc", "jump", True, 1, 0),
    ]
    shown = meta(lake, state, "quarantine").row(by_predicate=pl.col("reason") == "broken_record", named=True)
    assert (shown["origin"], shown["example"]) == ("mes.orders", "missing_value: product is empty")


def test_sources_say_whether_they_live(lake, state, frame):
    health = lake.root / "spool" / "health"
    health.mkdir(parents=True)
    told = {"source": "cell", "kind": "opcua", "state": "connected", "last_at": AT.isoformat(), "values": 12}
    (health / "cell.json").write_text(json.dumps(told))
    (health / "old.json").write_text(json.dumps({**told, "source": "old"}))
    os.utime(health / "old.json", (time.time() - 900,) * 2)
    (health / "torn.json").write_text('{"source": "to')
    state.record_ingested("sha", "historian", "a.parquet", 40)
    state.record_ingested("sha2", "historian", "b.parquet", 2)
    lake.append_once("bronze.records", frame("bronze.records", {"record_set": "erp.lots"}), "erp", 1)
    configured = [(n, "k") for n in ("cell", "historian", "erp", "unplugged")]
    rows = {r["source"]: r for r in meta(lake, state, "sources", configured).iter_rows(named=True)}
    assert {n: r["state"] for n, r in rows.items()} == {
        "cell": "connected", "old": "idle", "torn": "down", "historian": "idle", "erp": "idle",
        "unplugged": "never seen",
    }  # fmt: skip
    assert (rows["cell"]["values"], rows["cell"]["last_at"], rows["cell"]["kind"]) == (12, AT, "k")
    assert (rows["historian"]["values"], rows["erp"]["values"]) == (42, 1)
    assert "silent" in rows["old"]["message"]
    assert "torn.json" in rows["torn"]["message"]


def test_receipts_and_checks_are_shown(lake, state):
    state.record_built(
        Receipt("gold.oee", DAY, "in", "out", "files", 9, AT), Receipt("job:x", None, "i", "", "", 0, AT)
    )
    state.record_checks([CheckResult("gold.oee", "bounds", True, "blocking", 0, None, AT)])
    assert meta(lake, state, "receipts").rows() == [("gold.oee", DAY, "in", "out", AT, 9)]
    assert meta(lake, state, "checks").rows() == [("gold.oee", "bounds", True, "blocking", 0, None, AT)]


def test_configured_sources_are_remembered(lake, state):
    meta(lake, state, "sources", [("erp", "sql")])
    assert meta(lake, State(lake.root), "sources").select("source", "kind", "state").rows() == [
        ("erp", "sql", "never seen")
    ]
