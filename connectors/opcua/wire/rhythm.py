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
from connectors.opcua.wire.forecast import Forecast
from connectors.opcua.wire.items import SIZES, STRING, VALUE, at_places

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
        self._laid: tuple[int, Forecast] | None = None

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
        ahead = self._lay(found, phase, count)
        good, handles = ahead.kept(data, at, count)
        end = at + int(ahead.starts[good])
        self._trusted = good == count
        if good < LEAST or end > len(data):
            self._round = None
            return None
        return ahead.columns(data, at, handles[:good]), end

    def _lay(self, found: _Round, phase: int, count: int) -> Forecast:
        """At least `count` items from `phase` of the round on; what was reckoned last serves as often as it can."""
        if self._laid is None or self._laid[0] != phase or len(self._laid[1]) < count:
            turns, which = np.divmod(np.arange(phase, phase + count + 1), len(found.starts))
            starts = turns * found.bytes + found.starts[which]
            which = which[:-1]
            self._laid = phase, Forecast(starts - starts[0], found.keys[which], found.lengths[which])
        return self._laid[1]
