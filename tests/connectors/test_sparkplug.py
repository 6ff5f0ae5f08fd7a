"""Sparkplug B: the state machine, the wire (written by hand on one side), a real broker, store and forward."""

from __future__ import annotations

import asyncio
import contextlib
import json
import re
import time
from datetime import timedelta
from pathlib import Path

import paho.mqtt.client as mqtt
import polars as pl
import pytest
from brokers import mosquitto, publishing
from dock_plant import MemoryIntake, in_loop, make_plant, until, utc

import connectors
from connectors.intake import Seen
from connectors.retry import Backoff, Health, supervise
from connectors.sparkplug.host import SparkplugReader
from connectors.sparkplug.rebirth import BURST, FIRST_US, UNANSWERED, Rebirths
from connectors.sparkplug.sparkplug_pb2 import Payload
from connectors.sparkplug.state import Host, rebirth_command
from plant.errors import TerminalError
from plant.states import BAD_NO_COMMUNICATION
from simulator.servers.broker import broker
from simulator.servers.delivered import Delivered, Sample, tags_of
from simulator.servers.sparkplug import sparkplug_plant
from simulator.servers.sparkplug_wire import DATATYPES, Metric, payload

TAGS = {"g/e1/d/good": "m.good", "g/e1/d/temp": "m.temp", "g/e1//uptime": "m.uptime", "g/e2/d/good": "n.good"}
NOW = 1_700_000_000_000_000


def node_birth(seq=0, bd_seq=1) -> bytes:
    return payload([Metric(8, bd_seq, 5, name="bdSeq"), Metric(8, 7, 5, 3, "uptime")], 5, seq, birth=True)


def device_birth(seq=1) -> bytes:
    metrics = [Metric(7, 10, 6, 1, "good"), Metric(2, -4, 6, 2, "temp"), Metric(10, 1.5, 6, 9, "not ours")]
    return payload(metrics, 6, seq, birth=True)


def born() -> Host:
    host = Host(TAGS)
    host.take("spBv1.0/g/NBIRTH/e1", node_birth(), NOW)
    host.take("spBv1.0/g/DBIRTH/e1/d", device_birth(), NOW)
    return host


def data(seq, value=11, alias=1, **more) -> bytes:
    return payload([Metric(7 if alias == 1 else 2, value, 1000 + seq, alias, **more)], 2000, seq)


def test_births_name_the_metrics_and_carry_values():
    host = Host(TAGS)
    out = host.take("spBv1.0/g/NBIRTH/e1", node_birth(), NOW)
    assert out.rows == [(5000, "m.uptime", 7.0, None, 0)]
    out = host.take("spBv1.0/g/DBIRTH/e1/d", device_birth(), NOW)
    assert out.rows == [(6000, "m.good", 10.0, None, 0), (6000, "m.temp", -4.0, None, 0)]
    assert (out.born, out.repeats, out.problem, due(host)) == (True, True, None, [])


def test_a_birth_without_a_configured_metric_says_so():
    host = Host(TAGS | {"g/e1/d/speed": "m.speed", "g/e1//cpu": "m.cpu", "g/e1/x/good": "m.far"})
    assert host.take("spBv1.0/g/NBIRTH/e1", node_birth(), NOW).unknown == ["m.cpu"]
    out = host.take("spBv1.0/g/DBIRTH/e1/d", device_birth(), NOW)
    assert (out.known, out.unknown, out.names) == (["m.good", "m.temp"], ["m.speed"], ["good", "temp", "not ours"])
    assert host.take("spBv1.0/g/DDATA/e1/d", data(2), NOW).unknown == []
    assert host.unborn() == ["n.good", "m.speed", "m.cpu", "m.far"]


def test_data_by_alias_with_signs_nulls_and_history():
    host = born()
    assert host.take("spBv1.0/g/DDATA/e1/d", data(2, -300, 2), NOW).rows == [(1_002_000, "m.temp", -300.0, None, 0)]
    out = host.take("spBv1.0/g/DDATA/e1/d", data(3, None), NOW)
    assert out.rows == [(1_003_000, "m.good", None, None, BAD_NO_COMMUNICATION)]
    assert host.take("spBv1.0/g/DDATA/e1/d", data(4, historical=True), NOW).repeats


def due(host, at=NOW) -> list:
    return host.rebirths.due(at)


def test_a_lost_message_asks_for_births_less_and_less_often():
    host, asked = born(), []
    for minute in range(600):
        host.take("spBv1.0/g/DDATA/e1/d", data((minute * 3 + 5) % 256), NOW)
        asked += [minute for _ in due(host, NOW + minute * FIRST_US)]
    assert asked == [0, 1, 3, 7, 15]
    assert host.rebirths.silent() == [("g", "e1")]
    host.take("spBv1.0/g/NBIRTH/e1", node_birth(), NOW)
    host.take("spBv1.0/g/DDATA/e1/d", data(9), NOW)
    assert due(host, NOW + 600 * FIRST_US) == [("g", "e1")]


def test_many_nodes_at_once_are_asked_at_a_bounded_rate():
    rebirths, asked = Rebirths(), []
    for n in range(100):
        rebirths.want(("g", f"e{n}"))
    asked = [len(rebirths.due(NOW + second * 1_000_000)) for second in range(50)]
    assert asked[0] == BURST
    assert max(asked[1:]) == 2
    assert sum(asked) == 100
    assert UNANSWERED == 5


def test_the_sequence_wraps_at_256():
    host = born()
    for n in range(2, 600):
        host.take("spBv1.0/g/DDATA/e1/d", data(n % 256), NOW)
    assert due(host) == []


def test_two_nodes_interleaved_count_for_themselves():
    host = born()
    host.take("spBv1.0/g/NBIRTH/e2", node_birth(), NOW)
    host.take("spBv1.0/g/DBIRTH/e2/d", device_birth(), NOW)
    for n in range(2, 20):
        host.take("spBv1.0/g/DDATA/e1/d", data(n), NOW)
        host.take("spBv1.0/g/DDATA/e2/d", data(n), NOW)
    assert due(host) == []
    host.take("spBv1.0/g/DDATA/e2/d", data(30), NOW)
    assert due(host) == [("g", "e2")]


def test_a_message_sent_twice_is_no_gap_but_compared():
    host = born()
    assert not host.take("spBv1.0/g/DDATA/e1/d", data(2), NOW).repeats
    assert host.take("spBv1.0/g/DDATA/e1/d", data(2), NOW).repeats
    assert due(host) == []


def test_what_the_broker_sends_again_is_no_gap():
    host = born()
    for n in (2, 3, 4):
        host.take("spBv1.0/g/DDATA/e1/d", data(n), NOW)
    again = [host.take("spBv1.0/g/DDATA/e1/d", data(n), NOW, dup=True) for n in (3, 4, 5)]
    assert ([out.repeats for out in again], due(host)) == ([True, True, False], [])
    host.reconnected(kept=True)
    assert host.take("spBv1.0/g/NBIRTH/e1", node_birth(), NOW).settled == []  # the birth we had, sent again
    assert host.take("spBv1.0/g/DDATA/e1/d", data(6), NOW).sure
    due(host)
    host.take("spBv1.0/g/DDATA/e1/d", data(3), NOW)
    assert due(host, NOW + FIRST_US) == [("g", "e1")]


def test_data_before_birth_is_reported_and_asked_for():
    host = Host(TAGS)
    out = host.take("spBv1.0/g/DDATA/e2/d", data(7), NOW)
    assert (out.rows, due(host)) == ([], [("g", "e2")])
    assert out.problem == (
        "unknown_alias", "alias 1 was in no birth of g/e2; the edge node is asked for its births"
    )  # fmt: skip


def test_data_by_name_is_read_without_a_birth():
    host = Host(TAGS)
    message = payload([Metric(3, -67, 5, 0, "good")], 5, 7, birth=True)
    out = host.take("spBv1.0/g/DDATA/e2/d", message, NOW)
    assert (out.rows, out.problem) == ([(5000, "n.good", -67.0, None, 0)], None)
    assert due(host) == [("g", "e2")]


def test_an_alias_of_many_metrics_names_none():
    host = Host(TAGS)
    host.take("spBv1.0/g/NBIRTH/e1", node_birth(), NOW)
    zero = [Metric(7, 10, 6, 0, "good"), Metric(2, -4, 6, 0, "temp")]
    host.take("spBv1.0/g/DBIRTH/e1/d", payload(zero, 6, 1, birth=True), NOW)
    by_name = Payload(timestamp=7, seq=2)
    by_name.metrics.add(name="temp", alias=0, int_value=4294967229)
    assert host.take("spBv1.0/g/DDATA/e1/d", by_name.SerializeToString(), NOW).rows[0][1:3] == ("m.temp", -67.0)
    nameless = Payload(timestamp=7, seq=3)
    nameless.metrics.add(alias=0, int_value=1)
    assert host.take("spBv1.0/g/DDATA/e1/d", nameless.SerializeToString(), NOW).problem[0] == "unknown_alias"


def test_a_single_alias_0_is_an_alias():
    host = Host(TAGS)
    host.take("spBv1.0/g/NBIRTH/e1", node_birth(), NOW)
    host.take("spBv1.0/g/DBIRTH/e1/d", payload([Metric(7, 10, 6, 0, "good")], 6, 1, birth=True), NOW)
    nameless = Payload(timestamp=7, seq=2)
    nameless.metrics.add(alias=0, int_value=12)
    assert host.take("spBv1.0/g/DDATA/e1/d", nameless.SerializeToString(), NOW).rows[0][1:3] == ("m.good", 12.0)


def test_a_device_reborn_with_other_aliases_is_read_by_them():
    host = born()
    turned = [Metric(7, 10, 6, 2, "good"), Metric(2, -4, 6, 1, "temp")]
    host.take("spBv1.0/g/DBIRTH/e1/d", payload(turned, 6, 2, birth=True), NOW)
    assert host.take("spBv1.0/g/DDATA/e1/d", data(3, 5, alias=2), NOW).rows[0][1:3] == ("m.good", 5.0)


def test_values_of_every_kind():
    def read(datatype, **value):
        host = Host({"g/e1//v": "v"})
        message = Payload(timestamp=9, seq=0)
        message.metrics.add(name="v", datatype=datatype, **value)
        (row,) = host.take("spBv1.0/g/NBIRTH/e1", message.SerializeToString(), NOW).rows
        return row[2:]

    assert read(3, int_value=4294967229) == (-67.0, None, 0)
    assert read(1, int_value=0xFF) == (-1.0, None, 0)
    assert read(4, long_value=2**64 - 1) == (-1.0, None, 0)
    assert read(8, long_value=2**64 - 1) == (float(2**64 - 1), None, 0)
    assert read(7, long_value=7) == (7.0, None, 0)  # some send UInt32 in the long field
    assert read(0, double_value=1.5) == (1.5, None, 0)
    assert read(11, boolean_value=True) == (1.0, None, 0)
    assert read(17, bytes_value=b"\x01\xff") == (None, "01ff", 0)
    assert read(16, dataset_value=b"\x08\x01") == (None, "0801", 0)
    assert read(10, is_null=True) == (None, None, BAD_NO_COMMUNICATION)
    assert read(10) == (None, None, BAD_NO_COMMUNICATION)


def test_a_birth_ends_a_gap_even_with_older_values():
    host = born()
    host.take("spBv1.0/g/DDEATH/e1/d", payload([], 7_000, 2), NOW)
    again = payload([Metric(7, 10, 6, 1, "good"), Metric(2, -4, 9_000, 2, "temp")], 8_000, 3, birth=True)
    rows = host.take("spBv1.0/g/DBIRTH/e1/d", again, NOW).rows
    assert rows == [
        (6_000, "m.good", 10.0, None, 0), (9_000_000, "m.temp", -4.0, None, 0), (8_000_000, "m.good", 10.0, None, 0)
    ]  # fmt: skip


def test_an_unbroken_sequence_says_that_nothing_was_lost():
    host = born()
    host.reconnected(kept=True)
    out = host.take("spBv1.0/g/DDATA/e1/d", data(2), NOW)
    assert (sorted(out.sure), out.settled, due(host)) == (["m.good", "m.temp", "m.uptime"], [], [("g", "e2")])
    host.reconnected(kept=True)
    out = host.take("spBv1.0/g/DDATA/e1/d", data(9), NOW)
    assert (out.sure, sorted(out.settled)) == ([], ["m.good", "m.temp", "m.uptime"])


def test_a_death_makes_values_stale_unless_it_is_an_old_one():
    host = born()
    old = payload([Metric(8, 0, 9, name="bdSeq")], 9, None, birth=True)
    assert host.take("spBv1.0/g/NDEATH/e1", old, NOW).rows == []
    right = payload([Metric(8, 1, 9, name="bdSeq")], 9, None, birth=True)
    stale = {(NOW, tag, None, None, BAD_NO_COMMUNICATION) for tag in ("m.good", "m.temp", "m.uptime")}
    assert set(host.take("spBv1.0/g/NDEATH/e1", right, NOW).rows) == stale
    host = born()
    gone = host.take("spBv1.0/g/DDEATH/e1/d", payload([], 77, 2), NOW).rows
    assert {(at, tag) for at, tag, *_ in gone} == {(77_000, "m.good"), (77_000, "m.temp")}


def test_a_node_is_alive_while_its_sequence_is_unbroken():
    host = born()
    ((alive, since),) = host.alive()
    assert sorted(alive) == ["m.good", "m.temp", "m.uptime"]
    host.take("spBv1.0/g/DDATA/e1/d", data(2), NOW + 5_000_000)
    assert host.alive()[0][1] >= since
    host.take("spBv1.0/g/DDATA/e1/d", data(4), NOW + 6_000_000)  # 3 is missing: what it said is not known
    assert host.alive() == []
    host.take("spBv1.0/g/DDATA/e1/d", data(5), NOW + 7_000_000)
    assert host.alive() == []
    host.take("spBv1.0/g/NBIRTH/e1", node_birth(0, 2), NOW + 8_000_000)
    assert len(host.alive()) == 1
    host.take("spBv1.0/g/NDEATH/e1", payload([Metric(8, 2, 9, name="bdSeq")], 9, None, birth=True), NOW + 9_000_000)
    assert host.alive() == []


def test_a_restarted_host_reads_on_by_remembered_births():
    host = Host(TAGS)
    host.load(json.loads(json.dumps(born().dump())))
    out = host.take("spBv1.0/g/DDATA/e1/d", data(200), NOW)
    assert [row[1:3] for row in out.rows] == [("m.good", 11.0)]
    assert due(host) == [("g", "e1")]


def test_noise_on_the_bus_is_no_reading():
    host = born()
    assert host.take("spBv1.0/STATE/shopfloor", b"{}", NOW).rows == []
    assert host.take("some/other/topic/x", b"", NOW).rows == []
    assert host.take("spBv1.0/g/DDATA/e1/d", b"\xff\xff", NOW).problem[0] == "bad_payload"


def test_the_two_ends_of_the_wire_agree():
    values = {"bool": 1, "string": "x", "float32": 1.5, "float64": 1 / 3, "int16": -7, "int32": -8, "int64": -9}
    every = [Metric(kind, values.get(name, 7), 9, kind, name) for name, kind in DATATYPES.items()]
    read = Payload.FromString(payload(every, 11, 300, birth=True))
    assert (read.timestamp, read.seq) == (11, 300)
    assert [(m.name, m.alias, m.datatype, m.timestamp) for m in read.metrics] == [
        (n, k, k, 9) for n, k in DATATYPES.items()
    ]
    tags = {f"g/e1/d/{name}": name for name in DATATYPES}
    rows = Host(tags).take("spBv1.0/g/DBIRTH/e1/d", payload(every, 11, 0, birth=True), NOW).rows
    assert {tag: text if number is None else number for _, tag, number, text, _ in rows} == {
        m.name: m.value for m in every
    }
    assert Payload.FromString(rebirth_command(5)).metrics[0].boolean_value


def test_the_generated_module_is_that_of_the_proto_file():
    text = (Path(connectors.__file__).parent / "sparkplug" / "sparkplug.proto").read_text()
    written = set(re.findall(r"(\w+) = (\d+);", text))
    metric, message = Payload.DESCRIPTOR.nested_types_by_name["Metric"], Payload.DESCRIPTOR
    assert written == {(f.name, str(f.number)) for f in [*metric.fields, *message.fields]}


@contextlib.asynccontextmanager
async def hosting(plant, root, intake, seen, more=()):
    health = Health("sp", "sparkplug")
    tags = [*tags_of(plant, "sp").items(), *more]
    reader = SparkplugReader(plant.sources["sp"], tags, intake, health, seen, root)
    task = asyncio.create_task(supervise(reader.run, health, backoff=Backoff(0.1, 1, 0.1)))
    try:
        await until(lambda: health.state == "connected")
        yield health
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


@in_loop
async def test_what_was_stored_while_the_host_was_away_arrives_once(tmp_path):
    plant, intake, log, seen = make_plant(tmp_path), MemoryIntake(), Delivered(), Seen()
    source = plant.sources["sp"]
    async with broker(source.host, source.port), sparkplug_plant(plant, "sp", log) as edges:

        async def feed(first, last):
            for i in range(first, last):
                at = utc()
                await edges.deliver([Sample("m3.good", at, float(i), 0), Sample("m3.temp", at, float(-i), 0)])
                await asyncio.sleep(0.01)

        for n in range(3):
            await feed(40 * n, 40 * n + 20)
            async with hosting(plant, tmp_path, intake, seen):
                await feed(40 * n + 20, 40 * n + 40)
                await until(lambda n=n: intake.rows("m3.good")["value"].max() == 40 * n + 39)
    sent = log.frame()
    got = intake.rows().filter(pl.col("status") == 0)
    key = ["tag", "ts", "value"]
    assert sent.join(got, on=key, how="anti").height == 0
    assert got.filter(pl.struct(key).is_duplicated()).height == 0
    assert got.height == sent.height == 240


@in_loop
async def test_a_dead_edge_node_makes_its_values_stale(tmp_path):
    plant, intake, log = make_plant(tmp_path), MemoryIntake(), Delivered()
    source = plant.sources["sp"]
    start = [Sample("m3.good", utc(), 1.0, 0)]
    async with (
        broker(source.host, source.port),
        hosting(plant, tmp_path, intake, Seen()),
        sparkplug_plant(plant, "sp", log, start) as edges,
    ):
        await until(lambda: intake.rows("m3.good").height == 1)
        (edge,) = edges.edges.values()
        edge._client._sock_close()  # no DISCONNECT: the broker publishes the will
        await until(lambda: intake.rows("m3.good").filter(status=BAD_NO_COMMUNICATION).height == 1)


@in_loop
async def test_a_value_that_does_not_change_is_said_again_while_its_node_speaks(tmp_path, monkeypatch):
    monkeypatch.setattr("connectors.mqtt.messages.AGAIN_S", 0.05)
    monkeypatch.setattr("connectors.repeats.MARGIN_US", 0)
    plant = make_plant(tmp_path, lambda text: text.replace('name = "good"', 'name = "good", stale_after = "1s"'))
    intake, log, source = MemoryIntake(), Delivered(), plant.sources["sp"]
    start = [Sample("m3.good", utc(), 7.0, 0), Sample("m3.temp", utc(), 0.0, 0)]
    async with (
        broker(source.host, source.port),
        hosting(plant, tmp_path, intake, Seen()) as health,
        sparkplug_plant(plant, "sp", log, start) as edges,
    ):
        for n in range(40):
            await edges.deliver([Sample("m3.temp", utc(), float(n), 0)])
            await asyncio.sleep(0.05)
        await until(lambda: intake.rows("m3.good").height >= 3)
        assert abs(health.skew_s or 0) < 0.5
    said = intake.rows("m3.good").filter(status=0)
    assert said["value"].unique().to_list() == [7.0]
    assert said["ts"].is_sorted()
    assert (said["ts"].diff().drop_nulls() >= timedelta(seconds=0.4)).all()


@in_loop
async def test_a_message_is_acknowledged_after_its_rows_are_durable(tmp_path):
    plant, intake = make_plant(tmp_path), MemoryIntake()
    intake.hold_done = True
    source = plant.sources["sp"]
    async with broker(source.host, source.port) as served, hosting(plant, tmp_path, intake, Seen()):
        sender = mqtt.Client(mqtt.CallbackAPIVersion.VERSION2, client_id="sender")
        await asyncio.to_thread(sender.connect, source.host, source.port)
        sender.loop_start()
        sender.publish("spBv1.0/g/NBIRTH/e1", node_birth(), qos=1)
        born = payload([Metric(7, 10, int(time.time() * 1000), 1, "good")], 6, 1, birth=True)
        sender.publish("spBv1.0/g/DBIRTH/e1/m3", born, qos=1)
        await until(lambda: intake.rows("m3.good").height == 1)
        session, _ = served.sessions["shopfloor-sp"]
        waiting = len(session.inflight_out)
        for done in intake.held:
            done()
        await until(lambda: not session.inflight_out)
        sender.disconnect()
        sender.loop_stop()
    assert waiting >= 2


@in_loop
async def test_a_metric_that_is_in_no_birth_is_reported_once(tmp_path):
    plant, intake, log = make_plant(tmp_path), MemoryIntake(), Delivered()
    source = plant.sources["sp"]
    good = tags_of(plant, "sp")["m3.good"]
    more = [(f"m3.{n}", good.model_copy(update={"address": f"g/{n}"})) for n in ("e1/m3/goood", "e1/m33/good")]
    async with (
        broker(source.host, source.port),
        hosting(plant, tmp_path, intake, Seen(), more) as health,
        sparkplug_plant(plant, "sp", log, [Sample("m3.good", utc(), 1.0, 0)]) as edges,
    ):
        await until(lambda: intake.reports and health.message.startswith("2 tag(s) in no birth so far"))
        (edge,) = edges.edges.values()
        for value in (2.0, 3.0):
            edge._births()
            await edges.deliver([Sample("m3.good", utc(), value, 0)])
            await until(lambda value=value: value in intake.rows("m3.good")["value"])
    (report,) = intake.reports
    assert report.select("reason", "origin", "booked").row(0) == ("unknown_metric", "m3.e1/m3/goood", False)
    found = "'g/e1/m3/goood' is not in the birth spBv1.0/g/DBIRTH/e1/m3; born are good, state, temp"
    assert found in report["message"][0]
    assert health.message == "2 tag(s) in no birth so far: m3.e1/m3/goood, m3.e1/m33/good"


@pytest.mark.parametrize(
    ("lines", "found"),
    [
        ('user_env = "NO_SUCH_USER"', "user_env names the variable NO_SUCH_USER, which is not set"),
        ('user_env = "SP_USER"\npassword_env = "NO_SUCH_WORD"', "password_env names the variable NO_SUCH_WORD"),
        ('password_env = "SP_WORD"', "password_env without user_env"),
    ],
)
@in_loop
async def test_a_login_that_cannot_work_is_refused(tmp_path, monkeypatch, lines, found):
    monkeypatch.setenv("SP_USER", "u")
    monkeypatch.setenv("SP_WORD", "w")
    plant = make_plant(tmp_path, lambda t: t.replace('group = "g"', f'group = "g"\n{lines}'))
    health = Health("sp", "sparkplug")
    reader = SparkplugReader(plant.sources["sp"], [], MemoryIntake(), health, Seen(), tmp_path)
    async with broker(plant.sources["sp"].host, plant.sources["sp"].port):
        with pytest.raises(TerminalError, match=found):
            await reader.run()


class Node:
    """An edge node of our own: numbers its messages as the specification says."""

    def __init__(self, publisher) -> None:
        self._publisher, self.seq = publisher, 0

    def birth(self) -> None:
        self.seq = 0
        self._publisher.say("spBv1.0/g/NBIRTH/e1", payload([Metric(8, 1, 5, name="bdSeq")], 5, 0, birth=True))
        good = Metric(7, 10, int(time.time() * 1000), 1, "good")
        self._say("spBv1.0/g/DBIRTH/e1/m3", [good], birth=True)

    def data(self, value) -> None:
        self._say("spBv1.0/g/DDATA/e1/m3", [Metric(7, value, int(time.time() * 1000), 1)])

    def _say(self, topic, metrics, **more) -> None:
        time.sleep(0.002)  # every message at a millisecond of its own
        self.seq = (self.seq + 1) % 256
        self._publisher.say(topic, payload(metrics, int(time.time() * 1000), self.seq, **more))


@pytest.mark.parametrize("lost", [False, True])
@in_loop
async def test_whether_an_outage_lost_something_the_sequence_says(tmp_path, lost):
    plant, intake, seen = make_plant(tmp_path), MemoryIntake(), Seen()
    port = plant.sources["sp"].port
    async with contextlib.AsyncExitStack() as outer:
        async with mosquitto(tmp_path, port=port, keep=True), publishing(port) as publisher:
            await outer.enter_async_context(hosting(plant, tmp_path, intake, seen))
            node = Node(publisher)
            await asyncio.to_thread(node.birth)
            await asyncio.to_thread(node.data, 11)
            await until(lambda: 11.0 in intake.rows("m3.good")["value"].to_list())
        await until(lambda: intake.rows("m3.good").filter(status=BAD_NO_COMMUNICATION).height == 1)
        (gap,) = intake.rows("m3.good").filter(status=BAD_NO_COMMUNICATION)["ts"]
        async with mosquitto(tmp_path, port=port, keep=True), publishing(port) as publisher:
            node._publisher, node.seq = publisher, node.seq + lost
            await asyncio.to_thread(node.data, 12)
            await until(lambda: 12.0 in intake.rows("m3.good")["value"].to_list())
    back = intake.rows("m3.good").filter(pl.col("ts") == gap + timedelta(microseconds=1))
    assert back["value"].to_list() == ([] if lost else [11.0])
