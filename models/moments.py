"""When to score and what to learn from, read off the data's own times: no clock, so a rebuild gives the same rows."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

import polars as pl

WARM_UP_H = 5 * 24
"""Hours of telemetry before the first row to learn from: below, a machine's own normal is not known yet."""

LOOK_BACK_D = 40
"""Days of telemetry that features of the last day can depend on (normal, lag and windows), with room to spare."""


@dataclass(frozen=True)
class Moments:
    """Span of the data.

    Attributes:
        first_at: first sample. None without data.
        day_at: start of the last production day, the earliest of all sites.
        last_at: last sample.
    """

    first_at: datetime | None
    day_at: datetime | None
    last_at: datetime | None


def moments(readings: pl.LazyFrame) -> Moments:
    """First and last sample time and the start of the last production day (its opening rows carry it)."""
    day = readings.filter(pl.col("production_day") == pl.col("production_day").max().over("site"))
    span = readings.filter(~pl.col("opening")).select(first=pl.col("at").min(), last=pl.col("at").max()).collect()
    start = day.select(pl.col("at").min()).collect().item()
    return Moments(span["first"][0], start, span["last"][0])


def scored_at(m: Moments) -> list[datetime]:
    """Full hours of the last production day up to the last sample; its last full hour when there is none inside."""
    if m.day_at is None or m.last_at is None:
        return []
    last = _hour(m.last_at)
    first = _hour(m.day_at) + (timedelta(0) if _hour(m.day_at) == m.day_at else timedelta(hours=1))
    return _hours(min(first, last), last, 1)


def learnt_at(m: Moments, horizon_h: float, step_h: float) -> list[datetime]:
    """Decision times to learn from: after the warm-up, and over by the start of the last production day.

    The last day is left out whole, so that no score of it was ever part of the training.
    """
    if m.first_at is None or m.day_at is None:
        return []
    first, last = _hour(m.first_at) + timedelta(hours=WARM_UP_H), m.day_at - timedelta(hours=horizon_h)
    return _hours(first, last, step_h) if first <= last else []


def _hour(at: datetime) -> datetime:
    return at.replace(minute=0, second=0, microsecond=0)


def _hours(first: datetime, last: datetime, step_h: float) -> list[datetime]:
    count = int((last - first).total_seconds() // (step_h * 3600)) + 1
    return [first + timedelta(hours=step_h * i) for i in range(count)]
