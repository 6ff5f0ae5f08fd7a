"""Modbus against devices: holes learnt, short replies, silent units, serial framing, TLS, swapped words."""

from __future__ import annotations

import asyncio
import contextlib
import shutil
import ssl
import struct
import subprocess
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from dock_plant import MemoryIntake, free_port, in_loop, until
from fieldbus import Device, modbus_device
from node_peers import node_peer
from pki import Authority

from connectors.modbus.plan import Item
from connectors.modbus.reader import ModbusReader
from connectors.modbus.unit import Unit
from connectors.modbus.wire import RefusedError, Request, SilentError, Wire
from connectors.retry import Backoff, Health, supervise
from plant.errors import SourceDownError, TerminalError
from plant.sources.live import ModbusSource
from plant.sources.registers import Place
from plant.sources.tags import Tag
from plant.states import BAD_NO_COMMUNICATION, GAP_STATUS


def tag(address, kind="uint16", **more) -> Tag:
    return Tag(name="t", role="other", source="mb", address=address, type=kind, **more)


def source(port, **more) -> ModbusSource:
    given = {"poll": "50ms", "timeout": "300ms"} | more
    return ModbusSource(kind="modbus", name="mb", host="127.0.0.1", port=port, **given)


@contextlib.asynccontextmanager
async def reading(section, tags, root=Path()):
    intake, health = MemoryIntake(), Health("mb", "modbus")
    reader = ModbusReader(section, list(tags.items()), intake, health, root)
    task = asyncio.create_task(supervise(reader.run, health, backoff=Backoff(0.1, 1, 0.1)))
    try:
        yield intake, health
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


def unit_of(items, longest=125) -> Unit:
    return Unit(1, items, 0.5, longest)


def uint16s(*starts) -> list[Item]:
    return [Item(f"t{n}", Place(None, "holding", n, 1), "uint16") for n in starts]


async def wire_to(device, **more) -> Wire:
    wire = Wire("127.0.0.1", device.port, **more)
    await wire.open()
    return wire


@in_loop
async def test_one_bad_register_never_spoils_its_block_and_the_plan_stays_small():
    async with modbus_device(Device(refused={1: {20, 41}})) as device:
        wire, unit = await wire_to(device), unit_of(uint16s(*range(60)))
        await unit.learn(wire)
        assert unit.refused.keys() == {"t20", "t41"}
        assert [(b.start, b.count) for b in unit.layout.blocks] == [(0, 20), (21, 20), (42, 18)]
        done = await unit.round(wire)
        assert done.read.all()
        assert done.numbers.tolist() == [n for n in range(60) if n not in {20, 41}]
        wire.close()


@in_loop
async def test_a_hole_that_is_refused_is_read_around():
    async with modbus_device(Device(refused={1: {3, 4, 5}})) as device:
        wire, unit = await wire_to(device), unit_of(uint16s(0, 1, 2, 6, 7, 10, 11))
        await unit.learn(wire)
        assert unit.refused == {}
        assert [(b.start, b.count) for b in unit.layout.blocks] == [(0, 3), (6, 6)]
        wire.close()


@in_loop
async def test_what_is_refused_later_is_learnt_and_tried_again_seldom():
    device = Device()
    tags = {f"m.t{n}": tag(f"holding:{n}") for n in range(10)}
    async with modbus_device(device), reading(source(device.port, retry_refused="2s"), tags) as (intake, health):
        await until(lambda: intake.rows()["tag"].n_unique() == 10)
        device.refused[1] = {4}
        await until(lambda: "1 address(es) refused: m.t4" in health.message)
        gap = intake.rows("m.t4").filter(status=GAP_STATUS["refused"])
        assert gap.height == 1
        device.registers[1][5] = 777
        await until(lambda: 777.0 in intake.rows("m.t5")["value"].to_list())
        refusals = device.refusals
        await asyncio.sleep(0.2)
        assert device.refusals == refusals  # in each of some four rounds it is left out
        device.refused[1] = set()
        await until(lambda: health.message == "")
        await until(lambda: intake.rows("m.t4")["status"].to_list()[-1] == 0)
    assert [r["reason"][0] for r in intake.reports] == ["bad_address"]


@in_loop
async def test_a_table_the_device_has_not_is_refused_as_a_whole():
    async with modbus_device(Device(tables={"holding"})) as device:
        tags = {"m.a": tag("holding:0"), "m.b": tag("input:0"), "m.c": tag("coil:3", "bool")}
        async with reading(source(device.port), tags) as (intake, health):
            await until(lambda: intake.rows("m.a").height)
            await until(lambda: health.message.startswith("2 address(es) refused"))
    assert {r["origin"][0] for r in intake.reports} == {"m.b", "m.c"}
    assert "illegal function" in intake.reports[0]["message"][0]


@in_loop
async def test_a_short_reply_is_no_value():
    async with modbus_device(Device(ends_at={1: 31})) as device:
        items = [Item(f"f{n}", Place(None, "holding", n, 2), "float32") for n in range(0, 40, 2)]
        wire, unit = await wire_to(device), unit_of(items)
        with pytest.raises(RefusedError, match="a reply with 2 of 4 bytes"):
            await wire.read(Request(1, "holding", 30, 2), 1.0)
        await unit.learn(wire)
        assert sorted(unit.refused) == ["f30", "f32", "f34", "f36", "f38"]
        assert [(b.start, b.count) for b in unit.layout.blocks] == [(0, 30)]
        wire.close()


@in_loop
async def test_a_silent_unit_does_not_delay_the_others():
    device = Device(units={1, 2, 9}, silent={9})
    tags = {f"m.u{n}": tag(f"{n}/holding:0") for n in (1, 2, 9)}
    patient = {"timeout": "3s", "unit_timeouts": {"1": "200ms"}, "poll": "20ms"}
    async with modbus_device(device), reading(source(device.port, **patient), tags) as (intake, health):
        await until(lambda: intake.rows()["tag"].n_unique() == 2)
        began = device.rounds.copy()
        await asyncio.sleep(1.0)
        rate = {n: device.rounds[n] - began[n] for n in (1, 2)}
        await until(lambda: "unit 9 is away: no answer within 3 s, 2 times" in health.message)
        assert health.state == "connected"
        device.silent.clear()
        await until(lambda: intake.rows("m.u9").height == 1)
        assert health.message == ""
    assert min(rate.values()) > 15


@in_loop
async def test_a_unit_that_falls_silent_opens_a_gap_of_its_own():
    device = Device(units={1, 2})
    tags = {"m.a": tag("1/holding:0"), "m.b": tag("2/holding:0")}
    async with modbus_device(device), reading(source(device.port), tags) as (intake, _):
        await until(lambda: intake.rows()["tag"].n_unique() == 2)
        device.silent.add(2)
        await until(lambda: intake.rows("m.b").filter(status=BAD_NO_COMMUNICATION).height == 1)
        assert intake.rows("m.a").filter(status=BAD_NO_COMMUNICATION).height == 0
        device.silent.clear()
        await until(lambda: intake.rows("m.b")["status"].to_list() == [0, BAD_NO_COMMUNICATION, 0])


@in_loop
async def test_a_wrong_unit_id_is_silence_that_says_so():
    device = Device(units={1}, silent={7})
    async with modbus_device(device), reading(source(device.port, unit_id=7), {"m.a": tag("holding:0")}) as (_, health):
        await until(lambda: health.message)
        assert health.state == "never seen"
    assert "unit 7: no answer within 0.3 s, 2 times; check that it is on, and host, port and unit_id" in health.message


@in_loop
async def test_a_gateway_that_reports_its_unit_missing_does_not_end_the_source():
    device = Device(units={1, 2}, answers_with={2: 11})
    tags = {"m.a": tag("1/holding:0"), "m.b": tag("2/holding:0")}
    async with modbus_device(device), reading(source(device.port), tags) as (intake, health):
        await until(lambda: "unit 2 is away: answers with exception 11 (gateway target did not resp" in health.message)
        await until(lambda: intake.rows("m.a").height)
        device.answers_with.clear()
        await until(lambda: intake.rows("m.b").height)


@in_loop
async def test_the_time_in_which_nobody_polled_is_a_gap():
    intake, health = MemoryIntake(), Health("mb", "modbus")
    stopped = datetime(2026, 11, 22, 10, 0, tzinfo=UTC)
    health.away_since = stopped
    async with modbus_device(Device()) as device:
        reader = ModbusReader(source(device.port), [("m.a", tag("holding:5"))], intake, health)
        task = asyncio.create_task(reader.run())
        await until(lambda: intake.rows("m.a").height == 2)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
    first, last = intake.rows("m.a").select("ts", "value", "status").rows()
    assert first == (stopped + timedelta(microseconds=1), None, GAP_STATUS["collector_stopped"])
    assert (last[1], last[2]) == (5.0, 0)


@in_loop
async def test_serial_frames_over_tcp():
    device = Device(units={1, 3}, framing="rtu")
    tags = {"m.a": tag("1/holding:5"), "m.b": tag("3/input:6", "float32"), "m.c": tag("coil:3", "bool")}
    async with modbus_device(device), reading(source(device.port, framing="rtu"), tags) as (intake, health):
        await until(lambda: intake.rows()["tag"].n_unique() == 3)
        assert intake.rows("m.a")["value"][0] == 5.0
        device.corrupt = 1
        await until(lambda: health.state == "down" or "checksum" in health.message)
        await until(lambda: health.state == "connected")


@in_loop
async def test_a_late_serial_answer_is_never_taken_for_the_next():
    device = Device(framing="rtu", delays=[0.4])
    async with modbus_device(device):
        wire = await wire_to(device, framing="rtu")
        with pytest.raises(SilentError):
            await wire.read(Request(1, "holding", 100, 1), 0.2)
        await asyncio.sleep(0.3)
        assert await wire.read(Request(1, "holding", 7, 1), 1.0) == struct.pack(">H", 7)
        wire.close()


@in_loop
async def test_a_late_answer_of_numbered_requests_is_dropped():
    device = Device(delays=[0.4])
    async with modbus_device(device):
        wire = await wire_to(device)
        with pytest.raises(SilentError):
            await wire.read(Request(1, "holding", 100, 1), 0.2)
        answers = [await wire.read(Request(1, "holding", n, 1), 1.0) for n in (7, 8, 9)]
        assert answers == [struct.pack(">H", n) for n in (7, 8, 9)]
        assert device.connections == 1
        wire.close()


@in_loop
async def test_what_does_not_speak_modbus_is_told():
    async def talk(_reader, writer):
        writer.write(b"SSH-2.0-OpenSSH_9.2p1 Debian\r\n")
        await writer.drain()
        writer.transport.close()

    server = await asyncio.start_server(talk, "127.0.0.1", 0)
    async with server:
        wire = Wire("127.0.0.1", server.sockets[0].getsockname()[1])
        await wire.open()
        with pytest.raises(SourceDownError, match=r"does not speak Modbus TCP|connection lost"):
            await wire.read(Request(1, "holding", 0, 1), 1.0)
        wire.close()


@in_loop
async def test_tls_with_a_client_certificate(tmp_path):
    authority = Authority(tmp_path)
    server, client = authority.issue("127.0.0.1"), authority.issue("shopfloor")
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH, cafile=authority.file)
    context.load_cert_chain(*server)
    context.verify_mode = ssl.CERT_REQUIRED
    files = {"ca": authority.file.name, "client_cert": client[0].name, "client_key": client[1].name}
    device = Device(tls=context)
    async with modbus_device(device):
        async with reading(source(device.port, tls=True, **files), {"m.a": tag("holding:5")}, tmp_path) as (intake, _):
            await until(lambda: intake.rows("m.a").height)
        other = Authority(tmp_path, "other")
        async with reading(source(device.port, tls=True, ca=other.file.name), {"m.a": tag("holding:5")}, tmp_path) as (
            _,
            health,
        ):
            await until(lambda: "TLS failed" in health.message)
            assert health.state == "never seen"
    assert ModbusSource(kind="modbus", name="a", host="h", tls=True).port == 802


@in_loop
async def test_tls_files_that_cannot_work_are_named(tmp_path):
    (tmp_path / "no.pem").write_text("nonsense")
    for more, found in (({"ca": "gone.pem"}, "ca = 'gone.pem': no such file"), ({"ca": "no.pem"}, "valid is a PEM")):
        reader = ModbusReader(source(1, tls=True, **more), [], MemoryIntake(), Health("mb", "modbus"), tmp_path)
        with pytest.raises(TerminalError, match=found):
            await reader.run()


@in_loop
async def test_swapped_words_at_a_device_become_a_finding():
    device = Device()
    device.put(1, 10, struct.pack(">f", 81.5)[2:] + struct.pack(">f", 81.5)[:2])
    tags = {"m.power": tag("holding:10", "float32", range=(0, 150))}
    async with modbus_device(device), reading(source(device.port), tags) as (intake, _):
        await until(lambda: intake.reports)
    (report,) = intake.reports
    assert report.select("reason", "origin", "booked").row(0) == ("swapped_words", "m.power", True)
    assert "in order CDAB it would be 81.5" in report["message"][0]


@in_loop
async def test_texts_and_scaled_values_of_a_device():
    device = Device()
    device.put(1, 50, b"Batch 7\0")
    device.put(1, 60, struct.pack(">h", -215))
    tags = {"m.batch": tag("holding:50[4]", "string"), "m.temp": tag("holding:60", "int16", scale=0.1, offset=1.0)}
    async with modbus_device(device), reading(source(device.port), tags) as (intake, _):
        await until(lambda: intake.rows()["tag"].n_unique() == 2)
        device.put(1, 50, b"Batch 8\0")
        await until(lambda: intake.rows("m.batch").height == 2)
    assert intake.rows("m.batch")["text"].to_list() == ["Batch 7", "Batch 8"]
    assert intake.rows("m.temp")["value"].to_list() == [pytest.approx(-20.5)]


@in_loop
async def test_jsmodbus_and_its_short_replies(tmp_path):
    port = free_port()
    async with node_peer(tmp_path, "modbus_jsmodbus.js", "jsmodbus", port):
        tags = {"m.f": tag("holding:0", "float32"), "m.d": tag("holding:20", "float32", word_order="little",
                byte_order="little"), "m.end": tag("holding:99", "float32"), "m.c": tag("coil:1", "bool")}  # fmt: skip
        async with reading(source(port), tags) as (intake, health):
            await until(lambda: intake.rows()["tag"].n_unique() == 3)
            await until(lambda: health.message == "1 address(es) refused: m.end")
    assert intake.rows("m.f")["value"][0] == intake.rows("m.d")["value"][0] == 123.25
    assert intake.rows("m.c")["value"][0] == 1.0


@in_loop
async def test_modbus_serial_and_a_unit_it_is_not(tmp_path):
    port = free_port()
    async with node_peer(tmp_path, "modbus_serial.js", "modbus-serial", port):
        tags = {"m.f": tag("1/holding:0", "float32"), "m.s": tag("1/input:10", "float32", word_order="little"),
                "m.x": tag("5/holding:0"), "m.far": tag("1/holding:500")}  # fmt: skip
        async with reading(source(port), tags) as (intake, health):
            await until(lambda: intake.rows()["tag"].n_unique() == 2)
            await until(lambda: "unit 5 is away: no answer" in health.message and "refused: m.far" in health.message)
    assert intake.rows("m.f")["value"][0] == intake.rows("m.s")["value"][0] == 123.25


@in_loop
async def test_libmodbus(tmp_path):
    if shutil.which("cc") is None or not await asyncio.to_thread(Path("/usr/include/modbus/modbus.h").exists):
        pytest.skip("needs cc and the headers of libmodbus: install libmodbus-dev")
    program = tmp_path / "server"
    script = Path(__file__).parents[1] / "peers" / "modbus_libmodbus.c"
    await asyncio.to_thread(subprocess.run, ["cc", script, "-o", program, "-lmodbus"], check=True)
    port = free_port()
    process = await asyncio.create_subprocess_exec(program, str(port), stdout=asyncio.subprocess.PIPE)
    try:
        assert b"READY" in await asyncio.wait_for(process.stdout.readline(), 10)
        tags = {"m.f": tag("holding:0", "float32"), "m.far": tag("holding:500")}
        async with reading(source(port), tags) as (intake, health):
            await until(lambda: intake.rows("m.f").height and "refused: m.far" in health.message)
    finally:
        process.kill()
        await process.wait()
    assert intake.rows("m.f")["value"][0] == 123.25
