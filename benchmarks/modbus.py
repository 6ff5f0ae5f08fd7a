"""Modbus: from registers to numbers, against pymodbus's own conversion; and what a whole round costs."""

from __future__ import annotations

import random
import struct
from collections.abc import Callable, Iterator
from pathlib import Path
from time import process_time

import numpy as np
from pymodbus.client import AsyncModbusTcpClient as Peer

from benchmarks.figure import Figure
from connectors.modbus.changes import Changes
from connectors.modbus.decode import Layout
from connectors.modbus.plan import Item, plan
from plant.sources.registers import REGISTERS, Place

TAGS = 1_000
ROUNDS = 200
ENOUGH_S = 1.0
THEIRS = {
    "int16": Peer.DATATYPE.INT16,
    "uint32": Peer.DATATYPE.UINT32,
    "float32": Peer.DATATYPE.FLOAT32,
    "float64": Peer.DATATYPE.FLOAT64,
}


def figures(_data: Path) -> Iterator[Figure]:
    """1,000 values a round of 60 % float32, 20 % uint32, 10 % int16, 10 % float64, in blocks of up to 125 registers."""
    layout, words = _map()
    raw = struct.pack(f">{len(words)}H", *words)
    if layout.numbers(raw).tolist() != _theirs(layout, words):
        raise AssertionError("decoded values are not those of pymodbus")
    ours_s = _cpu_of(lambda: layout.numbers(raw)) / TAGS * 1e6
    theirs_s = _cpu_of(lambda: _theirs(layout, words)) / TAGS * 1e6
    note = f"decode alone, mixed types, {TAGS:,} values in {len(layout.blocks)} blocks; equal values checked"
    versus = f"pymodbus convert_from_registers: {theirs_s:.2f}; limit: at least 10 times as fast"
    yield Figure("modbus.decode_vs_pymodbus", theirs_s / ours_s, "times", versus, theirs_s / ours_s / 10, note)
    yield Figure("modbus.decode", ours_s, "CPU s per million", f"pymodbus: {theirs_s:.2f}", ours_s / theirs_s, note)
    kept = "decode and choice of what changed (1 value in 20)"
    yield Figure("modbus.round", _round_s(layout, raw), "CPU s per million", "no peer", None, kept)


def _map() -> tuple[Layout, list[int]]:
    """A layout of TAGS items and the registers it stands for."""
    chosen = random.Random(7).choices(list(THEIRS), [10, 20, 60, 10], k=TAGS)
    items, at = [], 0
    for n, kind in enumerate(chosen):
        items.append(Item(f"t{n}", Place(None, "holding", at, REGISTERS[kind]), kind))
        at += REGISTERS[kind]
    rng = random.Random(8)
    words: list[int] = []
    for kind in chosen:
        code = {"int16": "h", "uint32": "I", "float32": "f", "float64": "d"}[kind]
        value = rng.uniform(0, 400)
        words += struct.unpack(f">{REGISTERS[kind]}H", struct.pack(f">{code}", value if code in "fd" else int(value)))
    return Layout(plan(items)), words


def _theirs(layout: Layout, words: list[int]) -> list[float]:
    """The same values by pymodbus: one call a value, as its users write it."""
    convert = Peer.convert_from_registers
    return [
        float(convert(words[i.place.start : i.place.start + i.place.count], THEIRS[i.type]))  # type: ignore[arg-type]
        for i in layout.items
    ]


def _round_s(layout: Layout, raw: bytes) -> float:
    """CPU seconds per million values of decode and change detection; 1 value in 20 changes."""
    changes, which = Changes([0.0] * TAGS), np.arange(TAGS)
    noise = np.random.default_rng(1).random((ROUNDS, TAGS)) < 0.05
    began = process_time()
    for n in range(ROUNDS):
        values = layout.numbers(raw) + noise[n]
        changes.pick(which, values, np.full(TAGS, n))
    return (process_time() - began) / ROUNDS / TAGS * 1e6


def _cpu_of(work: Callable[[], object]) -> float:
    """CPU seconds of one call, from as many as fill a second."""
    work()
    began, calls = process_time(), 0
    while process_time() - began < ENOUGH_S:
        work()
        calls += 1
    return (process_time() - began) / calls
