"""Pages of a SQLite file: a row that changes changes a hash, in every journal mode, however long it is."""

from __future__ import annotations

import random
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
import sqlalchemy as sa
from sql_plant import Erp

from connectors.sql import pages, prints
from connectors.sql.engine import connected, open_engine
from connectors.sql.read import target
from plant.sources.batch import SqlSource, SqlTable

THINGS = SqlTable(name="things", key=("id",))


def made(folder: Path, *, size: int = 4096, journal: str = "DELETE", kind: str = "INTEGER PRIMARY KEY") -> Erp:
    """A file with an empty table of things."""
    path = folder / "a b.sqlite"
    with closing(sqlite3.connect(path, isolation_level=None)) as db:
        db.execute(f"PRAGMA page_size={size}")
        db.execute(f"PRAGMA journal_mode={journal}")
        db.execute(f"CREATE TABLE things (id {kind}, note TEXT)")
    url = f"sqlite:///{path}"
    return Erp(url, SqlSource(kind="sql", name="erp", url=url, tables=(THINGS,)))


def changed_of(erp: Erp, work: list[str]) -> tuple[list[int], dict[int, str]]:
    """Ids of the rows on pages that differ after some work, and all rows, as one transaction sees them."""
    engine = open_engine(erp.source, Path("unused"))
    seen: list[tuple[dict[int, int], int]] = []
    for statements in ([], work):
        erp.run(*statements)
        with connected(engine, "erp") as connection, pages.opened(connection):
            at = target(connection, erp.source, THINGS)
            bits = prints.bits_for(connection, at, 0)
            seen.append(prints.cells(connection, at, bits) or ({}, -1))
            rows = dict(connection.exec_driver_sql("SELECT id, note FROM things").fetchall())
            assert seen[-1][1] == len(rows)
            if len(seen) == 2:
                cells = prints.differing(connection, seen[1][0], seen[0][0])
                where = prints.inside(connection, at, bits, cells)
                ids = [r[0] for r in connection.execute(sa.select(at.selectable.c.id).where(where))]
    return sorted(ids), rows


@pytest.mark.parametrize(("size", "journal"), [(512, "DELETE"), (4096, "WAL"), (65536, "TRUNCATE"), (1024, "WAL")])
def test_every_change_of_a_row_is_on_a_page_that_differs(tmp_path, size, journal):
    random.seed(size)
    erp = made(tmp_path, size=size, journal=journal)
    with erp.engine.connect() as other:  # keeps the log open, half of it copied into the file
        other.exec_driver_sql("SELECT count(*) FROM things").scalar()
        other.rollback()
        lengths = [random.choice((0, 3, 200, size - 40, size, 9 * size)) for _ in range(200)]
        erp.run(*(f"INSERT INTO things VALUES ({n * 7}, '{'x' * k}')" for n, k in enumerate(lengths)))
        if journal == "WAL":
            other.exec_driver_sql("PRAGMA wal_checkpoint(PASSIVE)").fetchall()
        places = random.sample(range(200), 8)
        work = [f"UPDATE things SET note = substr(note, 1, length(note) - 1) || 'y' WHERE id = {n * 7}" for n in places]
        work += ["INSERT INTO things VALUES (-5, 'new')", "DELETE FROM things WHERE id = 0"]
        ids, rows = changed_of(erp, work)
    assert {n * 7 for n in places if lengths[n] and n} | {-5} <= set(ids)
    assert set(ids) <= set(rows)
    if size == 512:
        assert len(ids) < 100, "only rows of pages that differ"


def test_ids_of_the_whole_range_are_read_from_pages(tmp_path):
    erp = made(tmp_path)
    odd = [-(2**63), -1, 0, 127, 128, 2**31, 2**56, 2**63 - 1]
    ids, _ = changed_of(erp, [f"INSERT INTO things VALUES ({n}, 'a')" for n in odd])
    assert ids == odd


def test_a_text_whose_end_changes_far_from_its_page_is_found(tmp_path):
    erp = made(tmp_path)
    erp.run(*(f"INSERT INTO things VALUES ({n}, '{'x' * 50_000}')" for n in range(3)))
    assert len(erp.landed(THINGS)) == 3
    erp.run("UPDATE things SET note = substr(note, 1, 49999) || 'y' WHERE id = 1")
    assert erp.landed(THINGS) == [(1, False)]
    assert erp.landed(THINGS) == []


def test_rows_that_moved_are_no_change_and_another_definition_is_read_whole(tmp_path):
    erp = made(tmp_path)
    erp.run(*(f"INSERT INTO things VALUES ({n}, 'note {n}')" for n in range(500)))
    erp.read(THINGS)
    with closing(sqlite3.connect(tmp_path / "a b.sqlite", isolation_level=None)) as db:
        db.execute("VACUUM")
    assert erp.landed(THINGS) == []
    erp.run("ALTER TABLE things ADD COLUMN c TEXT DEFAULT 'a'")
    assert len(erp.landed(THINGS)) == 500
    erp.run("DELETE FROM things WHERE id < 100", "UPDATE things SET c = 'b' WHERE id = 400")
    assert sorted(erp.landed(THINGS)) == [(n, True) for n in range(100)] + [(400, False)]


def test_a_backup_put_back_and_written_to_as_often_is_another_file(tmp_path):
    erp = made(tmp_path)
    path = tmp_path / "a b.sqlite"
    erp.run("INSERT INTO things VALUES (1, 'a')")
    backup = path.read_bytes()
    erp.run("INSERT INTO things VALUES (2, 'b')")
    assert len(erp.landed(THINGS)) == 2
    path.write_bytes(backup)
    erp.run("INSERT INTO things VALUES (3, 'c')")
    assert erp.landed(THINGS) == [(3, False), (2, True)]


def test_a_row_without_key_hides_no_row_that_is_gone(tmp_path):
    erp = made(tmp_path, kind="TEXT PRIMARY KEY")  # SQLite allows null in such a key
    erp.run("INSERT INTO things VALUES ('a', '1'), ('b', '2')")
    assert len(erp.landed(THINGS)) == 2
    erp.run("INSERT INTO things VALUES (NULL, '3')", "DELETE FROM things WHERE id = 'a'")
    assert erp.landed(THINGS) == [("a", True)]


@pytest.mark.parametrize("statement", ["CREATE TABLE {} (id TEXT PRIMARY KEY, v) WITHOUT ROWID",
                                       "CREATE TABLE {} (id INTEGER PRIMARY KEY, _rowid_ TEXT)"])  # fmt: skip
def test_a_table_whose_row_ids_cannot_be_named_is_compared_whole(tmp_path, statement):
    erp = made(tmp_path)
    erp.run("DROP TABLE things", statement.format("things"), "INSERT INTO things VALUES (1, 1), (2, 2)")
    assert len(erp.landed(THINGS)) == 2
    erp.run("DELETE FROM things WHERE id = 1")
    assert [d for _, d in erp.landed(THINGS)] == [True]


def test_pages_that_make_no_sense_are_not_believed(tmp_path, monkeypatch):
    erp = made(tmp_path)
    erp.run(*(f"INSERT INTO things VALUES ({n}, 'note {n}')" for n in range(2000)))
    erp.read(THINGS)
    monkeypatch.setattr(pages.Pages, "page", lambda self, number: bytes([pages._LEAF]) + b"\xff" * (self.size - 1))
    erp.run("DELETE FROM things WHERE id = 1")
    assert erp.landed(THINGS) == [(1, True)]
