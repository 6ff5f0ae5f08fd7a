"""Modbus: the plan, the numbers (against pymodbus's own), and a real device."""

from __future__ import annotations

import asyncio
import math
import random
import re

import pytest
from dock_plant import MemoryIntake, in_loop, make_plant, until, utc
from pymodbus.client import AsyncModbusTcpClient as Client

from connectors.modbus.plan import REGISTERS, AddressError, Block, Item, decode, halves, item_of, plan
from connectors.modbus.reader import Changes, ModbusReader
from connectors.retry import Backoff, Health, supervise
from plant.sources.tags import Tag
from plant.states import BAD_NO_COMMUNICATION
from simulator.servers.delivered import Delivered, Sample, tags_of
from simulator.servers.modbus import merge, modbus_plant

TYPES = {
    "int16": Client.DATATYPE.INT16,
    "uint16": Client.DATATYPE.UINT16,
    "int32": Client.DATATYPE.INT32,
    "uint32": Client.DATATYPE.UINT32,
    "int64": Client.DATATYPE.INT64,
    "float32": Client.DATATYPE.FLOAT32,
    "float64": Client.DATATYPE.FLOAT64,
}


def tag(address, kind="uint16") -> Tag:
    return Tag(name="t", role="other", source="mb", address=address, type=kind)


@pytest.mark.parametrize("order", ["big", "little"])
def test_numbers_are_those_of_pymodbus(order):
    words = random.Random(7).choices(range(65536), k=120)
    items, at = [], 0
    for n in range(6):
        for kind in TYPES:
            if at + REGISTERS[kind] <= 120:
                items.append(Item(f"{kind}{n}", "holding", 1000 + at, REGISTERS[kind], kind, order, None))
                at += REGISTERS[kind]
    found = decode(Block("holding", 1000, 120, tuple(items)), words).tolist()
    assert len(items) > 40
    for item, value in zip(items, found, strict=True):
        part = words[item.start - 1000 : item.start - 1000 + item.count]
        expected = float(Client.convert_from_registers(part, TYPES[item.type], word_order=order))
        assert value == expected or (math.isnan(value) and math.isnan(expected)), item


def test_bits_of_registers_and_coils():
    items = [Item(f"b{n}", "holding", 5, 1, "bool", "big", n) for n in range(16)]
    assert decode(Block("holding", 5, 1, tuple(items)), [0b1000_0000_0000_0101]).tolist() == [1, 0, 1] + [0] * 12 + [1]
    coils = [Item(f"c{n}", "coil", n, 1, "bool", "big", None) for n in range(3)]
    assert decode(Block("coil", 0, 3, tuple(coils)), [True, False, True, False]).tolist() == [1, 0, 1]


def test_blocks_are_cut_at_holes_at_tables_and_at_the_longest_request():
    items = [Item(f"t{n}", "holding", n * 2, 2, "uint32", "big", None) for n in range(100)]
    items += [Item("far", "holding", 400, 1, "uint16", "big", None), Item("in", "input", 0, 1, "uint16", "big", None)]
    blocks = plan(items, max_block=125)
    assert [(b.space, b.start, b.count) for b in blocks] == [
        ("holding", 0, 124), ("holding", 124, 76), ("holding", 400, 1), ("input", 0, 1),
    ]  # fmt: skip
    assert sum(len(b.items) for b in blocks) == 102
    left, right = halves(blocks[1])
    assert (left.start, left.count, right.start, right.count) == (124, 38, 162, 38)
    assert halves(blocks[2]) == []


@pytest.mark.parametrize(
    ("address", "kind", "found"),
    [
        ("holding", "uint16", "address 'holding' cannot be read"),
        ("register:1", "uint16", "address 'register:1' cannot be read"),
        ("holding:1", "string", "type 'string' cannot be read"),
        ("holding:65535", "uint32", "outside registers"),
        ("holding:1:16", "bool", "outside registers"),
        ("holding:100:3", "uint16", "is one bit, its type is 'uint16': write type = \"bool\""),
        ("coil:3", "float64", "is one bit, its type is 'float64'"),
        ("discrete:3", "uint16", "is one bit"),
    ],
)
def test_a_wrong_address_says_what_is_right(address, kind, found):
    with pytest.raises(AddressError, match=found):
        item_of("m.t", tag(address, kind))


def test_only_changes_and_a_sign_of_life_are_kept():
    import numpy as np

    changes = Changes({"a": 0.5, "b": 0.0})
    told = [
        changes.pick(["a", "b"], np.array(values), at_us)
        for at_us, values in [
            (0, [1.0, 1.0]), (1, [1.4, 1.0]), (2, [1.6, 2.0]), (3, [math.nan, 2.0]), (4, [math.nan, 2.0]),
            (5, [1.6, 2.0]), (60_000_002, [1.6, 2.0]),
        ]
    ]  # fmt: skip
    assert [[t for t, _ in pairs] for pairs in told] == [["a", "b"], [], ["a", "b"], ["a"], [], ["a"], ["b"]]
    assert sorted(changes.forget()) == ["a", "b"]


def test_the_simulated_map_has_the_holes_of_a_real_one():
    assert merge([(0, 1), (2, 2), (12, 1), (30, 2)]) == [(0, 13), (30, 2)]


@in_loop
async def test_values_arrive_and_an_outage_is_marked(tmp_path):
    plant = make_plant(tmp_path)
    intake, health, log = MemoryIntake(), Health("mb", "modbus"), Delivered()
    reader = ModbusReader(plant.sources["mb"], list(tags_of(plant, "mb").items()), intake, health)
    task = asyncio.create_task(supervise(reader.run, health, backoff=Backoff(0.1, 1, 0.1)))
    start = [Sample("m2.good", utc(), 70_000.0, 0), Sample("m2.state", utc(), 1.0, 0)]
    async with modbus_plant(plant, "mb", log, start) as device:
        await until(lambda: intake.rows()["tag"].n_unique() == 4)
        before = utc()
        await device.deliver([Sample("m2.power", utc(), -3.5, 0), Sample("m2.alarm", utc(), 1.0, 0)])
        await device.deliver([Sample("m2.good", utc(), 70_001.0, 0)])
        await until(lambda: all(intake.rows(f"m2.{t}").height == 2 for t in ("good", "power", "alarm")))
        assert intake.rows("m2.good")["value"].to_list() == [70_000.0, 70_001.0]
        assert intake.rows("m2.power")["value"].to_list()[-1] == -3.5
        assert intake.rows("m2.alarm")["value"].to_list() == [0.0, 1.0]
        assert intake.rows("m2.good")["ts"][1] >= before
        assert set(intake.rows()["status"]) == {0}
    await until(lambda: intake.rows().filter(status=BAD_NO_COMMUNICATION).height == 4)
    assert health.state == "down"
    async with modbus_plant(plant, "mb", log, start):
        await until(lambda: health.state == "connected" and intake.rows("m2.state")["value"].to_list()[-1] == 1.0)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


@in_loop
async def test_one_address_outside_the_map_is_reported_and_the_rest_is_read(tmp_path):
    plant = make_plant(tmp_path)
    tags = tags_of(plant, "mb")
    wrong = {"m2.hole": tag("holding:8"), "m2.odd": tag("nothing:1")}
    intake, health = MemoryIntake(), Health("mb", "modbus")
    reader = ModbusReader(plant.sources["mb"], [*tags.items(), *wrong.items()], intake, health)
    async with modbus_plant(plant, "mb", Delivered()):
        task = asyncio.create_task(reader.run())
        await until(lambda: intake.rows()["tag"].n_unique() == 4)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
    assert sorted(r["origin"][0] for r in intake.reports) == ["m2.hole", "m2.odd"]
    assert {r["reason"][0] for r in intake.reports} == {"bad_address"}
    assert "2 address(es) refused" in health.message


@in_loop
async def test_a_coil_without_a_type_is_reported_and_the_rest_is_read(tmp_path):
    plant = make_plant(tmp_path)
    coil = Tag(name="t", role="other", source="mb", address="coil:3")
    intake, health = MemoryIntake(), Health("mb", "modbus")
    reader = ModbusReader(plant.sources["mb"], [*tags_of(plant, "mb").items(), ("m2.coil", coil)], intake, health)
    async with modbus_plant(plant, "mb", Delivered()):
        task = asyncio.create_task(supervise(reader.run, health, backoff=Backoff(0.1, 1, 0.1)))
        await until(lambda: intake.rows()["tag"].n_unique() == 4)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
    assert [(r["origin"][0], r["reason"][0]) for r in intake.reports] == [("m2.coil", "bad_address")]
    assert health.message == "1 address(es) refused: m2.coil"


@in_loop
async def test_an_address_the_device_has_after_a_restart_is_named_no_more(tmp_path):
    plant = make_plant(tmp_path)
    (tmp_path / "larger").mkdir()
    larger = make_plant(tmp_path / "larger", lambda t: _port_of(t, plant).replace("holding:100:3", "holding:200:3"))
    tags = tags_of(plant, "mb") | {"m2.later": tag("holding:200")}
    intake, health = MemoryIntake(), Health("mb", "modbus")
    reader = ModbusReader(plant.sources["mb"], list(tags.items()), intake, health)
    task = asyncio.create_task(supervise(reader.run, health, backoff=Backoff(0.1, 1, 0.1)))
    async with modbus_plant(plant, "mb", Delivered()):
        await until(lambda: health.message == "1 address(es) refused: m2.later")
    await until(lambda: health.state == "down")
    async with modbus_plant(larger, "mb", Delivered()):
        await until(lambda: intake.rows("m2.later").height)
        await until(lambda: health.message == "1 address(es) refused: m2.alarm")
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    assert [r["origin"][0] for r in intake.reports] == ["m2.later", "m2.alarm"]


def _port_of(text, plant):
    """The same port as the Modbus source of another plant."""
    return re.sub(r"(kind = \"modbus\"\nhost = \S+\nport = )\d+", rf"\g<1>{plant.sources['mb'].port}", text)
