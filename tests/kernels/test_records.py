"""Records: latest version wins, tombstones go, payloads keep the contract or are set aside with the reason."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import polars as pl
import pytest

from assets.kernels.enterprise.records import REJECTED_SCHEMA, Decoded, judge, latest, left_out, renamed
from plant.adapters.canonical import CANONICAL
from plant.adapters.read import file_of, read_adapter
from plant.contracts.enterprise import ENTERPRISE
from plant.tables import table

T0 = datetime(2026, 11, 16, 6, tzinfo=UTC)
OURS = read_adapter(file_of("shopfloor", Path())).adapter.by_table
ORDERS, MATERIALS = OURS["work_orders"], OURS["materials"]
GOOD_ORDER = {
    "id": "wo-1", "product": "shaft-20", "planned_pcs": 250, "status": "running",
    "planned_start_at": "2026-11-16T05:00:00+00:00", "planned_end_at": "2026-11-16T05:00:00.250000Z",
    "started_at": "2026-11-16 06:00:00", "ended_at": None, "updated_at": "2026-11-16T06:00:00Z",
}  # fmt: skip


def version(payload, record_set="erp.work_orders", minute=0, seq=0, *, deleted=False):
    text = payload if isinstance(payload, str) else json.dumps(payload)
    key = "?" if isinstance(payload, str) else json.dumps([payload["id"]])
    at = T0 + timedelta(minutes=minute)
    return {
        "record_set": record_set, "record_key": key, "row_hash": str(hash(text)), "watermark": None, "payload": text,
        "deleted": deleted, "ingested_at": at, "segment": f"batch-{minute:03d}", "seq": seq,
    }  # fmt: skip


def records(*rows):
    return pl.LazyFrame(list(rows), schema=table("bronze.records").schema)


def adapt(given, mapped, sets):
    contract = CANONICAL[mapped.into]
    return judge(
        [(renamed(latest(given, [s]), contract.columns, mapped.rename), mapped.rename) for s in sets], contract
    )


def rows(decoded: Decoded):
    return decoded.rows.collect().to_dicts()


def test_a_row_is_renamed_and_typed():
    out = adapt(records(version(GOOD_ORDER)), ORDERS, ["erp.work_orders"])
    frame = out.rows.collect()
    assert frame.schema == table("silver.work_orders").schema
    row = frame.row(0, named=True)
    assert (row["order_id"], row["planned_pcs"], row["ended_at"]) == ("wo-1", 250.0, None)
    assert row["planned_start_at"] == datetime(2026, 11, 16, 5, tzinfo=UTC)
    assert row["planned_end_at"] == datetime(2026, 11, 16, 5, 0, 0, 250000, tzinfo=UTC)
    assert row["started_at"] == datetime(2026, 11, 16, 6, tzinfo=UTC), "no offset is UTC"
    assert out.rejected.collect().is_empty()


def test_offsets_are_respected():
    order = GOOD_ORDER | {"planned_start_at": "2026-11-16T07:00:00+02:00"}
    assert rows(adapt(records(version(order)), ORDERS, ["erp.work_orders"]))[0]["planned_start_at"] == datetime(
        2026, 11, 16, 5, tzinfo=UTC
    )


def test_the_latest_version_wins_whatever_the_row_order():
    old, new = version(GOOD_ORDER), version(GOOD_ORDER | {"status": "done"}, minute=5)
    for given in ((old, new), (new, old)):
        assert [r["status"] for r in rows(adapt(records(*given), ORDERS, ["erp.work_orders"]))] == ["done"]


def test_seq_decides_within_one_instant():
    given = [version(GOOD_ORDER | {"status": s}, seq=n) for n, s in enumerate(("planned", "released", "running"))]
    assert rows(adapt(records(*reversed(given)), ORDERS, ["erp.work_orders"]))[0]["status"] == "running"


def test_a_tombstone_removes_the_record_and_a_later_version_brings_it_back():
    gone = version(GOOD_ORDER, minute=5, deleted=True)
    assert rows(adapt(records(version(GOOD_ORDER), gone), ORDERS, ["erp.work_orders"])) == []
    back = version(GOOD_ORDER, minute=9)
    assert len(rows(adapt(records(version(GOOD_ORDER), gone, back), ORDERS, ["erp.work_orders"]))) == 1


def test_no_records_give_the_empty_contract():
    for mapped in OURS.values():
        for sets in ([], ["erp.x"]):
            out = adapt(records(), mapped, sets)
            assert out.rows.collect().schema == table(f"silver.{mapped.into}").schema
            assert out.rejected.collect().schema == pl.Schema(REJECTED_SCHEMA)


def test_two_rows_of_one_instant_keep_the_same_one_whatever_their_order():
    one, two = version(GOOD_ORDER), version(GOOD_ORDER | {"status": "done"}, record_set="mes.work_orders")
    for given in ((one, two), (two, one)):
        for sets in (["erp.work_orders", "mes.work_orders"], ["mes.work_orders", "erp.work_orders"]):
            assert [r["status"] for r in rows(adapt(records(*given), ORDERS, sets))] == ["done"]


def test_fields_of_any_name_are_found():
    order = {k: v for k, v in GOOD_ORDER.items() if k != "product"} | {'our "main" product.name': "shaft-20"}
    mapped = ORDERS.model_copy(update={"rename": {"order_id": "id", "product": 'our "main" product.name'}})
    assert rows(adapt(records(version(order)), mapped, ["erp.work_orders"]))[0]["product"] == "shaft-20"


def test_a_record_two_tables_reject_is_told_for_each_and_once_for_each():
    rejected = pl.LazyFrame(
        [("erp.party", "[1]", "{}", T0, "s", 0, "missing_value", m) for m in ("name", "zip", "zip")],
        schema=REJECTED_SCHEMA, orient="row",
    )  # fmt: skip
    out = left_out({"customers": rejected, "suppliers": rejected}, {"erp.party": "erp"}).collect()
    assert out.select("table_name", "source", "message").rows() == [
        ("silver.customers", "erp", "name; zip"), ("silver.suppliers", "erp", "name; zip"),
    ]  # fmt: skip


def test_other_record_sets_stay_out():
    other = version(GOOD_ORDER | {"id": "wo-2"}, record_set="mes.work_orders")
    both = records(version(GOOD_ORDER), other)
    assert len(rows(adapt(both, ORDERS, ["erp.work_orders"]))) == 1
    assert len(rows(adapt(both, ORDERS, ["erp.work_orders", "mes.work_orders"]))) == 2


def test_two_sources_with_one_key_keep_the_later_and_report_the_other():
    later = version(GOOD_ORDER | {"status": "done"}, record_set="mes.work_orders", minute=3)
    out = adapt(records(version(GOOD_ORDER), later), ORDERS, ["erp.work_orders", "mes.work_orders"])
    assert [r["status"] for r in rows(out)] == ["done"]
    assert out.rejected.collect()["reason"].to_list() == ["duplicate_key"]


@pytest.mark.parametrize(
    ("change", "reason", "found"),
    [
        ({"product": None}, "missing_value", "product is empty"),
        ({"planned_pcs": "many"}, "unreadable_value", "planned_pcs is 'many'; valid: a finite number, at least 0"),
        ({"planned_pcs": -4}, "out_of_range", "planned_pcs is '-4'"),
        ({"started_at": "soon"}, "unreadable_value", "started_at is 'soon'; valid: an ISO 8601 instant, or nothing"),
    ],
)
def test_a_broken_row_is_set_aside_with_the_reason_and_the_rest_goes_on(change, reason, found):
    broken = version(GOOD_ORDER | {"id": "wo-9"} | change)
    out = adapt(records(version(GOOD_ORDER), broken), ORDERS, ["erp.work_orders"])
    assert [r["order_id"] for r in rows(out)] == ["wo-1"]
    rejected = out.rejected.collect()
    assert rejected.schema == pl.Schema(REJECTED_SCHEMA)
    assert rejected["reason"].to_list() == [reason]
    assert found in rejected["message"][0]
    assert rejected["payload"][0] == broken["payload"]


def test_every_fault_of_a_row_is_said_at_once():
    out = adapt(records(version({"id": "wo-1", "planned_pcs": "x"})), ORDERS, ["erp.work_orders"])
    message = out.rejected.collect()["message"][0]
    assert "product is empty" in message and "planned_pcs is 'x'" in message and "status is empty" in message


def test_a_missing_key_column_names_both_names():
    order = {k: v for k, v in GOOD_ORDER.items() if k != "id"} | {"id": None}
    message = adapt(records(version(order)), ORDERS, ["erp.work_orders"]).rejected.collect()["message"][0]
    assert "id (order_id) is empty" in message


def test_a_payload_that_is_no_json_is_set_aside():
    out = adapt(records(version("not json"), version(GOOD_ORDER)), ORDERS, ["erp.work_orders"])
    assert len(rows(out)) == 1
    assert out.rejected.collect()["reason"].to_list() == ["missing_value"]


def test_whole_numbers_may_come_as_decimal_text_but_fractions_are_refused():
    base = {"kind": "payable", "partner": "acme", "reference": "p1"}
    given = [version(base | {"id": i, "amount_cents": c}, "erp.invoices") for i, c in
             (("a", 120), ("b", "120"), ("c", "120.00"), ("d", "120.5"))]  # fmt: skip
    out = adapt(records(*given), OURS["invoices"], ["erp.invoices"])
    assert {r["invoice_id"]: r["amount_cents"] for r in rows(out)} == {"a": 120, "b": 120, "c": 120}
    assert out.rejected.collect()["reason"].to_list() == ["unreadable_value"]


def test_the_shipped_adapter_fills_every_enterprise_contract():
    assert {f"silver.{into}" for into in OURS} == {t.name for t in ENTERPRISE}


def test_latest_stays_lazy():
    assert isinstance(latest(records(), ["erp.x"]), pl.LazyFrame)
