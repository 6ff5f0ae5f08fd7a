"""Where every field of the items to come stands, reckoned once and read many times.

A forecast is made of items that were walked: their places as offsets from the first byte. Reading a message of that
layout is then one gather a field, without asking any item what it is. What stands side by side in every item is
gathered at once: handle, mask and type; source and server time.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from connectors.opcua.wire.columns import Columns
from connectors.opcua.wire.items import AFTER, FIXED, STRING, VALUE, at_places
from connectors.opcua.wire.words import Words

_PAIR = np.dtype("<c16")
"""Two times side by side: no other dtype of 16 bytes is gathered as fast."""


class _Field(NamedTuple):
    """A field: which items have it (None: all), and where it stands."""

    code: np.dtype[Any]
    items: np.ndarray | None
    places: np.ndarray

    def read(self, data: bytes, at: int, count: int) -> tuple[slice | np.ndarray, np.ndarray]:
        """Of the first `count` items those that have the field, and what they say."""
        if self.items is None:
            return slice(None), at_places(data, self.code, self.places[:count], at)
        n = int(np.searchsorted(self.items, count))
        return self.items[:n], at_places(data, self.code, self.places[:n], at)


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
        self._words = Words(self._texts.items, self._texts.places + 4, self._lengths)
        self._heads = _Field(np.dtype("<u8"), None, heads)  # four bytes of it the handle, then mask and type
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
        self._times = self._side_by_side()

    def _side_by_side(self) -> _Field | None:
        """Source and server time as one field, where every item has both, one behind the other."""
        source, server = self._after.get("source"), self._after.get("server")
        if source is None or server is None or source.items is not None or server.items is not None:
            return None
        return _Field(_PAIR, None, source.places) if (server.places - source.places == 8).all() else None

    def __len__(self) -> int:
        return len(self._same)

    def kept(self, data: bytes, at: int, count: int) -> tuple[int, np.ndarray]:
        """How many of the first `count` items from `at` on have, in a row, mask, type and text length as forecast.

        And the handles of at least those.
        """
        inside = int(np.searchsorted(self.starts[:count], len(data) - at - 10, "right"))  # their types can be seen
        _, seen = self._heads.read(data, at, inside)
        same = seen.view("<u2")[2::4] & self._asked[:inside] == self._same[:inside]
        texts, lengths = self._texts.read(data, at, inside)
        same[texts] &= lengths == self._lengths[: len(lengths)]
        return inside if same.all() else int(np.argmin(same)), seen.view("<u4")[::2]

    def columns(self, data: bytes, at: int, handles: np.ndarray) -> Columns:
        """The items from `at` on that have these handles, and are as forecast."""
        count = len(handles)
        value, valid = np.zeros(count), np.zeros(count, "?")
        for field in self._values:
            items, numbers = field.read(data, at, count)
            value[items], valid[items] = numbers, True
        text = self._words.read(data, at, count)
        return Columns(handle=handles, value=value, valid=valid, text=text, **self._read_after(data, at, count))

    def _read_after(self, data: bytes, at: int, count: int) -> dict[str, np.ndarray]:
        found, left = {}, ["status", "source", "server"]
        if self._times is not None:
            both = self._times.read(data, at, count)[1].view("<i8")
            found["source"], found["server"] = both[::2], both[1::2]
            left = ["status"]
        for name in left:
            found[name] = np.zeros(count, "i8")
            if name in self._after:
                items, numbers = self._after[name].read(data, at, count)
                found[name][items] = numbers
        return found


def _where(has: np.ndarray, places: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    items = np.flatnonzero(has)
    return items, places[items]
