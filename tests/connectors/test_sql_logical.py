"""Logical decoding on Debian's PostgreSQL: every change found, nothing lost by a kill, clear refusals."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa
from sql_plant import NOW, ORDERS, T0, Erp
from sql_servers import debian_postgres

from connectors.base import Landing
from connectors.sql.logical import Feed, _take
from connectors.sql.source import read_source
from plant.sources.batch import SqlSource, SqlTable

LOGGED = ORDERS.model_copy(update={"mode": "logical"})


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    with debian_postgres(wal_level="logical") as url:
        yield url


@pytest.fixture
def erp(server) -> Iterator[Erp]:
    made = Erp(server, SqlSource(kind="sql", name="erp", url=server, tables=(LOGGED,)))
    yield made
    drop(made)


def drop(erp: Erp) -> None:
    erp.run("SELECT pg_drop_replication_slot(slot_name) FROM pg_replication_slots")


def cycle(erp: Erp, *tables: SqlTable, until: int | None = None) -> list[Landing]:
    """Read the source and append, or stop in the middle."""
    erp.runs += 1
    source = erp.source.model_copy(update={"tables": tables or (LOGGED,)})
    out: list[Landing] = []
    reading = read_source(source, Path("unused"), erp.memory, NOW + timedelta(minutes=erp.runs))
    for landing in reading:
        if len(out) == until:
            reading.close()
            break
        erp.memory.append(landing)
        out.append(landing)
    return out


def told(landings: list[Landing]) -> list[tuple[str, bool]]:
    return sorted(
        (json.loads(k)[0], d) for x in landings for k, d in x.frame.select("record_key", "deleted").iter_rows()
    )


def confirmed(erp: Erp) -> int:
    with erp.engine.connect() as connection:
        return int(
            connection.exec_driver_sql("SELECT confirmed_flush_lsn - '0/0' FROM pg_replication_slots").scalar_one()
        )


def test_inserts_updates_key_changes_deletes_and_rollbacks(erp):
    for key in ("a", "b", "c's", "d"):
        erp.put(key, qty=1)
    assert len(told(cycle(erp))) == 4
    assert cycle(erp) == []
    erp.run("UPDATE orders SET qty = 2 WHERE id = 'a'", "DELETE FROM orders WHERE id = 'c''s'")
    erp.run("UPDATE orders SET id = 'e: [new]' WHERE id = 'd'")
    erp.put("late", T0 - timedelta(days=30))
    with erp.engine.connect() as connection:
        connection.exec_driver_sql("DELETE FROM orders")
        connection.rollback()
    assert told(cycle(erp)) == [("a", False), ("c's", True), ("d", True), ("e: [new]", False), ("late", False)]
    assert cycle(erp) == []
    assert erp.memory.asked[-1] == "keys"


def test_a_kill_before_the_slot_moves_on_loses_and_doubles_nothing(erp):
    erp.put("a", qty=1)
    cycle(erp)
    erp.put("a", qty=2)
    before = confirmed(erp)
    cycle(erp, until=0)
    assert confirmed(erp) == before
    assert told(cycle(erp)) == [("a", False)]
    assert confirmed(erp) > before
    erp.put("b")
    erp.runs += 1
    reading = read_source(erp.source, Path("unused"), erp.memory, NOW + timedelta(minutes=erp.runs))
    erp.memory.append(next(reading))
    reading.close()  # appended, neither marked nor moved on
    assert cycle(erp) == []


def test_a_slot_made_anew_or_moved_by_others_makes_the_table_compared_whole(erp):
    erp.put("a")
    cycle(erp)
    drop(erp)
    erp.run("DELETE FROM orders")
    erp.put("b")
    assert told(cycle(erp)) == [("a", True), ("b", False)]
    erp.run("DELETE FROM orders")
    erp.run("SELECT count(*) FROM pg_logical_slot_get_changes('shopfloor_erp', NULL, NULL)")
    assert told(cycle(erp)) == [("b", True)]


def test_truncate_is_seen(erp):
    erp.put("a")
    cycle(erp)
    erp.run("TRUNCATE orders")
    assert told(cycle(erp)) == [("a", True)]


def test_tables_that_cannot_be_followed_are_refused_and_the_others_read(erp):
    erp.run('DROP TABLE IF EXISTS nokey, "odd-name ""x"": y"', "CREATE TABLE nokey (id int)")
    erp.run('CREATE TABLE "odd-name ""x"": y" ("left" int, "user" text, PRIMARY KEY ("left", "user"))')
    erp.run("""INSERT INTO "odd-name ""x"": y" VALUES (1, 'it''s')""")
    odd = SqlTable(name="odd", table='odd-name "x": y', key=("left", "user"), mode="logical")
    assert [x.frame["record_key"].to_list() for x in cycle(erp, odd)] == [['[1,"it\'s"]']]
    erp.run(
        """INSERT INTO "odd-name ""x"": y" VALUES (-2, 'new-tuple: b')""",
        """DELETE FROM "odd-name ""x"": y" WHERE "left" = 1""",
    )
    assert [x.frame["record_key"].to_list() for x in cycle(erp, odd)] == [['[-2,"new-tuple: b"]'], ['[1,"it\'s"]']]
    (refused,) = cycle(erp, SqlTable(name="nokey", mode="logical"))
    assert "its primary key is missing, not id: use snapshot" in refused.quarantine["message"][0]


def test_a_slot_nobody_reads_any_more_is_reported_once_a_day(erp):
    erp.put("a")
    cycle(erp)
    found = [x for n in range(2) for x in cycle(erp, ORDERS) if x.quarantine.height]
    assert [x.quarantine.select("reason", "booked").row(0) for x in found] == [("abandoned_slot", True)] * 2
    assert len({x.app for x in found}) == 1
    assert "pg_drop_replication_slot('shopfloor_erp')" in found[0].quarantine["message"][0]


def test_without_the_right_to_replicate_it_is_refused_clearly(erp):
    erp.run("DO $$ BEGIN CREATE ROLE reader LOGIN; EXCEPTION WHEN duplicate_object THEN NULL; END $$")
    erp.run("GRANT SELECT ON orders TO reader")
    erp.source = erp.source.model_copy(update={"url": sa.make_url(erp.url).set(username="reader").render_as_string()})
    (refused,) = cycle(erp)
    assert "user reader may not use slot shopfloor_erp" in refused.quarantine["message"][0]
    assert "REPLICATION" in refused.quarantine["message"][0]


def test_a_server_that_does_not_log_logically_is_refused_clearly(postgres, tmp_path):
    for url, said in ((postgres, "needs wal_level = logical"), (f"sqlite:///{tmp_path}/x.sqlite", "is for PostgreSQL")):
        erp = Erp(url, SqlSource(kind="sql", name="erp", url=url, tables=(LOGGED,)))
        (refused,) = cycle(erp)
        assert refused.quarantine["reason"].to_list() == ["refused"]
        assert said in refused.quarantine["message"][0]


def test_lines_of_the_slot_are_taken_apart():
    feed = Feed("s", 0, 0)
    keys = {"orders": ("id",), "a b": ("left", "n")}
    for line in (
        "BEGIN",
        "table public.orders: INSERT: id[character varying]:'x: [y]:''z''' n[integer[]]:'{1,2}'",
        "table public.orders: UPDATE: old-key: id[text]:'old' new-tuple: id[text]:'new-tuple: ' n[integer]:1",
        'table public."a b": DELETE: "left"[bigint]:-3 n[numeric]:1.50',
        "table other.orders: INSERT: id[text]:'foreign'",
        "COMMIT",
    ):
        _take(feed, line, keys, "public")
    assert feed.changed == {"orders": {("x: [y]:'z'",), ("old",), ("new-tuple: ",)}, "a b": {("-3", "1.50")}}
    assert feed.unsure == set()
    _take(feed, "table public.orders: DELETE: (no-tuple-data)", keys, "public")
    _take(feed, 'table public.x, public."a b": TRUNCATE: (no-flags)', keys, None)
    assert feed.unsure == {"orders", "a b"}
