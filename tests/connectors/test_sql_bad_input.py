"""What goes wrong at a database, for real: each is one clear row of quarantine, and nothing known is lost by it."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
import sqlalchemy as sa
from sql_plant import NOW, ORDERS, Erp, Remembered
from sql_servers import debian_postgres
from test_sql_modes import fill

from connectors.base import Landing
from connectors.sql import select, sessions
from connectors.sql.source import read_source
from plant.sources.batch import SqlSource, SqlTable

SNAPSHOT = ORDERS.model_copy(update={"watermark": None})


def cycle(erp: Erp, **changed: object) -> list[Landing]:
    """Read every table of the source."""
    source = erp.source.model_copy(update={"on_start": "error", **changed})
    return list(read_source(source, Path("unused"), erp.memory, NOW))


def told(landings: list[Landing]) -> tuple[str, str]:
    held = [x.quarantine.row(0, named=True) for x in landings if x.quarantine.height]
    assert len(held) == 1
    return held[0]["reason"], held[0]["message"]


@pytest.fixture
def pg(postgres) -> Iterator[Erp]:
    made = Erp(postgres, SqlSource(kind="sql", name="erp", url=postgres, tables=(ORDERS,)))
    yield made
    made.engine.dispose()


@pytest.fixture(scope="module")
def guarded() -> Iterator[str]:
    """A server that asks for passwords of everybody but its superuser."""
    with debian_postgres() as url:
        engine = sa.create_engine(url, isolation_level="AUTOCOMMIT", poolclass=sa.NullPool)
        with engine.connect() as connection:
            rules = Path(connection.exec_driver_sql("SHOW hba_file").scalar_one())
            rules.write_text(
                "host all tester 127.0.0.1/32 trust\nhost all all 127.0.0.1/32 scram-sha-256\n", encoding="utf8"
            )
            connection.exec_driver_sql("CREATE ROLE reader LOGIN PASSWORD 'right'")
            connection.exec_driver_sql("SELECT pg_reload_conf()")
        yield url


def test_a_wrong_password_is_refused_and_never_told(guarded):
    erp = Erp(guarded, SqlSource(kind="sql", name="erp", url=guarded, tables=(ORDERS,)))
    url = sa.make_url(guarded).set(username="reader", password="wrong-secret").render_as_string(hide_password=False)
    reason, message = told(cycle(erp, url=url))
    assert (reason, "refuses the login" in message, "secret" in message) == ("refused", True, False)
    assert "url_env" in message


def test_a_table_one_may_not_read_is_refused_and_the_others_are_read(guarded):
    erp = Erp(guarded, SqlSource(kind="sql", name="erp", url=guarded, tables=(ORDERS,)))
    erp.run(
        "DROP TABLE IF EXISTS open_one", "CREATE TABLE open_one (id INT PRIMARY KEY)", "INSERT INTO open_one VALUES (1)"
    )
    erp.run("GRANT SELECT ON open_one TO reader")
    url = sa.make_url(guarded).set(username="reader", password="right").render_as_string(hide_password=False)
    landings = cycle(erp, url=url, tables=(ORDERS, SqlTable(name="open_one")))
    reason, message = told(landings)
    assert (reason, "user reader may not read it" in message, "GRANT SELECT" in message) == ("refused", True, True)
    assert landings[-1].frame["record_key"].to_list() == ["[1]"]


def test_a_connection_lost_in_mid_read_neither_loses_nor_doubles(pg, monkeypatch):
    monkeypatch.setattr(select, "PIECE", 20)
    fill(pg, 5000)
    reading = read_source(pg.source.model_copy(update={"tables": (SNAPSHOT,)}), Path("unused"), pg.memory, NOW)
    for _ in range(3):
        pg.memory.append(next(reading))
    pg.run(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid() AND datname IS NOT NULL"
    )
    rest = list(reading)
    for landing in rest:
        pg.memory.append(landing)
    reason, message = told(rest)
    assert (reason, "cannot be reached" in message) == ("source_down", True)
    assert 0 < pg.memory.versions.height < 5000
    assert not pg.memory.versions["deleted"].any(), "what was not read is not gone"
    monkeypatch.setattr(select, "PIECE", 5000)
    pg.read(SNAPSHOT)
    assert pg.memory.versions.height == 5000
    assert pg.memory.versions["record_key"].n_unique() == 5000


def test_a_table_locked_by_another_session_is_told_and_tried_again(pg, monkeypatch):
    monkeypatch.setattr(sessions, "_POSTGRES", sessions._POSTGRES.replace("lock_timeout=15s", "lock_timeout=200ms"))
    pg.put("a")
    with pg.engine.connect() as other:
        other.exec_driver_sql("LOCK TABLE orders IN ACCESS EXCLUSIVE MODE")
        reason, message = told(cycle(pg))
    assert (reason, "another session holds what is read" in message) == ("source_down", True)
    assert [k for k, _ in pg.landed()] == ["a"]


def test_a_locked_row_is_read_as_it_was(pg):
    pg.put("a", qty=1)
    with pg.engine.connect() as other:
        other.exec_driver_sql("UPDATE orders SET qty = 2 WHERE id = 'a'")
        assert '"qty":1' in pg.read().frame["payload"][0]
        other.commit()
    assert '"qty":2' in pg.read(ORDERS.model_copy(update={"reconcile": "24h"})).frame["payload"][0]


def test_a_locked_sqlite_file_is_told_and_tried_again(tmp_path, monkeypatch):
    monkeypatch.setattr(sessions, "WAIT_S", 0.2)
    url = f"sqlite:///{tmp_path}/erp.sqlite"
    erp = Erp(url, SqlSource(kind="sql", name="erp", url=url, tables=(ORDERS,)))
    erp.put("a")
    with closing(sqlite3.connect(tmp_path / "erp.sqlite", isolation_level=None)) as other:
        other.execute("BEGIN EXCLUSIVE")
        reason, message = told(cycle(erp))
        other.execute("ROLLBACK")
    assert (reason, "database is locked" in message, "another session" in message) == ("source_down", True, True)
    assert [k for k, _ in erp.landed()] == ["a"]


def test_a_writer_is_waited_for_and_not_kept_waiting_by_a_reader_of_a_logged_file(tmp_path):
    url = f"sqlite:///{tmp_path}/erp.sqlite"
    erp = Erp(url, SqlSource(kind="sql", name="erp", url=url, tables=(ORDERS,)))
    erp.run("PRAGMA journal_mode=WAL")
    fill(erp, 10)
    reading = read_source(erp.source, Path("unused"), erp.memory, NOW)
    first = next(reading)  # the reading is under way
    erp.put("meanwhile")
    erp.memory.append(first)
    list(reading)
    assert erp.memory.versions.height == 10
    assert [k for k, _ in erp.landed()] == ["meanwhile"]


def test_a_file_that_is_no_database_is_refused(tmp_path):
    (tmp_path / "erp.sqlite").write_bytes(b"something else entirely" * 100)
    source = SqlSource(kind="sql", name="erp", url=f"sqlite:///{tmp_path}/erp.sqlite", tables=(ORDERS,))
    (landing,) = read_source(source, tmp_path, Remembered(), NOW)
    assert "not a database" in landing.quarantine["message"][0]


def test_a_table_that_changes_while_it_is_read_is_read_as_of_one_instant(pg, monkeypatch):
    monkeypatch.setattr(select, "PIECE", 100)
    fill(pg, 1000)
    reading = read_source(pg.source, Path("unused"), pg.memory, NOW)
    pg.memory.append(next(reading))
    other = threading.Thread(target=pg.run, args=("DELETE FROM orders WHERE qty % 2 = 0".replace("%", "%%"),))
    other.start()
    other.join()
    for landing in reading:
        pg.memory.append(landing)
    assert pg.memory.versions.height == 1000
    assert sum(deleted for _, deleted in pg.landed()) == 500
