"""PostgreSQL's transactions, MariaDB's commit times: what changed is read, nothing else is, and nothing is missed."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta

import pytest
from sql_plant import ORDERS, T0, Erp
from sql_servers import mariadb
from test_sql_modes import SNAPSHOT, fill

from connectors.sql import modes, prints
from connectors.sql.marks import Mark
from connectors.sql.tokens import Sign
from plant.sources.batch import SqlSource, SqlTable

NAME = "erp.orders"


def erp_of(url: str) -> Erp:
    return Erp(url, SqlSource(kind="sql", name="erp", url=url, tables=(ORDERS,)))


@pytest.fixture
def pg(postgres) -> Iterator[Erp]:
    made = erp_of(postgres)
    yield made
    made.engine.dispose()


@pytest.fixture
def rows_read(monkeypatch) -> list[int]:
    """Sizes of the batches that were fetched."""
    seen: list[int] = []
    usual = modes.batch_of
    monkeypatch.setattr(modes, "batch_of", lambda at, rows: seen.append(len(rows)) or usual(at, rows))
    return seen


@pytest.mark.parametrize("one", [ORDERS, SNAPSHOT], ids=["watermark", "snapshot"])
def test_only_rows_of_later_transactions_are_read(pg, one, rows_read, monkeypatch):
    fill(pg, 500)
    pg.read(one)
    rows_read.clear()
    monkeypatch.setattr(prints, "cells", None)
    pg.run("UPDATE orders SET qty = -1 WHERE id = 'a0400'")
    pg.put("late", T0 - timedelta(days=9))
    assert sorted(pg.landed(one)) == [("a0400", False), ("late", False)]
    assert rows_read == [2]
    pg.run("DELETE FROM orders WHERE id = 'a0003'")
    pg.put("later", T0 - timedelta(days=9))
    assert sorted(pg.landed(one)) == [("a0003", True), ("later", False)]
    pg.run("UPDATE orders SET id = 'moved' WHERE id = 'a0004'")
    assert sorted(pg.landed(one)) == [("a0004", True), ("moved", False)]
    assert pg.landed(one) == []


def test_deleted_numbers_are_found_among_their_neighbours(url, monkeypatch):
    erp = erp_of(url)
    monkeypatch.setattr(modes, "all_keys", None)
    erp.run("DROP TABLE IF EXISTS moves", "CREATE TABLE moves (id BIGINT PRIMARY KEY, qty INTEGER)")
    odd = [0, 1, 2, 65535, 65536, 65537, 131072, -1, -65536, 2**53 + 1, -(2**63), 2**63 - 1]
    erp.run(*(f"INSERT INTO moves VALUES ({n}, 1)" for n in odd))
    moves = SqlTable(name="moves")
    assert len(erp.landed(moves)) == len(odd)
    gone = [65536, -1, 2**63 - 1, -(2**63)]
    erp.run(*(f"DELETE FROM moves WHERE id = {n}" for n in gone), "INSERT INTO moves VALUES (7, 1)")
    assert sorted(erp.landed(moves)) == sorted([(n, True) for n in gone] + [(7, False)])
    erp.run("INSERT INTO moves VALUES (65536, 2)", "DELETE FROM moves WHERE id = 131072")
    assert sorted(erp.landed(moves)) == [(65536, False), (131072, True)]
    erp.run("DELETE FROM moves")
    assert len(erp.landed(moves)) == 9
    assert erp.landed(moves) == []


def test_a_reading_by_window_does_not_hide_what_it_did_not_see(pg):
    third = ORDERS.model_copy(update={"deletes": 3})
    fill(pg, 300)
    pg.read(third)
    mark, landed = pg.memory.marks[NAME]
    pg.memory.marks[NAME] = (replace(Mark.of(mark), horizon="").text(), landed)  # the server was started again
    pg.run("UPDATE orders SET qty = -1 WHERE id = 'a0200'")  # behind the window
    found = []
    for n in range(4):
        pg.put(f"y{n}")
        found += pg.landed(third)
    assert sorted(found) == [("a0200", False), *((f"y{n}", False) for n in range(4))]


def test_a_transaction_that_was_open_while_others_committed_is_found(pg):
    fill(pg, 20)
    pg.read()
    with pg.engine.connect() as slow:
        slow.exec_driver_sql("UPDATE orders SET qty = 77 WHERE id = 'a0007'")
        pg.put("quick")
        assert pg.landed() == [("quick", False)]
        slow.exec_driver_sql("SAVEPOINT s")
        slow.exec_driver_sql("UPDATE orders SET qty = 78 WHERE id = 'a0008'")
        slow.commit()
    assert sorted(pg.landed()) == [("a0007", False), ("a0008", False)]
    with pg.engine.connect() as undone:
        undone.exec_driver_sql("DELETE FROM orders")
        undone.rollback()
    assert pg.landed() == []


def test_after_a_restart_or_a_rewrite_older_fingerprints_find_the_rest(pg, monkeypatch):
    fill(pg, 300)
    pg.read()
    pg.put("a0100", qty=-1)
    assert pg.landed() == [("a0100", False)]
    mark, landed = pg.memory.marks[NAME]
    kept = Mark.of(mark)
    pg.memory.marks[NAME] = (replace(kept, horizon=f"another|{kept.horizon.partition('|')[2]}").text(), landed)
    monkeypatch.setattr(modes, "by_transaction", None)
    pg.run("DELETE FROM orders WHERE id = 'a0200'", "UPDATE orders SET qty = -2 WHERE id = 'a0150'")
    assert sorted(pg.landed()) == [("a0150", False), ("a0200", True)]
    monkeypatch.undo()
    pg.run("UPDATE orders SET qty = -3 WHERE id = 'a0151'")
    with pg.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.exec_driver_sql("VACUUM FULL orders")
    assert pg.landed() == [("a0151", False)]
    pg.run("TRUNCATE orders")
    pg.put("new")
    assert len(pg.landed()) == 300
    assert pg.landed() == []


def restarted(erp: Erp) -> None:
    """As after a restart of the server: rows cannot be told apart by transaction."""
    mark, landed = erp.memory.marks[NAME]
    erp.memory.marks[NAME] = (replace(Mark.of(mark), horizon="").text(), landed)


@pytest.mark.parametrize("emptied", [False, True])
def test_of_a_table_that_was_empty_every_change_is_found_too(pg, emptied):
    if emptied:
        fill(pg, 10)
        pg.read()
        restarted(pg)
        pg.run("DELETE FROM orders")
    pg.read()
    fill(pg, 300)
    pg.put("old", T0 - timedelta(days=9))
    assert len(pg.landed()) == 301
    restarted(pg)
    pg.run("UPDATE orders SET qty = -1 WHERE id = 'old'")
    assert pg.landed() == [("old", False)]
    assert Mark.of(pg.memory.marks[NAME][0]).bits > 0, "cut as finely as a table of 300 rows"


def test_rows_shown_by_a_policy_are_not_told_apart_by_transaction(pg):
    fill(pg, 5)
    pg.run("ALTER TABLE orders ENABLE ROW LEVEL SECURITY")
    pg.read()
    assert json.loads(pg.memory.marks[NAME][0])["horizon"] == ""


def test_a_horizon_holds_for_its_own_rows_and_not_for_ever():
    sign = Sign(None, "16384/16390", 5_000_000_000)
    assert sign.since("16384/16390|4999999990") == 4_999_999_990
    assert sign.since(sign.horizon) == 5_000_000_000
    assert sign.since("16384/16391|4999999990") is None, "rewritten"
    assert sign.since("16384/16390|5000000001") is None, "the server was set back"
    assert sign.since("16384/16390|3000000000") is None, "too far for 32-bit numbers"
    assert sign.since("") is None
    assert Sign("t").since("") is None


def test_an_idle_table_of_mariadb_is_not_looked_at(monkeypatch):
    with mariadb() as url:
        erp = erp_of(url)
        fill(erp, 30)
        erp.read()  # a commit within the last two seconds: others of the same second may follow
        erp.run("UPDATE orders SET qty = 1 WHERE id = 'a0003'")
        assert erp.landed() == [("a0003", False)]
        time.sleep(3.1)
        assert erp.landed() == []
        with monkeypatch.context() as patched:
            patched.setattr("connectors.sql.source.connected", None)
            assert erp.landed() == []
        with erp.engine.connect() as slow:  # written before the look, committed after it
            slow.exec_driver_sql("UPDATE orders SET qty = 2 WHERE id = 'a0004'")
            assert erp.landed() == []
            slow.commit()
        time.sleep(3.1)
        assert erp.landed() == [("a0004", False)]
        erp.run("ALTER TABLE orders ADD COLUMN colour VARCHAR(9) DEFAULT 'blue'")
        assert len(erp.landed()) == 30
