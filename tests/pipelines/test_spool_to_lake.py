"""From the spool to the lake and on to silver: once, in bounded steps, whatever the lake does meanwhile."""

from __future__ import annotations

import asyncio
import sys
import threading
from datetime import timedelta
from pathlib import Path

import polars as pl

sys.path.insert(0, str(Path(__file__).parents[1] / "connectors"))
from dock_plant import in_loop, make_plant, utc

from assets.kernels.readings import clean
from connectors import spool as spool_module
from connectors.intake import ROWS
from pipelines.spooling import SpoolIntake
from plant import calendar
from plant.dimensions import states_frame, tags_frame
from plant.errors import TransientError
from plant.tables import table
from warehouse.lake import Lake

TAG = "m1.power"


def some(values, first_at, received_at=None) -> pl.DataFrame:
    """A value a second of one tag."""
    rows = [
        {
            "ts": first_at + timedelta(seconds=n), "tag": TAG, "value": float(v), "text": None, "status": 0,
            "server_at": None, "received_at": received_at or first_at, "source": "ua",
        }
        for n, v in enumerate(values)
    ]  # fmt: skip
    return pl.DataFrame(rows, schema=ROWS)


class AwayLake(Lake):
    """A lake that cannot be reached while `away` is set, and is as slow as `gate` says."""

    def __init__(self, root):
        super().__init__(root)
        self.away, self.gate, self.appended = False, threading.Event(), []
        self.gate.set()

    def append_once(self, name, frame, app, version):
        self.gate.wait(30)
        if self.away:
            raise TransientError("the share is not mounted")
        self.appended.append((name, version, frame.height))
        return super().append_once(name, frame, app, version)


def stored(root) -> pl.DataFrame:
    return Lake(root).scan("bronze.readings").sort("ts", "received_at").collect()


@in_loop
async def test_what_republish_backfill_and_rebirth_repeat_is_one_sample_in_silver(tmp_path):
    plant, at = make_plant(tmp_path), utc(-600).replace(microsecond=0)
    intake = SpoolIntake(plant, tmp_path, Lake(tmp_path))
    await intake.put(some(range(10), at))
    await intake.put(some(range(5, 10), at + timedelta(seconds=5), utc(-500)))  # Republish, in the same frame
    await intake.flush()
    await intake.commit()
    await intake.put(some(range(12), at, utc(-400)))  # HistoryRead over all of it and more
    await intake.flush()
    await intake.put(some([11], at + timedelta(seconds=11), utc(-300)))  # a rebirth gives the last value again
    await intake.close()
    assert stored(tmp_path).height == 28
    days = sorted({at.date(), utc().date()})
    bounds = calendar.bounds(plant, days[0] - timedelta(days=1), days[-1])
    opening = table("silver.readings").empty()
    bronze = Lake(tmp_path).scan("bronze.readings")
    silver = clean(bronze, tags_frame(plant), states_frame(plant), opening, bounds).collect(engine="in-memory")
    mine = silver.filter((pl.col("tag").is_in([TAG, "power"])) & ~pl.col("opening")).sort("at")
    assert mine["value"].to_list() == [float(n) for n in range(12)]


@in_loop
async def test_while_the_lake_is_away_segments_grow_instead_of_becoming_many(tmp_path, caplog):
    lake = AwayLake(tmp_path)
    intake = SpoolIntake(make_plant(tmp_path), tmp_path, lake)
    lake.away = True
    for n in range(6):
        await intake.put(some([n], utc(-60 + n)))
        await intake.flush()
        await intake.commit()
    assert len(intake.readings.sealed()) == 1
    assert len([r for r in caplog.records if "the lake does not take segments" in r.getMessage()]) == 1
    lake.away = False
    await intake.close()
    assert [(version, rows) for _, version, rows in lake.appended] == [(1, 1), (2, 5)]
    assert stored(tmp_path)["value"].to_list() == [0.0, 1.0, 2.0, 3.0, 4.0, 5.0]


@in_loop
async def test_an_error_of_the_lake_that_nobody_foresaw_stops_no_source(tmp_path, caplog, monkeypatch):
    lake = Lake(tmp_path)
    intake = SpoolIntake(make_plant(tmp_path), tmp_path, lake)
    await intake.put(some([1], utc(-60)))
    await intake.flush()
    with monkeypatch.context() as patch:
        patch.setattr(lake, "append_once", lambda *_, **__: 1 / 0)
        for _ in range(2):
            await intake.commit()
    assert caplog.text.count("division by zero; they are kept in the spool") == 1
    assert intake.open.is_set()
    await intake.close()
    assert stored(tmp_path)["value"].to_list() == [1.0]


@in_loop
async def test_what_waited_is_taken_in_steps_of_bounded_size(tmp_path, monkeypatch):
    monkeypatch.setattr(spool_module, "SEGMENT_ROWS", 100)
    lake = AwayLake(tmp_path)
    intake = SpoolIntake(make_plant(tmp_path), tmp_path, lake)
    lake.away = True
    for n in range(25):
        await intake.put(some(range(40), utc(-3000 + 50 * n)))
        await intake.flush()
        await intake.commit()
    lake.away = False
    await intake.close()
    assert [version for _, version, _ in lake.appended] == list(range(1, len(lake.appended) + 1))
    assert max(rows for *_, rows in lake.appended) <= 140
    assert stored(tmp_path).height == 1000
    assert stored(tmp_path).select("segment", "seq").n_unique() == 1000


@in_loop
async def test_a_slow_lake_delays_no_acknowledgement(tmp_path):
    lake, told = AwayLake(tmp_path), []
    intake = SpoolIntake(make_plant(tmp_path), tmp_path, lake)
    await intake.put(some([1], utc(-60)))
    await intake.flush()
    lake.gate.clear()
    committing = asyncio.create_task(intake.commit())
    await asyncio.sleep(0.05)
    await intake.put(some([2], utc(-30)), lambda: told.append(1))
    await asyncio.wait_for(intake.flush(), 5)
    assert (told, committing.done()) == ([1], False)
    lake.gate.set()
    await committing
    await intake.close()
    assert stored(tmp_path)["value"].to_list() == [1.0, 2.0]


@in_loop
async def test_a_commit_that_is_cancelled_half_way_is_not_repeated(tmp_path):
    lake = AwayLake(tmp_path)
    intake = SpoolIntake(make_plant(tmp_path), tmp_path, lake)
    await intake.put(some([1], utc(-60)))
    await intake.flush()
    lake.gate.clear()
    committing = asyncio.create_task(intake.commit())
    await asyncio.sleep(0.05)
    committing.cancel()
    await asyncio.gather(committing, return_exceptions=True)
    asyncio.get_running_loop().call_later(0.2, lake.gate.set)
    await intake.close()
    assert stored(tmp_path)["value"].to_list() == [1.0]


@in_loop
async def test_files_set_aside_count_and_the_message_names_them(tmp_path, caplog):
    intake = SpoolIntake(make_plant(tmp_path), tmp_path, Lake(tmp_path), max_bytes=20_000)
    aside = tmp_path / "spool" / "readings" / "0000000001.bad"
    aside.write_bytes(bytes(20_000))
    await intake.flush()
    assert not intake.open.is_set()
    assert (
        "of 20000 bytes): sources are not read until the lake has caught up; 20000 bytes are 1 file(s) set aside"
        in (caplog.text)
    )
    aside.unlink()
    await intake.flush()
    assert intake.open.is_set()
    await intake.close()


@in_loop
async def test_what_the_lake_and_the_spool_hold_is_both_known_at_the_start(tmp_path):
    plant, at = make_plant(tmp_path), utc(-60).replace(microsecond=0)
    lake = AwayLake(tmp_path)
    intake = SpoolIntake(plant, tmp_path, lake)
    await intake.put(some(range(5), at, utc(-30)))
    await intake.flush()
    await intake.commit()
    lake.away = True
    await intake.put(some([5], at + timedelta(seconds=5), utc(-20)))
    await intake.flush()
    await intake.commit()
    known = await intake.stored("ua", [TAG])
    assert sorted(known["value"]) == [0.0, 1.0, 2.0, 3.0, 4.0, 5.0]
    lake.away = False
    await intake.close()


@in_loop
async def test_a_large_spool_is_looked_through_a_segment_at_a_time(tmp_path, monkeypatch):
    monkeypatch.setattr(spool_module, "SEGMENT_ROWS", 10)
    intake = SpoolIntake(make_plant(tmp_path), tmp_path, Lake(tmp_path))
    for n in range(20):  # a segment of ten values each 50 s
        at = utc(-3000 + 50 * n)
        await intake.put(some(range(10 * n, 10 * n + 10), at, at))
        await intake.flush()
    known = await intake.stored("ua", [TAG])
    newest = known.filter(pl.col("ts") == pl.col("ts").max())["value"].to_list()
    assert newest == [199.0]
    assert known.height == 30 + 17  # the last 120 s whole, of the others their newest row
    assert (await intake.stored("mb", ["m2.good"])).is_empty()
    await intake.close()
