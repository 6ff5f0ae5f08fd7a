"""OPC UA against a real server: values, status, history, gaps, bad nodes, security."""

from __future__ import annotations

import asyncio
import contextlib
import math
import random
from datetime import UTC, datetime, timedelta

import numpy as np
import polars as pl
import pytest
from asyncua import ua
from asyncua.common.subscription import Subscription
from asyncua.common.utils import Buffer
from asyncua.ua.ua_binary import struct_to_binary
from dock_plant import MemoryIntake, in_loop, make_plant, until, utc

from connectors.intake import ROWS, Seen, as_instant
from connectors.opcua.history import HistoryUnavailableError
from connectors.opcua.reader import OpcUaReader
from connectors.opcua.wire.columns import TICKS_1970, of_rows, of_value
from connectors.opcua.wire.publish import decode_auto, decode_publish
from connectors.retry import Backoff, Health, supervise
from connectors.spool import Spool
from plant.config import load
from plant.states import BAD_NO_COMMUNICATION
from simulator.servers.delivered import Delivered, Sample, tags_of
from simulator.servers.opcua import opcua_plant

AT = datetime(2026, 11, 22, 12, 0, 0, 123456, tzinfo=UTC)


def response(values: list[ua.DataValue], sequence=7) -> Buffer:
    change = ua.DataChangeNotification()
    change.MonitoredItems = [ua.MonitoredItemNotification(200 + n, v) for n, v in enumerate(values)]
    answer = ua.PublishResponse()
    answer.Parameters.SubscriptionId = 5
    answer.Parameters.AvailableSequenceNumbers = [6, 7]
    answer.Parameters.NotificationMessage = ua.NotificationMessage(sequence, NotificationData=[change])
    return Buffer(struct_to_binary(answer))


def value(v, kind, status=0, source=AT, server=AT) -> ua.DataValue:
    return ua.DataValue(ua.Variant(v, kind), ua.StatusCode(status), SourceTimestamp=source, ServerTimestamp=server)


def decoded(values):
    answer = decode_publish(response(values))
    assert answer.Parameters.SubscriptionId == 5
    assert answer.Parameters.NotificationMessage.SequenceNumber == 7
    (raw,) = answer.Parameters.NotificationMessage.NotificationData
    return decode_auto(raw)


def texts(columns):
    return [None] * len(columns) if columns.text is None else columns.text.to_list()


def every_type(n=400, seed=3) -> list[ua.DataValue]:
    pick, kinds = random.Random(seed), ua.VariantType
    makers = [
        lambda i: value(i / 7, kinds.Double), lambda i: value(i, kinds.Int32, 0x480),
        lambda i: value(i % 2 == 0, kinds.Boolean),
        lambda i: value(f"text {i}", kinds.String), lambda i: value(None, kinds.Null, BAD_NO_COMMUNICATION),
        lambda i: value(-i, kinds.Int64, 0x40000000, AT, None), lambda i: value([1, 2, i], kinds.Int16),
        lambda i: value(i % 256, kinds.Byte, 0, None, AT), lambda i: value(AT, kinds.DateTime),
    ]  # fmt: skip
    return [pick.choice(makers)(i) for i in range(n)]


@pytest.mark.parametrize(
    "values",
    [
        [value(i / 3, ua.VariantType.Double) for i in range(500)],
        [value(i / 3, ua.VariantType.Double) for i in range(100)]
        + [value(i, ua.VariantType.UInt16) for i in range(100)],
        [value(i, ua.VariantType.UInt32) for i in range(5)],
        every_type(),
    ],
    ids=["one layout", "two runs", "short", "shuffled"],
)
def test_raw_decoding_is_that_of_asyncua(values):
    fast = decoded(values)
    slow = of_rows(of_value(200 + n, v) for n, v in enumerate(values))
    assert len(fast) == len(values)
    for name in ("handle", "valid", "status", "source", "server"):
        assert (getattr(fast, name) == getattr(slow, name)).all(), name
    assert np.array_equal(fast.value[fast.valid], slow.value[slow.valid])
    assert texts(fast) == texts(slow)


def test_picoseconds_stand_where_the_standard_puts_them():
    import struct

    from connectors.opcua.wire.publish import Raw

    ticks = TICKS_1970 + 17_000_000_000_000_007
    item = struct.pack("<IBBdIqHqH", 9, 0x3F, 11, 2.5, 0x480, ticks, 1234, ticks + 1, 474)
    for count in (1, 100):
        columns = decode_auto(Raw(item * count, 0, count))
        assert set(columns.source.tolist()) == {ticks}
        assert set(columns.server.tolist()) == {ticks + 1}
        assert set(columns.value.tolist()) == {2.5}
        assert set(columns.status.tolist()) == {0x480}


@contextlib.asynccontextmanager
async def reading(plant, root, intake, health, seen=None, tags=None):
    found = tags or list(tags_of(plant, "ua").items())
    reader = OpcUaReader(plant.sources["ua"], found, intake, health, seen or Seen(), root)
    task = asyncio.create_task(supervise(reader.run, health, backoff=Backoff(0.1, 1, 0.1)))
    try:
        yield reader
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


def counted(first, last) -> list[Sample]:
    return [Sample("m1.good", utc(-(last - i) / 100), float(i), 0) for i in range(first, last)]


@in_loop
async def test_values_arrive_with_time_status_and_type(tmp_path):
    plant, log, intake = make_plant(tmp_path), Delivered(), MemoryIntake()
    health = Health("ua", "opcua")
    before = counted(0, 30)
    async with opcua_plant(plant, "ua", log, before) as server, reading(plant, tmp_path, intake, health):
        await until(lambda: intake.rows("m1.good").height == 30)
        sent = [
            Sample("m1.state", utc(), 1.0, 0),
            Sample("m1.power", utc(), math.nan, 0),
            Sample("m1.good", utc(), 4_000_000_000.0, 0x40000000),
        ]
        await server.deliver(sent)
        gone = Sample("m1.state", utc(0.001), None, BAD_NO_COMMUNICATION)
        await server.deliver([gone])
        await until(lambda: intake.rows().filter(status=BAD_NO_COMMUNICATION).height)
    for sample in [*before, *sent, gone]:
        row = intake.rows(sample.tag).filter(pl.col("ts") == sample.ts)
        assert row.height == 1, sample
        assert row["status"].item() == sample.status
        found = row["value"].item()
        assert found == sample.value or (math.isnan(found) and math.isnan(sample.value))
    rows = intake.rows("m1.good")
    assert (rows["server_at"].null_count(), rows["text"].null_count()) == (0, rows.height)
    assert (rows["received_at"] >= rows["server_at"]).all()


@in_loop
async def test_what_was_missed_is_read_back_once(tmp_path):
    plant, log, intake = make_plant(tmp_path), Delivered(), MemoryIntake()
    async with opcua_plant(plant, "ua", log) as server:
        server.history.max_history_data_response_size = 100  # several continuation points
        await server.deliver(counted(0, 450))
        stored = log.frame().head(100).with_columns(received_at=pl.col("ts"), text=pl.lit(None, dtype=pl.String))
        seen = Seen(stored)
        async with reading(plant, tmp_path, intake, Health("ua", "opcua"), seen):
            await until(lambda: intake.rows("m1.good").height >= 350)
            await server.deliver([Sample("m1.good", utc(), 450.0, 0)])
            await until(lambda: intake.rows("m1.good").height == 351)
    assert intake.rows("m1.good").sort("ts")["value"].to_list() == [float(i) for i in range(100, 451)]


@in_loop
async def test_a_cut_connection_loses_nothing(tmp_path):
    plant, log, intake = make_plant(tmp_path), Delivered(), MemoryIntake()
    health = Health("ua", "opcua")
    inner = plant.sources["ua"]
    async with (
        opcua_plant(plant, "ua", log) as server,
        proxied(tmp_path, plant) as (outer, cut),
        reading(outer, tmp_path, intake, health),
    ):
        await until(lambda: health.state == "connected")
        for n in range(4):
            await server.deliver([Sample("m1.good", utc(), float(10 * n), 0)])
            if n == 1:
                cut()
                await server.deliver([Sample("m1.good", utc(), 11.0, 0)])
                await until(lambda: health._ups == 2)  # down for a moment only: the client is back at once
            await asyncio.sleep(0.05)
        await until(lambda: intake.rows("m1.good")["value"].max() == 30.0)
        await asyncio.sleep(0.3)
    assert inner.endpoint != outer.sources["ua"].endpoint
    assert intake.rows("m1.good")["value"].drop_nulls().to_list() == [0.0, 10.0, 11.0, 20.0, 30.0]


@in_loop
async def test_a_restarted_server_is_subscribed_anew(tmp_path, monkeypatch):
    recreate = Subscription.recreate

    async def slowly(subscription):  # history must not be read before the new subscription listens
        await asyncio.sleep(0.5)
        return await recreate(subscription)

    monkeypatch.setattr(Subscription, "recreate", slowly)
    plant, log, intake = make_plant(tmp_path), Delivered(), MemoryIntake()
    health = Health("ua", "opcua")
    async with reading(plant, tmp_path, intake, health):
        async with opcua_plant(plant, "ua", log, counted(0, 3)):
            await until(lambda: intake.rows("m1.good").height == 3)
        await until(lambda: health.state == "down")
        async with opcua_plant(plant, "ua", log, counted(3, 6)) as server:
            await until(lambda: intake.rows("m1.good")["value"].max() == 5.0)
            await server.deliver([Sample("m1.good", utc(), 6.0, 0)])
            await until(lambda: intake.rows("m1.good").height == 7)
    assert intake.rows("m1.good").sort("ts")["value"].to_list() == [0.0, 1.0, 2.0, 3.0, 4.0, 5.0, 6.0]


def test_an_overflow_is_known_by_its_bits_whatever_the_severity():
    statuses = [0, 0x480, 0x40000480, 0x80, 0x400, 0x880, 0x480 | 0x300, 0x80310000]
    columns = decoded([value(1.0, ua.VariantType.Double, status) for status in statuses])
    assert columns.overflowed.tolist() == [201, 202, 206]


def missed(server, values) -> None:
    """Values that only the history of the server has: its queue was too short for them."""
    for sample in values:
        at = ua.DataValue(ua.Variant(int(sample.value), ua.VariantType.UInt32), SourceTimestamp=sample.ts)
        server.history.add(server._nodes[sample.tag].nodeid, at)


@in_loop
async def test_what_a_short_queue_lost_is_read_from_history(tmp_path, caplog):
    plant, log, intake = make_plant(tmp_path), Delivered(), MemoryIntake()
    health, start = Health("ua", "opcua"), utc()
    async with opcua_plant(plant, "ua", log) as server, reading(plant, tmp_path, intake, health):
        await server.deliver([Sample("m1.good", start, 0.0, 0)])
        await until(lambda: intake.rows("m1.good").filter(value=0.0).height)
        for first in (0, 10):
            later = [start + timedelta(milliseconds=first + i) for i in range(11)]
            missed(server, [Sample("m1.good", later[i], float(first + i), 0) for i in range(1, 10)])
            await server.deliver([Sample("m1.good", later[10], float(first + 10), 0x480)])
            await until(lambda first=first: intake.rows("m1.good")["value"].drop_nulls().len() >= first + 11)
            await asyncio.sleep(0.3)
    rows = intake.rows("m1.good").sort("ts")  # live values do not wait for what is read back
    assert rows["value"].drop_nulls().to_list() == [float(i) for i in range(21)]
    assert health.message.endswith("2 overflow(s) of the server's queues")
    told = [r.getMessage() for r in caplog.records if "too short" in r.getMessage()]
    assert len(told) == 1
    assert "queue of 100 values was too short for tag m1.good" in told[0]


@in_loop
async def test_an_overflow_of_a_server_without_history_is_counted(tmp_path, monkeypatch):
    plant, log, intake = make_plant(tmp_path), Delivered(), MemoryIntake()
    health, asked = Health("ua", "opcua"), []

    async def none(_session, since, *_):
        asked.append(len(since))
        raise HistoryUnavailableError("no node has history")
        yield

    monkeypatch.setattr("connectors.opcua.backfill.read_history", none)
    async with opcua_plant(plant, "ua", log) as server, reading(plant, tmp_path, intake, health):
        await until(lambda: health.state == "connected" and asked)
        for i in range(3):
            await server.deliver([Sample("m1.good", utc(), float(i), 0x480)])
            await until(lambda i=i: intake.rows("m1.good").filter(value=float(i)).height)
    assert health.message == "3 overflow(s) of the server's queues"
    assert asked == [3]


async def pump(reader, writer):
    while data := await reader.read(65536):
        writer.write(data)
        await writer.drain()
    writer.close()


@contextlib.asynccontextmanager
async def proxied(folder, plant):
    """The same plant behind a TCP proxy whose links can be cut (RST)."""
    from urllib.parse import urlparse

    target = urlparse(plant.sources["ua"].endpoint).port
    links: list[asyncio.StreamWriter] = []
    serving: set[asyncio.Task] = set()

    async def accept(reader, writer):
        serving.add(asyncio.current_task())
        ends = [writer]
        try:
            inner_reader, inner_writer = await asyncio.open_connection("127.0.0.1", target)
            ends.append(inner_writer)
            links.extend(ends)
            await asyncio.gather(pump(reader, inner_writer), pump(inner_reader, writer))
        except (OSError, asyncio.CancelledError):
            pass  # the server is away, or the proxy ends
        finally:
            for end in ends:
                end.transport.abort()

    proxy = await asyncio.start_server(accept, "127.0.0.1", 0)
    port = proxy.sockets[0].getsockname()[1]
    path = folder / "outer.toml"
    path.write_text(plant.path.read_text().replace(f":{target}/", f":{port}/"))

    def cut():
        for link in links:
            link.transport.abort()
        links.clear()

    try:
        yield load(path), cut
    finally:
        proxy.close()
        for task in serving:
            task.cancel()
        await asyncio.gather(*serving, return_exceptions=True)
        await asyncio.sleep(0)  # aborted transports close in the loop's next turn


def promising(text) -> str:
    return text.replace('s=m1.state", type = "uint16"', 's=m1.state", stale_after = "2s", type = "uint16"')


@in_loop
async def test_a_value_that_stays_is_said_again_while_the_server_answers(tmp_path, monkeypatch):
    monkeypatch.setattr("connectors.repeats.MARGIN_US", 1_000_000)
    plant, log, intake = make_plant(tmp_path, promising), Delivered(), MemoryIntake()
    health = Health("ua", "opcua")
    async with opcua_plant(plant, "ua", log) as server, reading(plant, tmp_path, intake, health):
        await until(lambda: intake.rows("m1.state").height)
        for value in (1.0, 0.0):
            await server.deliver([Sample("m1.state", utc(), value, 0), Sample("m1.good", utc(), value, 0)])
            await until(lambda v=value: intake.rows("m1.state").filter(value=v).height >= 3)
    rows = intake.rows("m1.state").filter(pl.col("value").is_not_null()).sort("ts")
    assert rows["value"].to_list() == sorted(rows["value"], reverse=True)
    assert rows["ts"].diff().max() < timedelta(seconds=2)
    assert (rows["ts"] <= rows["received_at"]).all()
    assert rows["source"].unique().to_list() == ["ua"]
    assert intake.rows("m1.good")["value"].drop_nulls().to_list() == [1.0, 0.0]


@in_loop
async def test_a_bad_node_is_reported_and_the_others_flow(tmp_path):
    plant, log, intake = make_plant(tmp_path), Delivered(), MemoryIntake()
    tags = tags_of(plant, "ua")
    power = tags["m1.power"]
    missing = {"m1.none": power.model_copy(update={"address": "ns=2;s=nowhere"})}
    broken = {"m1.broken": power.model_copy(update={"address": "not a node"})}
    health = Health("ua", "opcua")
    everything = [*missing.items(), *tags.items(), *broken.items()]
    async with opcua_plant(plant, "ua", log, counted(0, 3)), reading(plant, tmp_path, intake, health, tags=everything):
        await until(lambda: intake.rows("m1.good").height == 3)
    assert sorted(r["origin"][0] for r in intake.reports) == ["m1.broken", "m1.none"]
    assert "BadNodeIdUnknown" in next(r["message"][0] for r in intake.reports if r["origin"][0] == "m1.none")
    assert health.message == "2 node(s) refused: m1.broken, m1.none"


@in_loop
async def test_back_pressure_leaves_values_at_the_server(tmp_path):
    plant, log, intake = make_plant(tmp_path), Delivered(), MemoryIntake()
    health = Health("ua", "opcua")
    async with opcua_plant(plant, "ua", log) as server, reading(plant, tmp_path, intake, health):
        await until(lambda: health.state == "connected")
        await asyncio.sleep(0.3)
        intake.open.clear()
        for i in range(20):
            await server.deliver([Sample("m1.good", utc(), float(i), 0)])
            await asyncio.sleep(0.01)
        await asyncio.sleep(0.5)
        held = intake.rows("m1.good")["value"].drop_nulls().len()
        intake.open.set()
        await until(lambda: intake.rows("m1.good")["value"].drop_nulls().len() == 20)
    assert held == 0


def rows_of(pairs) -> pl.DataFrame:
    frame = pl.DataFrame(
        [(t, "a", v, None, s) for t, v, s in pairs],
        schema={"us": pl.Int64(), "tag": pl.String(), "value": pl.Float64(), "text": pl.String(), "status": pl.Int64()},
        orient="row",
    )
    at = as_instant(frame["us"])
    return frame.with_columns(ts=at, received_at=at, server_at=at, source=pl.lit("s")).select(*ROWS)


def test_only_exact_repeats_are_taken_as_known():
    seen = Seen(rows_of([(1, 1.0, 0), (2, math.nan, 0), (2, None, 5)]))
    again = rows_of([(2, math.nan, 0), (2, None, 5), (2, None, 6), (2, 7.0, 0), (1, 1.0, 0), (0, 9.0, 0), (0, 9.0, 0)])
    kept = seen.fresh(again)
    assert kept["status"].to_list() == [6, 0, 0]
    assert kept["value"].to_list() == [None, 7.0, 9.0]
    assert seen.since() == {"a": datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=2)}


def test_spooled_rows_keep_what_they_are(tmp_path):
    rows = rows_of([(1, math.nan, 0), (2, math.inf, 3), (3, None, BAD_NO_COMMUNICATION)])
    spool = Spool(tmp_path)
    spool.append(rows)
    spool.seal()
    assert spool.read(spool.sealed()[0]).equals(rows)
    spool.close()
