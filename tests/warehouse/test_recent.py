"""The newest rows of a large table, with no more read than must be."""

from datetime import UTC, datetime, timedelta

import polars as pl
import pytest

from warehouse.large import recent
from warehouse.large.recent import last_of, newest_first, newest_of, rows_since

NAME = "bronze.readings"
NOON = datetime(2026, 11, 2, 12, tzinfo=UTC)
SINCE = NOON.date()
MINE = pl.col("source") == "s"


@pytest.fixture
def looked(lake, frame, monkeypatch):
    """A lake of 20 files a minute apart, tag a in each, tag b in the third only; and the list of files read."""
    for n in range(20):
        at = NOON + timedelta(minutes=n)
        head = {"date": SINCE, "received_at": at, "source": "s", "segment": f"x/{n}"}
        rows = [{**head, "ts": at - timedelta(seconds=k), "tag": "a", "value": float(n), "seq": k} for k in range(10)]
        rows += [{**head, "ts": at, "tag": "b", "value": 3.0, "seq": 10}] if n == 3 else []
        lake.append_once(NAME, frame(NAME, *rows), "x", n)
    seen, real = [], recent.read
    monkeypatch.setattr(recent, "read", lambda snap, paths: seen.extend(paths) or real(snap, paths))
    return lake, seen


def test_the_last_minutes_are_read_from_the_files_that_hold_them(looked):
    lake, seen = looked
    files = newest_first(lake, NAME, "received_at", SINCE)
    last = last_of(lake, NAME, "received_at", MINE, files)
    assert last == NOON + timedelta(minutes=19)
    rows = rows_since(lake, NAME, "received_at", MINE, last - timedelta(minutes=2), files).collect()
    assert sorted(rows["value"].unique()) == [17.0, 18.0, 19.0]
    assert len(set(seen)) <= 4


def test_a_tag_that_changes_seldom_is_found_where_it_last_changed(looked):
    lake, seen = looked
    files = newest_first(lake, NAME, "ts", SINCE)
    quick = newest_of(lake, NAME, "tag", MINE, {"a"}, files)
    assert (quick["value"].to_list(), quick["ts"].to_list()) == ([19.0], [NOON + timedelta(minutes=19)])
    assert len(set(seen)) <= 2
    both = newest_of(lake, NAME, "tag", MINE, {"a", "b"}, files).sort("tag")
    assert both["value"].to_list() == [19.0, 3.0]


def test_what_is_nowhere_is_not_found(looked, lake):
    files = newest_first(lake, NAME, "ts", SINCE)
    assert newest_of(lake, NAME, "tag", MINE, {"c"}, files).is_empty()
    assert last_of(lake, NAME, "ts", pl.col("source") == "other", files) is None
    assert newest_first(lake, NAME, "ts", SINCE + timedelta(days=1)) == []


def test_no_table_no_files(lake):
    assert newest_first(lake, NAME, "ts", SINCE) == []
    assert rows_since(lake, NAME, "ts", MINE, NOON, []).collect().is_empty()
