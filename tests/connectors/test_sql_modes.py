"""What each mode finds and when, what an idle reading costs, and a reading that ends in the middle."""

from __future__ import annotations

import json
import os
from datetime import timedelta
from pathlib import Path

import polars as pl
import pytest
from pydantic import ValidationError
from sql_plant import NOW, ORDERS, T0, Erp, Remembered

from connectors.sql import select, tokens
from connectors.sql.engine import open_engine
from connectors.sql.source import read_source
from plant.errors import TerminalError
from plant.sources.batch import SqlSource, SqlTable

SNAPSHOT = ORDERS.model_copy(update={"mode": "snapshot", "watermark": None})


def fill(erp: Erp, count: int) -> None:
    """Orders a0000 and so on, a minute apart."""
    rows = [
        {"id": f"a{n:04d}", "qty": n, "updated_at": (T0 - timedelta(minutes=n)).replace(tzinfo=None)}
        for n in range(count)
    ]
    with erp.engine.begin() as connection:
        connection.execute(erp.orders.insert(), rows)


@pytest.mark.parametrize("one", [ORDERS, SNAPSHOT], ids=["watermark", "snapshot"])
def test_a_delete_and_an_insert_between_two_readings_are_found_behind_the_watermark(erp, one):
    fill(erp, 300)
    assert len(erp.landed(one)) == 300
    erp.run("DELETE FROM orders WHERE id = 'a0200'")
    erp.put("late", T0 - timedelta(days=9))
    assert sorted(erp.landed(one)) == [("a0200", True), ("late", False)]
    assert erp.landed(one) == []


@pytest.mark.parametrize("one", [ORDERS, SNAPSHOT], ids=["watermark", "snapshot"])
def test_an_update_committed_far_behind_the_overlap_is_found(erp, one):
    fill(erp, 300)
    erp.read(one)
    erp.put("a0200", T0 - timedelta(days=3), qty=-1)
    assert erp.landed(one) == [("a0200", False)]
    assert erp.landed(one) == []


def test_an_idle_reading_asks_neither_the_lake_nor_the_table(erp, monkeypatch):
    monkeypatch.setattr(tokens, "RACY_S", 0.0)
    fill(erp, 10)
    erp.read()
    erp.read()
    erp.memory.asked.clear()
    monkeypatch.setattr("connectors.sql.source.connected", None)
    assert erp.read() is None
    assert erp.memory.asked == []


def test_a_change_asks_the_lake_for_its_keys_only(erp):
    fill(erp, 1500)
    erp.read()
    erp.memory.asked.clear()
    erp.put("a0001", T0 + timedelta(minutes=1), qty=5)
    erp.put("new", T0 + timedelta(minutes=1))
    assert sorted(erp.landed()) == [("a0001", False), ("new", False)]
    assert erp.memory.asked == ["keys"]


def test_an_update_that_moves_no_watermark_is_found_at_once_in_a_table(erp):
    fill(erp, 300)
    erp.read()
    erp.run("UPDATE orders SET qty = 99 WHERE id = 'a0001'")
    assert erp.landed() == [("a0001", False)]
    assert erp.landed() == []


def test_what_no_sign_shows_is_found_when_all_is_compared_again(erp):
    query = ORDERS.model_copy(update={"query": "SELECT * FROM orders"})  # of a query only the window is read
    fill(erp, 30)
    erp.read(query)
    erp.run("UPDATE orders SET qty = 99 WHERE id = 'a0020'")
    assert erp.landed(query) == []
    assert erp.landed(query.model_copy(update={"reconcile": "never"}), hours=99) == []
    assert erp.landed(query, hours=25) == [("a0020", False)]


def test_without_its_mark_or_after_another_landing_a_table_is_compared_whole(erp):
    fill(erp, 5)
    erp.read()
    erp.memory.marks.clear()
    erp.memory.asked.clear()
    assert erp.landed() == []
    assert erp.memory.asked == ["all"]
    erp.memory.apps["sql:erp.orders"] += 1
    erp.memory.asked.clear()
    assert erp.landed() == []
    assert erp.memory.asked == ["all"]


@pytest.mark.parametrize("one", [ORDERS, SNAPSHOT], ids=["watermark", "snapshot"])
def test_a_first_load_that_is_killed_after_any_piece_neither_loses_nor_doubles(erp, one, monkeypatch):
    monkeypatch.setattr(select, "PIECE", 20)
    fill(erp, 100)
    for kept in (1, 3, 2):
        engine = open_engine(erp.source, Path("unused"))
        erp.runs += 1
        reading = read_source(
            erp.source.model_copy(update={"tables": (one,)}),
            Path("unused"),
            erp.memory,
            NOW + timedelta(minutes=erp.runs),
        )
        for _ in range(kept):
            erp.memory.append(next(reading))
        reading.close()
        engine.dispose()
        erp.put(f"a00{kept:02d}", T0 - timedelta(days=2), qty=1000 + kept)  # behind the watermark, meanwhile
    erp.read(one)
    latest = erp.memory.versions.sort("ingested_at", "seq").unique("record_key", keep="last")
    held = {json.loads(p)["id"]: json.loads(p)["qty"] for p in latest["payload"]}
    assert held == {f"a{n:04d}": {1: 1001, 2: 1002, 3: 1003}.get(n, n) for n in range(100)}
    assert erp.memory.versions.select("record_key", "row_hash").is_duplicated().sum() == 0
    assert erp.memory.versions.height <= 103
    assert erp.landed(one) == []


def test_a_first_load_comes_in_pieces(erp, monkeypatch):
    monkeypatch.setattr(select, "PIECE", 30)
    fill(erp, 100)
    found = erp.landings()
    assert [x.frame.height for x in found] == [30, 30, 30, 10]
    assert len({(x.app, x.version) for x in found}) == 4
    assert sorted(pl.concat([x.frame for x in found])["seq"]) == list(range(100))


def test_rows_of_one_key_never_fall_into_two_pieces(erp, monkeypatch):
    monkeypatch.setattr(select, "PIECE", 4)
    erp.run("DROP TABLE IF EXISTS loose", "CREATE TABLE loose (id INTEGER, v INTEGER)")
    erp.run("INSERT INTO loose VALUES (1, 1), (2, 9), (2, 8), (2, 7), (2, 6), (2, 5), (3, 1), (NULL, 1)")
    landing = erp.read(SqlTable(name="loose"))
    assert sorted(landing.frame["payload"]) == ['{"id":1,"v":1}', '{"id":2,"v":5}', '{"id":3,"v":1}']
    assert sorted(landing.quarantine["reason"]) == ["duplicate_key"] * 4 + ["null_key"]


def test_the_first_of_several_watermark_columns_that_is_set_counts(erp):
    erp.run("DROP TABLE IF EXISTS moves")
    erp.run("CREATE TABLE moves (id INTEGER PRIMARY KEY, write_date TIMESTAMP, create_date TIMESTAMP)")
    erp.run(
        "INSERT INTO moves VALUES (1, NULL, '2026-11-20 08:00:00'), (2, '2026-11-20 09:00:00', '2026-11-20 07:00:00')"
    )
    moves = SqlTable(name="moves", watermark=("write_date", "create_date"))
    marks = ["2026-11-20T08:00:00.000000Z", "2026-11-20T09:00:00.000000Z"]
    assert erp.read(moves).frame.sort("record_key")["watermark"].to_list() == marks
    erp.run("UPDATE moves SET write_date = '2026-11-20 10:00:00' WHERE id = 1")
    assert erp.landed(moves) == [(1, False)]
    windowed = moves.model_copy(update={"query": "SELECT * FROM moves", "name": "window"})
    assert sorted(erp.landed(windowed)) == [(1, False), (2, False)]
    erp.run("INSERT INTO moves VALUES (3, NULL, '2026-11-20 09:59:00')")
    assert erp.landed(windowed) == [(3, False)]
    erp.run("DELETE FROM moves WHERE id = 2", "INSERT INTO moves VALUES (4, NULL, '2025-11-20 09:59:00')")
    erp.run("INSERT INTO moves VALUES (5, NULL, '2026-11-20 09:59:30')")
    assert sorted(erp.landed(windowed)) == [(2, True), (4, False), (5, False)]


def test_append_only_finds_new_rows_and_late_ones_and_nothing_else(erp):
    erp.run("DROP TABLE IF EXISTS log", "CREATE TABLE log (id INTEGER PRIMARY KEY, said VARCHAR(9))")
    erp.run("INSERT INTO log VALUES (1, 'a'), (3, 'c')")
    log = SqlTable(name="log", mode="append_only")
    assert erp.landed(log) == [(1, False), (3, False)]
    erp.run("INSERT INTO log VALUES (2, 'b'), (4, 'd')", "DELETE FROM log WHERE id = 1")
    erp.run("UPDATE log SET said = 'x' WHERE id = 3")
    assert erp.landed(log) == [(2, False), (4, False)]
    assert erp.landed(log, hours=99) == []


def test_vanished_rows_are_looked_for_never_or_every_so_many_changes(erp):
    fill(erp, 10)
    never = ORDERS.model_copy(update={"deletes": "never"})
    erp.read(never)
    erp.run("DELETE FROM orders WHERE id = 'a0003'")
    erp.put("x", T0 + timedelta(minutes=1))
    assert erp.landed(never) == [("x", False)]
    assert erp.landed(never, hours=25) == []
    third = ORDERS.model_copy(update={"deletes": 3})
    found = []
    for n in range(3):
        erp.put(f"y{n}", T0 + timedelta(minutes=2 + n))
        found.append(erp.landed(third))
    assert found == [[("y0", False)], [("y1", False)], [("y2", False), ("a0003", True)]]


def test_left_out_columns_are_not_read_and_no_change_of_theirs_is_one(erp):
    slim = ORDERS.model_copy(update={"exclude": ("blob", "qty"), "watermark": None})
    erp.put("a", qty=1, blob=b"print")
    assert sorted(json.loads(erp.read(slim).frame["payload"][0])) == [
        "amount",
        "due_day",
        "id",
        "open",
        "ratio",
        "updated_at",
    ]
    erp.put("a", qty=2, blob=b"print again")
    assert erp.landed(slim) == []


def test_settings_that_cannot_work_are_refused():
    with pytest.raises(ValidationError, match="needs `watermark`"):
        SqlTable(name="a", mode="watermark")
    with pytest.raises(ValidationError, match="cannot be in `exclude`"):
        SqlTable(name="a", exclude=("id",))
    with pytest.raises(ValidationError, match="can be read as snapshot"):
        SqlTable(name="a", mode="logical", query="SELECT 1")


def test_the_sign_of_a_sqlite_file_moves_with_every_commit_and_with_nothing_else(tmp_path, monkeypatch):
    monkeypatch.setattr(tokens, "RACY_S", 0.0)
    for journal in ("DELETE", "WAL"):
        path = tmp_path / f"{journal}.sqlite"
        erp = Erp(f"sqlite:///{path}", SqlSource(kind="sql", name="erp", url=f"sqlite:///{path}"))
        erp.run(f"PRAGMA journal_mode={journal}")
        with erp.engine.connect() as held:  # keeps the log open
            held.exec_driver_sql("SELECT count(*) FROM orders").fetchall()
            held.rollback()
            seen = {tokens.file_token(path)}
            for n in range(5):
                erp.put("a", qty=n)
                seen.add(token := tokens.file_token(path))
                erp.read()
                assert tokens.file_token(path) == token
            assert len(seen) == 6, journal
    monkeypatch.setattr(tokens, "RACY_S", 2.0)
    erp.put("a", qty=7)
    assert tokens.file_token(path) is None, "written to in this tick of the clock"
    os.utime(path, (1.8e9 - 9e7, 1.8e9 - 9e7))
    assert tokens.file_token(path) is not None


def test_lost_renamed_and_retyped_columns_stop_their_table_until_they_are_named(erp):
    erp.put("a", qty=1)
    erp.read()
    erp.run("ALTER TABLE orders RENAME COLUMN qty TO quantity")
    with pytest.raises(TerminalError, match=r"'qty' \(new: 'quantity': renamed\?\) is gone.*exclude = \['qty'\]"):
        erp.read()
    with pytest.raises(TerminalError, match="is gone"):
        erp.read()
    landing = erp.read(ORDERS.model_copy(update={"exclude": ("qty",)}))
    assert json.loads(landing.frame["payload"][0])["quantity"] == 1
    assert landing.quarantine.select("reason", "booked").row(0) == ("new_column", True)


def test_a_retyped_column_stops_its_table_until_it_is_accepted(postgres):
    erp = Erp(postgres, SqlSource(kind="sql", name="erp", url=postgres))
    erp.put("a", qty=1)
    erp.read()
    erp.run("ALTER TABLE orders ALTER COLUMN qty TYPE VARCHAR(9)")
    with pytest.raises(TerminalError, match=r"'qty' was int and is str.*`retyped`"):
        erp.read()
    accepted = ORDERS.model_copy(update={"retyped": ("qty",)})
    assert json.loads(erp.read(accepted).frame["payload"][0])["qty"] == "1"
    assert erp.read(accepted) is None


def test_a_new_column_is_reported_once(erp):
    erp.put("a")
    erp.read()
    erp.run("ALTER TABLE orders ADD COLUMN colour VARCHAR(9) DEFAULT 'blue'")
    held = erp.read().quarantine
    assert held.select("origin", "reason", "booked").rows() == [("erp.orders", "new_column", True)]
    assert json.loads(held["payload"][0]) == {"column": "colour", "type": "str"}
    erp.put("b")
    assert erp.read().quarantine.is_empty()


def test_a_clock_set_back_does_not_hide_a_landing(erp):
    erp.put("a")
    erp.read()
    erp.put("b")
    assert erp.landed(hours=-9) == [("b", False)]
    assert erp.memory.versions.height == 2


def test_a_memory_without_marks_still_finds_everything(erp):
    fill(erp, 3)
    assert isinstance(erp.memory, Remembered)
    erp.read()
    erp.memory.keep = lambda *_: None  # type: ignore[method-assign]
    erp.memory.marks.clear()
    erp.run("DELETE FROM orders WHERE id = 'a0001'")
    assert erp.landed() == [("a0001", True)]


def test_a_relative_of_postgres_without_its_catalogue_is_read_all_the_same(postgres, monkeypatch):
    erp = Erp(postgres, SqlSource(kind="sql", name="erp", url=postgres, tables=(ORDERS,)))
    fill(erp, 2)
    monkeypatch.setattr(tokens, "_POSTGRES", "SELECT nothing FROM pg_no_such_thing WHERE :names = :schema")
    monkeypatch.setattr("connectors.sql.logical._SLOT", "SELECT * FROM pg_no_such_thing WHERE :slot = 1")
    landings = list(read_source(erp.source, Path("unused"), erp.memory, NOW))
    assert [(x.frame.height, x.quarantine.height) for x in landings] == [(2, 0)]
