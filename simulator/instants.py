"""Instants as microseconds since 1970 UTC: the only clock inside the simulator."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import numpy as np
import polars as pl

SECOND = 1_000_000
MINUTE = 60 * SECOND
HOUR = 60 * MINUTE
DAY = 24 * HOUR
INSTANT = pl.Datetime("us", "UTC")
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def to_us(at: datetime) -> int:
    """An aware datetime as microseconds since 1970, exact.

    Raises:
        ValueError: the datetime has no time zone.
    """
    if at.tzinfo is None:
        raise ValueError(f"{at} has no time zone: give an aware datetime, for example in UTC")
    return (at - _EPOCH) // timedelta(microseconds=1)


def to_datetime(at_us: int) -> datetime:
    """Microseconds since 1970 as an aware UTC datetime, exact."""
    return _EPOCH + timedelta(microseconds=at_us)


def instants(name: str, values_us: np.ndarray | Sequence[int | None]) -> pl.Series:
    """A polars column of UTC instants; None stays null."""
    return pl.Series(name, values_us, dtype=pl.Int64).cast(INSTANT)
