"""Relational sources on real SQLite and real PostgreSQL: the same rows, the same versions, the same tombstones."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import polars as pl
import pytest
import sqlalchemy as sa
from sql_plant import NOW, ORDERS, T0, Erp, Remembered

from connectors.sql.engine import open_engine
from connectors.sql.rows import hashes
from connectors.sql.source import read_source, read_table
from plant.errors import SourceDownError, TerminalError
from plant.sources.batch import SqlSource, SqlTable


def test_first_load_then_nothing_then_only_what_changed(erp):
    erp.put("a", qty=1)
    erp.put("b", qty=2)
    first = erp.read()
    assert first.table == "bronze.records"
    assert first.frame["record_set"].unique().to_list() == ["erp.orders"]
    assert first.frame["record_key"].to_list() == ['["a"]', '["b"]']
    assert first.frame["watermark"].to_list() == ["2026-11-20T08:00:00.000000Z"] * 2
    assert erp.read() is None
    erp.put("b", T0 + timedelta(hours=1), qty=3)
    erp.put("c", T0 + timedelta(hours=2), qty=4)
    assert erp.landed() == [("b", False), ("c", False)]
    assert erp.read() is None


def test_values_are_spelled_alike_by_both_databases(erp):
    erp.put("a", qty=7, amount=Decimal("1234.50"), ratio=0.1, open=True, due_day=date(2026, 12, 1), blob=b"\x00\xff")
    erp.put('q"ö\n', amount=Decimal("-0.10"))
    first, second = (json.loads(p) for p in erp.read().frame["payload"])
    assert first == {
        "amount": "1234.50", "blob": "AP8=", "due_day": "2026-12-01", "id": "a", "open": True, "qty": 7, "ratio": 0.1,
        "updated_at": "2026-11-20T08:00:00.000000Z",
    }  # fmt: skip
    assert second["id"] == 'q"ö\n'
    assert (second["amount"], second["qty"], second["open"]) == ("-0.10", None, None)


def test_decimal_money_is_exact(erp):
    cents = [1, 10, 29, 99999999, 123456789]
    for n, cent in enumerate(cents):
        erp.put(str(n), amount=Decimal(cent) / 100)
    read = [json.loads(p)["amount"] for p in erp.read().frame.sort("record_key")["payload"]]
    assert read == ["0.01", "0.10", "0.29", "999999.99", "1234567.89"]
    assert sum(Decimal(a) for a in read) == Decimal(sum(cents)) / 100


def test_ties_at_the_watermark_are_not_lost(erp):
    no_overlap = ORDERS.model_copy(update={"overlap": "0s"})
    erp.put("a")
    assert erp.landed(no_overlap) == [("a", False)]
    erp.put("b")  # the same microsecond, committed after the read
    assert erp.landed(no_overlap) == [("b", False)]


def test_a_late_commit_within_the_overlap_is_found(erp):
    erp.put("a", T0)
    erp.put("b", T0 - timedelta(minutes=5), qty=1)
    erp.read()
    erp.put("b", T0 - timedelta(minutes=4), qty=2)  # committed late: stamped behind the mark
    erp.put("c", T0 - timedelta(minutes=9))
    assert erp.landed() == [("b", False), ("c", False)]


def test_a_new_row_far_behind_the_watermark_is_found_by_its_key(erp):
    erp.put("a", T0)
    erp.read()
    erp.put("old", T0 - timedelta(days=30))
    assert erp.landed() == [("old", False)]


def test_a_row_without_watermark_is_read(erp):
    erp.put("a", T0)
    erp.read()
    with erp.engine.begin() as connection:
        connection.execute(erp.orders.insert(), {"id": "n", "qty": 1})
    assert erp.landed() == [("n", False)]
    erp.run("UPDATE orders SET qty = 2 WHERE id = 'n'")
    assert erp.landed() == [("n", False)]


def test_a_deleted_row_becomes_one_tombstone_and_may_come_back(erp):
    erp.put("a")
    erp.put("b")
    erp.read()
    erp.run("DELETE FROM orders WHERE id = 'a'")
    assert erp.landed() == [("a", True)]
    assert erp.read() is None, "a tombstone is written once"
    erp.put("a", T0 - timedelta(days=1))
    assert erp.landed() == [("a", False)]


def test_all_rows_gone(erp):
    erp.put("a")
    erp.read()
    erp.run("DELETE FROM orders")
    assert erp.landed() == [("a", True)]
    assert erp.read() is None


def test_a_new_column_is_taken_in_for_old_rows_too(erp):
    erp.put("a", T0 - timedelta(days=9))
    erp.put("b", T0)
    erp.read()
    erp.run("ALTER TABLE orders ADD COLUMN colour VARCHAR(9) DEFAULT 'blue'")
    landing = erp.read()
    assert [json.loads(p)["colour"] for p in landing.frame["payload"]] == ["blue", "blue"]
    assert erp.read() is None


def test_a_lost_watermark_stops_that_table_and_not_the_others(erp, monkeypatch):
    erp.put("a")
    erp.run("DROP TABLE IF EXISTS lines")
    erp.run("CREATE TABLE lines (id INTEGER PRIMARY KEY, changed_at TIMESTAMP)")
    erp.run("INSERT INTO lines VALUES (7, '2026-11-20 08:00:00')")
    lines = SqlTable(name="lines", watermark="changed")
    gone = SqlTable(name="order")
    source = erp.source.model_copy(update={"tables": (lines, gone, ORDERS)})
    landings = list(read_source(source, Path("unused"), Remembered(), NOW))
    lost, missing, read = landings
    assert lost.quarantine.select("origin", "reason", "booked").row(0) == ("erp.lines", "refused", False)
    assert "no column 'changed' (nearest: 'changed_at'); found: id, changed_at" in lost.quarantine["message"][0]
    assert "no such table; nearest: orders" in missing.quarantine["message"][0]
    assert read.frame["record_key"].to_list() == ['["a"]']
    with pytest.raises(TerminalError, match="'key_column'"):
        erp.read(ORDERS.model_copy(update={"key": ("key_column",)}))


def test_an_unexpected_failure_of_one_table_never_stops_the_others(erp):
    erp.put("a")
    erp.run("DROP TABLE IF EXISTS plain")
    erp.run("CREATE TABLE plain (id INTEGER PRIMARY KEY)")
    erp.run("INSERT INTO plain VALUES (7)")
    source = erp.source.model_copy(update={"timezone": "Foo/Bar", "tables": (ORDERS, SqlTable(name="plain"))})
    failed, read = read_source(source, Path("unused"), Remembered(), NOW)
    assert failed.quarantine.select("source", "origin", "reason").row(0) == ("erp", "erp.orders", "source_failed")
    assert "Foo/Bar" in failed.quarantine["message"][0]
    assert read.frame["record_key"].to_list() == ["[7]"]


def test_composite_and_whole_number_keys_and_number_watermarks(erp):
    erp.run("DROP TABLE IF EXISTS moves")
    erp.run("CREATE TABLE moves (doc INTEGER, line VARCHAR(9), rev INTEGER)")
    erp.run("INSERT INTO moves VALUES (1, 'x', 9), (1, 'y', 10)")
    moves = SqlTable(name="moves", key=("doc", "line"), watermark="rev")
    assert erp.read(moves).frame["record_key"].to_list() == ['[1,"x"]', '[1,"y"]']
    erp.run("INSERT INTO moves VALUES (2, 'x', 3)")
    erp.run("UPDATE moves SET rev = 11 WHERE line = 'y'")
    assert sorted(erp.read(moves).frame["record_key"]) == ['[1,"y"]', '[2,"x"]']
    assert erp.read(moves) is None


def test_a_table_without_watermark_is_compared_whole(erp):
    plain = ORDERS.model_copy(update={"watermark": None})
    erp.put("a", qty=1)
    erp.put("b", qty=1)
    assert len(erp.landed(plain)) == 2
    erp.run("UPDATE orders SET qty = 5 WHERE id = 'b'")
    erp.run("DELETE FROM orders WHERE id = 'a'")
    assert erp.landed(plain) == [("b", False), ("a", True)]
    assert erp.read(plain) is None


def test_a_query_instead_of_a_table(erp):
    erp.put("a", qty=1)
    erp.put("b", qty=1)
    joined = ORDERS.model_copy(update={"name": "big", "query": "SELECT id, qty * 2 AS twice, updated_at FROM orders"})
    assert json.loads(erp.read(joined).frame["payload"][0])["twice"] == 2
    erp.put("b", T0 + timedelta(hours=1), qty=3)
    assert erp.landed(joined) == [("b", False)]
    assert erp.read(joined) is None


def test_keys_that_are_null_or_not_unique_are_reported_once(erp):
    erp.run("DROP TABLE IF EXISTS loose")
    erp.run("CREATE TABLE loose (id INTEGER, v INTEGER)")
    erp.run("INSERT INTO loose VALUES (1, 1), (1, 2), (NULL, 3)")
    landing = erp.read(SqlTable(name="loose"))
    assert landing.frame["record_key"].to_list() == ["[1]"]
    assert sorted(landing.quarantine["reason"]) == ["duplicate_key", "null_key"]
    assert erp.read(SqlTable(name="loose")) is None, "nothing was written since"
    again = [erp.read(SqlTable(name="loose"), hours=25 * n) for n in (1, 2)]
    assert all(x.frame.is_empty() and x.quarantine.height == 2 for x in again)
    assert again[0].app == again[1].app, "the door appends it once"


def test_which_of_several_rows_of_a_key_is_taken_does_not_depend_on_their_order(erp):
    loose, taken, held = SqlTable(name="loose"), set(), set()
    for values in ("(1, 'a'), (1, 'b'), (1, 'c')", "(1, 'c'), (1, 'a'), (1, 'b')", "(1, 'b'), (1, 'c'), (1, 'a')"):
        erp.run("DROP TABLE IF EXISTS loose")
        erp.run("CREATE TABLE loose (id INTEGER, v VARCHAR(1))")
        erp.run(f"INSERT INTO loose VALUES {values}")
        erp.memory = Remembered()
        landing = erp.read(loose)
        taken.add(landing.frame["payload"].item())
        held.add(tuple(sorted(landing.quarantine["id"])))
    assert taken == {'{"id":1,"v":"a"}'}
    assert len(held) == 1, "the same trouble has the same ids"


def test_of_several_rows_of_a_key_the_newest_is_taken_however_much_is_read(erp):
    loose = SqlTable(name="loose", watermark="rev")
    erp.run("DROP TABLE IF EXISTS loose")
    erp.run("CREATE TABLE loose (id INTEGER, rev INTEGER)")
    erp.run("INSERT INTO loose VALUES (1, 9), (1, 10), (2, 10)")
    assert erp.read(loose).frame["payload"].to_list() == ['{"id":1,"rev":10}', '{"id":2,"rev":10}']
    assert erp.read(loose) is None, "from the watermark on: row 9 is not read"
    erp.run("ALTER TABLE loose ADD COLUMN colour VARCHAR(9)")  # read whole
    assert [json.loads(p)["rev"] for p in erp.read(loose).frame["payload"]] == [10, 10]


def test_naive_instants_are_local_time_of_the_source(erp):
    erp.put("a", datetime(2026, 7, 1, 12, 0, tzinfo=UTC))
    erp.source = erp.source.model_copy(update={"timezone": "Europe/Berlin"})
    assert erp.read().frame["watermark"].to_list() == ["2026-07-01T10:00:00.000000Z"]
    erp.put("b", datetime(2026, 7, 1, 12, 5, tzinfo=UTC))
    assert erp.landed() == [("b", False)]
    assert erp.read() is None


def test_the_source_cannot_be_written(erp):
    erp.put("a")
    engine = open_engine(erp.source, Path("unused"))
    with engine.connect() as connection, pytest.raises(sa.exc.DBAPIError, match=r"(?i)read-?only"):
        connection.execute(sa.text("DELETE FROM orders"))


def test_zoned_instants_and_json_of_postgres(postgres):
    erp = Erp(postgres, SqlSource(kind="sql", name="erp", url=postgres))
    erp.run("DROP TABLE IF EXISTS docs")
    erp.run("CREATE TABLE docs (id UUID PRIMARY KEY, body JSONB, tags INT[], took INTERVAL, updated_at TIMESTAMPTZ)")
    erp.run(
        "INSERT INTO docs VALUES ('6f9619ff-8b86-d011-b42d-00cf4fc964ff', '{\"b\":1,\"a\":2}', '{1,2}', "
        "'90 seconds', '2026-11-20 08:00:00+05')"
    )
    docs = SqlTable(name="docs", watermark="updated_at")
    payload = json.loads(erp.read(docs).frame["payload"][0])
    assert payload == {
        "id": "6f9619ff-8b86-d011-b42d-00cf4fc964ff", "body": '{"a": 2, "b": 1}', "tags": "[1, 2]", "took": "90.000000",
        "updated_at": "2026-11-20T03:00:00.000000Z",
    }  # fmt: skip
    erp.run("UPDATE docs SET tags = '{3}', updated_at = '2026-11-20 08:05:00+05'")
    assert erp.read(docs) is not None
    assert erp.read(docs) is None


def test_a_commit_that_ends_after_a_later_one_is_not_lost(postgres):
    erp = Erp(postgres, SqlSource(kind="sql", name="erp", url=postgres))
    with erp.engine.connect() as slow:
        slow.execute(erp.orders.insert(), {"id": "slow", "updated_at": T0.replace(tzinfo=None)})
        erp.put("fast", T0 + timedelta(seconds=30))
        assert erp.landed() == [("fast", False)]
        slow.commit()
    assert erp.landed() == [("slow", False)]


def test_an_instant_nobody_can_read_is_kept_as_text_and_reported(tmp_path):
    erp = Erp(f"sqlite:///{tmp_path}/x.sqlite", SqlSource(kind="sql", name="erp", url=f"sqlite:///{tmp_path}/x.sqlite"))
    erp.put("a")
    erp.run("INSERT INTO orders (id, qty, amount, updated_at) VALUES ('b', 'many', x'3132', 'last monday')")
    landing = erp.read()
    payloads = {json.loads(p)["id"]: json.loads(p) for p in landing.frame["payload"]}
    assert payloads["b"]["updated_at"] == "last monday"
    assert (payloads["b"]["qty"], payloads["b"]["amount"]) == ("many", "12.00")
    assert landing.quarantine.select("reason", "booked", "position").rows() == [("unparseable_timestamp", True, 1)]
    assert "column updated_at" in landing.quarantine["message"][0]


def test_a_database_that_is_down_at_start_is_one_clear_row(tmp_path, monkeypatch):
    monkeypatch.setattr("connectors.sql.source.TRIES_S", (0.0,))
    url = f"sqlite:///{tmp_path}/nowhere/erp.sqlite"
    for kind, where in (("sqlite", url), ("postgres", "postgresql://u:secret@127.0.0.1:9/erp")):
        source = SqlSource(kind="sql", name="erp", url=where, tables=(ORDERS,))
        (landing,) = read_source(source, tmp_path, Remembered(), NOW)
        (row,) = landing.quarantine.to_dicts()
        assert (row["source"], row["reason"], row["booked"]) == ("erp", "source_down", False), kind
        assert "cannot be reached" in row["message"] and "start the database" in row["message"]
        assert "secret" not in row["message"]
        assert landing.frame.is_empty()
        ignored = source.model_copy(update={"on_start": "ignore"})
        assert list(read_source(ignored, tmp_path, Remembered(), NOW)) == []
    with pytest.raises(SourceDownError):
        list(read_table(source, ORDERS, open_engine(source, tmp_path), Remembered(), NOW))


def test_a_database_that_comes_up_late_is_waited_for(tmp_path, monkeypatch):
    url = f"sqlite:///{tmp_path}/late.sqlite"
    monkeypatch.setattr("connectors.sql.source.TRIES_S", (1.0, 1.0))
    monkeypatch.setattr("connectors.sql.source.time.sleep", lambda _: Erp(url, source).put("a"))
    source = SqlSource(kind="sql", name="erp", url=url, tables=(ORDERS,))
    (landing,) = read_source(source, tmp_path, Remembered(), NOW)
    assert landing.frame["record_key"].to_list() == ['["a"]']


def test_the_url_comes_from_the_environment_and_root(tmp_path, monkeypatch):
    source = SqlSource(kind="sql", name="erp", url="sqlite:///{root}/plant/erp.sqlite", url_env="X_ERP_URL")
    assert str(tmp_path / "plant" / "erp.sqlite") in str(open_engine(source, tmp_path).url)
    monkeypatch.setenv("X_ERP_URL", "postgresql://somebody@elsewhere/erp")
    assert open_engine(source, tmp_path).url.host == "elsewhere"
    monkeypatch.setenv("X_ERP_URL", "what is this")
    with pytest.raises(TerminalError, match="correct `url` or X_ERP_URL"):
        open_engine(source, tmp_path)


def test_hashes_do_not_change_between_versions_of_anything():
    assert hashes(pl.Series(['{"a":1}'])).to_list() == ["2c6b113b8dd15ffbded9860b43eb0c6c"]
