"""Sparkplug: what is malformed, too large, injected or spoofed is told and crashes nothing; a node of another make."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import json

import polars as pl
import pytest
from brokers import mosquitto, publishing
from dock_plant import MemoryIntake, in_loop, make_plant, until
from node_peers import node_peer

from connectors.health import Health
from connectors.intake import Seen, now_us
from connectors.retry import Backoff, supervise
from connectors.sparkplug.host import SparkplugReader
from connectors.sparkplug.sparkplug_pb2 import Payload
from connectors.sparkplug.state import MAX_METRICS, Host
from plant.states import BAD_NO_COMMUNICATION
from simulator.servers.delivered import tags_of
from simulator.servers.sparkplug_wire import Metric, payload

NOW = 1_700_000_000_000_000
TAGS = {"g/e1/d/good": "m.good", "g/e1/d/text": "m.text"}


def born() -> Host:
    host = Host(TAGS)
    host.take("spBv1.0/g/NBIRTH/e1", payload([Metric(8, 1, 5, name="bdSeq")], 5, 0, birth=True), NOW)
    host.take("spBv1.0/g/DBIRTH/e1/d", payload([Metric(7, 10, 6, 1, "good")], 6, 1, birth=True), NOW)
    return host


def told(host, content: bytes, topic="spBv1.0/g/DDATA/e1/d"):
    out = host.take(topic, content, NOW)
    return out.problem and out.problem[0]


def metric_of(**value) -> bytes:
    message = Payload(timestamp=9, seq=2)
    message.metrics.add(**value)
    return message.SerializeToString()


@pytest.mark.parametrize(
    "content",
    [b"\xff\xff", b"{}", b'{"metrics": []}', b"\x12\xff\xff\xff\x0f", b"\x12\x03\x0a\x05a", b"\x00" * 40,
     b"\x12\x06\x0a\x02\xc3\x28\x10\x63"],
)  # fmt: skip
def test_payloads_that_are_none(content):
    assert told(born(), content) == "bad_payload"


def test_an_empty_payload_says_nothing_but_is_out_of_order():
    host = born()
    assert told(host, b"") is None
    assert host.rebirths.due(NOW) == [("g", "e1")]


def test_a_bomb_of_metrics_is_not_worked_in():
    bomb = b"\x12\x00" * (MAX_METRICS + 1)
    assert told(born(), bomb) == "payload_too_large"


def test_deeply_nested_templates_are_bytes_that_nobody_opens():
    deep = b""
    for _ in range(5_000):
        deep = b"\x12" + _varint(len(deep)) + deep
    assert born().take("spBv1.0/g/DDATA/e1/d", metric_of(alias=1, template_value=deep), NOW).rows[0][3] == deep.hex()
    assert told(born(), metric_of(alias=1, template_value=deep * 4)) == "payload_too_large"


def _varint(n: int) -> bytes:
    out = b""
    while n > 127:
        out += bytes([n & 127 | 128])
        n >>= 7
    return out + bytes([n])


def test_a_text_that_is_too_long_or_no_unicode():
    assert told(born(), metric_of(alias=1, string_value="x" * 70_000)) == "payload_too_large"
    good = metric_of(alias=1, string_value="abcd")
    assert told(born(), good.replace(b"abcd", b"ab\xff\xfe")) == "bad_payload"
    named = metric_of(name="abcd", int_value=1).replace(b"abcd", b"ab\xff\xfe")
    for kind in ("DDATA", "DBIRTH"):
        assert told(born(), named, f"spBv1.0/g/{kind}/e1/d") == "bad_payload"


def test_time_stamps_beyond_every_calendar_are_for_the_screen():
    for at in (2**63 - 1, 2**64 - 1, 253_402_300_800_000):
        (row,) = born().take("spBv1.0/g/DDATA/e1/d", metric_of(alias=1, int_value=1, timestamp=at), NOW).rows
        assert row[0] == 253_402_300_799_999_000
    beyond = Payload(timestamp=2**64 - 1, seq=2).SerializeToString()
    assert born().take("spBv1.0/g/DDEATH/e1/d", beyond, NOW).rows[0][0] == NOW


@pytest.mark.parametrize(
    "topic",
    ["spBv1.0/g/DDATA/e9/d", "spBv1.0/h/DDATA/e1/d", "spBv1.0/g/DDATA/e1/d/x", "spBv1.0/g/DDATA", "spBv1.0", "",
     "spBv1.0/g/NCMD/e1", "spBv1.0/g/XDATA/e1/d", "spBv1.0/../NDATA/e1", "spBv1.0/g/NDATA/e1\x00", "spBv2.0/g/NDATA/e1",
     "spBv1.0/g/NDATA/+", "spBv1.0/g/NDATA/#", "spBv1.0/g/NDATA/e1'; DROP TABLE", "/" * 1000],
)  # fmt: skip
def test_injected_topics_mean_nothing_and_leave_nothing(topic):
    host = born()
    out = host.take(topic, metric_of(alias=1, int_value=1), NOW)
    assert (out.rows, out.problem, len(host.edges), host.rebirths.due(NOW)) == ([], None, 1, [])


def test_ten_thousand_invented_nodes_are_neither_remembered_nor_asked():
    host = born()
    for n in range(10_000):
        host.take(f"spBv1.0/g/NDATA/fake{n}", metric_of(alias=1, int_value=1), NOW)
    assert (len(host.edges), host.rebirths.due(NOW)) == (1, [])


@contextlib.asynccontextmanager
async def hosting(plant, root, intake):
    health = Health("sp", "sparkplug")
    tags = list(tags_of(plant, "sp").items())
    reader = SparkplugReader(plant.sources["sp"], tags, intake, health, Seen(), root)
    task = asyncio.create_task(supervise(reader.run, health, backoff=Backoff(0.1, 1, 0.1)))
    try:
        await until(lambda: health.state == "connected")
        yield health
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


@in_loop
async def test_attacks_over_a_broker_are_quarantined_and_the_source_goes_on(tmp_path):
    plant, intake = make_plant(tmp_path, lambda t: t.replace('group = "g"', 'group = "g"\nmax_payload_kib = 64')), None
    intake = MemoryIntake()
    source = plant.sources["sp"]
    async with (
        mosquitto(tmp_path, port=source.port),
        hosting(plant, tmp_path, intake) as health,
        publishing(source.port) as attacker,
    ):
        for topic, content in (
            ("spBv1.0/g/DDATA/e1/m3", b"\xff\xff"), ("spBv1.0/g/DDATA/e1/m3", b"x" * 100_000),
            ("spBv1.0/g/NDATA/e1", metric_of(alias=77, int_value=1)), ("spBv1.0/g/DBIRTH/é/\U0001f4a3", b"\x00"),
            ("spBv1.0/g", b"\x00"), ("spBv1.0/g/STATE/shopfloor", b"\x00"),
        ):  # fmt: skip
            await asyncio.to_thread(attacker.say, topic, content)
        born = payload([Metric(7, 10, now_us() // 1000, 1, "good")], now_us() // 1000, 1, birth=True)
        await asyncio.to_thread(attacker.say, "spBv1.0/g/DBIRTH/e1/m3", born)
        await until(lambda: intake.rows("m3.good").height == 1)
        assert health.state == "connected"
    found = pl.concat(intake.reports).filter(pl.col("reason") != "unknown_metric")
    assert sorted(found["reason"]) == ["bad_payload", "payload_too_large", "unknown_alias"]


@in_loop
async def test_a_spoofed_state_is_corrected_and_told(tmp_path):
    plant, intake = make_plant(tmp_path), MemoryIntake()
    source = plant.sources["sp"]
    topic = "spBv1.0/STATE/shopfloor"
    async with (
        mosquitto(tmp_path, port=source.port),
        hosting(plant, tmp_path, intake),
        publishing(source.port) as attacker,
    ):
        said: list[bytes] = []
        attacker._client.on_message = lambda _c, _d, m: said.append(m.payload)
        attacker._client.subscribe(topic, 1)
        await until(lambda: said)
        first = json.loads(said[0])
        assert (first["online"], abs(first["timestamp"] - now_us() // 1000) < 60_000) == (True, True)
        await asyncio.sleep(1.1)
        spoofed = json.dumps({"online": False, "timestamp": first["timestamp"] + 1}).encode()
        await asyncio.to_thread(attacker.say, topic, spoofed, retain=True)
        await until(lambda: said[-1] == said[0] and spoofed in said)
        await until(lambda: intake.reports)
        for _ in range(50):
            await asyncio.to_thread(attacker.say, topic, "offline", retain=False)
        await asyncio.sleep(1.2)
        await asyncio.to_thread(attacker.say, topic, b"x")
        await until(lambda: said[-1] == said[0])
        assert said.count(said[0]) <= 6  # at most one a second, whatever comes
    assert intake.reports[0]["reason"][0] == "foreign_state"
    assert "give every host an id of its own" in intake.reports[0]["message"][0]


@in_loop
async def test_the_state_of_a_host_that_ends_is_offline_with_the_time_of_its_birth(tmp_path):
    plant = make_plant(tmp_path)
    source = plant.sources["sp"]
    async with mosquitto(tmp_path, port=source.port), publishing(source.port) as watcher:
        said: list[dict] = []
        watcher._client.on_message = lambda _c, _d, m: said.append(json.loads(m.payload))
        watcher._client.subscribe("spBv1.0/STATE/shopfloor", 1)
        async with hosting(plant, tmp_path, MemoryIntake()):
            await until(lambda: said)
        await until(lambda: said[-1]["online"] is False)
    assert said[-1]["timestamp"] == said[0]["timestamp"]


@in_loop
async def test_an_edge_node_of_another_make(tmp_path):
    plant, intake = make_plant(tmp_path), MemoryIntake()
    source = plant.sources["sp"]
    async with mosquitto(tmp_path, port=source.port), node_peer(
        tmp_path, "sparkplug_edge.js", "sparkplug-client", source.port
    ) as edge:  # fmt: skip
        await asyncio.sleep(0.3)  # its births were published before the host came
        async with hosting(plant, tmp_path, intake) as health:
            assert b"REBIRTH" in await asyncio.wait_for(edge.stdout.readline(), 20)
            await until(lambda: intake.rows("m3.good").filter(status=0).height > 10)
            assert health.message == ""
            assert set(intake.rows("m3.temp")["value"]) == {-67.0}
            edge.kill()
            await until(lambda: intake.rows("m3.good").filter(status=BAD_NO_COMMUNICATION).height, 20)
    counts = intake.rows("m3.good").filter(status=0)["value"].to_list()
    steps = {b - a for a, b in itertools.pairwise(counts[1:])}
    assert steps <= {0.0, 1.0}
