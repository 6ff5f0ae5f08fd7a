"""The items of a DataChangeNotification, from bytes to columns without an object per value.

Runs of one layout are one numpy view. Mixed ones are walked once for where each item starts; what stands
there is then gathered by type. Field order after OPC 10000-6, 5.2.2.17 (DataValue).
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from typing import Any

import numpy as np
from asyncua.common.utils import Buffer
from asyncua.ua.ua_binary import variant_from_binary

from connectors.opcua.wire.columns import Columns, text_of, texts

VALUE, STATUS, SOURCE, SERVER, SOURCE_PS, SERVER_PS = 0x01, 0x02, 0x04, 0x08, 0x10, 0x20
FIXED = {1: "?", 2: "<i1", 3: "<u1", 4: "<i2", 5: "<u2", 6: "<i4", 7: "<u4", 8: "<i8", 9: "<u8", 10: "<f4", 11: "<f8"}
STRING = 12
AFTER = ((STATUS, "status", "<u4"), (SOURCE, "source", "<i8"), (SOURCE_PS, "source_ps", "<u2"),
          (SERVER, "server", "<i8"), (SERVER_PS, "server_ps", "<u2"))  # fmt: skip
"""What follows the value, in wire order."""
_I32 = struct.Struct("<i")
Learn = Callable[[bytes, np.ndarray, np.ndarray], None]
_layouts: dict[tuple[int, int], np.dtype[Any] | None] = {}


def _layout(mask: int, kind: int) -> np.dtype[Any] | None:
    """Packed dtype of items with that mask and type; None when their size varies."""
    key = (mask, kind)
    if key not in _layouts:
        _layouts[key] = _new_layout(mask, kind)
    return _layouts[key]


def _new_layout(mask: int, kind: int) -> np.dtype[Any] | None:
    if mask > 0x3F or (mask & VALUE and kind not in FIXED):
        return None
    fields: list[tuple[str, str]] = [("handle", "<u4"), ("mask", "u1")]
    fields += [("kind", "u1"), ("value", FIXED[kind])] if mask & VALUE else []
    return np.dtype(fields + [(name, code) for bit, name, code in AFTER if mask & bit])


def _sizes() -> list[int]:
    """Bytes of an item by mask * 256 + type; 0 where they vary."""
    sizes = [0] * (1 << 16)
    for mask in range(0x40):
        for kind in FIXED if mask & VALUE else (0,):
            layout = _layout(mask, kind)
            sizes[mask << 8 | kind] = layout.itemsize if layout else 0
    return sizes


SIZES = np.array(_sizes())
_SIZES = _sizes()
_TAILS = [sum(np.dtype(code).itemsize for bit, _, code in AFTER if mask & bit) for mask in range(0x100)]


def run(data: bytes, at: int, left: int, probe: int) -> tuple[Columns, int] | None:
    """A run of items with the layout of the item at `at`, and where it ends; None when shorter than `probe`."""
    if left < probe:
        return None
    mask, kind = data[at + 4], data[at + 5]
    layout = _layout(mask, kind if mask & VALUE else 0)
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
    return same & (items["kind"] == kind) if mask & VALUE else same


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
        text=None,
    )


def walk(data: bytes, at: int, count: int, learn: Learn | None = None) -> tuple[Columns, int]:
    """`count` items of any types, and where they end. `learn` is told where they start, and their keys.

    Raises:
        IndexError, struct.error, ua.UaError: the bytes are no items.
    """
    starts, keys, sizes = [0] * count, [0] * count, _SIZES
    tails: dict[int, int] = {}
    text: dict[int, str] = {}
    for n in range(count):
        mask = data[at + 4]
        key = mask << 8 | data[at + 5] if mask & VALUE else mask << 8
        starts[n], keys[n] = at, key
        size = sizes[key]
        if not size:
            tails[n] = _wide(data, at, mask, n, text)
            size = tails[n] - at + _TAILS[mask]
        at += size
    if at > len(data):
        raise IndexError(f"items end {at - len(data)} bytes behind the message")
    found, kinds = np.array(starts), np.array(keys)
    if learn is not None:
        learn(data, found, kinds)
    return gathered(data, found, kinds, (np.array(list(tails), "i8"), np.array(list(tails.values()), "i8")), text), at


def _wide(data: bytes, at: int, mask: int, n: int, text: dict[int, str]) -> int:
    """Where the value of varying size at `at` ends; what it says goes to `text`."""
    if not mask & VALUE:
        return at + 5
    if data[at + 5] == STRING:
        (length,) = _I32.unpack_from(data, at + 6)
        if length >= 0:
            text[n] = data[at + 10 : at + 10 + length].decode("utf8", "replace")
        return at + 10 + max(length, 0)
    buffer = Buffer(data, at + 5)
    value = variant_from_binary(buffer).Value
    if value is not None:
        text[n] = text_of(value)
    return int(buffer.cur_pos)


def gathered(
    data: bytes, starts: np.ndarray, keys: np.ndarray, tails: tuple[np.ndarray, np.ndarray], text: dict[int, str]
) -> Columns:
    """The items at `starts` as columns.

    `keys` are mask * 256 + type, `tails` which have a value of varying size and where that ends, `text` what such say.
    """
    masks, kinds, n = keys >> 8, keys & 0xFF, len(keys)
    value, valid = np.zeros(n), np.zeros(n, "?")
    tail = starts + 5
    kinds = np.where(masks & VALUE > 0, kinds, 0)
    there = np.flatnonzero(np.bincount(kinds, minlength=len(FIXED) + 1)).tolist()
    for kind, code in ((k, FIXED[k]) for k in there if k in FIXED):
        here = np.flatnonzero(kinds == kind)
        value[here] = at_places(data, code, starts[here] + 6)
        valid[here] = True
        tail[here] += 1 + np.dtype(code).itemsize
    tail[tails[0]] = tails[1]
    found = {name: np.zeros(n, "i8") for _, name, _ in AFTER}
    for bit, name, code in AFTER:
        has = masks & bit > 0
        if has.all():
            found[name] = at_places(data, code, tail).astype("i8", copy=False)
            tail = tail + np.dtype(code).itemsize
        elif has.any():
            here = np.flatnonzero(has)
            found[name][here] = at_places(data, code, tail[here])
            tail[here] += np.dtype(code).itemsize
    return Columns(
        handle=at_places(data, "<u4", starts), value=value, valid=valid, status=found["status"],
        source=found["source"], server=found["server"], text=texts(text, n),
    )  # fmt: skip


def at_places(data: bytes, code: str | np.dtype[Any], places: np.ndarray, at: int = 0) -> np.ndarray:
    """The numbers that stand at these bytes behind `at`."""
    kind = np.dtype(code)
    every = np.ndarray((max(len(data) - at - kind.itemsize + 1, 0),), kind, data, at, (1,))
    return every[places]
