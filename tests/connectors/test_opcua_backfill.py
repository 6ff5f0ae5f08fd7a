"""History is read back beside live values: live never waits, nothing is lost or doubled, a gap ends when filled."""

from __future__ import annotations

import asyncio
import json
from datetime import timedelta

import polars as pl
import pytest
from asyncua import ua
from dock_plant import MemoryIntake, in_loop, make_plant, until, utc
from test_opcua import proxied, reading

from connectors.intake import IDENTITY, ROWS, Seen, as_instant
from connectors.opcua.holes import Hole, Span, load, save
from connectors.retry import Health
from simulator.servers.delivered import Delivered, Sample
from simulator.servers.opcua import opcua_plant

GOOD = "m1.good"
MANY = 20_000


def recorded(server, first, last, end_s=-5.0) -> list[Sample]:
    """Values of one tag, 1 ms apart, the last `end_s` from now, that only the server's history has."""
    start = utc(end_s) - timedelta(milliseconds=last - first)
    samples = [Sample(GOOD, start + timedelta(milliseconds=i), float(first + i), 0) for i in range(last - first)]
    for sample in samples:
        value = ua.DataValue(ua.Variant(int(sample.value), ua.VariantType.UInt32), SourceTimestamp=sample.ts)
        server.history.add(server._nodes[GOOD].nodeid, value)
    return samples


async def go_on(server, first, n, pause_s=0.03) -> None:
    for value in range(first, first + n):
        await server.deliver([Sample(GOOD, utc(), float(value), 0)])
        await asyncio.sleep(pause_s)


def values(intake) -> list[float]:
    return intake.rows(GOOD).filter(pl.col("value").is_not_null()).sort("ts")["value"].to_list()


def whole(n) -> list[float]:
    return [float(i) for i in range(n)]


@in_loop
async def test_live_values_do_not_wait_for_a_long_history(tmp_path):
    plant, log, intake, health = make_plant(tmp_path), Delivered(), MemoryIntake(), Health("ua", "opcua")
    async with opcua_plant(plant, "ua", log) as server:
        recorded(server, 0, MANY)
        async with reading(plant, tmp_path, intake, health) as reader:
            await until(lambda: intake.rows(GOOD).height > 500)
            await go_on(server, MANY, 20)
            assert reader.backfill.holes, "history was read before the first live values came: nothing was shown"
            early = intake.rows(GOOD).filter(pl.col("value").is_between(MANY, MANY + 14))
            await until(lambda: intake.rows(GOOD).height >= MANY + 20)
            await until(lambda: not reader.backfill.holes)
    assert early.height >= 10
    assert (early["received_at"] - early["ts"]).max() < timedelta(seconds=1)
    assert values(intake) == whole(MANY + 20)
    assert not (tmp_path / "spool" / "holes" / "ua.json").exists()


def away(begin_at) -> tuple[Seen, Health]:
    """A collector that knows value 0 of a second before `begin_at`, when another one was stopped."""
    row = {"tag": GOOD, "ts": begin_at, "value": 0.0, "text": None, "status": 0, "received_at": begin_at}
    stored = pl.DataFrame([row], schema={name: ROWS[name] for name in row})
    return Seen(stored), Health("ua", "opcua", away_since=begin_at)


def resumed(intake) -> tuple[Seen, Health]:
    """A collector that begins with what `intake` has stored."""
    return Seen(intake.rows().select(*IDENTITY, "received_at")), Health("ua", "opcua")


@pytest.fixture
def soon(monkeypatch):
    monkeypatch.setattr("connectors.opcua.backfill.GAP_AFTER_S", 0.2)
    monkeypatch.setattr("connectors.opcua.backfill.SAVE_S", 0.2)


def told(intake, begin_at) -> tuple[int, list[float]]:
    """Rows that opened the gap, and values right behind them that take it back."""
    rows = intake.rows(GOOD)
    opened = rows.filter(pl.col("value").is_null(), pl.col("ts") == begin_at + timedelta(microseconds=1))
    taken = rows.filter(pl.col("ts") == begin_at + timedelta(microseconds=2))
    return opened.height, taken["value"].to_list()


@pytest.mark.usefixtures("soon")
@in_loop
async def test_outages_and_restarts_in_the_middle_cost_nothing_and_the_gap_ends_with_the_last_value(tmp_path):
    plant, log, intake, begin_at = make_plant(tmp_path), Delivered(), MemoryIntake(), utc(-60)
    async with opcua_plant(plant, "ua", log) as server, proxied(tmp_path, plant) as (outer, cut):
        recorded(server, 1, MANY)
        seen, health = away(begin_at)
        async with reading(outer, tmp_path, intake, health, seen) as reader:
            await until(lambda: intake.rows(GOOD).height > 1000)
            cut()
            await until(lambda: health._ups > 1)
            await until(lambda: told(intake, begin_at) == (1, []))
            await go_on(server, MANY, 5, pause_s=0.01)
        assert json.loads((tmp_path / "spool" / "holes" / "ua.json").read_text())[0]["told"] == [GOOD]
        assert intake.rows(GOOD).height < MANY
        seen, health = resumed(intake)
        async with reading(outer, tmp_path, intake, health, seen) as reader:
            await go_on(server, MANY + 5, 5)
            await until(lambda: not reader.backfill.holes and intake.rows(GOOD)["value"].max() == MANY + 9)
    assert told(intake, begin_at) == (1, [0.0])
    assert values(intake) == [0.0, *whole(MANY + 10)[1:]]


@in_loop
async def test_a_value_that_was_still_on_its_way_when_a_later_one_was_stored_is_read_back(tmp_path):
    plant, log, intake = make_plant(tmp_path), Delivered(), MemoryIntake()
    async with opcua_plant(plant, "ua", log) as server:
        samples = recorded(server, 0, 1001)  # 1 ms apart
        stored = [
            {"tag": GOOD, "ts": s.ts, "value": s.value, "text": None, "status": 0} for s in samples if s.value != 900
        ]
        stored = pl.DataFrame(stored, schema={name: ROWS[name] for name in IDENTITY})
        seen, health = Seen(stored.with_columns(received_at=pl.lit(utc()))), Health("ua", "opcua")
        async with reading(plant, tmp_path, intake, health, seen) as reader:
            await until(lambda: health.state == "connected")
            await go_on(server, 1001, 2)
            await until(lambda: not reader.backfill.holes and intake.rows(GOOD)["value"].max() == 1002)
    assert values(intake) == [900.0, 1001.0, 1002.0]


@pytest.mark.usefixtures("soon")
@in_loop
async def test_a_history_that_fails_keeps_the_gap_open_and_live_values_going(tmp_path, monkeypatch, caplog):
    monkeypatch.setattr("connectors.opcua.backfill.RETRY_S", 0.1)
    plant, log, intake, begin_at = make_plant(tmp_path), Delivered(), MemoryIntake(), utc(-60)
    async with opcua_plant(plant, "ua", log) as server:
        recorded(server, 1, 1000)
        read = server.history.read_node_history

        async def broken(*_):
            raise ua.uaerrors.BadResourceUnavailable

        server.history.read_node_history = broken
        seen, health = away(begin_at)
        async with reading(plant, tmp_path, intake, health, seen) as reader:
            await go_on(server, 1000, 10)
            await until(lambda: intake.rows(GOOD).filter(value=1009.0).height)
            await until(lambda: told(intake, begin_at)[0])
            assert health.state == "connected"
            assert health.message == "history of 3 tag(s) is being read back"
            server.history.read_node_history = read
            await until(lambda: not reader.backfill.holes)
    assert told(intake, begin_at) == (1, [0.0])
    assert values(intake) == [0.0, *whole(1010)[1:]]
    found = [r for r in caplog.records if "its history cannot be read" in r.getMessage()]
    assert [r.levelname for r in found] == ["WARNING"]


@in_loop
async def test_a_server_without_history_keeps_the_gap(tmp_path, monkeypatch):
    plant, log, intake, begin_at = make_plant(tmp_path), Delivered(), MemoryIntake(), utc(-60)
    async with opcua_plant(plant, "ua", log) as server:
        monkeypatch.setattr(server.server.iserver.isession.__class__, "history_read", _unsupported)
        seen, health = away(begin_at)
        async with reading(plant, tmp_path, intake, health, seen) as reader:
            await go_on(server, 5, 3)
            await until(lambda: not reader.backfill.holes and GOOD in reader.backfill.lacking)
            await until(lambda: intake.rows(GOOD).filter(value=7.0).height)
    assert told(intake, begin_at) == (1, [])


async def _unsupported(*_):
    raise ua.uaerrors.BadHistoryOperationUnsupported


def test_what_is_to_be_read_outlives_the_collector(tmp_path):
    at = as_instant([1_000])[0]
    before = pl.DataFrame(
        {"tag": ["a", "b"], "ts": [at, at], "value": [1.5, None], "text": [None, "x"], "status": [0, 0]},
        schema={name: ROWS[name] for name in IDENTITY},
    )
    spans = {"a": Span(5, 90, 3), "b": Span(1, 70, 1)}
    hole = Hole(spans, before, pl.DataFrame(schema=ROWS), at, 2_000, "collector_stopped", {"a"})
    path = tmp_path / "spool" / "holes" / "ua.json"
    save(path, [hole])
    (again,) = load(path, {"a"})  # b is configured no longer
    assert (again.spans, again.begin_us, again.reason, again.told) == ({"a": Span(3, 90, 3)}, 2_000, hole.reason, {"a"})
    assert again.closing(["a"], "ua").select("ts", "value").rows() == [(as_instant([2_002])[0], 1.5)]
    hole.safe({"a": 90}, ["a", "b"])
    assert hole.settled.is_set()
    save(path, [hole])
    assert not path.exists()
    path.write_text("{cut off")
    assert load(path, {"a"}) == []
