"""Where every field of the items to come stands, reckoned once and read many times.

A forecast is made of items that were walked: their places as offsets from the first byte. Reading a message of that
layout is then one gather a field, without asking any item what it is.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from connectors.opcua.wire.columns import Columns
from connectors.opcua.wire.items import AFTER, FIXED, STRING, VALUE


class _Field(NamedTuple):
    """A field: which items have it (None: all), and where it stands."""

    code: np.dtype[Any]
    items: np.ndarray | None
    places: np.ndarray

    def read(self, data: bytes, at: int, count: int) -> tuple[slice | np.ndarray, np.ndarray]:
        """Of the first `count` items those that have the field, and what they say."""
        if self.items is None:
            return slice(None), _at(data, self.code, at, self.places[:count])
        n = int(np.searchsorted(self.items, count))
        return self.items[:n], _at(data, self.code, at, self.places[:n])


class Forecast:
    """The layout of items in a row.

    Args:
        starts: where each begins, from 0; one more than items.
        keys: mask * 256 + type of each; a key no item has where nothing can be told.
        lengths: bytes of each text, as the wire says them; -1 where there is none.
    """

    def __init__(self, starts: np.ndarray, keys: np.ndarray, lengths: np.ndarray) -> None:
        self.starts = starts
        heads, masks, kinds = starts[:-1], keys >> 8, keys & 0xFF
        there = masks & VALUE > 0
        self._same = (masks | np.where(there, kinds << 8, 0)).astype("<u2")  # the mask stands before the type
        self._asked = np.where(there, 0xFFFF, 0x00FF).astype("<u2")
        self._texts = _Field(np.dtype("<i4"), *_where((kinds == STRING) & there, heads + 6))
        self._lengths = lengths[self._texts.items]
        self._handles = _Field(np.dtype("<u4"), None, heads)
        self._heads = _Field(np.dtype("<u2"), None, heads + 4)
        tails = heads + 5
        tails[self._texts.items] += 5 + np.maximum(self._lengths, 0)
        self._values = []
        for kind, code in FIXED.items():
            if len((found := _where(there & (kinds == kind), heads + 6))[0]):
                self._values.append(_Field(np.dtype(code), *found))
                tails[found[0]] += 1 + np.dtype(code).itemsize
        self._after: dict[str, _Field] = {}
        for bit, name, code in AFTER:
            has = masks & bit > 0
            items, places = _where(has, tails)
            if len(items):
                self._after[name] = _Field(np.dtype(code), None if len(items) == len(has) else items, places)
                tails[has] += np.dtype(code).itemsize

    def __len__(self) -> int:
        return len(self._same)

    def kept(self, data: bytes, at: int, count: int) -> int:
        """How many of the first `count` items from `at` on have, in a row, mask, type and text length as forecast."""
        inside = int(np.searchsorted(self.starts[:count], len(data) - at - 10, "right"))  # their types can be seen
        _, seen = self._heads.read(data, at, inside)
        same = seen & self._asked[:inside] == self._same[:inside]
        texts, lengths = self._texts.read(data, at, inside)
        same[texts] &= lengths == self._lengths[: len(lengths)]
        return inside if same.all() else int(np.argmin(same))

    def columns(self, data: bytes, at: int, count: int) -> Columns:
        """The first `count` items from `at` on, which are as forecast."""
        value, valid = np.zeros(count), np.zeros(count, "?")
        for field in self._values:
            items, numbers = field.read(data, at, count)
            value[items], valid[items] = numbers, True
        found = {name: np.zeros(count, "i8") for name in ("status", "source", "server")}
        for name in found.keys() & self._after.keys():
            items, numbers = self._after[name].read(data, at, count)
            found[name][items] = numbers
        _, handles = self._handles.read(data, at, count)
        return Columns(handle=handles, value=value, valid=valid, **found, text=self._words(data, at, count))

    def _words(self, data: bytes, at: int, count: int) -> dict[int, str]:
        items = self._texts.items
        n = 0 if items is None else int(np.searchsorted(items, count))
        if items is None or not n:
            return {}
        lengths = self._lengths[:n]
        begins = self._texts.places[:n] + (at + 4)
        parts = zip(items[:n].tolist(), begins.tolist(), (begins + lengths).tolist(), strict=True)
        return {k: str(data[a:b], "utf8", "replace") for k, a, b in parts if b >= a}


def _where(has: np.ndarray, places: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    items = np.flatnonzero(has)
    return items, places[items]


def _at(data: bytes, code: np.dtype[Any], at: int, places: np.ndarray) -> np.ndarray:
    """The numbers that stand at these places behind `at`."""
    every = np.ndarray((max(len(data) - at - code.itemsize + 1, 0),), code, data, at, (1,))
    return every[places]
