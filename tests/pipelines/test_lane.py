"""The maintenance lane: few files, nothing lost, nobody held up."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import polars as pl
import pytest
from appender import NAME, ROWS, segment

from pipelines.landing import lane
from plant.errors import TransientError
from warehouse.lake import Lake
from warehouse.large import tidy
from warehouse.snapshot import read

APPENDER = Path(__file__).with_name("appender.py")
LATE = datetime.now(UTC).replace(hour=23, minute=59)
"""Today is still written to and the day before is over for the lane, whatever the hour of the test."""


def filled(root, segments) -> Lake:
    lake = Lake(root)
    for n in range(1, segments + 1):
        lake.append_once(NAME, segment(n, 0.0), "a", n)
    return lake


def rows(root) -> pl.DataFrame:
    return Lake(root).scan(NAME).sort("segment", "seq").collect()


def files(root) -> dict:
    return {day: len(paths) for day, paths in Lake(root).snapshot(NAME).by_partition.items()}


def test_an_appender_is_never_held_up_and_no_row_is_lost_or_doubled(tmp_path, monkeypatch):
    monkeypatch.setattr(lane, "MOST_FILES", 5)
    command = [sys.executable, str(APPENDER), str(tmp_path), "3"]
    appender = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    tidied = 0
    while appender.poll() is None:
        if lane.due(Lake(tmp_path), tmp_path, LATE):
            lane.tidy_once(Lake(tmp_path), tmp_path, LATE)
            (tmp_path / "spool" / "upkeep.json").unlink(missing_ok=True)  # finished days again and again
            tidied += 1
        time.sleep(0.05)
    out, err = appender.communicate()
    assert appender.returncode == 0, err
    segments = int(out)
    kept = rows(tmp_path)
    assert tidied >= 2
    assert segments > 10
    assert kept.height == segments * ROWS
    assert kept.select("segment", "seq").n_unique() == kept.height
    lane.tidy_once(Lake(tmp_path), tmp_path, LATE)
    assert max(files(tmp_path).values()) <= 6
    assert rows(tmp_path).equals(kept)


def test_the_lane_is_a_process_that_merges_sorts_and_clears(tmp_path):
    lake = filled(tmp_path, 3 * (lane.MOST_FILES // 2 + 2))
    before, kept = files(tmp_path), rows(tmp_path)
    folder = lake.path(NAME)
    orphan = next(folder.glob("date=*")) / "part-of-a-killed-writer.parquet"
    orphan.write_bytes(b"PAR1")
    old = time.time() - 3 * 86_400
    os.utime(orphan, (old, old))
    assert lane.due(lake, tmp_path, datetime.now(UTC))
    done = subprocess.run(
        [sys.executable, "-m", "pipelines.landing.lane", str(tmp_path)], capture_output=True, check=False
    )
    assert done.returncode == 0, done.stderr.decode()
    after = files(tmp_path)
    assert max(before.values()) > lane.MOST_FILES
    assert max(after.values()) <= 33
    assert rows(tmp_path).equals(kept)
    assert not orphan.exists()
    assert not lane.due(Lake(tmp_path), tmp_path, datetime.now(UTC))


def test_old_log_entries_go_and_the_table_stays_readable(tmp_path):
    lake = filled(tmp_path, 5)
    log = lake.path(NAME) / "_delta_log"
    old = time.time() - 5 * 86_400
    for entry in log.glob("*.json"):
        os.utime(entry, (old, old))
    lake.tidy(NAME)
    assert len([*log.glob("*.json")]) < 5
    assert [*log.glob("*.checkpoint.parquet")]
    assert Lake(tmp_path).transaction_version(NAME, "a") == 5
    assert rows(tmp_path).height == 5 * ROWS


def test_a_day_that_does_not_fit_into_memory_is_sorted_in_parts(tmp_path, monkeypatch):
    monkeypatch.setattr(tidy, "CHUNK_ROWS", 150)
    lake = filled(tmp_path, 20)
    kept = rows(tmp_path)
    day = min(files(tmp_path))
    tidy.tidy(lake, NAME, today=day + timedelta(days=2))
    assert rows(tmp_path).equals(kept)
    snap = Lake(tmp_path).snapshot(NAME)
    (path,) = snap.paths([day])
    order = read(snap, [path]).select(pl.struct("tag", "ts").rank("dense").cast(pl.Int64).diff() < 0).collect()
    assert order.to_series().sum() < 3  # parts stay whole: 300 rows in parts of about 150


def test_a_lane_that_fails_is_logged_once_and_tried_again(tmp_path, monkeypatch, caplog):
    calls = []

    async def failing(_root):
        calls.append(1)
        if len(calls) == 2:
            raise TransientError("other writers won")
        return "no room" if len(calls) < 4 else ""

    monkeypatch.setattr(lane, "_lane", failing)
    monkeypatch.setattr(lane, "due", lambda *_: True)

    async def a_while():
        task = asyncio.create_task(lane.keep_tidy(Lake(tmp_path), tmp_path, 0.01))
        while len(calls) < 5:  # noqa: ASYNC110  what is waited for has no event
            await asyncio.sleep(0.01)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(a_while())
    assert [r.getMessage() for r in caplog.records if "lane" in r.getMessage()] == [
        "the maintenance lane failed: no room; tried again every 0 s"
    ]
