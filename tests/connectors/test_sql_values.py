"""Values and names survive, and the same row reads the same from every database."""

from __future__ import annotations

import json
import sqlite3
import sys
from contextlib import closing
from pathlib import Path

import pytest
from sql_plant import NOW, Erp

from connectors.sql.engine import open_engine
from connectors.sql.read import one_select
from connectors.sql.rows import Declared, canonical, payloads
from connectors.sql.source import read_source
from plant.errors import TerminalError
from plant.sources.batch import SqlSource, SqlTable

ODD = 'line-stock "move" `x` ü [y]; DROP TABLE orders; --'
COLUMNS = ("left", "user", "order", "write-date", 'a "b"', "größe", "it's", "select * from")
VALUES = {
    "sqlite": "(1, X'3639302e30303030', 1380, '{\"b\": [1, 2.5], \"a\": null}', 'sale.line,53', '2026-07-01 12:00:00', "
    "'2026-07-01', 1, 0.1, 'ü\"\n')",
    "postgresql": "(1, 690.0000, interval '23 min', '{\"b\": [1, 2.5], \"a\": null}', 'sale.line,53', "
    "'2026-07-01 12:00:00', '2026-07-01', true, 0.1, E'ü\"\\n')",
    "mysql": "(1, 690.0000, '00:23:00', '{\"b\": [1, 2.5], \"a\": null}', 'sale.line,53', '2026-07-01 12:00:00', "
    "'2026-07-01', 1, 0.1, 'ü\"\\n')",
}
TYPES = {
    "sqlite": "id integer primary key, money numeric, took interval, points json, origin varchar, at timestamp, "
    "due date, active boolean, ratio float, note varchar",
    "postgresql": "id integer primary key, money numeric, took interval, points jsonb, origin varchar, at timestamp, "
    "due date, active boolean, ratio float8, note varchar",
}
EXPECTED = {
    "id": 1, "money": "690.0000", "took": "1380.000000", "points": '{"a": null, "b": [1, 2.5]}',
    "origin": "sale.line,53", "at": "2026-07-01T10:00:00.000000Z", "due": "2026-07-01", "active": True, "ratio": 0.1,
    "note": 'ü"\n',
}  # fmt: skip


def quoted(erp: Erp, name: str) -> str:
    return erp.engine.dialect.identifier_preparer.quote(name).replace("%", "%%")


def test_money_intervals_json_references_and_zones_read_alike(erp):
    kind = erp.engine.dialect.name
    erp.run(
        "DROP TABLE IF EXISTS lines", f"CREATE TABLE lines ({TYPES[kind]})", f"INSERT INTO lines VALUES {VALUES[kind]}"
    )
    erp.source = erp.source.model_copy(update={"timezone": "Europe/Berlin"})
    payload = erp.read(SqlTable(name="lines")).frame["payload"].item()
    assert json.loads(payload) == EXPECTED
    assert payload.startswith('{"active":true,"at":"2026-07-01T10:00:00.000000Z","due":"2026-07-01","id":1,'), (
        "one spelling"
    )


def test_a_payload_is_the_same_text_in_both_databases(tmp_path, postgres):
    found = set()
    for url in (f"sqlite:///{tmp_path}/erp.sqlite", postgres):
        erp = Erp(url, SqlSource(kind="sql", name="erp", url=url))
        test_money_intervals_json_references_and_zones_read_alike(erp)
        found.add(erp.memory.versions["row_hash"].item())
    assert len(found) == 1


@pytest.mark.parametrize("mode", ["snapshot", "watermark"])
def test_every_name_a_database_allows_can_be_read_and_none_is_executed(erp, mode):
    table, columns = quoted(erp, ODD), [quoted(erp, c) for c in COLUMNS]
    erp.run(f"DROP TABLE IF EXISTS {table}")
    defined = ", ".join(f"{c} {'TIMESTAMP' if n == 3 else 'INTEGER'}" for n, c in enumerate(columns))
    erp.run(f"CREATE TABLE {table} ({defined}, PRIMARY KEY ({columns[0]}, {columns[1]}))")
    for n in range(3):
        erp.run(f"INSERT INTO {table} VALUES ({n}, {n}, 1, '2026-11-20 0{n}:00:00', 2, 3, 4, 5)")
    mark = {"watermark": "write-date"} if mode == "watermark" else {}
    one = SqlTable(name="odd", table=ODD, key=("left", "user"), **mark)
    assert erp.read(one).frame["record_key"].to_list() == ["[0,0]", "[1,1]", "[2,2]"]
    erp.run(f"UPDATE {table} SET {columns[5]} = 9, {columns[3]} = '2026-11-20 09:00:00' WHERE {columns[0]} = 1")
    erp.run(f"DELETE FROM {table} WHERE {columns[0]} = 2")
    assert sorted(erp.read(one).frame["record_key"]) == ["[1,1]", "[2,2]"]
    assert erp.read(one) is None
    erp.run("SELECT count(*) FROM orders")


def test_names_that_are_not_there_are_never_executed(erp):
    for name in ("orders; DROP TABLE orders", 'orders" UNION SELECT 1 --', "orders WHERE 1=1"):
        with pytest.raises(TerminalError, match=r"no such table; nearest: .*orders"):
            erp.read(SqlTable(name="x", table=name))
        for wrong in ({"key": (name,)}, {"watermark": name}):
            with pytest.raises(TerminalError, match="no column"):
                erp.read(SqlTable(name="orders", **wrong))
    erp.run("SELECT count(*) FROM orders")


@pytest.mark.parametrize(
    ("query", "said"),
    [
        ("SELECT 1 AS id; DROP TABLE orders", "';'"),
        ("SELECT 1 AS id) q; COMMIT; SET default_transaction_read_only = off; DROP TABLE orders; --", "';'"),
        ("SELECT 1 AS id) AS q, (SELECT 2", "parentheses"),
        ("DELETE FROM orders", "SELECT or WITH"),
        ("SELECT ';' || E'\\'; DROP TABLE orders; --' AS id", "backslash"),
        ("SELECT $x$'$x$ AS id; DROP TABLE orders --'", "dollar"),
        ("SELECT 1 /*! ; DROP TABLE orders */ AS id", "comment"),
        ("SELECT 'open AS id", "quotes"),
    ],
)
def test_a_query_is_one_select_or_refused(erp, query, said):
    with pytest.raises(TerminalError, match=f"refused.*{said}.*valid is one SELECT"):
        erp.read(SqlTable(name="q", query=query))
    erp.run("SELECT count(*) FROM orders")


def test_a_query_that_writes_is_refused_by_the_session(erp):
    erp.put("a")
    hidden = "WITH gone AS (DELETE FROM orders RETURNING id) SELECT id FROM gone"
    with pytest.raises(TerminalError, match="refuses the query"):
        erp.read(SqlTable(name="q", query=hidden))
    assert [k for k, _ in erp.landed()] == ["a"]


def test_a_query_may_hold_semicolons_colons_and_comments_in_their_places(erp):
    erp.put("a")
    text = "SELECT id, ';) :no_bind %' AS \"a;b\" -- it's a remark;\nFROM orders /* ; ' */ WHERE id <> ':x' -- last"
    assert json.loads(erp.read(SqlTable(name="q", query=text)).frame["payload"].item()) == {
        "id": "a",
        "a;b": ";) :no_bind %",
    }
    assert one_select("x", " SELECT 1 ; ") == "SELECT 1\n"


def test_bytes_that_are_no_utf8_are_taken_in_marked_and_reported(tmp_path):
    with closing(sqlite3.connect(tmp_path / "erp.sqlite")) as db, db:
        db.execute("CREATE TABLE parts (id INTEGER PRIMARY KEY, name TEXT, grade TEXT)")
        db.execute("INSERT INTO parts VALUES (1, CAST(X'67C3BC74' AS TEXT), 'x'), (2, CAST(X'67FC74' AS TEXT), 'y')")
    url = f"sqlite:///{tmp_path}/erp.sqlite"
    landing = Erp(url, SqlSource(kind="sql", name="erp", url=url)).read(SqlTable(name="parts"))
    assert [json.loads(p)["name"] for p in landing.frame["payload"]] == ["güt", "g\ufffdt"]
    assert landing.quarantine.select("reason", "booked", "position").rows() == [("invalid_text", True, 1)]
    assert "column name is no UTF-8" in landing.quarantine["message"][0]


def test_amounts_out_of_every_range_are_kept_to_the_last_digit(erp):
    large, kind = "9" * 30 + ".99", erp.engine.dialect.name
    erp.run(
        "DROP TABLE IF EXISTS sums", "CREATE TABLE sums (id INTEGER PRIMARY KEY, amount NUMERIC(40, 2), plain NUMERIC)"
    )
    stored = f"X'{large.encode().hex()}'" if kind == "sqlite" else large
    erp.run(
        f"INSERT INTO sums VALUES (1, {stored}, {'NULL' if kind == 'sqlite' else chr(39) + 'NaN' + chr(39)}), (2, 0, 0)"
    )
    rows = [json.loads(p) for p in erp.read(SqlTable(name="sums")).frame.sort("record_key")["payload"]]
    assert [r["amount"] for r in rows] == [large, "0.00"]
    assert rows[0]["plain"] in {None, "NaN"}


def test_instants_beyond_python_are_kept_as_text_and_reported(postgres):
    erp = Erp(postgres, SqlSource(kind="sql", name="erp", url=postgres))
    erp.run(
        "DROP TABLE IF EXISTS ends",
        "CREATE TABLE ends (id INT PRIMARY KEY, at TIMESTAMP, zoned TIMESTAMPTZ, on_day DATE)",
    )
    erp.run(
        "INSERT INTO ends VALUES (1, 'infinity', '-infinity', 'infinity'), "
        "(2, '2026-01-01', '2026-01-01', '2026-01-01')"
    )
    source = erp.source.model_copy(update={"tables": (SqlTable(name="ends"),)})
    (landing,) = read_source(source, Path("unused"), erp.memory, NOW)
    told = json.loads(landing.frame.sort("record_key")["payload"][0])
    assert (told["at"], told["zoned"], told["on_day"]) == ("infinity", "-infinity", "infinity")
    assert landing.quarantine["reason"].to_list() == ["unparseable_timestamp"] * 2


@pytest.mark.parametrize("alone", [1, 2.5, "text", 2**70, 1e16, None, b"x"])
def test_a_cell_is_spelled_alike_in_whatever_company_it_is_read(alone):
    column = [Declared("c")]
    (told,) = payloads(canonical([(alone,)], column, "UTC"))
    mixed = payloads(canonical([(alone,), (1,), (2.5,), ("x",), (2**70,), (None,)], column, "UTC"))
    if isinstance(alone, int) and alone > 2**63:
        assert json.loads(told) == {"c": alone}
    assert mixed[0] == told


def test_the_url_of_a_missing_driver_says_what_to_install(tmp_path, monkeypatch):
    source = SqlSource(kind="sql", name="erp", url="oracle+oracledb://u@h/x")
    monkeypatch.setitem(sys.modules, "oracledb", None)
    with pytest.raises(TerminalError, match="pip install oracledb"):
        open_engine(source, tmp_path)
