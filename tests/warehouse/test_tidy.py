from datetime import UTC, date, datetime, timedelta

import polars as pl
import pytest

from plant.errors import TerminalError
from plant.tables import table
from warehouse.large.tidy import tidy
from warehouse.snapshot import read

NAME = "bronze.readings"
OLD, TODAY = date(2026, 11, 2), datetime.now(UTC).date()


def fill(lake, frame, day, pieces=5):
    at = datetime(day.year, day.month, day.day, tzinfo=UTC)
    for v in range(pieces):
        rows = [
            {"date": day, "ts": at + timedelta(minutes=v), "tag": f"m.{t}", "segment": f"{day}-{v}", "seq": t}
            for t in range(4)
        ]
        lake.append_once(NAME, frame(NAME, *rows), f"app-{day}", v)


def test_tidying_sorts_a_crowded_day_into_one_file_and_changes_no_row(lake, frame):
    fill(lake, frame, OLD)
    fill(lake, frame, TODAY)
    before = lake.scan(NAME).sort("segment", "seq").collect()
    done = lake.tidy(NAME)
    assert (done.rewritten, done.files_before, done.files_after) == ((OLD,), 10, 6)
    assert lake.scan(NAME).sort("segment", "seq").collect().equals(before)
    snap = lake.snapshot(NAME)
    rows = read(snap, snap.paths([OLD])).collect()
    assert rows.select("tag", "ts").equals(rows.select("tag", "ts").sort("tag", "ts"))
    assert lake.transaction_version(NAME, f"app-{OLD}") == 4
    assert lake.tidy(NAME).rewritten == ()


def test_a_record_set_is_tidied_too(lake, frame):
    for v in range(3):
        rows = frame("bronze.records", {"record_set": "erp.o'brien", "record_key": str(v)})
        lake.append_once("bronze.records", rows, "erp", v)
    assert tidy(lake, "bronze.records").files_after == 1
    assert lake.scan("bronze.records").collect()["record_key"].to_list() == ["0", "1", "2"]


def test_files_still_in_reach_of_readers_are_kept(lake, frame):
    fill(lake, frame, OLD)
    reader = lake.scan(NAME)
    assert lake.tidy(NAME).deleted == 0
    assert reader.select(pl.len()).collect().item() == 20
    with pytest.raises(TerminalError, match="keep_h is 1; valid is 24"):
        tidy(lake, NAME, keep_h=1)


def test_nothing_to_tidy(lake):
    assert lake.tidy(NAME).files_before == 0
    assert table(NAME).partition == "date"
