"""Columns of monitored item values: what decoding ends in, whatever way the values came."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import numpy as np
import polars as pl
from asyncua import ua

TICKS_1970 = 116_444_736_000_000_000
"""100 ns ticks from 1601-01-01 to 1970-01-01."""
OVERFLOW = 0x480
"""Good + InfoType DataValue + Overflow: values were lost at the server before this one."""
_OVERFLOW_MASK = 0xC80
"""InfoType (bits 10 and 11) and Overflow (bit 7), which means something with InfoType DataValue only."""
_TYPES = {"handle": "u4", "value": "f8", "valid": "?", "status": "i8", "source": "i8", "server": "i8"}


@dataclass(frozen=True)
class Columns:
    """Decoded items. Times are 100 ns ticks since 1601, 0 where the server sent none.

    `value` holds numbers (booleans as 0 and 1); `valid` is false where there is no number. `text`
    says what cannot be a number (strings, arrays, times), null elsewhere; None where no item has one.
    """

    handle: np.ndarray
    value: np.ndarray
    valid: np.ndarray
    status: np.ndarray
    source: np.ndarray
    server: np.ndarray
    text: pl.Series | None

    def __len__(self) -> int:
        return len(self.handle)

    @property
    def overflowed(self) -> np.ndarray:
        """Handles of the items before which the server lost values, once per such value; any severity."""
        return self.handle[(self.status & _OVERFLOW_MASK) == OVERFLOW]


def concat(parts: list[Columns]) -> Columns:
    """Parts in order as one."""
    if len(parts) == 1:
        return parts[0]
    text = None
    if any(part.text is not None for part in parts):
        text = pl.concat([no_texts(len(p)) if p.text is None else p.text for p in parts])
    joined = {n: np.concatenate([np.empty(0, t), *(getattr(p, n) for p in parts)]) for n, t in _TYPES.items()}
    return Columns(**{n: a.astype(_TYPES[n], copy=False) for n, a in joined.items()}, text=text)


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
        text=texts({i: text_of(v) for i, v in enumerate(values) if v is not None and not numbers[i]}, len(rows)),
    )


def no_texts(count: int) -> pl.Series:
    """So many nulls."""
    return pl.Series([None], dtype=pl.String).new_from_index(0, count)


def texts(said: Mapping[int, str], count: int) -> pl.Series | None:
    """What is said at each of `count` positions."""
    if not said:
        return None
    return no_texts(count).scatter(list(said), pl.Series(list(said.values()), dtype=pl.String))


def of_value(handle: int, value: ua.DataValue) -> tuple[int, Any, int, int, int]:
    """A DataValue object (HistoryRead, Republish) as a row for `of_rows`."""
    variant = value.Value.Value if value.Value is not None else None
    status = value.StatusCode.value if value.StatusCode is not None else 0
    return handle, variant, status, _ticks(value.SourceTimestamp), _ticks(value.ServerTimestamp)


def text_of(value: Any) -> str:
    """What is no number as text: instants as ISO, a LocalizedText by its text."""
    if isinstance(value, datetime):
        return (value if value.tzinfo else value.replace(tzinfo=UTC)).isoformat()
    text = getattr(value, "Text", None)  # LocalizedText
    return str(text if text is not None else value)


def _ticks(at: datetime | None) -> int:
    if at is None:
        return 0
    since = (at if at.tzinfo else at.replace(tzinfo=UTC)) - datetime(1970, 1, 1, tzinfo=UTC)
    return TICKS_1970 + 10 * ((since.days * 86_400 + since.seconds) * 1_000_000 + since.microseconds)
