"""Mappings run locked: one SELECT, its tables, nothing else; types are a function of the data; bounds end it."""

from __future__ import annotations

import json
import random
import re
from datetime import UTC, datetime

import polars as pl
import pytest

from plant.adapters.model import Adapter
from plant.adapters.run import BoundError, MappingError
from warehouse.adapting.select import run_mapping

AT = datetime(2026, 11, 16, 6, tzinfo=UTC)
SCHEMA = {"record_set": pl.String(), "record_key": pl.String(), "payload": pl.String(),
          "ingested_at": pl.Datetime("us", "UTC"), "segment": pl.String(), "seq": pl.Int64()}  # fmt: skip
SUPPLIER = "SELECT id::VARCHAR AS supplier, {} AS name FROM t"


def records(table, *rows):
    told = [("erp." + table, json.dumps([r.get("id")]), json.dumps(r), AT, "s", n) for n, r in enumerate(rows)]
    return pl.DataFrame(told, schema=SCHEMA, orient="row")


def run(sql, tables, types=None, into="suppliers", zone="Europe/Berlin", convert=None, **bounds):
    mapped = {"into": into, "sql": sql, "convert": convert or {}}
    declared = {name: (types or {}).get(name, {}) for name in tables}
    adapter = Adapter.model_validate({"name": "x", "types": declared, "tables": [mapped]})
    return run_mapping(adapter, adapter.tables[0], lambda n: records(n, *tables[n]), zone, **bounds)


def one(value, expression="v", declared=None):
    """What the SELECT makes of one value."""
    answer = run(
        SUPPLIER.format(f"({expression})"), {"t": [{"id": 1, "v": value}]}, {"t": {"v": declared}} if declared else {}
    )
    return answer.rows["name"][0] if answer.rows.height else answer.unread["message"][0]


def refused(sql, tables=None):
    with pytest.raises(MappingError) as caught:
        run(sql, tables or {"t": [{"id": 1, "name": "A"}]})
    return str(caught.value)


@pytest.mark.parametrize(
    ("value", "kind"),
    [(12, "BIGINT"), (1.5, "DOUBLE"), (True, "BOOLEAN"), ("x", "VARCHAR"), ("12.50", "VARCHAR"), (None, '"NULL"'),
     ("2026-11-16T06:00:00.000000Z", "TIMESTAMP WITH TIME ZONE"), ("2026-11-16", "DATE"), ("2026-13-16", "VARCHAR")],
)  # fmt: skip
def test_types_without_declaration(value, kind):
    assert one(value, "typeof(v)") == kind


def test_types_do_not_depend_on_the_order_of_rows():
    values = [1, 2.5, None, -3, "2026-01-01", True, "a", "0012", 2**70, {"a": 1}]
    dice = random.Random(7)
    for picked in ([1, 2.5], [1, None], [1, "a"], [True, 1], values):
        seen = set()
        for _ in range(4):
            dice.shuffle(picked)
            rows = [{"id": n, "v": v} for n, v in enumerate(picked)]
            seen.add(run(SUPPLIER.format("typeof(v)"), {"t": rows}).rows["name"][0])
        assert len(seen) == 1


@pytest.mark.parametrize(
    ("value", "declared", "expression", "expected"),
    [("12.3456", "decimal", "v * 100", "1234.56000000"), ("0.1", "decimal(12,2)", "v + v + v", "0.30"),
     (" 12 ", "i64", "v", "12"), ("12.00", "i64", "v", "12"), ("5400.000000", "f64", "v / 3600", "1.5"),
     ("t", "bool", "NOT v", "false"), ("0", "bool", "v", "false"), (12, "str", "v", "12"),
     ("2026-11-16", "day", "instant(v)", "2026-11-15T23:00:00.000000Z"),
     ("2026-11-16 06:00", "instant", "v", "2026-11-16T05:00:00.000000Z"),
     ("2026-11-16T06:00:00+09:00", "instant", "v", "2026-11-15T21:00:00.000000Z"),
     ("", "instant", "v", "unreadable_value: v is ''; valid: an instant"),
     ("1e3", "decimal", "v", "unreadable_value: v is '1e3'; valid: a number of at most 8 decimal places, as the"),
     ("0.123", "decimal(12,2)", "v", "unreadable_value: v is '0.123'; valid: a number of at most 2 decimal places"),
     ("99999999999.00", "decimal(12,2)", "v", "unreadable_value: v is '99999999999.00'"),
     ("12.5", "i64", "v", "unreadable_value: v is '12.5'; valid: a whole number"),
     ("nan", "f64", "v", "unreadable_value: v is 'nan'"), ("maybe", "bool", "v", "unreadable_value: v is 'maybe'"),
     ("soon", "instant", "v", "unreadable_value: v is 'soon'"), ("31.12.2026", "day", "v", "unreadable_value: v is")],
)  # fmt: skip
def test_declared_types_read_or_leave_the_row_out(value, declared, expression, expected):
    assert one(value, expression, declared).startswith(expected)


def test_instants_and_money_come_out_as_text_that_loses_nothing():
    assert one("2026-11-16T06:00:00.123456Z") == "2026-11-16T06:00:00.123456Z"
    assert one("2026-07-01 06:00:00", "instant(v)") == "2026-07-01T04:00:00.000000Z"
    assert one("2026-07-01 06:00:00+02", "instant(v)") == "2026-07-01T04:00:00.000000Z"
    assert one("2.675", "cents(v)", "decimal") == "268"
    assert one("-2.675", "cents(v)", "decimal") == "-268"
    assert one(0.1, "v + 0.2::DOUBLE") == "0.30000000000000004"
    assert one("x", "INTERVAL 90 SECOND") == "90.0"


def test_a_local_time_the_clocks_show_twice_or_never_is_a_stated_instant():
    assert one("2026-10-25 02:30:00", "v", "instant") == "2026-10-25T01:30:00.000000Z"
    assert one("2026-03-29 02:30:00", "instant(v)") == "2026-03-29T01:30:00.000000Z"


def test_a_cte_may_have_the_name_of_its_table():
    sql = "WITH t AS (SELECT * FROM t WHERE v = 'A') SELECT id::VARCHAR AS supplier, v AS name FROM t"
    assert run(sql, {"t": [{"id": 1, "v": "A"}, {"id": 2, "v": "B"}]}).rows["supplier"].to_list() == ["1"]


def test_odd_names_are_names():
    rows = {"Order Lines": [{"id": 1, 'na"me': "A", "a/b~c": "B", "Name": "C", "name": "D", "select": "E"}]}
    sql = SUPPLIER.format('concat("na""me", "a/b~c", "Name", "name_2", "select")').replace(" t", ' "Order Lines"')
    assert run(sql, rows).rows["name"][0] == "ABCDE"


def test_a_row_keeps_its_record():
    answer = run("SELECT id::VARCHAR AS supplier, v AS name, t._record FROM t", {"t": [{"id": 7, "v": "A"}]})
    assert answer.rows.select("_record_set", "_record_key", "_segment", "_seq").row(0) == ("erp.t", "[7]", "s", 0)
    assert json.loads(answer.rows["_payload"][0]) == {"id": 7, "v": "A"}


def test_a_table_never_taken_in_is_told_and_joined_as_nothing():
    tables = {"t": [{"id": 1, "country": 5}], "land": []}
    sql = """SELECT t.id::VARCHAR AS supplier, 'A' AS name, coalesce(l.code, iso) AS country
             FROM t LEFT JOIN land l ON l.id = t.country"""
    answer = run(sql, tables)
    assert answer.empty == ("land",)
    assert answer.rows.select("supplier", "country").rows() == [("1", None)]


def test_a_declared_column_that_is_nowhere_is_said_with_the_nearest():
    with pytest.raises(MappingError, match=r"no column 'prize' \(nearest: 'price'\)"):
        run(SUPPLIER.format("id"), {"t": [{"id": 1, "price": "1"}]}, {"t": {"prize": "decimal"}})


@pytest.mark.parametrize(
    ("sql", "words"),
    [("SELECT 1; DROP TABLE t", "2 statements|Only SELECT"), ("COPY t TO '/tmp/x.csv'", "Only SELECT"),
     ("ATTACH '/tmp/x.db'", "Only SELECT"), ("INSERT INTO t VALUES (1)", "Only SELECT"),
     ("INSTALL httpfs", "Only SELECT"),
     ("SET memory_limit = '9GB'", "Only SELECT"), ("PRAGMA database_list", "Only SELECT|not allowed|no table"),
     ("SELECT * FROM read_text('/etc/passwd')", r"read_text\(\) is not allowed"),
     ("SELECT * FROM '/etc/passwd'", "no table '/etc/passwd'"),
     ("SELECT * FROM read_csv('https://example.org/x.csv')", r"read_csv\(\) is not allowed"),
     ("SELECT * FROM glob('/*')", r"glob\(\) is not allowed"), ("SELECT * FROM query('SELECT 1')", "not allowed"),
     ("SELECT * FROM duckdb_settings()", "not allowed"), ("SELECT * FROM information_schema.tables", "no table"),
     ("SELECT * FROM sqlite_master", "no table"), ("SELECT * FROM (DESCRIBE t)", "not allowed"),
     ("SELECT (SELECT count(*) FROM pg_class) AS n FROM t", "no table 'pg_class'"),
     ("SELECT id AS supplier, name FROM tt", r"no table 'tt' in the adapter \(nearest: t\)"),
     ("SELECT getenv('HOME') AS name FROM t", "getenv"),
     ("SELECT random()::VARCHAR AS name FROM t", r"random\(\) answers"),
     ("SELECT now() AS name FROM t", r"now\(\) answers"), ("SELECT current_date AS name FROM t", "answers differently"),
     ("SELECT current_setting('memory_limit') AS name FROM t", r"current_setting\(\) answers"),
     ("SELEC 1", "syntax error"), ("SELECT id FROM\nt WHERE (", "valid is one SELECT"),
     ("SELECT id::VARCHAR AS supplier, nmae AS name FROM t", "nmae.*Candidate bindings.*name"),
     ("SELECT id::VARCHAR AS supplier, name, 1 AS contry FROM t", r"no column 'contry' \(nearest: 'country'\)"),
     ("SELECT id::VARCHAR AS supplier FROM t", "suppliers needs name"),
     ("SELECT id::VARCHAR AS supplier, name::INT AS name FROM t", "Could not convert string")],
)  # fmt: skip
def test_what_is_no_single_select_over_its_tables_is_refused(sql, words, tmp_path):
    said = refused(sql)
    assert re.search(words, said, re.DOTALL), said


def test_values_are_values_whatever_they_say():
    evil = "'); DROP TABLE t; COPY (SELECT 1) TO '/tmp/evil' --"
    assert one(evil) == evil
    assert one(evil, "v", "str") == evil
    assert one(evil, "v", "i64").startswith("unreadable_value: v is '" + evil)


def test_names_from_the_data_are_names_whatever_they_say():
    evil = 'x" FROM t); DROP TABLE t; --'
    quoted = '"' + evil.replace('"', '""') + '"'
    assert run(SUPPLIER.format(quoted), {"t": [{"id": 1, evil: "A", "'": "B"}]}).rows["name"][0] == "A"


def test_a_recursion_without_end_is_ended_by_the_time_bound():
    endless = """WITH RECURSIVE r AS (SELECT 1 AS n UNION ALL SELECT n + 0 FROM r)
                 SELECT count(*)::VARCHAR AS supplier, 'A' AS name FROM r"""
    with pytest.raises(BoundError, match=r"suppliers: it did not end within 0.5 s; valid is a SELECT that ends"):
        run(endless, {"t": [{"id": 1}]}, seconds=0.5)


def test_a_join_without_a_key_is_ended_by_the_row_bound():
    rows = [{"id": n, "name": "A"} for n in range(40)]
    with pytest.raises(BoundError, match="more than 1,000 rows"):
        run("SELECT a.id::VARCHAR AS supplier, a.name FROM t a, t b", {"t": rows}, rows=1000)
