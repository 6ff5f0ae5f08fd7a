"""The texts of items whose places and lengths are known: cut out of the message all at once."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import polars as pl
import pyarrow as pa

from connectors.opcua.wire.columns import no_texts


class Words:
    """Texts in a row.

    Args:
        items: which items have one.
        places: where the bytes of each begin.
        lengths: how many there are; -1 of a null text.
    """

    def __init__(self, items: np.ndarray, places: np.ndarray, lengths: np.ndarray) -> None:
        told = lengths >= 0
        lengths = lengths[told].astype("i8")
        self._items = items[told]
        self._ends = np.concatenate([np.zeros(1, "i8"), np.cumsum(lengths)])
        ahead = np.repeat(places[told] - self._ends[:-1], lengths)
        self._bytes = ahead + np.arange(len(ahead))  # where each byte of the texts stands

    def read(self, data: bytes, at: int, count: int) -> pl.Series | None:
        """Of the first `count` items from `at` on what each says, null where nothing; None where none does."""
        n = int(np.searchsorted(self._items, count))
        if not n:
            return None
        ends = self._ends[: n + 1]
        said = np.frombuffer(data, "u1", offset=at)[self._bytes[: ends[-1]]]
        return no_texts(count).scatter(self._items[:n], _words(said, ends))


def _words(said: np.ndarray, ends: np.ndarray) -> pl.Series:
    """Texts that stand one behind the other in `said`; what is no UTF-8 in them is shown as such."""
    texts = pa.LargeStringArray.from_buffers(len(ends) - 1, pa.py_buffer(ends), pa.py_buffer(said))
    try:
        texts.validate(full=True)
    except pa.ArrowInvalid:
        whole, cuts = said.tobytes(), ends.tolist()
        parts = [whole[a:b].decode("utf8", "replace") for a, b in pairwise(cuts)]
        return pl.Series(parts, dtype=pl.String)
    return pl.Series(texts)
