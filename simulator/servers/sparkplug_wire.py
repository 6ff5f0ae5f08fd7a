"""Sparkplug B payloads written by hand, byte by byte.

On purpose not the generated classes of the connectors: the two sides of the wire check each other.
Protocol Buffers encoding: field key = number * 8 + wire type (0 varint, 1 eight bytes, 2 with length,
5 four bytes). Field numbers after Eclipse Sparkplug 3.0, 6.4.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import Literal

DATATYPES = {
    "bool": 11, "int16": 2, "uint16": 6, "int32": 3, "uint32": 7, "int64": 4, "float32": 9, "float64": 10, "string": 12,
}  # fmt: skip
UINT64 = 8
BOOLEAN = 11
_SIGNED = {2, 3}


@dataclass(frozen=True)
class Metric:
    """One metric; name only in births, value None is sent as null."""

    datatype: int
    value: float | str | None
    timestamp_ms: int
    alias: int | None = None
    name: str | None = None
    historical: bool = False


def payload(metrics: list[Metric], timestamp_ms: int, seq: int | None, *, birth: bool = False) -> bytes:
    """A Payload message; only births carry the datatype."""
    out = _number(1, timestamp_ms)
    for metric in metrics:
        out += _bytes(2, _metric(metric, birth=birth))
    return out if seq is None else out + _number(3, seq)


def _metric(metric: Metric, *, birth: bool) -> bytes:
    out = _bytes(1, metric.name.encode()) if metric.name is not None else b""
    out += _number(2, metric.alias) if metric.alias is not None else b""
    out += _number(3, metric.timestamp_ms)
    out += _number(4, metric.datatype) if birth else b""
    out += _number(5, 1) if metric.historical else b""
    return out + (_number(7, 1) if metric.value is None else _value(metric.datatype, metric.value))


def _value(datatype: int, value: float | str) -> bytes:
    if datatype == 12:
        return _bytes(15, str(value).encode())
    if datatype == 9:
        return _key(12, 5) + struct.pack("<f", value)
    if datatype == 10:
        return _key(13, 1) + struct.pack("<d", value)
    if datatype == BOOLEAN:
        return _number(14, int(bool(value)))
    whole = int(value)
    if datatype in {4, UINT64}:
        return _number(11, whole & (1 << 64) - 1)
    return _number(10, whole & (1 << 32) - 1 if datatype in _SIGNED else whole)


def _key(field: int, wire: Literal[0, 1, 2, 5]) -> bytes:
    return _varint(field * 8 + wire)


def _number(field: int, value: int) -> bytes:
    return _key(field, 0) + _varint(value)


def _bytes(field: int, value: bytes) -> bytes:
    return _key(field, 2) + _varint(len(value)) + value


def _varint(value: int) -> bytes:
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)
