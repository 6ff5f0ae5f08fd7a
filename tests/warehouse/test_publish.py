import json
import subprocess
import sys
import time
from datetime import UTC, date, datetime
from pathlib import Path

import duckdb
import pytest

from plant.errors import MissingTableError
from plant.tables import tables
from warehouse.connect import Window, connect
from warehouse.lake import Lake
from warehouse.publish import export_copy, publish, published_path
from warehouse.state import CheckResult, State

DAY = date(2026, 11, 2)


def reader(path):
    return duckdb.connect(str(path), read_only=True)


def write(lake, frame, k):
    """Two tables that carry the same number: a reader must never see different ones."""
    lake.replace_days("gold.losses", frame("gold.losses", {"production_day": DAY, "stops": k}), [DAY])
    lake.replace_days("gold.oee", frame("gold.oee", {"production_day": DAY, "note": str(k)}), [DAY])


def test_every_table_and_column_carries_its_comment(lake, frame):
    write(lake, frame, 1)
    con = reader(publish(lake.root, plant_name="northmill"))
    columns = con.execute("SELECT schema_name, table_name, column_name, comment FROM duckdb_columns()").fetchall()
    said = {(f"{s}.{t}", c): words for s, t, c, words in columns}
    for name, contract in tables().items():
        for column in contract.columns:
            assert said[name, column.name] == column.doc
    views = con.execute("SELECT schema_name || '.' || view_name, comment FROM duckdb_views()").fetchall()
    real = con.execute("SELECT schema_name || '.' || table_name, comment FROM duckdb_tables()").fetchall()
    words = dict(views + real)
    assert all(t.doc in words[name] for name, t in tables().items())
    assert con.execute("SELECT plant FROM main.about").fetchone() == ("Shopfloor lakehouse of northmill",)
    bare = con.execute(
        "SELECT schema_name, view_name FROM duckdb_views() WHERE NOT internal AND comment IS NULL "
        "UNION SELECT schema_name, function_name FROM duckdb_functions() "
        "WHERE function_type = 'table_macro' AND NOT internal AND comment IS NULL"
    ).fetchall()
    assert bare == []


def test_types_are_what_the_interface_says(lake, frame):
    write(lake, frame, 1)
    con = reader(publish(lake.root))
    types = dict(con.execute("SELECT column_name, data_type FROM duckdb_columns() WHERE table_name = 'oee'").fetchall())
    assert types["start_at"] == "TIMESTAMP WITH TIME ZONE"
    assert types["production_day"] == "DATE"
    assert types["oee"] == "DOUBLE"
    assert con.execute("SELECT production_day, note FROM gold.oee").fetchall() == [(DAY, "1")]
    assert con.execute("SELECT count(*) FROM gold.energy").fetchone() == (0,)


def test_publishing_is_skipped_when_nothing_changed(lake, frame):
    write(lake, frame, 1)
    path = publish(lake.root)
    inode = path.stat().st_ino
    assert publish(lake.root).stat().st_ino == inode
    assert publish(lake.root, force=True).stat().st_ino != inode
    inode = path.stat().st_ino
    check = CheckResult("gold.oee", "bounds", False, "blocking", 3, "3 rows", datetime.now(UTC))
    State(lake.root).record_checks([check])
    assert publish(lake.root).stat().st_ino != inode
    inode = path.stat().st_ino
    write(lake, frame, 2)
    assert publish(lake.root).stat().st_ino != inode
    assert sorted(p.name for p in path.parent.iterdir()) == [".lock", "shopfloor.duckdb"]


READER = """
import duckdb, json, os, sys, time
path, stop = sys.argv[1:]
opened = mixed = 0
seen = set()
while not os.path.exists(stop):
    con = duckdb.connect(path, read_only=True)
    stops, = con.execute("SELECT stops FROM gold.losses").fetchone()
    time.sleep(0.005)
    note, = con.execute("SELECT note FROM gold.oee").fetchone()
    versions = dict(con.execute("SELECT table_name, delta_version FROM meta.tables").fetchall())
    opened += 1
    mixed += not (str(stops) == note and versions["gold.oee"] == versions["gold.losses"] == int(note))
    seen.add(stops)
    con.close()
    time.sleep(0.03)
assert not [m for m in sys.modules if m.split(".")[0] in ("warehouse", "plant", "polars", "deltalake")]
print(json.dumps({"opened": opened, "mixed": mixed, "seen": len(seen)}))
"""


def test_plain_duckdb_reads_while_it_is_republished_in_a_loop(lake, frame, tmp_path):
    """Two readers with nothing but DuckDB: no error, and every opened file is of one version in itself."""
    write(lake, frame, 1)
    path, stop = publish(lake.root), tmp_path / "stop"
    command = [sys.executable, "-c", READER, str(path), str(stop)]
    readers = [subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, cwd="/") for _ in range(2)]
    time.sleep(0.5)
    for k in range(2, 7):
        write(lake, frame, k)
        publish(lake.root, lake=lake)
    stop.touch()
    for process in readers:
        out, err = process.communicate(timeout=60)
        assert process.returncode == 0, err.decode()
        told = json.loads(out)
        assert told["mixed"] == 0
        assert told["opened"] >= 3
        assert told["seen"] >= 2


def test_a_copy_stands_alone(lake, frame, tmp_path):
    write(lake, frame, 7)
    path = export_copy(lake.root, tmp_path / "copy.duckdb")
    for file in Path(lake.root / "lake").rglob("*.parquet"):
        file.unlink()
    con = reader(path)
    assert con.execute("SELECT stops FROM gold.losses").fetchall() == [(7,)]
    words = con.execute(
        "SELECT comment FROM duckdb_columns() WHERE table_name='oee' AND column_name='apt_s'"
    ).fetchone()
    assert words == (tables()["gold.oee"].column("apt_s").doc,)


def test_there_must_be_something_to_copy(tmp_path):
    with pytest.raises(MissingTableError, match="nothing to export"):
        export_copy(tmp_path, tmp_path / "copy.duckdb")


def test_an_empty_root_is_published_with_empty_tables(tmp_path):
    con = reader(publish(tmp_path))
    assert con.execute("SELECT count(*) FROM silver.time_ledger").fetchone() == (0,)
    assert published_path(tmp_path).exists()


def test_a_failed_publication_leaves_the_old_file(lake, frame, monkeypatch):
    def full(*_):
        raise RuntimeError("disk full")

    write(lake, frame, 1)
    path = publish(lake.root)
    write(lake, frame, 2)
    monkeypatch.setattr(sys.modules["warehouse.publish"], "_comment", full)
    with pytest.raises(RuntimeError, match="disk full"):
        publish(lake.root)
    assert reader(path).execute("SELECT stops FROM gold.losses").fetchall() == [(1,)]
    assert [p.name for p in path.parent.glob(".shopfloor*")] == []


# The live connection


def test_connect_shows_the_same_names(lake, frame):
    write(lake, frame, 3)
    con = connect(lake.root)
    assert con.execute("SELECT note FROM gold.oee").fetchall() == [("3",)]
    assert con.execute("SELECT current_setting('TimeZone')").fetchone() == ("UTC",)
    assert con.cursor().execute("SELECT current_setting('TimeZone')").fetchone() == ("UTC",)
    names = con.execute("SELECT table_schema || '.' || table_name FROM information_schema.tables").fetchall()
    assert {n for (n,) in names} >= set(tables())
    assert con.execute("SELECT delta_version FROM meta.tables WHERE table_name = 'gold.kpi'").fetchone() == (None,)


def test_a_window_follows_new_versions(lake, frame):
    write(lake, frame, 1)
    window = Window(lake.root)
    assert window.refresh() == []
    write(Lake(lake.root), frame, 2)
    assert sorted(window.refresh()) == ["gold.losses", "gold.oee"]
    assert window.con.execute("SELECT stops FROM gold.losses").fetchone() == (2,)
    assert window.con.execute("SELECT delta_version FROM meta.tables WHERE table_name='gold.oee'").fetchone() == (2,)


def test_columns_named_like_sql_words_can_be_read(lake, frame):
    lake.replace("silver.lot_links", frame("silver.lot_links", {"link_id": "l"}))
    row = connect(lake.root).execute('SELECT "at" FROM silver.lot_links').fetchone()
    assert row[0].utcoffset().total_seconds() == 0
