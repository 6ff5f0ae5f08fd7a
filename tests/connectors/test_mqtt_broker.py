"""Plain MQTT against real brokers: sessions, TLS, logins, outages, retained messages, malformed ones."""

from __future__ import annotations

import asyncio
import contextlib
import json
import shutil
import subprocess
from datetime import UTC, datetime

import polars as pl
import pytest
from brokers import either, embedded, mosquitto, publishing
from dock_plant import MemoryIntake, free_port, in_loop, until
from pki import Authority

from connectors.health import Health
from connectors.intake import Seen
from connectors.login import LoginRefusedError
from connectors.mqtt.mapping import LAST_USABLE
from connectors.mqtt.reader import MqttReader
from connectors.retry import Backoff, supervise
from plant.errors import SourceDownError, TerminalError
from plant.sources.live import MqttSource
from plant.sources.tags import Tag
from plant.states import BAD_NO_COMMUNICATION

KINDS = ["mosquitto", "amqtt"]
TAGS = {"m.temp": "plant/press#$.temp", "m.count": "plant/press#$.count", "m.bare": "plant/bare"}


def section(port, **more) -> MqttSource:
    given = {"timestamp": "$.ts", "timestamp_format": "us"} | more
    return MqttSource(kind="mqtt", name="uns", host=given.pop("host", "127.0.0.1"), port=port, **given)


def reader_of(source, root, intake, seen=None, health=None, addresses=TAGS) -> MqttReader:
    tags = [(n, Tag(name="t", role="other", source="uns", address=a)) for n, a in addresses.items()]
    return MqttReader(source, tags, intake, health or Health("uns", "mqtt"), seen or Seen(), root)


@contextlib.asynccontextmanager
async def reading(source, root, intake, seen=None, addresses=TAGS):
    health = Health("uns", "mqtt")
    reader = reader_of(source, root, intake, seen, health, addresses)
    task = asyncio.create_task(supervise(reader.run, health, backoff=Backoff(0.1, 1, 0.1)))
    try:
        await until(lambda: health.state == "connected" or task.done(), 20)
        yield health
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


def now_us() -> int:
    return int(datetime.now(UTC).timestamp() * 1e6)


def sample(n) -> str:
    return json.dumps({"ts": now_us() + n, "temp": float(n), "count": n})


@pytest.mark.parametrize("kind", KINDS)
@in_loop
async def test_what_was_published_while_away_arrives_once(tmp_path, kind):
    intake, seen = MemoryIntake(), Seen()

    async def say(publisher, first, last):
        await asyncio.to_thread(lambda: [publisher.say("plant/press", sample(n)) for n in range(first, last)])

    async with either(kind, tmp_path) as served, publishing(served.port) as publisher:
        for first in (0, 10):
            await say(publisher, first, first + 5)
            async with reading(section(served.port), tmp_path, intake, seen):
                await say(publisher, first + 5, first + 10)
                await until(lambda f=first: f + 9.0 in intake.rows("m.temp")["value"].to_list())
    good = intake.rows("m.count").filter(status=0)
    values = sorted(good["value"].to_list())
    assert values == [float(n) for n in range(5, 20)]  # the first were published before the session began


@in_loop
async def test_the_broker_restarts_and_nothing_is_lost(tmp_path):
    intake, port = MemoryIntake(), free_port()
    async with (
        mosquitto(tmp_path, port=port, keep=True),
        publishing(port) as publisher,
        reading(section(port), tmp_path, intake),
    ):
        await asyncio.to_thread(publisher.say, "plant/press", sample(0))
        await until(lambda: intake.rows("m.temp").height == 1)
    async with mosquitto(tmp_path, port=port, keep=True), publishing(port) as publisher:
        await asyncio.to_thread(publisher.say, "plant/press", sample(1))
        async with reading(section(port), tmp_path, intake):
            await until(lambda: 1.0 in intake.rows("m.temp")["value"].to_list())
    assert intake.rows("m.temp").filter(status=0)["value"].to_list() == [0.0, 1.0]


@in_loop
async def test_an_outage_is_a_gap_that_a_kept_session_takes_back(tmp_path):
    intake, seen, port = MemoryIntake(), Seen(), free_port()
    async with contextlib.AsyncExitStack() as outer:
        async with mosquitto(tmp_path, port=port, keep=True), publishing(port) as publisher:
            await outer.enter_async_context(reading(section(port), tmp_path, intake, seen))
            await asyncio.to_thread(publisher.say, "plant/press", sample(5))
            await until(lambda: intake.rows("m.temp").height == 1)
        await until(lambda: intake.rows("m.temp").filter(status=BAD_NO_COMMUNICATION).height == 1)
        async with mosquitto(tmp_path, port=port, keep=True):
            await until(lambda: intake.rows("m.temp").height == 3)
            first, gap, back = intake.rows("m.temp").select("ts", "value", "status").rows()
    assert first[0] <= gap[0] < back[0]
    assert (gap[1:], back[1:], (back[0] - gap[0]).microseconds) == ((None, BAD_NO_COMMUNICATION), (5.0, 0), 1)


@pytest.mark.parametrize("lost", ["session", "qos"])
@in_loop
async def test_an_outage_that_may_have_lost_something_stays_a_gap(tmp_path, lost):
    intake, seen, port = MemoryIntake(), Seen(), free_port()
    async with contextlib.AsyncExitStack() as outer:
        async with mosquitto(tmp_path, port=port, keep=lost == "qos"), publishing(port) as publisher:
            health = await outer.enter_async_context(reading(section(port), tmp_path, intake, seen))
            await asyncio.to_thread(publisher.say, "plant/press", sample(5), 0 if lost == "qos" else 1)
            await until(lambda: intake.rows("m.temp").height == 1)
        await until(lambda: intake.rows("m.temp").filter(status=BAD_NO_COMMUNICATION).height == 1)
        async with mosquitto(tmp_path, port=port, keep=lost == "qos"):
            await until(lambda: health.state == "connected")
            await asyncio.sleep(0.3)
    assert intake.rows("m.temp")["status"].to_list() == [0, BAD_NO_COMMUNICATION]


@in_loop
async def test_what_is_not_durable_is_sent_again_and_kept_once(tmp_path):
    intake, seen = MemoryIntake(), Seen()
    intake.hold_done = True
    async with mosquitto(tmp_path) as served, publishing(served.port) as publisher:
        async with reading(section(served.port), tmp_path, intake, seen):
            await asyncio.to_thread(lambda: [publisher.say("plant/press", sample(n)) for n in range(10)])
            await until(lambda: intake.rows("m.temp").height == 10)
        intake.hold_done = False
        lost, again = MemoryIntake(), MemoryIntake()  # a collector that died before its spool had them
        async with reading(section(served.port), tmp_path, again, Seen()):
            await until(lambda: again.rows("m.temp").height == 10)
        async with reading(section(served.port), tmp_path, lost, Seen()):
            await asyncio.sleep(0.3)
    assert lost.rows().is_empty()


@in_loop
async def test_a_session_of_mqtt_5_expires_as_it_is_told(tmp_path):
    intake, seen = MemoryIntake(), Seen()
    source = section(free_port(), mqtt="5", session_expiry="1h")
    async with mosquitto(tmp_path, port=source.port) as served, publishing(served.port) as publisher:
        async with reading(source, tmp_path, intake, seen):
            pass
        await asyncio.to_thread(publisher.say, "plant/press", sample(3))
        async with reading(source, tmp_path, intake, seen):
            await until(lambda: intake.rows("m.temp").height == 1)
        forgetful = source.model_copy(update={"clean_start": True})
        await asyncio.to_thread(publisher.say, "plant/press", sample(4))
        async with reading(forgetful, tmp_path, intake, seen):
            await asyncio.to_thread(publisher.say, "plant/press", sample(5))
            await until(lambda: 5.0 in intake.rows("m.temp")["value"].to_list())
    assert 4.0 not in intake.rows("m.temp")["value"].to_list()


@pytest.mark.parametrize("kind", KINDS)
@in_loop
async def test_retained_and_malformed_messages(tmp_path, kind):
    intake = MemoryIntake()
    source = section(free_port(), timestamp=None)
    async with either(kind, tmp_path, source.port), publishing(source.port) as publisher:
        await asyncio.to_thread(publisher.say, "plant/bare", "7.5", retain=True)
        async with reading(source, tmp_path, intake):
            await until(lambda: intake.rows("m.bare").height == 1)
            for payload in ("{", "\x00\x01", json.dumps({"temp": "hot"}), "[" * 50_000, "x" * 2_000_000):
                await asyncio.to_thread(publisher.say, "plant/press", payload)
            await asyncio.to_thread(publisher.say, "plant/bare", "8.5")
            await until(lambda: intake.rows("m.bare").height == 2)
    assert intake.rows("m.bare").select("value", "status").rows() == [(7.5, LAST_USABLE), (8.5, 0)]
    reasons = pl.concat(intake.reports)["reason"].to_list()
    assert sorted(reasons) == ["bad_payload", "bad_payload", "bad_payload", "payload_too_large", "wrong_type"]


@in_loop
async def test_a_wildcard_subscription_feeds_the_topics_that_tags_name(tmp_path):
    intake = MemoryIntake()
    source = section(free_port(), timestamp=None, subscribe=("plant/#",))
    async with (
        mosquitto(tmp_path, port=source.port),
        publishing(source.port) as publisher,
        reading(source, tmp_path, intake) as health,
    ):
        await asyncio.to_thread(publisher.say, "plant/other/thing", "{")
        await asyncio.to_thread(publisher.say, "plant/bare", "1")
        await until(lambda: intake.rows("m.bare").height == 1)
        assert health.message == "2 tag(s) in no message so far: m.count, m.temp"
    assert intake.reports == []


@pytest.mark.parametrize("kind", KINDS)
@in_loop
async def test_a_level_of_an_address_may_be_any(tmp_path, kind):
    intake, addresses = MemoryIntake(), {"m.temp": "plant/+/press#$.temp", "m.count": "plant/hall-1/press#$.count"}
    async with (
        either(kind, tmp_path) as served,
        publishing(served.port) as publisher,
        reading(section(served.port), tmp_path, intake, addresses=addresses),
    ):
        for n, topic in enumerate(("plant/hall-1/press", "plant/hall-2/press", "plant/press", "plant/a/b/press")):
            await asyncio.to_thread(publisher.say, topic, sample(n))
        await until(lambda: intake.rows("m.temp").height == 2)
        await asyncio.sleep(0.3)
    assert intake.rows("m.temp")["value"].to_list() == [0.0, 1.0]
    assert intake.rows("m.count")["value"].to_list() == [0.0]


def secured(authority, server) -> list[str]:
    files = [f"cafile {authority.file}", f"certfile {server[0]}", f"keyfile {server[1]}"]
    return ["allow_anonymous true", *files, "require_certificate true"]


@in_loop
async def test_tls_with_a_client_certificate(tmp_path):
    authority = Authority(tmp_path)
    server, client = authority.issue("127.0.0.1"), authority.issue("shopfloor")
    given = {"tls": True, "ca": authority.file.name, "client_cert": client[0].name, "client_key": client[1].name}
    intake = MemoryIntake()
    async with mosquitto(tmp_path, *secured(authority, server)) as served:
        async with reading(section(served.port, **given), tmp_path, intake) as health:
            assert health.state == "connected"
        without = reader_of(section(served.port, tls=True, ca=authority.file.name), tmp_path, intake)
        with pytest.raises(SourceDownError):
            await asyncio.wait_for(without.run(), 20)
    assert MqttSource(kind="mqtt", name="u", host="h", tls=True).port == 8883


@pytest.mark.parametrize(
    ("host", "days", "ours", "found"),
    [
        ("127.0.0.1", 1, False, "TLS failed .*(self-signed|unable to get local issuer|signature failure)"),
        ("other.example", 1, True, "TLS failed .*IP address mismatch.*host is a name in the certificate"),
        ("127.0.0.1", -1, True, "TLS failed .*expired"),
    ],
)
@in_loop
async def test_a_broker_that_is_not_the_one_meant_is_refused(tmp_path, host, days, ours, found):
    authority = Authority(tmp_path)
    known = authority if ours else Authority(tmp_path, "stranger")
    server = authority.issue(host, days)
    async with embedded(certfile=server[0], keyfile=server[1]) as served:
        source = section(served.port, tls=True, ca=known.file.name)
        with pytest.raises(SourceDownError, match=found):
            await asyncio.wait_for(reader_of(source, tmp_path, MemoryIntake()).run(), 20)


@in_loop
async def test_amqtt_with_tls_keeps_the_session(tmp_path):
    authority, intake, seen = Authority(tmp_path), MemoryIntake(), Seen()
    server = authority.issue("127.0.0.1")
    async with embedded(certfile=server[0], keyfile=server[1]) as served:
        source = section(served.port, tls=True, ca=authority.file.name)
        for _ in range(2):
            async with reading(source, tmp_path, intake, seen) as health:
                assert health.state == "connected"


@in_loop
async def test_user_and_password(tmp_path, monkeypatch):
    monkeypatch.setenv("MQ_USER", "collector")
    monkeypatch.setenv("MQ_WORD", "right")
    passwords = tmp_path / "passwords"
    tool = shutil.which("mosquitto_passwd")
    if tool is None:
        pytest.skip("needs mosquitto_passwd: install the package mosquitto")
    await asyncio.to_thread(subprocess.run, [tool, "-c", "-b", passwords, "collector", "right"], check=True)
    login = {"user_env": "MQ_USER", "password_env": "MQ_WORD"}
    async with mosquitto(tmp_path, "allow_anonymous false", f"password_file {passwords}") as served:
        async with reading(section(served.port, **login), tmp_path, MemoryIntake()) as health:
            assert health.state == "connected"
        monkeypatch.setenv("MQ_WORD", "wrong")
        with pytest.raises(LoginRefusedError, match=r"refuses: Not authorized; check user, password and.*1 minute"):
            await reader_of(section(served.port, **login), tmp_path, MemoryIntake()).run()


@in_loop
async def test_a_password_travels_in_clear_only_where_it_is_wished(tmp_path, monkeypatch):
    monkeypatch.setenv("MQ_USER", "collector")
    monkeypatch.setenv("MQ_WORD", "right")
    login = {"user_env": "MQ_USER", "password_env": "MQ_WORD", "host": "127.0.0.2"}
    with pytest.raises(TerminalError, match="a password would travel in clear: set tls = true"):
        await reader_of(section(free_port(), **login), tmp_path, MemoryIntake()).run()
    with pytest.raises(SourceDownError, match="check host and port"):
        await reader_of(section(free_port(), allow_plain_password=True, **login), tmp_path, MemoryIntake()).run()
