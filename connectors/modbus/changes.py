"""Which of the values read are worth a row: changed beyond the dead-band, or not told for a while."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

REPEAT_S = 60.0
"""A value that does not change is repeated this often, so that silence is told from standstill."""


class Changes:
    """The last value told of each item. `deadband` in the items' units, one for each item."""

    def __init__(self, deadband: Sequence[float]) -> None:
        self._deadband = np.array(deadband, dtype=np.float64)
        self._value = np.full(len(self._deadband), np.nan)
        self._at = np.full(len(self._deadband), -1, dtype=np.int64)
        self._text: dict[int, str] = {}

    def pick(self, which: np.ndarray, values: np.ndarray, at_us: np.ndarray) -> np.ndarray:
        """Of the items `which` with their values and times (us): a mask of those to keep. NaN equals NaN."""
        last, told = self._value[which], self._at[which]
        both = np.isnan(values) & np.isnan(last)
        with np.errstate(invalid="ignore"):
            same = (np.abs(values - last) <= self._deadband[which]) | (values == last) | both
        keep: np.ndarray = ~same | (told < 0) | (at_us - told >= REPEAT_S * 1e6)
        self._value[which[keep]] = values[keep]
        self._at[which[keep]] = at_us[keep]
        return keep

    def changed_text(self, n: int, text: str, at_us: int) -> bool:
        """Whether the text of item n is to be kept."""
        if self._at[n] >= 0 and self._text.get(n) == text and at_us - self._at[n] < REPEAT_S * 1e6:
            return False
        self._text[n], self._at[n] = text, at_us
        return True

    def forget(self, which: Sequence[int]) -> list[int]:
        """Start over with some items; returns those of them that had a value."""
        had = [n for n in which if self._at[n] >= 0]
        self._at[had] = -1
        return had
