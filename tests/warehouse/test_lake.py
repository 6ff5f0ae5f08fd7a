import dataclasses
import os
import pickle
import shutil
import subprocess
import sys
import threading
import time
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import duckdb
import polars as pl
import pyarrow.parquet as pq
import pytest
from deltalake import DeltaTable

from plant.errors import ContractError, TerminalError
from plant.tables import table
from warehouse import writing
from warehouse.lake import Lake
from warehouse.writing import commit, create, enforce

DAYS = [date(2026, 11, 1) + timedelta(days=i) for i in range(5)]
READINGS = "bronze.readings"


def readings(frame, n, day=DAYS[0], segment="s1", start=0):
    at = datetime(day.year, day.month, day.day, tzinfo=UTC)
    rows = [
        {"date": day, "ts": at + timedelta(seconds=i), "tag": f"m.{i % 3}", "segment": segment, "seq": i}
        for i in range(start, start + n)
    ]
    return frame(READINGS, *rows)


def test_a_missing_table_reads_as_its_empty_contract(lake):
    rows = lake.scan("gold.oee", days=(DAYS[0], DAYS[1])).collect()
    assert rows.height == 0
    assert rows.schema == pl.Schema(table("gold.oee").schema)
    assert (lake.exists("gold.oee"), lake.version("gold.oee"), lake.days("gold.oee")) == (False, None, [])
    assert lake.transaction_version(READINGS, "a") is None
    assert lake.fingerprint("gold.oee") == ""


def test_an_append_goes_in_exactly_once(lake, frame, tmp_path):
    results = [lake.append_once(READINGS, readings(frame, 10, segment=f"s{v}"), "app", v) for v in (1, 1, 0, 2, 2, 3)]
    assert results == [True, False, False, True, False, True]
    assert lake.append_once(READINGS, readings(frame, 10, segment="t0"), "other", 0)
    again = Lake(tmp_path)  # another process after a crash
    assert not again.append_once(READINGS, readings(frame, 10, segment="s3"), "app", 3)
    assert again.transaction_version(READINGS, "app") == 3
    assert again.scan(READINGS).collect().height == 40


def test_an_empty_append_writes_nothing(lake):
    assert not lake.append_once(READINGS, table(READINGS).empty(), "app", 1)
    assert lake.transaction_version(READINGS, "app") is None


def test_processes_racing_with_the_same_segments_double_nothing(tmp_path, lake):
    """Three processes bring the same five segments and five of their own each."""
    root = str(tmp_path)
    code = Path(__file__).with_name("race_appends.py")
    started = [subprocess.Popen([sys.executable, str(code), root, str(w)]) for w in range(3)]
    assert [p.wait(timeout=120) for p in started] == [0, 0, 0]
    rows = lake.scan(READINGS).collect()
    assert rows.height == rows.select("segment", "seq").n_unique() == (5 + 3 * 5) * 20


def test_replacing_days_commits_once_and_only_what_changed(lake, frame):
    first = frame("gold.losses", *({"production_day": d, "machine": m} for d in DAYS for m in ("a", "b")))
    written = lake.replace_days("gold.losses", first, DAYS)
    assert (written.committed, written.changed, written.rows) == (True, tuple(DAYS), 10)
    before = {d: lake.fingerprint("gold.losses", [d]) for d in DAYS}

    same = lake.replace_days("gold.losses", first.sample(fraction=1.0, shuffle=True, seed=3), DAYS)
    assert (same.committed, same.version) == (False, written.version)

    touched = pl.col("production_day").is_in([DAYS[1], DAYS[3]]) & (pl.col("machine") == "b")
    second = first.with_columns(duration_s=pl.when(touched).then(9.0).otherwise("duration_s"))
    again = lake.replace_days("gold.losses", second, DAYS)
    assert (again.changed, again.version) == ((DAYS[1], DAYS[3]), written.version + 1)
    after = {d: lake.fingerprint("gold.losses", [d]) for d in DAYS}
    assert [d for d in DAYS if before[d] != after[d]] == [DAYS[1], DAYS[3]]
    assert (
        lake.scan("gold.losses")
        .sort("production_day", "machine")
        .collect()
        .equals(second.sort("production_day", "machine"))
    )


def test_a_day_without_rows_is_emptied_and_others_stay(lake, frame):
    lake.replace_days("gold.losses", frame("gold.losses", *({"production_day": d} for d in DAYS)), DAYS)
    written = lake.replace_days("gold.losses", frame("gold.losses", {"production_day": DAYS[0]}), DAYS[:3])
    assert written.changed == (DAYS[1], DAYS[2])
    assert lake.days("gold.losses") == [DAYS[0], DAYS[3], DAYS[4]]
    nothing = lake.replace_days("gold.losses", table("gold.losses").empty(), [DAYS[1]])
    assert not nothing.committed


def test_rows_of_other_days_are_refused(lake, frame):
    with pytest.raises(ContractError, match=r"1 rows of other days.*2026-11-03.*valid are 2026-11-01"):
        lake.replace_days("gold.losses", frame("gold.losses", {"production_day": DAYS[2]}), [DAYS[0]])
    assert not lake.exists("gold.losses")


def test_a_table_is_written_only_as_its_contract_says(lake, frame):
    with pytest.raises(TerminalError, match=r"silver.lots is written by replace, not by replace_day"):
        lake.replace_days("silver.lots", frame("silver.lots", {}), DAYS)


def test_replace_commits_only_a_change(lake, frame):
    rows = frame("silver.lots", {"lot": "L1"}, {"lot": "L2"})
    first = lake.replace("silver.lots", rows)
    assert lake.replace("silver.lots", rows.reverse()) == dataclasses.replace(first, committed=False)
    assert lake.replace("silver.lots", rows.head(1)).version == first.version + 1
    assert lake.scan("silver.lots").collect()["lot"].to_list() == ["L1"]


def test_reading_days_opens_only_their_files(lake, frame):
    lake.replace_days("gold.losses", frame("gold.losses", *({"production_day": d} for d in DAYS)), DAYS)
    paths = lake.snapshot("gold.losses").paths([DAYS[2]])
    for path in set(lake.snapshot("gold.losses").paths()) - set(paths):
        Path(path).unlink()  # a read of anything else would now fail
    assert lake.scan("gold.losses", days=(DAYS[2], DAYS[2])).collect().height == 1
    assert lake.scan("gold.losses", partitions=[DAYS[2]]).collect().height == 1
    assert lake.scan("gold.losses", partitions=[date(2030, 1, 1)]).collect().height == 0


def test_days_of_a_table_without_days_is_an_error(lake):
    with pytest.raises(TerminalError, match="kept whole"):
        lake.scan("silver.lots", days=(DAYS[0], DAYS[1]))
    with pytest.raises(TerminalError, match="split by record_set"):
        lake.scan("bronze.records", days=(DAYS[0], DAYS[1]))


def test_odd_names_in_root_and_partition(tmp_path, frame):
    lake = Lake(tmp_path / "a root: 100% ö'd {x}")
    sets = {"1": "erp.work orders", "2": "erp.a/b%"}
    rows = frame("bronze.records", *({"record_set": s, "record_key": k} for k, s in sets.items()))
    lake.append_once("bronze.records", rows, "erp", 1)
    assert lake.partitions("bronze.records") == ["erp.a/b%", "erp.work orders"]
    found = lake.scan("bronze.records", partitions=["erp.work orders"]).collect()
    assert found.select("record_set", "record_key").rows() == [("erp.work orders", "1")]
    seen = duckdb.sql(f"SELECT record_set, record_key FROM ({lake.select('bronze.records')}) ORDER BY 2").fetchall()
    assert seen == [("erp.work orders", "1"), ("erp.a/b%", "2")]
    for name in ("[odd]", "env=prod"):
        with pytest.raises(TerminalError, match="valid is a path without"):
            Lake(tmp_path / name)


def test_files_have_the_measured_layout(lake, frame, monkeypatch):
    monkeypatch.setattr(writing, "ROW_GROUP_ROWS", 1000)
    lake.append_once(READINGS, readings(frame, 3000), "app", 1)
    (path,) = lake.snapshot(READINGS).paths()
    meta = pq.ParquetFile(path).metadata
    names = {meta.schema.column(i).name: i for i in range(meta.num_columns)}
    ts = meta.row_group(0).column(names["ts"])
    assert meta.num_row_groups == 3
    assert ts.compression == "ZSTD"
    assert "DELTA_BINARY_PACKED" in ts.encodings
    assert str(pq.read_schema(path).field("tag").type) in {"string", "large_string"}
    assert pl.read_parquet(path)["tag"].is_sorted()


def test_a_column_added_to_a_contract_reads_as_null_in_older_rows(lake, frame, tmp_path):
    contract = table("gold.losses")
    younger = dataclasses.replace(contract, columns=tuple(c for c in contract.columns if c.name != "duration_s"))
    path = lake.path("gold.losses")
    create(younger, path)
    old = frame("gold.losses", {"production_day": DAYS[0]}).drop("duration_s")
    commit(DeltaTable(path), younger, enforce(younger, old))
    assert lake.scan("gold.losses").collect()["duration_s"].to_list() == [None]
    lake.replace_days("gold.losses", frame("gold.losses", {"production_day": DAYS[1]}), [DAYS[1]])
    for one in (lake, Lake(tmp_path)):
        rows = one.scan("gold.losses").sort("production_day").collect()
        assert rows["duration_s"].to_list() == [None, 0.5]
    seen = duckdb.sql(f"SELECT duration_s FROM ({lake.select('gold.losses')}) ORDER BY production_day").fetchall()
    assert seen == [(None,), (0.5,)]


def test_deletion_vectors_are_refused(lake):
    contract = table("silver.lots")
    create(contract, lake.path("silver.lots"))
    handle = DeltaTable(lake.path("silver.lots"))
    handle.alter.set_table_properties({"delta.enableDeletionVectors": "true"})
    with pytest.raises(TerminalError, match="deletionVectors"):
        lake.scan("silver.lots")


def test_writers_of_the_same_day_never_double(tmp_path, frame):
    """Four writers, each with its own handle, replace the same day ten times: the last one's rows stand alone."""
    errors = []

    def write(k):
        lake = Lake(tmp_path)
        try:
            for i in range(5):
                rows = frame("gold.losses", *({"production_day": DAYS[0], "machine": f"{k}-{i}-{r}"} for r in range(3)))
                lake.replace_days("gold.losses", rows, [DAYS[0]])
        except Exception as error:
            errors.append(error)

    threads = [threading.Thread(target=write, args=(k,)) for k in range(4)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    assert errors == []
    names = Lake(tmp_path).scan("gold.losses").collect()["machine"].to_list()
    assert len(names) == 3
    assert len({n.rsplit("-", 1)[0] for n in names}) == 1


def test_a_forked_process_is_told_to_spawn(lake, monkeypatch):
    pid = os.getpid()
    monkeypatch.setattr("warehouse.handles.os.getpid", lambda: pid + 1)
    with pytest.raises(TerminalError, match="spawn"):
        lake.version("gold.oee")


def test_a_lake_travels_to_a_worker(lake, frame):
    lake.replace("silver.lots", frame("silver.lots", {"lot": "L1"}))
    other = pickle.loads(pickle.dumps(lake))
    assert other.root == lake.root
    assert other.scan("silver.lots").collect().height == 1


def test_a_table_deleted_and_made_again_is_seen(lake, frame):
    lake.replace("silver.lots", frame("silver.lots", {"lot": "L1"}))
    shutil.rmtree(lake.path("silver.lots"))
    assert not lake.exists("silver.lots")
    assert lake.scan("silver.lots").collect().height == 0
    lake.replace("silver.lots", frame("silver.lots", {"lot": "L2"}))
    assert lake.scan("silver.lots").collect()["lot"].to_list() == ["L2"]


def test_an_old_reading_can_be_asked_for_again(lake, frame):
    rows = frame("gold.oee", {"production_day": DAYS[0], "oee": 0.5})
    lake.replace_days("gold.oee", rows, [DAYS[0]])
    time.sleep(0.05)
    between = datetime.now(UTC)
    time.sleep(0.05)
    lake.replace_days("gold.oee", rows.with_columns(oee=0.6), [DAYS[0]])
    assert lake.scan_as_known("gold.oee", between).collect()["oee"].to_list() == [0.5]
    assert lake.scan("gold.oee").collect()["oee"].to_list() == [0.6]
    assert lake.scan_as_known("gold.oee", datetime(2020, 1, 1, tzinfo=UTC)).collect().height == 0
    assert lake.scan_as_known("gold.kpi", between).collect().height == 0
