"""OPC UA publish bodies to columns, straight from the bytes.

A hundred times cheaper than decoding objects. Envelope after OPC 10000-4, 7.25 (NotificationMessage); items:
`items`, `rhythm`.
"""

from __future__ import annotations

import struct
from types import SimpleNamespace
from typing import Any, NamedTuple

from asyncua import ua
from asyncua.common.utils import Buffer
from asyncua.ua.ua_binary import extensionobject_from_binary, nodeid_from_binary, struct_from_binary

from connectors.opcua.wire.columns import Columns, concat
from connectors.opcua.wire.items import run, walk
from connectors.opcua.wire.rhythm import Rhythm

_DATA_CHANGE = b"\x01\x00\x2b\x03\x01"
_U32, _I32 = struct.Struct("<I"), struct.Struct("<i")
_WALK = 8192
"""Items walked at once before a run or a rhythm is looked for again."""


class Raw(NamedTuple):
    """An undecoded DataChangeNotification: `count` items from `at` on."""

    data: bytes
    at: int
    count: int


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


def decode_auto(raw: Raw, rhythm: Rhythm | None = None, probe: int = 64) -> Columns:
    """All items of a notification. `rhythm` is what the subscription sent before it.

    `probe`: shortest run of one layout worth a view of its own.

    Raises:
        IndexError, struct.error, ua.UaError: the bytes are no monitored item notifications.
    """
    at, left = raw.at, raw.count
    rhythm = rhythm or Rhythm()
    parts: list[Columns] = []
    while left:
        part, at = (
            run(raw.data, at, left, probe)
            or rhythm.follow(raw.data, at, left)
            or walk(raw.data, at, min(left, _WALK), rhythm.learn)
        )
        parts.append(part)
        left -= len(part)
    return concat(parts)
