"""Canonical tables over several sources and adapters: one that fails costs its own table and is told, no other."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta

import polars as pl
import pytest

from assets.kernels.enterprise.records import left_out
from assets.silver.adapted import adapted, filled, sources_of_sets
from plant.adapters.model import Adapter
from plant.adapters.run import BoundError
from plant.config import load
from plant.sources.batch import SqlSource
from plant.tables import table
from warehouse.adapting.select import run_mapping

AT = datetime(2026, 11, 16, 6, tzinfo=UTC)


def source(name, zone="UTC"):
    return SqlSource(kind="sql", name=name, url="sqlite:///x", timezone=zone)


def adapter(name, *mappings, **types):
    return Adapter.model_validate({"name": name, "types": types, "tables": list(mappings)})


def records(**sets):
    """bronze.records of rows by record set, a dot for two underscores."""
    told = []
    for name, rows in sets.items():
        for n, row in enumerate(rows):
            told.append({"record_set": name.replace("__", "."),
                         "record_key": json.dumps([row["id"]]), "row_hash": str(n),
                         "payload": json.dumps(row), "deleted": row.get("gone", False), "segment": "s", "seq": n,
                         "ingested_at": AT + timedelta(minutes=n)})  # fmt: skip
    return pl.LazyFrame(told, schema=table("bronze.records").schema)


SQL = {"into": "suppliers", "sql": "SELECT code AS supplier, name, t._record FROM vendor t"}
RENAME = {"into": "suppliers", "from": "suppliers", "rename": {"supplier": "id"}}


def collected(decoded):
    return decoded.rows.collect().sort("supplier"), decoded.rejected.collect()


def test_several_sources_with_several_adapters_fill_one_table():
    given = records(a__vendor=[{"id": 1, "code": "s1", "name": "A"}], b__suppliers=[{"id": "s2", "name": "B"}])
    pairs = [(source("a"), adapter("x", SQL, vendor={})), (source("b"), adapter("y", RENAME, suppliers={}))]
    rows, rejected = collected(filled(pairs, given, "suppliers", run_mapping))
    assert rows.select("supplier", "name").rows() == [("s1", "A"), ("s2", "B")]
    assert rejected.is_empty()


def test_of_one_key_in_two_sources_the_one_read_last_stays_and_the_other_is_told():
    old, new = {"id": 1, "code": "s1", "name": "A"}, [{"id": "s0", "name": "Z"}, {"id": "s1", "name": "B"}]
    given = records(a__vendor=[old], b__suppliers=new)
    pairs = [(source("a"), adapter("x", SQL, vendor={})), (source("b"), adapter("y", RENAME, suppliers={}))]
    for order in (pairs, pairs[::-1]):
        rows, rejected = collected(filled(order, given, "suppliers", run_mapping))
        assert rows["name"].to_list() == ["Z", "B"]
        assert rejected.select("record_set", "record_key", "reason").rows() == [("a.vendor", "[1]", "duplicate_key")]


def test_each_row_names_its_raw_row_by_rename_and_by_select():
    given = records(a__vendor=[{"id": 1, "code": "s1", "name": "A"}], b__suppliers=[{"id": "s2", "name": "B"}])
    pairs = [(source("a"), adapter("x", SQL, vendor={})), (source("b"), adapter("y", RENAME, suppliers={}))]
    origins = filled(pairs, given, "suppliers", run_mapping).origins.collect().sort("supplier")
    assert origins.rows() == [("s1", "a.vendor", "s", 0), ("s2", "b.suppliers", "s", 0)]


def test_deleted_records_are_not_seen_by_a_select():
    given = records(
        a__vendor=[{"id": 1, "code": "s1", "name": "A", "gone": True}, {"id": 2, "code": "s2", "name": "B"}]
    )
    rows, _ = collected(filled([(source("a"), adapter("x", SQL, vendor={}))], given, "suppliers", run_mapping))
    assert rows["supplier"].to_list() == ["s2"]


@pytest.mark.parametrize(
    ("sql", "words"),
    [("SELECT cod AS supplier, name FROM vendor", "cod"), ("SELECT 1; DROP TABLE vendor", "one SELECT"),
     ("SELECT * FROM read_text('/etc/hostname')", "not allowed"),
     ("SELECT code AS supplier, name FROM vndor", "nearest: vendor")],
)  # fmt: skip
def test_a_mapping_that_cannot_run_is_one_finding_and_the_other_source_goes_on(sql, words):
    given = records(a__vendor=[{"id": 1, "code": "s1", "name": "A"}], b__suppliers=[{"id": "s2", "name": "B"}])
    broken = adapter("x", {"into": "suppliers", "sql": sql}, vendor={})
    pairs = [(source("a"), broken), (source("b"), adapter("y", RENAME, suppliers={}))]
    rows, rejected = collected(filled(pairs, given, "suppliers", run_mapping))
    assert rows["supplier"].to_list() == ["s2"]
    (told,) = rejected.to_dicts()
    assert (told["reason"], told["record_set"], told["segment"]) == ("mapping_failed", "a.suppliers", "mapping:x")
    assert words in told["message"]


def test_a_table_never_taken_in_is_a_finding_unless_it_is_optional():
    pairs = [(source("a"), adapter("x", SQL, vendor={"code": "str", "name": "str"}))]
    rows, rejected = collected(filled(pairs, records(), "suppliers", run_mapping))
    assert rows.is_empty()
    assert rows.schema == table("silver.suppliers").schema
    assert rejected["reason"].to_list() == ["not_taken_in"]
    assert "no row of a.vendor was ever taken in" in rejected["message"][0]
    pairs = [(source("a"), adapter("x", SQL | {"optional": True}, vendor={}))]
    assert collected(filled(pairs, records(), "suppliers", run_mapping))[1].is_empty()


def test_a_select_without_end_stops_it_all_so_that_nothing_is_overwritten():
    endless = (
        "WITH RECURSIVE r AS (SELECT 1 AS n UNION ALL SELECT n FROM r) SELECT n::VARCHAR AS supplier, '' AS name FROM r"
    )

    def run(*given):
        return run_mapping(*given, seconds=0.3)

    pairs = [(source("a"), adapter("x", {"into": "suppliers", "sql": endless}, vendor={}))]
    with pytest.raises(BoundError, match=r"mapping into suppliers: it (did not end|gives more than|needs more)"):
        filled(pairs, records(), "suppliers", run)


def test_times_are_local_to_each_source():
    sql = {"into": "stock_levels", "sql": "SELECT id::VARCHAR AS level_id, 'm' AS material, 'l' AS location, 1 AS qty, "
           "t.at, 'system' AS kind FROM t"}  # fmt: skip
    row = {"id": 1, "at": "2026-07-01 12:00"}
    pairs = [
        (source(n, z), adapter("x", sql, t={"at": "instant"})) for n, z in (("a", "Europe/Berlin"), ("b", "Asia/Tokyo"))
    ]
    for pair, hour in zip(pairs, (10, 3), strict=True):
        out = filled([pair], records(a__t=[row], b__t=[row]), "stock_levels", run_mapping)

        assert out.rows.collect()["at"][0] == datetime(2026, 7, 1, hour, tzinfo=UTC)


def test_a_plant_without_a_sql_source_has_empty_tables(tmp_path):
    text = """schema = 1
plant = { name = "m" }
site = [{ name = "s", timezone = "UTC" }]
area = [{ name = "a", site = "s" }]
line = [{ name = "l", area = "a" }]
machine = [{ name = "m", line = "l", kind = "cnc" }]
"""
    (tmp_path / "plant.toml").write_text(text)
    plant = load(tmp_path / "plant.toml")
    assert adapted(plant, records(), "lots", run_mapping).rows.collect().schema == table("silver.lots").schema
    rejected = adapted(plant, records(), "lots", run_mapping).rejected
    assert left_out({"lots": rejected}, sources_of_sets(plant)).collect().is_empty()


STAR = "WITH l AS (SELECT * FROM address) SELECT v.code AS supplier, v.name, l.country FROM vendor v LEFT JOIN l "
VENDOR = [{"id": 1, "code": "s1", "name": "A"}]


def star(sql, given, **mapped):
    mapping = {"into": "suppliers", "sql": sql} | mapped
    pairs = [(source("a"), adapter("x", mapping, vendor={}, address={}))]
    rows, rejected = collected(filled(pairs, given, "suppliers", run_mapping))
    return rows.select("supplier", "country").rows(), rejected.select("reason", "message").rows()


def test_a_star_over_a_table_without_rows_is_nulls_where_its_columns_are_named_behind_it():
    assert star(STAR + "ON l.vendor = v.id", records(a__vendor=VENDOR)) == ([("s1", None)], [])
    there = records(a__vendor=VENDOR, a__address=[{"id": 7, "vendor": 1, "country": "DE"}])
    assert star(STAR + "ON l.vendor = v.id", there) == ([("s1", "DE")], [])


def test_a_star_over_a_table_without_rows_that_gives_the_result_waits_for_its_first_row():
    sql = "SELECT l.* FROM vendor l"
    rows, [(reason, message)] = star(sql, records())
    assert (rows, reason) == ([], "not_taken_in")
    for words in ("a.vendor has no row, so what `*` takes of it is not known", "needs supplier", "declare its columns"):
        assert words in message
    assert star(sql, records(), optional=True) == ([], [])
    gone = records(a__vendor=[VENDOR[0] | {"gone": True}])
    assert star(sql, gone)[1][0][0] == "not_taken_in"
    wrong = star("SELECT * FROM (SELECT cod AS supplier, name FROM vendor)", records(a__vendor=VENDOR))
    assert wrong[1][0][0] == "mapping_failed"


def test_a_table_whose_rows_were_all_deleted_is_empty_and_no_finding():
    gone = records(a__vendor=[VENDOR[0] | {"gone": True}])
    assert star("SELECT code AS supplier, name FROM vendor", gone) == ([], [])


def test_a_shared_select_is_read_by_those_that_name_it_and_may_read_the_one_above():
    shared = {"live": "SELECT * FROM vendor WHERE NOT closed;", "named": "SELECT code, name FROM live"}
    mapping = {"into": "suppliers", "sql": "SELECT code AS supplier, name FROM named"}
    given = records(a__vendor=[VENDOR[0] | {"closed": False}, {"id": 2, "code": "s2", "name": "B", "closed": True}])

    def asked(mapping, shared):
        one = Adapter.model_validate({"name": "x", "types": {"vendor": {}}, "shared": shared, "tables": [mapping]})
        rows, rejected = collected(filled([(source("a"), one)], given, "suppliers", run_mapping))
        return rows["supplier"].to_list(), rejected["message"].to_list()

    assert asked(mapping, shared) == (["s1"], [])
    _, [said] = asked(mapping, dict(reversed(shared.items())))
    assert "shared SELECT 'live' stands below the one that reads it: move it up" in said
    _, [said] = asked(mapping | {"sql": mapping["sql"].replace("named", "nmed")}, shared)
    assert "no table 'nmed' in the adapter (nearest: named)" in said
    _, [said] = asked(mapping, shared | {"live": "SELECT * FROM read_text('/etc/hostname')"})
    assert "not allowed" in said
    alone = {"into": "suppliers", "sql": "SELECT code AS supplier, name FROM vendor"}
    assert asked(alone, {"live": "nonsense"})[0] == ["s1", "s2"]


@pytest.mark.parametrize(
    ("into", "column", "given"),
    [("work_orders", "status", "storniert"), ("purchase_orders", "status", "geliefert"),
     ("sales_orders", "status", "40"), ("inspections", "result", "i.O."), ("maintenance_orders", "kind", "WART"),
     ("materials", "kind", "ROH"), ("partners", "kind", "Kreditor"), ("invoices", "kind", "Eingang")],
)  # fmt: skip
def test_a_word_of_theirs_is_told_and_counted_as_nothing(into, column, given):
    """A state that means nothing to the KPIs would be demand, a pass or a debt that is none, in silence."""
    contract = table(f"silver.{into}")
    row = {c.name: 1.0 if c.kind in ("f64", "i64") else "2026-11-16" if c.kind == "instant" else "x"
           for c in contract.columns if not c.null} | {"id": 1}  # fmt: skip
    ours = contract.column(column).allowed[0]
    listed = records(a__t=[row | {column: given}, row | {"id": 2, contract.key[0]: "y", column: ours}])
    rename = {"into": into, "from": "t"}
    decoded = filled([(source("a"), adapter("x", rename, t={}))], listed, into, run_mapping)
    assert decoded.rows.collect()[column].to_list() == [ours]
    assert (
        decoded.rejected.collect()["message"]
        .to_list()[0]
        .startswith(f"out_of_range: {column} is '{given}'; valid: text, one of {ours}")
    )
