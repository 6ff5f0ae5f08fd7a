"""OPC UA publish bodies to columns, straight from the bytes.

About eighty times cheaper than decoding objects: runs of items with one layout are viewed by numpy,
mixed ones are walked by a struct loop. Field order after OPC 10000-6, 5.2.2.17 (DataValue) and
OPC 10000-4, 7.25 (NotificationMessage). No network, no session here.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any, NamedTuple

import numpy as np
from asyncua import ua
from asyncua.common.utils import Buffer
from asyncua.ua.ua_binary import (
    extensionobject_from_binary,
    nodeid_from_binary,
    struct_from_binary,
    variant_from_binary,
)

TICKS_1970 = 116_444_736_000_000_000
"""100 ns ticks from 1601-01-01 to 1970-01-01."""
OVERFLOW = 0x480
"""Good + InfoType DataValue + Overflow: values were lost at the server before this one."""
_OVERFLOW_MASK = 0xC80
"""InfoType (bits 10 and 11) and Overflow (bit 7), which means something with InfoType DataValue only."""
_DATA_CHANGE = b"\x01\x00\x2b\x03\x01"
_FIXED = {1: "?", 2: "<i1", 3: "<u1", 4: "<i2", 5: "<u2", 6: "<i4", 7: "<u4", 8: "<i8", 9: "<u8", 10: "<f4", 11: "<f8"}
_STRUCT = {k: struct.Struct("<" + c) for k, c in zip(_FIXED, "?bBhHiIqQfd", strict=True)}
_HEAD, _U32, _I32, _I64 = struct.Struct("<IB"), struct.Struct("<I"), struct.Struct("<i"), struct.Struct("<q")
_LOOP = 512
_layouts: dict[tuple[int, int], np.dtype[Any] | None] = {}


class Raw(NamedTuple):
    """An undecoded DataChangeNotification: `count` items from `at` on."""

    data: bytes
    at: int
    count: int


@dataclass(frozen=True)
class Columns:
    """Decoded items. Times are 100 ns ticks since 1601, 0 where the server sent none.

    `value` holds numbers (booleans as 0 and 1); `valid` is false where there is no number. `text`
    maps positions to what cannot be a number (strings, arrays, times).
    """

    handle: np.ndarray
    value: np.ndarray
    valid: np.ndarray
    status: np.ndarray
    source: np.ndarray
    server: np.ndarray
    text: dict[int, str]

    def __len__(self) -> int:
        return len(self.handle)

    @property
    def overflowed(self) -> np.ndarray:
        """Handles of the items before which the server lost values, once per such value; any severity."""
        return self.handle[(self.status & _OVERFLOW_MASK) == OVERFLOW]


def decode_publish(data: Buffer) -> Any:
    """A PublishResponse whose data changes stay `Raw`; the shape asyncua's publish loop expects.

    Raises:
        ua.UaStatusCodeError: the service result is bad.
        struct.error, ua.UaError: the bytes are no PublishResponse.
    """
    nodeid_from_binary(data)
    struct_from_binary(ua.ResponseHeader, data).ServiceResult.check()
    raw, at = bytes(data), 0
    (subscription,) = _U32.unpack_from(raw, at)
    (available,) = _I32.unpack_from(raw, at + 4)
    at += 8 + 4 * max(available, 0) + 1
    (sequence,) = _U32.unpack_from(raw, at)
    (count,) = _I32.unpack_from(raw, at + 12)
    at += 16
    notifications: list[Any] = []
    for _ in range(max(count, 0)):
        notification, at = _notification(raw, at)
        notifications.append(notification)
    message = SimpleNamespace(SequenceNumber=sequence, NotificationData=notifications)
    return SimpleNamespace(Parameters=SimpleNamespace(SubscriptionId=subscription, NotificationMessage=message))


def _notification(raw: bytes, at: int) -> tuple[Any, int]:
    if raw[at : at + 5] == _DATA_CHANGE:
        (length,) = _I32.unpack_from(raw, at + 5)
        (items,) = _I32.unpack_from(raw, at + 9)
        return Raw(raw, at + 13, max(items, 0)), at + 9 + length
    buffer = Buffer(raw, at)
    return extensionobject_from_binary(buffer), buffer.cur_pos


def decode_auto(raw: Raw, probe: int = 64) -> Columns:
    """All items of a notification. `probe`: shortest run of one layout worth a numpy view.

    Raises:
        struct.error, ua.UaError: the bytes are no monitored item notifications.
    """
    at, left = raw.at, raw.count
    parts: list[Columns] = []
    while left:
        run = _run(raw.data, at, left, probe)
        if run is None:
            part, at = _loop(raw.data, at, min(left, _LOOP))
        else:
            part, at = run
        parts.append(part)
        left -= len(part)
    return concat(parts)


def concat(parts: list[Columns]) -> Columns:
    """Parts in order as one."""
    if len(parts) == 1:
        return parts[0]
    text: dict[int, str] = {}
    at = 0
    for part in parts:
        text |= {at + k: v for k, v in part.text.items()}
        at += len(part)
    names = ("handle", "value", "valid", "status", "source", "server")
    empty = {"handle": "u4", "value": "f8", "valid": "?", "status": "i8", "source": "i8", "server": "i8"}
    joined = {n: np.concatenate([np.empty(0, empty[n]), *(getattr(p, n) for p in parts)]) for n in names}
    joined = {n: a.astype(empty[n], copy=False) for n, a in joined.items()}
    return Columns(**joined, text=text)


def _layout(mask: int, kind: int) -> np.dtype[Any] | None:
    """Packed dtype of items with that mask and type; None when their size varies."""
    key = (mask, kind)
    if key not in _layouts:
        _layouts[key] = _new_layout(mask, kind)
    return _layouts[key]


def _new_layout(mask: int, kind: int) -> np.dtype[Any] | None:
    if mask & 0x01 and kind not in _FIXED:
        return None
    fields: list[tuple[str, str]] = [("handle", "<u4"), ("mask", "u1")]
    fields += [("kind", "u1"), ("value", _FIXED[kind])] if mask & 0x01 else []
    optional = ((0x02, "status", "<u4"), (0x04, "source", "<i8"), (0x10, "source_ps", "<u2"))
    fields += [(name, code) for bit, name, code in optional if mask & bit]
    fields += [(name, code) for bit, name, code in ((0x08, "server", "<i8"), (0x20, "server_ps", "<u2")) if mask & bit]
    return np.dtype(fields)


def _run(data: bytes, at: int, left: int, probe: int) -> tuple[Columns, int] | None:
    """A run of items with the layout of the item at `at`; None when it is too short for a view."""
    if left < probe:
        return None
    mask, kind = data[at + 4], data[at + 5]
    layout = _layout(mask, kind if mask & 0x01 else 0)
    if layout is None or at + probe * layout.itemsize > len(data):
        return None
    if not _same(np.frombuffer(data, layout, probe, at), mask, kind).all():
        return None
    fit = min(left, (len(data) - at) // layout.itemsize)
    items = np.frombuffer(data, layout, fit, at)
    differs = np.flatnonzero(~_same(items, mask, kind))
    items = items[: differs[0]] if len(differs) else items
    return _columns(items), at + len(items) * layout.itemsize


def _same(items: np.ndarray, mask: int, kind: int) -> np.ndarray:
    same = items["mask"] == mask
    return same & (items["kind"] == kind) if mask & 0x01 else same


def _columns(items: np.ndarray) -> Columns:
    names, n = items.dtype.names or (), len(items)
    zeros = np.zeros(n, "i8")
    has = "value" in names
    return Columns(
        handle=items["handle"],
        value=items["value"].astype("f8") if has else np.zeros(n),
        valid=np.full(n, has),
        status=items["status"].astype("i8") if "status" in names else zeros,
        source=items["source"].astype("i8") if "source" in names else zeros,
        server=items["server"].astype("i8") if "server" in names else zeros,
        text={},
    )


def _loop(data: bytes, at: int, count: int) -> tuple[Columns, int]:
    rows: list[tuple[int, Any, int, int, int]] = []
    for _ in range(count):
        row, at = _item(data, at)
        rows.append(row)
    return of_rows(rows), at


def _item(data: bytes, at: int) -> tuple[tuple[int, Any, int, int, int], int]:
    handle, mask = _HEAD.unpack_from(data, at)
    at += 5
    value: Any = None
    status = source = server = 0
    if mask & 0x01:
        value, at = _variant(data, at)
    if mask & 0x02:
        (status,), at = _U32.unpack_from(data, at), at + 4
    if mask & 0x04:
        (source,), at = _I64.unpack_from(data, at), at + 8
    at += 2 if mask & 0x10 else 0
    if mask & 0x08:
        (server,), at = _I64.unpack_from(data, at), at + 8
    at += 2 if mask & 0x20 else 0
    return (handle, value, status, source, server), at


def _variant(data: bytes, at: int) -> tuple[Any, int]:
    kind = data[at]
    packed = _STRUCT.get(kind)
    if packed:
        return packed.unpack_from(data, at + 1)[0], at + 1 + packed.size
    if kind == 12:
        (length,) = _I32.unpack_from(data, at + 1)
        end = at + 5 + max(length, 0)
        return (data[at + 5 : end].decode("utf8", "replace") if length >= 0 else None), end
    buffer = Buffer(data, at)
    return variant_from_binary(buffer).Value, buffer.cur_pos


def of_rows(rows: Iterable[tuple[int, Any, int, int, int]]) -> Columns:
    """Columns of (handle, value, status, source ticks, server ticks) tuples."""
    rows = list(rows)
    values = [r[1] for r in rows]
    numbers = [isinstance(v, (bool, int, float)) for v in values]
    return Columns(
        handle=np.array([r[0] for r in rows], "u4"),
        value=np.array([float(v) if n else 0.0 for v, n in zip(values, numbers, strict=True)], "f8"),
        valid=np.array(numbers, "?"),
        status=np.array([r[2] for r in rows], "i8"),
        source=np.array([r[3] for r in rows], "i8"),
        server=np.array([r[4] for r in rows], "i8"),
        text={i: _text(v) for i, v in enumerate(values) if v is not None and not numbers[i]},
    )


def of_value(handle: int, value: ua.DataValue) -> tuple[int, Any, int, int, int]:
    """A DataValue object (HistoryRead, Republish) as a row for `of_rows`."""
    variant = value.Value.Value if value.Value is not None else None
    status = value.StatusCode.value if value.StatusCode is not None else 0
    return handle, variant, status, _ticks(value.SourceTimestamp), _ticks(value.ServerTimestamp)


def _ticks(at: datetime | None) -> int:
    if at is None:
        return 0
    since = (at if at.tzinfo else at.replace(tzinfo=UTC)) - datetime(1970, 1, 1, tzinfo=UTC)
    return TICKS_1970 + 10 * ((since.days * 86_400 + since.seconds) * 1_000_000 + since.microseconds)


def _text(value: Any) -> str:
    if isinstance(value, datetime):
        return (value if value.tzinfo else value.replace(tzinfo=UTC)).isoformat()
    text = getattr(value, "Text", None)  # LocalizedText
    return str(text if text is not None else value)
