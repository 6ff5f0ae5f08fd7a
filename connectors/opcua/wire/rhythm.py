"""The rhythm of a subscription: the same nodes in the same order, sampling after sampling.

Items of mixed types have to be walked one by one, because where one starts depends on the one before it. But a
server that samples its nodes in turn sends the same layout again and again. So what was walked once is
taken as a forecast of what follows, and checked, all items at once, against what does: an item whose mask, type and
text length are as forecast ends where that was forecast. From the first that differs on, items are walked.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from connectors.opcua.wire.columns import Columns
from connectors.opcua.wire.items import SIZES, STRING, VALUE, at_places, gathered

LEAST = 64
"""Items below which walking is as cheap."""
MOST = 1 << 16
"""Items forecast at once."""


@dataclass(frozen=True)
class _Round:
    """One round of the nodes as it was walked: by item its start in the round, key, text length and handle."""

    starts: np.ndarray
    keys: np.ndarray
    lengths: np.ndarray
    bytes: int
    place: dict[int, int]


class Rhythm:
    """What one subscription sent last, as a forecast of what it sends next."""

    def __init__(self) -> None:
        self._round: _Round | None = None
        self._trusted = False
        self._laid: tuple[tuple[int, int], np.ndarray, np.ndarray] | None = None

    def learn(self, data: bytes, starts: np.ndarray, keys: np.ndarray) -> None:
        """Take items that were walked: the round ends where the first handle comes again."""
        handles = at_places(data, "<u4", starts)
        again = np.flatnonzero(handles[1:] == handles[0])
        self._round, self._laid, self._trusted = None, None, False
        if not len(again) or len(starts) < LEAST:
            return
        n = int(again[0]) + 1
        sizes, texts = np.diff(starts[: n + 1]), (keys[:n] & 0xFF == STRING) & (keys[:n] >> 8 & VALUE > 0)
        known = np.where((np.take(SIZES, keys[:n]) > 0) | texts, keys[:n], 0xFFFF)  # no item has that key: it is walked
        lengths = np.where(texts, at_places(data, "<i4", np.where(texts, starts[:n] + 6, 0)), -1)
        places = {h: place for place, h in reversed(list(enumerate(handles[:n].tolist())))}
        self._round = _Round(starts[:n] - starts[0], known, lengths, int(sizes.sum()), places)

    def follow(self, data: bytes, at: int, left: int) -> tuple[Columns, int] | None:
        """Items from `at` on that are as forecast, and where they end; None when they are too few."""
        found = self._round
        if found is None or left < LEAST:
            return None
        phase = found.place.get(int.from_bytes(data[at : at + 4], "little"))
        if phase is None:
            return None
        count = min(left, MOST if self._trusted else 2 * len(found.starts))
        which, offsets = self._lay(found, phase, count)
        inside = int(np.searchsorted(offsets[:count], len(data) - at - 10, "right"))  # their types can be seen
        which, starts = which[:inside], offsets[:inside] + at
        good = self._as_forecast(data, found, which, starts)
        self._trusted = good == count
        if good < LEAST:
            self._round = None
            return None
        which, starts = which[:good], starts[:good]
        return self._columns(data, found, which, starts, at + int(offsets[good]))

    def _lay(self, found: _Round, phase: int, count: int) -> tuple[np.ndarray, np.ndarray]:
        """Of `count` items from `phase` on their place in the round, and one more start than items, from 0."""
        if self._laid is None or self._laid[0] != (phase, count):
            turns, which = np.divmod(np.arange(phase, phase + count + 1), len(found.starts))
            starts = turns * found.bytes + found.starts[which]
            self._laid = (phase, count), which[:-1], starts - starts[0]
        return self._laid[1], self._laid[2]

    @staticmethod
    def _as_forecast(data: bytes, found: _Round, which: np.ndarray, starts: np.ndarray) -> int:
        """How many items in a row have the mask, type and text length that was forecast."""
        keys, lengths = found.keys[which], found.lengths[which]
        seen = at_places(data, "<u2", starts + 4)  # the mask stands before the type
        same = (seen & 0xFF) << 8 | np.where(keys >> 8 & VALUE > 0, seen >> 8, 0) == keys
        texts = np.flatnonzero(lengths >= 0)
        same[texts] &= at_places(data, "<i4", starts[texts] + 6) == lengths[texts]
        wrong = np.flatnonzero(~same)
        return int(wrong[0]) if len(wrong) else len(same)

    @staticmethod
    def _columns(
        data: bytes, found: _Round, which: np.ndarray, starts: np.ndarray, end: int
    ) -> tuple[Columns, int] | None:
        if end > len(data):
            return None
        keys, lengths = found.keys[which], found.lengths[which]
        wide = np.flatnonzero((keys & 0xFF == STRING) & (keys >> 8 & VALUE > 0))
        begins, ends = starts[wide] + 10, starts[wide] + 10 + np.maximum(lengths[wide], 0)
        parts = zip(wide.tolist(), lengths[wide].tolist(), begins.tolist(), ends.tolist(), strict=True)
        text = {n: data[a:b].decode("utf8", "replace") for n, length, a, b in parts if length >= 0}
        return gathered(data, starts, keys, (wide, ends), text), end
