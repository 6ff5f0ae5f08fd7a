"""Deliveries that name no order line of the books: told with their reason, and counted from when the line is there."""

from __future__ import annotations

from datetime import UTC, datetime

import polars as pl
import pytest
from supply_lake import NOW, _came, _po, ago, books, build, fill, write

from plant.tables import table
from warehouse.connect import connect
from warehouse.lake import Lake
from warehouse.marts import supply

LOST = [
    _came("g1", "ghost", "inbound", 70, 4), _came("g2", "s1", "inbound", 7, 3), _came("g3", "broken", "outbound", 5, 2),
    _came("g4", None, "inbound", 1, 1), _came("g5", "p1", "inbound", 2, 1, kind="return") | {"delivered_at": None},
    _came("g6", "p1", "inbound", 2, 1, kind="return"), _came("g7", "ghost", "inbound", 9, 0, kind="return"),
]  # fmt: skip


@pytest.fixture
def lake(tmp_path):
    lake = fill(tmp_path)
    write(lake, {"deliveries": books()["deliveries"] + LOST})
    _refuse(lake, "broken")
    build(tmp_path)
    return lake


def _refuse(lake, key):
    """A sales order line that broke its contract."""
    schema = table("silver.rejected_records").schema
    told = {"table_name": "silver.sales_orders", "record_set": "erp.sales_orders", "record_key": f'["{key}"]'}
    told |= {"source": "erp", "reason": "missing_value", "message": "missing_value: qty is empty", "payload": "{}"}
    told |= {"ingested_at": datetime(2026, 11, 20, tzinfo=UTC), "segment": "s", "seq": 0}
    lake.replace("silver.rejected_records", pl.DataFrame([{c: told.get(c) for c in schema}], schema=schema))


def unmatched(root):
    return {r["delivery_id"]: r for r in supply.supply_unmatched(connect(root)).iter_rows(named=True)}


def test_each_says_why(lake):
    found = unmatched(lake.root)
    assert {k: (r["reason"], r["line_rejected"], r["other_direction"]) for k, r in found.items()} == {
        "g1": ("unknown_line", False, False), "g2": ("unknown_line", False, True), "g3": ("unknown_line", True, False),
        "g4": ("no_line", False, False), "g5": ("undated_return", False, False), "g7": ("unknown_line", False, False),
    }  # fmt: skip
    assert list(found) == ["g7", "g3", "g2", "g1", "g5", "g4"], "newest first, those without an order last"
    assert (found["g1"]["name"], found["g1"]["qty"], found["g1"]["unit"], found["g1"]["kind"]) == (
        "Acme Bolts", 70.0, "pcs", "delivery",
    )  # fmt: skip
    assert found["g1"]["at"] == ago(4)


def test_it_counts_once_the_line_is_there(lake):
    """The order line is booked after its delivery: nothing is entered again, and the delivery counts."""
    line = _po("ghost", 2, status="received")
    write(lake, {"purchase_orders": [*books()["purchase_orders"], line]})
    build(lake.root)
    assert {"g1", "g7"} & set(unmatched(lake.root)) == set()
    row = lake.scan("gold.supply_lines").filter(line="ghost", basis="requested").collect().row(0, named=True)
    assert (row["arrived_qty"], row["returned_qty"], row["first_at"]) == (70.0, 9.0, ago(4))
    assert row["as_of_at"] == NOW


def test_without_any_there_is_nothing(tmp_path):
    assert isinstance(fill(tmp_path), Lake)
    assert unmatched(tmp_path) == {}
