"""Values spelt as other systems spell them: a cell that cannot be read costs its row, not the table."""

from __future__ import annotations

import json
from datetime import UTC, datetime

import polars as pl
import pytest

from plant.adapters.model import Adapter
from plant.adapters.run import MappingError
from warehouse.adapting.select import run_mapping

AT = datetime(2026, 11, 16, 6, tzinfo=UTC)
SQL = "SELECT id::VARCHAR AS supplier, v::VARCHAR AS name, typeof(v) AS country, _record FROM t"


def run(values, declared=None, nulls=(), sql=SQL):
    told = [("erp.t", f"[{n}]", json.dumps({"id": n, "v": v}), AT, "s", n) for n, v in enumerate(values)]
    names = ["record_set", "record_key", "payload", "ingested_at", "segment", "seq"]
    frame = pl.DataFrame(told, schema=names, orient="row")
    adapter = Adapter.model_validate({
        "name": "x", "types": {"t": {"v": declared} if declared else {}}, "nulls": {"t": nulls},
        "tables": [{"into": "suppliers", "sql": sql}]})  # fmt: skip
    return run_mapping(adapter, adapter.tables[0], lambda _: frame, "Europe/Berlin")


@pytest.mark.parametrize(
    ("declared", "value", "expected"),
    [("instant(%d.%m.%Y %H:%M)", "24.10.2026 22:05", "2026-10-24 20:05:00+00"),
     ("instant(%d.%m.%Y %H:%M)", "25.10.2026 02:30", "2026-10-25 01:30:00+00"),
     ("instant(%Y%m%d%H%M%S)", 20261026073000, "2026-10-26 06:30:00+00"),
     ("instant(s)", 1792900000, "2026-10-25 03:46:40+00"), ("instant(s)", "1792900000.5", "2026-10-25 03:46:40.5+00"),
     ("instant(ms)", 1792900000123, "2026-10-25 03:46:40.123+00"), ("instant(us)", "0", "1970-01-01 00:00:00+00"),
     ("day(%Y%m%d)", 20261026, "2026-10-26"), ("day(%d.%m.%y)", "26.10.26", "2026-10-26"),
     ("f64(comma)", "1.234,56", "1234.56"), ("f64(comma)", "-0,5", "-0.5"), ("f64(comma)", "12", "12.0"),
     ("decimal(comma)", "1.234.567,8901", "1234567.89010000"), ("f64(comma)", None, None)],
)  # fmt: skip
def test_a_spelling_is_read(declared, value, expected):
    answer = run([value], declared)
    assert answer.unread.is_empty()
    assert answer.rows["name"].to_list() == [expected]
    kind = declared.partition("(")[0].replace("decimal", "DECIMAL(28,8)")
    assert answer.rows["country"][0] == {"instant": "TIMESTAMP WITH TIME ZONE", "day": "DATE", "f64": "DOUBLE"}.get(
        kind, kind
    )


@pytest.mark.parametrize(
    ("declared", "value", "valid"),
    [("instant(%d.%m.%Y)", "00.00.0000", "an instant as %d.%m.%Y"), ("instant(%d.%m.%Y)", "", "an instant as"),
     ("instant(s)", "9" * 30, "seconds since 1970"), ("instant(ms)", "heute", "milliseconds since 1970"),
     ("day(%Y%m%d)", 20261345, "a date as %Y%m%d"), ("f64(comma)", "12.5", "a number with a decimal comma"),
     ("f64(comma)", "1,234.56", "decimal comma"), ("decimal(comma)", "3,20 EUR", "decimal comma")],
)  # fmt: skip
def test_one_that_is_spelt_otherwise_is_told_and_costs_its_row_alone(declared, value, valid):
    good = {"instant(%d.%m.%Y)": "01.01.2026", "day(%Y%m%d)": 20260101}.get(declared, "7")
    answer = run([value, good], declared)
    assert answer.rows.height == 1
    [said] = answer.unread["message"]
    assert said.startswith(f"unreadable_value: v is '{value}'; valid: ")
    assert valid in said


def test_texts_that_stand_for_nothing_are_null():
    nulls = ("", "00.00.0000", "-")
    answer = run(["", "00.00.0000", "24.10.2026", "-"], "instant(%d.%m.%Y)", nulls)
    assert answer.unread.is_empty()
    assert answer.rows["name"].to_list() == [None, None, "2026-10-23 22:00:00+00", None]
    assert run(["", "x"], None, nulls).rows["name"].to_list() == [None, "x"]
    assert run(["-", "2026-10-24"], None, nulls).rows["country"].to_list() == ["DATE", "DATE"]


def test_a_table_without_rows_has_the_declared_types():
    answer = run([], "instant(%d.%m.%Y)", sql="SELECT typeof(max(v)) AS name, 'a' AS supplier FROM t")
    assert answer.rows["name"].to_list() == ["TIMESTAMP WITH TIME ZONE"]


def test_a_format_that_there_is_not_is_told():
    with pytest.raises(MappingError, match=r"%Q.*t\.v"):
        run(["x"], "instant(%Q)")


def test_names_in_a_format_are_only_text():
    evil = "instant(%d' OR 1=1 --)"
    assert run(["x"], evil).unread.height == 1
