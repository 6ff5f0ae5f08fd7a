"""Values that are out of their range, and in it when the bytes are read in another order: a wrong setting, found.

A float of which the words are swapped is often a tiny number near zero, which every range holds: subnormal numbers
count as out of range here.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass, replace

import numpy as np

from connectors.modbus.decode import WIRE, Layout, significant_first
from connectors.modbus.plan import Item
from plant.sources.registers import ORDERS

ROUNDS = 3
"""Rounds in a row an item must be wrong the same way."""
TINY = 1e-30
RELATIVE = 1e-6
"""A float in another order is plausible from this part of its range on: noise is mostly far smaller, or far larger."""
_CODE = {">i2": "h", ">u2": "H", ">i4": "i", ">u4": "I", ">f4": "f", ">i8": "q", ">u8": "Q", ">f8": "d"}


@dataclass
class _Suspect:
    orders: set[str]
    rounds: int = 0


class Orders:
    """Looks at the values of a layout, round by round. An item is told once."""

    def __init__(self, layout: Layout) -> None:
        self._layout = layout
        ranged = [n for n, item in enumerate(layout.items) if item.range and item.type in WIRE]
        self._at = np.array([n for n in ranged if layout.items[n].place.bit is None], dtype=np.int64)
        limits = [layout.items[n].range or (0.0, 0.0) for n in self._at]
        self._low, self._high = np.array(limits).reshape(-1, 2).T
        self._floats = np.array([layout.items[n].type.startswith("float") for n in self._at], dtype=bool)
        self._suspects: dict[int, _Suspect] = {}
        self._told: set[int] = set()

    def look(self, raw: bytes | bytearray, values: np.ndarray, read: np.ndarray) -> list[tuple[str, str]]:
        """(tag, what is wrong and what to do) of the items found out this round; `read` masks items just read."""
        found = values[self._at]
        with np.errstate(invalid="ignore"):
            out = ~((found >= self._low) & (found <= self._high)) | (
                self._floats & (found != 0) & (np.abs(found) < TINY)
            )
        wrong = set(self._at[out & read[self._at]].tolist()) - self._told
        for n in self._suspects.keys() - wrong:
            del self._suspects[n]
        told = [(n, self._judge(raw, n)) for n in sorted(wrong)]
        return [(self._layout.tags[n], words) for n, words in told if words]

    def _judge(self, raw: bytes | bytearray, n: int) -> str | None:
        item, cells = self._layout.items[n], self._layout.bytes_of(raw, n)
        fits = {order: value for order, value in readings(item, cells).items() if order != item.order}
        fits = {order: value for order, value in fits.items() if _plausible(item, value)}
        suspect = self._suspects.setdefault(n, _Suspect(set(fits)))
        suspect.orders &= set(fits)
        suspect.rounds += 1
        if not suspect.orders or suspect.rounds < ROUNDS:
            return None
        self._told.add(n)
        best = min(suspect.orders, key=list(ORDERS).index)
        words, swap = ORDERS[best]
        present = readings(item, cells)[item.order]
        return (
            f"reads {present:g} in order {item.order}, outside its range {list(item.range or ())}; in order {best} it "
            f"would be {fits[best]:g}: write word_order = {words!r}, byte_order = {swap!r} if that is right; the value "
            "is kept as it was read"
        )


def readings(item: Item, cells: bytes) -> dict[str, float]:
    """The scaled value of an item's bytes in each order that its type has."""
    out = {}
    for order, (words, swap) in ORDERS.items():
        if item.place.count == 1 and words == "little":
            continue  # a single register has no word order
        turned = replace(item, word_order=words, byte_order=swap)
        ordered = bytes(cells[k] for k in significant_first(turned))
        out[order] = struct.unpack(">" + _CODE[WIRE[item.type]], ordered)[0] * item.scale + item.offset
    return out


def _plausible(item: Item, value: float) -> bool:
    low, high = item.range or (0.0, 0.0)
    tiny = item.type.startswith("float") and 0 < abs(value) < RELATIVE * max(abs(low), abs(high))
    return low <= value <= high and not tiny
