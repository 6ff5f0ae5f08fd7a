"""An amount of money that no 64 bits hold costs its own row, and is told."""

from __future__ import annotations

import json
from datetime import UTC, datetime

import polars as pl

from assets.silver.adapted import filled
from plant.adapters.model import Adapter
from plant.sources.batch import SqlSource
from plant.tables import table
from warehouse.adapting.select import run_mapping

AT = datetime(2026, 11, 16, 6, tzinfo=UTC)
SQL = """SELECT id::VARCHAR AS invoice_id, 'payable' AS kind, 'p' AS partner, cents(amount) AS amount_cents,
0 AS tax_cents, 'EUR' AS currency, instant('2026-11-16') AS issued_at, 'o' AS reference, bill._record FROM bill"""


def test_an_amount_beyond_every_range_is_rejected_and_the_others_stay():
    amounts = ["12.00", "92233720368547758.07", "92233720368547758.08", "-123456789012345678901.00"]
    told = [
        {"record_set": "erp.bill", "record_key": f"[{n}]", "row_hash": str(n), "deleted": False, "segment": "s",
         "seq": n, "ingested_at": AT, "payload": json.dumps({"id": n, "amount": amount})}
        for n, amount in enumerate(amounts)
    ]  # fmt: skip
    given = pl.LazyFrame(told, schema=table("bronze.records").schema)
    mapped = {"into": "invoices", "sql": SQL}
    one = Adapter.model_validate({"name": "x", "types": {"bill": {"amount": "decimal"}}, "tables": [mapped]})
    source = SqlSource(kind="sql", name="erp", url="sqlite:///x")
    found = filled([(source, one)], given, "invoices", run_mapping)
    rows, rejected = found.rows.collect(), found.rejected.collect().sort("record_key")
    assert sorted(rows["amount_cents"]) == [1200, 2**63 - 1]
    assert rejected.select("record_key", "reason").rows() == [("[2]", "unreadable_value"), ("[3]", "unreadable_value")]
    assert "amount_cents is '9223372036854775808'" in rejected["message"][0]
