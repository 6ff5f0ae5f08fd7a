"""Answers of SELECTs: units, rejections by the adapter, and the record each row came from."""

from __future__ import annotations

import json
from datetime import UTC, datetime

import polars as pl
import pytest

from assets.kernels.enterprise.mapping import LONG_AGO, answered, finding, finding_place, unread
from assets.kernels.enterprise.records import REJECTED_SCHEMA, judge
from plant.adapters.canonical import CANONICAL
from plant.adapters.model import Adapter
from plant.adapters.run import Answer

AT = datetime(2026, 11, 16, 6, tzinfo=UTC)
TRACE = ("_record_set", "_record_key", "_payload", "_ingested_at", "_segment", "_seq")
TYPES = {"_ingested_at": pl.Datetime("us", "UTC"), "_seq": pl.Int64()}
NOBODY = (None,) * 6


def judged(into, rows, convert=None, units=None):
    """Judge rows given as (values, record)."""
    names = [*rows[0][0], *TRACE]
    schema = {n: TYPES.get(n, pl.String()) for n in names}
    frame = pl.DataFrame([(*v.values(), *record) for v, record in rows], schema=schema, orient="row")
    adapter = Adapter.model_validate(
        {"name": "x", "units": units or {}, "tables": [{"into": into, "sql": "SELECT", "convert": convert or {}}]}
    )
    mapped, place = adapter.tables[0], finding_place("erp", adapter, adapter.tables[0], AT)
    answer = Answer(frame, pl.DataFrame(schema={n: TYPES.get(n, pl.String()) for n in (*TRACE, "message")}), (), ())
    part = answered(answer, mapped, adapter.units, CANONICAL[into], place)
    decoded = judge([(part, {})], CANONICAL[into])
    return decoded.rows.collect(), decoded.rejected.collect()


def purchase(n, unit, base, qty="10", price="250"):
    row = {"purchase_id": f"p{n}", "supplier": "s", "material": "m", "qty": qty, "unit_price_cents": price,
           "status": "open", "u": unit, "b": base}  # fmt: skip
    return row, NOBODY


CONVERT = {"qty": {"from": "u", "to": "b"}, "unit_price_cents": {"from": "u", "to": "b", "per": True}}


@pytest.mark.parametrize(
    ("unit", "base", "qty", "price"),
    [("kg", "kg", 10.0, 250), ("kg", "g", 10_000.0, 0.25), ("g", "kg", 0.01, 250_000), ("Sack", "kg", 250.0, 10),
     ("Sack", "Sack", 10.0, 250), ("kg", "Sack", 0.4, 6250), ("roll", "roll", 10.0, 250)],
)  # fmt: skip
def test_a_quantity_is_multiplied_and_a_price_divided(unit, base, qty, price):
    rows, rejected = judged(
        "purchase_orders", [purchase(1, unit, base)], CONVERT, {"Sack": {"unit": "kg", "factor": 25}}
    )
    assert rejected.is_empty()
    assert rows.select("qty", "unit_price_cents").row(0) == (pytest.approx(qty), price)


@pytest.mark.parametrize(("unit", "base"), [("kg", "pcs"), ("roll", "kg"), (None, "kg"), ("kg", None)])
def test_a_unit_that_does_not_convert_rejects_its_row_and_the_others_go_on(unit, base):
    rows, rejected = judged("purchase_orders", [purchase(1, unit, base), purchase(2, "g", "kg")], CONVERT)
    assert rows["purchase_id"].to_list() == ["p2"]
    (left,) = rejected.to_dicts()
    assert left["reason"] == "unit_mismatch"
    assert f"qty is in '{unit or 'nothing'}', wanted '{base or 'nothing'}'" in left["message"]


def test_a_row_without_a_value_needs_no_unit_and_one_nobody_can_read_keeps_its_text():
    convert = {"received_qty": {"from": "u", "unit": "kg"}, "qty": {"from": "u", "unit": "kg"}}
    given = [purchase(1, None, "", qty="x"), purchase(2, "g", "", qty="many")]
    given = [({**row, "received_qty": None}, record) for row, record in given]
    _, rejected = judged("purchase_orders", given, convert)
    assert rejected.sort("message")["reason"].to_list() == ["unit_mismatch", "unreadable_value"]
    assert "qty is 'many'" in rejected.sort("message")["message"][1]


def test_the_adapter_may_reject_a_row_with_its_own_word():
    supplier = {"supplier": "s", "name": "A", "_reject": None}
    given = [(supplier, NOBODY), (supplier | {"supplier": "t", "_reject": "merged: into s"}, NOBODY),
             (supplier | {"supplier": "u", "_reject": "no good"}, NOBODY)]  # fmt: skip
    rows, rejected = judged("suppliers", given)
    assert rows["supplier"].to_list() == ["s"]
    assert sorted(rejected.select("reason", "message").rows()) == [
        ("merged", "merged: into s"),
        ("rejected", "rejected: no good"),
    ]


def test_a_rejected_row_names_its_record_or_is_its_own_record():
    record = ("erp.party", "[7]", '{"id":7}', AT, "batch", 3)
    _, rejected = judged(
        "suppliers", [({"supplier": "a", "name": None}, record), ({"supplier": 'b"', "name": None}, NOBODY)]
    )
    named, own = rejected.sort("segment").to_dicts()
    assert [named[k] for k in ("record_set", "record_key", "payload", "segment", "seq")] == [
        "erp.party", "[7]", '{"id":7}', "batch", 3,
    ]  # fmt: skip
    assert (own["record_set"], json.loads(own["record_key"]), own["segment"]) == ("erp.suppliers", ['b"'], "mapping:x")
    assert json.loads(own["payload"]) == {"supplier": 'b"', "name": None}


def test_columns_with_the_names_of_the_trace_are_values():
    step = {"operation_id": "1", "order_id": "w", "machine": "m", "operation": "cut", "seq": "4", "product": "p"}
    rows, _ = judged("operations", [(step, ("erp.work", "[1]", "{}", AT, "s", 9))])
    assert rows["seq"].to_list() == [4]


def test_two_rows_of_one_key_keep_one_and_report_the_other():
    given = [({"supplier": "a", "name": n}, ("erp.t", f"[{n}]", "{}", AT, "s", 0)) for n in ("1", "2")]
    for order in (given, given[::-1]):
        rows, rejected = judged("suppliers", order)
        assert rows["name"].to_list() == ["2"]
        assert rejected.select("record_key", "reason").rows() == [("[1]", "duplicate_key")]


def test_findings_have_the_shape_of_rejected_rows():
    adapter = Adapter.model_validate({"name": "x", "tables": [{"into": "suppliers", "sql": "SELECT"}]})
    place = finding_place("erp", adapter, adapter.tables[0], None)
    row = finding(place, "mapping_failed", "no table").collect()
    assert row.schema == pl.Schema(REJECTED_SCHEMA)
    assert row.select("ingested_at", "record_key", "message").row(0) == (
        LONG_AGO,
        '["x", "suppliers"]',
        "mapping_failed: no table",
    )
    gone = pl.DataFrame(
        [("erp.t", "[1]", "{}", AT, "s", 0, "unreadable_value: v")], schema=[*TRACE, "message"], orient="row"
    )
    told = unread(Answer(pl.DataFrame(), gone, (), ())).collect()
    assert told["reason"].to_list() == ["unreadable_value"]
