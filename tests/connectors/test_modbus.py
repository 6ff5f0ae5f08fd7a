"""Modbus: the plan, the numbers (against pymodbus's own), and a real device."""

from __future__ import annotations

import asyncio
import itertools
import math
import random
import re
import struct

import numpy as np
import pytest
from dock_plant import MemoryIntake, in_loop, make_plant, until, utc
from pymodbus.client import AsyncModbusTcpClient as Client

from connectors.modbus.changes import Changes
from connectors.modbus.decode import Layout
from connectors.modbus.orders import ROUNDS, Orders
from connectors.modbus.plan import Block, Item, halves, item_of, merge, plan
from connectors.modbus.reader import ModbusReader
from connectors.retry import Backoff, Health, supervise
from plant.sources.registers import ORDERS, REGISTERS, AddressError, Place
from plant.sources.tags import Tag
from plant.states import BAD_NO_COMMUNICATION
from simulator.servers import modbus as simulated
from simulator.servers.delivered import Delivered, Sample, tags_of
from simulator.servers.modbus import modbus_plant

TYPES = {
    "int16": Client.DATATYPE.INT16,
    "uint16": Client.DATATYPE.UINT16,
    "int32": Client.DATATYPE.INT32,
    "uint32": Client.DATATYPE.UINT32,
    "int64": Client.DATATYPE.INT64,
    "uint64": Client.DATATYPE.UINT64,
    "float32": Client.DATATYPE.FLOAT32,
    "float64": Client.DATATYPE.FLOAT64,
}


def item(name, start, kind, table="holding", bit=None, **more) -> Item:
    count = more.pop("count", REGISTERS.get(kind, 1))
    return Item(name, Place(None, table, start, count, bit, more.pop("bits", 1)), kind, **more)


def wire(words) -> bytes:
    return struct.pack(f">{len(words)}H", *words)


def tag(address, kind="uint16") -> Tag:
    return Tag(name="t", role="other", source="mb", address=address, type=kind)


@pytest.mark.parametrize("order", ["big", "little"])
def test_numbers_are_those_of_pymodbus(order):
    words = random.Random(7).choices(range(65536), k=120)
    items, at = [], 0
    for n, kind in itertools.product(range(6), TYPES):
        if at + REGISTERS[kind] <= 120:
            items.append(item(f"{kind}{n}", 1000 + at, kind, word_order=order))
            at += REGISTERS[kind]
    found = Layout([Block("holding", 1000, 120, tuple(items))]).numbers(wire(words)).tolist()
    assert len(items) > 36
    for one, value in zip(items, found, strict=True):
        part = words[one.place.start - 1000 : one.place.start - 1000 + one.place.count]
        expected = float(Client.convert_from_registers(part, TYPES[one.type], word_order=order))
        assert value == expected or (math.isnan(value) and math.isnan(expected)), one


@pytest.mark.parametrize(
    ("order", "sent"), [("ABCD", "42f6e979"), ("CDAB", "e97942f6"), ("BADC", "f64279e9"), ("DCBA", "79e9f642")]
)
def test_the_four_byte_orders(order, sent):
    words, swap = ORDERS[order]
    one = item("t", 0, "float32", word_order=words, byte_order=swap, scale=2.0, offset=1.0)
    assert one.order == order
    value = Layout([Block("holding", 0, 2, (one,))]).numbers(bytes.fromhex(sent))[0]
    assert value == pytest.approx(123.456 * 2 + 1, abs=1e-4)


def test_bits_of_registers_and_coils_fields_and_texts():
    items = [item(f"b{n}", 5, "bool", bit=n) for n in range(16)]
    layout = Layout([Block("holding", 5, 1, tuple(items))])
    assert layout.numbers(wire([0b1000_0000_0000_0101])).tolist() == [1, 0, 1] + [0] * 12 + [1]
    coils = [item(f"c{n}", n, "bool", "coil") for n in range(3)]
    field = item("f", 7, "uint16", bit=4, bits=5)
    text = item("s", 8, "string", count=4)
    swapped = item("w", 8, "string", count=4, byte_order="little")
    layout = Layout([Block("coil", 0, 3, tuple(coils)), Block("holding", 7, 5, (field, text, swapped))])
    raw = bytes([0b101, 0]) + wire([0b1111110_10101_0101]) + b"AB C \0xx"
    assert layout.numbers(raw).tolist()[:4] == [1, 0, 1, 0b10101]
    assert [layout.text(raw, n) for n in (4, 5)] == ["AB C", "BAC"]
    assert math.isnan(layout.numbers(raw)[4])


def test_blocks_are_cut_at_holes_at_tables_and_at_the_longest_request():
    items = [item(f"t{n}", n * 2, "uint32") for n in range(100)]
    items += [item("far", 400, "uint16"), item("in", 0, "uint16", "input")]
    blocks = plan(items, max_block=125)
    assert [(b.table, b.start, b.count) for b in blocks] == [
        ("holding", 0, 124), ("holding", 124, 76), ("holding", 400, 1), ("input", 0, 1),
    ]  # fmt: skip
    assert sum(len(b.items) for b in blocks) == 102
    left, right = halves(blocks[1])
    assert (left.start, left.count, right.start, right.count) == (124, 38, 162, 38)
    assert halves(blocks[2]) == []
    assert merge(left, right) == blocks[1]
    assert merge(blocks[0], blocks[1]) is None


def test_a_wide_value_is_never_cut():
    items = [item(f"t{n}", n * 4, "float64") for n in range(20)]
    for longest in (4, 5, 7, 30):
        blocks = plan(items, max_block=longest)
        assert all(i.place.start >= b.start and i.place.start + 4 <= b.end for b in blocks for i in b.items)
        assert max(b.count for b in blocks) <= longest


@pytest.mark.parametrize(
    ("address", "kind", "found"),
    [
        ("holding", "uint16", "'holding' cannot be read"),
        ("register:1", "uint16", "'register:1' cannot be read"),
        ("40000", "uint16", "numbers from 1, as in 40001"),
        ("20001", "uint16", "'20001' cannot be read"),
        ("holding:1", "string", "a text with its registers in brackets"),
        ("holding:1[2]", "uint32", "brackets for nothing else"),
        ("holding:1:3-1", "uint16", "lowest bit first"),
        ("256/holding:1", "uint16", "unit 0 to 255"),
        ("holding:65535", "uint32", "numbers 0 to 65534"),
        ("holding:1:16", "bool", "bit 0 to 15"),
        ("holding:100:3", "uint16", "type 'uint16' for the one bit 'holding:100:3'"),
        ("coil:3", "float64", "type 'float64' for the one bit 'coil:3'"),
        ("discrete:3", "uint16", "for the one bit"),
        ("coil:3:1", "bool", "a bit only behind a holding or input register"),
    ],
)
def test_a_wrong_address_says_what_is_right(address, kind, found):
    with pytest.raises(AddressError, match=re.escape(found)):
        item_of("m.t", tag(address, kind))


def test_numbers_of_manuals_count_from_one():
    both = [(40001, "holding:0"), (400001, "holding:0"), (465536, "holding:65535"), (30021, "input:20")]
    assert all(item_of("t", tag(str(n))).place == item_of("t", tag(a)).place for n, a in both)
    assert item_of("t", tag("00003", "bool")).place == item_of("t", tag("coil:2", "bool")).place
    assert item_of("t", tag("holding:40001")).place.start == 40001


def test_only_changes_and_a_sign_of_life_are_kept():
    changes, which = Changes([0.5, 0.0]), np.array([0, 1])
    rounds = [
        (0, [1.0, 1.0]), (1, [1.4, 1.0]), (2, [1.6, 2.0]), (3, [math.nan, 2.0]), (4, [math.nan, 2.0]),
        (5, [1.6, 2.0]), (60_000_002, [1.6, 2.0]),
    ]  # fmt: skip
    told = [changes.pick(which, np.array(values), np.full(2, at)).tolist() for at, values in rounds]
    yes, no = True, False
    assert told == [[yes, yes], [no, no], [yes, yes], [yes, no], [no, no], [yes, no], [no, yes]]
    assert sorted(changes.forget([0, 1])) == [0, 1]
    assert changes.forget([0, 1]) == []
    assert changes.pick(which, np.array([1.6, 2.0]), np.full(2, 60_000_003)).all()


def test_swapped_words_are_found_by_range_and_told_once():
    ranged = {"range": (0.0, 400.0)}
    items = (
        item("float", 0, "float32", **ranged), item("whole", 2, "uint32", **ranged),
        item("single", 4, "int16", **ranged), item("right", 5, "float32", **ranged),
        item("broken", 7, "float32", range=(0.0, 1.0)),
    )  # fmt: skip
    layout = Layout([Block("holding", 0, 9, items)])
    orders, told = Orders(layout), []
    for n in range(ROUNDS + 2):
        raw = struct.pack(">f", 50.5 + n)[2:] + struct.pack(">f", 50.5 + n)[:2] + wire([7 + n, 0])
        raw += wire([(5 + n) << 8]) + struct.pack(">ff", 399.0, -3.0e9)
        told += orders.look(raw, layout.numbers(raw), np.ones(5, dtype=bool))
    found = dict(told)
    assert (len(told), found.keys()) == (3, {"float", "whole", "single"})
    assert "in order CDAB it would be 52.5: write word_order = 'little', byte_order = 'big'" in found["float"]
    assert "in order CDAB it would be 9:" in found["whole"]
    assert "reads 1792 in order ABCD, outside its range [0.0, 400.0]; in order BADC it would be 7" in found["single"]


def test_the_simulated_map_has_the_holes_of_a_real_one():
    assert simulated.merge([(0, 1), (2, 2), (12, 1), (30, 2)]) == [(0, 13), (30, 2)]


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
