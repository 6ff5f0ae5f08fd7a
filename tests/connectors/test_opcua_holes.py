"""Histories that are not as simple as one would like: nothing lost, nothing doubled, no gap that is none."""

from __future__ import annotations

import asyncio
import time
from dataclasses import replace
from datetime import timedelta

import polars as pl
import pytest
from asyncua import ua
from dock_plant import MemoryIntake, in_loop, make_plant, until, utc
from test_opcua import reading

from connectors.intake import IDENTITY, ROWS, Seen, as_instant
from connectors.opcua.holes import Hole, Span, load, save
from connectors.retry import Health
from plant.states import GAP_STATUS
from simulator.servers.delivered import Delivered
from simulator.servers.opcua import opcua_plant

GOOD, POWER = "m1.good", "m1.power"


def known(**newest) -> Seen:
    """What is stored: value 0 of each tag (`good`, `power`), at these times."""
    rows = [
        {"tag": f"m1.{tag}", "ts": at, "value": 0.0, "text": None, "status": 0, "received_at": at}
        for tag, at in newest.items()
    ]
    return Seen(pl.DataFrame(rows, schema={name: ROWS[name] for name in rows[0]}))


def record(server, tag, at, number, **times) -> None:
    kind = ua.VariantType.UInt32 if tag == GOOD else ua.VariantType.Float
    value = ua.DataValue(ua.Variant(number, kind), **({"SourceTimestamp": at} | times))
    server.history.add(server._nodes[tag].nodeid, value)


def found(intake, tag=GOOD) -> list[float]:
    return intake.rows(tag).filter(pl.col("value").is_not_null()).sort("ts")["value"].to_list()


def wrapped(server, monkeypatch, change) -> None:
    """What the server answers to HistoryRead passes `change(asked, result)`."""
    manager = server.server.iserver.history_manager
    read = manager.read_history

    async def changed(params):
        results = await read(params)
        return [change(asked, result) for asked, result in zip(params.NodesToRead, results, strict=True)]

    monkeypatch.setattr(manager, "read_history", changed)


def without_points(_asked, result):
    result.ContinuationPoint = None
    return result


@in_loop
async def test_nodes_whose_newest_values_are_minutes_apart_are_read_whole_in_one_call(tmp_path, monkeypatch):
    plant, intake = make_plant(tmp_path), MemoryIntake()
    async with opcua_plant(plant, "ua", Delivered()) as server:
        wrapped(server, monkeypatch, without_points)
        now = utc(-5)
        for i in range(2800):  # 10 Hz for 280 s, of which the last 60 s are not stored
            record(server, GOOD, now - timedelta(seconds=(2800 - i) / 10), i)
        record(server, POWER, now - timedelta(seconds=100), 7.0)
        seen = known(good=now - timedelta(seconds=60, milliseconds=-50), power=now - timedelta(seconds=280))
        async with reading(plant, tmp_path, intake, Health("ua", "opcua"), seen) as reader:
            await until(lambda: found(intake, POWER)[:1] == [7.0] and not reader.backfill.holes)
    # 2 s of what is older than the newest stored row are asked for too, and nothing is known of them here
    assert found(intake)[:620] == [float(i) for i in range(2181, 2800)] + found(intake)[619:620]


@in_loop
async def test_more_values_of_one_instant_than_an_answer_holds(tmp_path, monkeypatch):
    plant, intake, at = make_plant(tmp_path), MemoryIntake(), utc(-30)
    async with opcua_plant(plant, "ua", Delivered()) as server:
        wrapped(server, monkeypatch, without_points)
        for i in range(1, 601):
            record(server, GOOD, at, i)
        record(server, GOOD, at + timedelta(seconds=1), 601)
        seen = known(good=at - timedelta(seconds=1))
        async with reading(plant, tmp_path, intake, Health("ua", "opcua"), seen) as reader:
            await until(lambda: intake.rows(GOOD).height and not reader.backfill.holes)
    assert sorted(found(intake))[-601:] == [float(i) for i in range(1, 602)]


@in_loop
async def test_values_without_a_source_time_have_that_of_the_server(tmp_path, monkeypatch):
    plant, intake, at = make_plant(tmp_path), MemoryIntake(), utc(-30)

    def bare(_asked, result):
        values = [
            replace(v, ServerTimestamp=v.SourceTimestamp, SourceTimestamp=None) for v in result.HistoryData.DataValues
        ]
        result.HistoryData.DataValues = values
        return result

    async with opcua_plant(plant, "ua", Delivered()) as server:
        wrapped(server, monkeypatch, bare)
        for i in range(1, 601):
            record(server, GOOD, at + timedelta(milliseconds=i), i)
        async with reading(plant, tmp_path, intake, Health("ua", "opcua"), known(good=at)) as reader:
            await until(lambda: intake.rows(GOOD).height and not reader.backfill.holes)
    assert [v for v in found(intake) if v] == [float(i) for i in range(1, 601)]


@in_loop
async def test_a_continuation_point_the_server_forgot_costs_a_question(tmp_path, monkeypatch):
    plant, intake, at, forgotten = make_plant(tmp_path), MemoryIntake(), utc(-30), []

    def forget(asked, result):
        if asked.ContinuationPoint and len(forgotten) < 3:
            forgotten.append(asked)
            return ua.HistoryReadResult(StatusCode=ua.StatusCode(ua.StatusCodes.BadContinuationPointInvalid))
        return result

    async with opcua_plant(plant, "ua", Delivered()) as server:
        server.history.max_history_data_response_size = 100
        wrapped(server, monkeypatch, forget)
        for i in range(1, 1001):
            record(server, GOOD, at + timedelta(milliseconds=i), i)
        async with reading(plant, tmp_path, intake, Health("ua", "opcua"), known(good=at)) as reader:
            await until(lambda: intake.rows(GOOD).height and not reader.backfill.holes)
    assert len(forgotten) == 3
    assert [v for v in found(intake) if v] == [float(i) for i in range(1, 1001)]


@in_loop
async def test_a_history_that_is_read_and_waits_for_the_disk_opens_no_gap(tmp_path, monkeypatch):
    monkeypatch.setattr("connectors.opcua.backfill.GAP_AFTER_S", 0.5)
    plant, intake, at = make_plant(tmp_path), MemoryIntake(), utc(-30)
    intake.hold_done = True
    async with opcua_plant(plant, "ua", Delivered()) as server:
        for tag in (GOOD, POWER):
            record(server, tag, at + timedelta(seconds=5), 1)
        health = Health("ua", "opcua", away_since=at)
        async with reading(plant, tmp_path, intake, health, known(good=at, power=at)) as reader:
            await until(lambda: found(intake)[:1] == [1.0] and found(intake, POWER)[:1] == [1.0])
            await asyncio.sleep(1.5)
            assert reader.backfill.holes, "not durable yet"
    gaps = intake.rows().filter(pl.col("status").is_in(list(GAP_STATUS.values())), pl.col("tag").is_in([GOOD, POWER]))
    assert gaps.is_empty()


@in_loop
async def test_what_was_read_back_while_the_spool_is_full_is_kept_when_the_connection_ends(tmp_path):
    plant, intake, at = make_plant(tmp_path), MemoryIntake(), utc(-30)
    async with opcua_plant(plant, "ua", Delivered()) as server:
        for i in range(1, 11):
            record(server, GOOD, at + timedelta(seconds=i), i)
        intake.open.clear()
        seen = known(state=at, good=at, power=at)  # asked for in one call: the first one waits
        async with reading(plant, tmp_path, intake, Health("ua", "opcua"), seen) as reader:
            await until(lambda: any(GOOD not in hole.lacking for hole in reader.backfill.holes))
            await reader.backfill.stop()
            assert intake.rows(GOOD).is_empty()
            intake.open.set()
            await until(lambda: not reader.backfill.holes)
    assert [v for v in found(intake) if v] == [float(i) for i in range(1, 11)]


@in_loop
async def test_a_slow_disk_leaves_no_list_of_holes_that_are_filled(tmp_path, monkeypatch):
    monkeypatch.setattr("connectors.opcua.backfill.SAVE_S", 0.0)
    plant, intake, at = make_plant(tmp_path), MemoryIntake(), utc(-30)

    def slowly(path, holes):
        time.sleep(1.5 if holes else 0.0)
        save(path, holes)

    monkeypatch.setattr("connectors.opcua.backfill.save", slowly)
    async with opcua_plant(plant, "ua", Delivered()) as server:
        for i in range(1, 1001):
            record(server, GOOD, at + timedelta(milliseconds=i), i)
        async with reading(plant, tmp_path, intake, Health("ua", "opcua"), known(good=at)) as reader:
            await until(lambda: intake.rows(GOOD).height and not reader.backfill.holes)
            await asyncio.sleep(2)
            assert not (tmp_path / "spool" / "holes" / "ua.json").exists()


def hole_of(tag="a") -> Hole:
    rows = [{"tag": tag, "ts": as_instant([1])[0], "value": 1.5, "text": None, "status": 0}]
    before = pl.DataFrame(rows, schema={name: ROWS[name] for name in IDENTITY})
    return Hole({tag: Span(5, 90, 3)}, before, pl.DataFrame(schema=ROWS), as_instant([9])[0], 2_000)


def test_a_full_disk_leaves_what_was_written_before_and_no_halves(tmp_path, monkeypatch):
    path = tmp_path / "holes" / "ua.json"
    save(path, [hole_of()])

    def full(_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(OSError, match="No space left"):
        save(path, [hole_of(), hole_of("b")])
    assert [file.name for file in path.parent.iterdir()] == ["ua.json"]
    assert len(load(path, {"a", "b"})) == 1


@pytest.mark.parametrize(
    "text", ["{cut off", '[{"spans": []}]', '[{"spans": {"a": [1, 2]}, "before": [[1, 2]]}]', "[3]"]
)
def test_a_file_of_holes_that_cannot_be_understood_is_told_and_kept(tmp_path, caplog, text):
    path = tmp_path / "ua.json"
    path.write_text(text)
    assert load(path, {"a"}) == []
    assert "kept as ua.unreadable" in caplog.text
    assert (tmp_path / "ua.unreadable").read_text() == text
