"""Alarms, maintenance and failures as of a decision time: counts, ages and labels, by binary search.

Times of all machines lie in one sorted integer axis (machine number x AXIS + microseconds), so a window
is two look-ups, whatever the number of machines. Nothing here looks at telemetry.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

import numpy as np
import numpy.typing as npt
import polars as pl

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]

AXIS = 1 << 52
"""Room for one machine on the axis: about 142 years of microseconds."""

HOUR_US = 3_600_000_000
ALARM_WINDOWS_H = (24, 72, 240)
CODE_WINDOWS_H = (48,)
MOST_CODES = 12
"""Codes that get columns of their own: the most frequent ones."""
FAILURE_WINDOW_H = 30 * 24


def alarms(readings: pl.LazyFrame) -> pl.DataFrame:
    """Alarms that came: rows of an alarm tag where the code became another one than 0.

    Returns:
        machine, at, code, sorted. A code that is only repeated does not count again.
    """
    rows = readings.filter(
        (pl.col("role") == "alarm") & ~pl.col("opening") & pl.col("value").is_not_null() & pl.col("value").is_finite()
    )
    samples = rows.select("machine", "tag", "at", code=pl.col("value").cast(pl.Int64)).sort("machine", "tag", "at")
    came = (pl.col("code") != 0) & pl.col("code").ne_missing(pl.col("code").shift(1).over("tag"))
    return samples.filter(came).select("machine", "at", "code").sort("machine", "at", "code").collect()


def failures(maintenance: pl.DataFrame) -> pl.DataFrame:
    """Failures out of corrective orders: machine, failure_mode, failed_at, back_at (null: still open).

    A failure has happened by the time work starts or it is booked, whichever is first. Orders without a mode
    or without a time say nothing about a mode and are left out.
    """
    rows = maintenance.filter((pl.col("kind") == "corrective") & pl.col("failure_mode").is_not_null())
    failed = pl.min_horizontal("reported_at", "started_at").alias("failed_at")
    frame = rows.select("machine", "failure_mode", failed, pl.col("ended_at").alias("back_at"))
    return frame.filter(pl.col("failed_at").is_not_null()).sort("machine", "failure_mode", "failed_at")


def alarm_counts(events: pl.DataFrame, rows: pl.DataFrame, codes: Sequence[int] | None = None) -> list[pl.Series]:
    """Alarms of each decision time's machine in the hours before it: all of them, and per code."""
    if codes is None:
        seen = (
            events.filter(pl.col("at") < pl.lit(rows["at"].max(), pl.Datetime("us", "UTC")))["code"]
            .value_counts()
            .sort(["count", "code"], descending=True)
        )
        codes = sorted(seen["code"].head(MOST_CODES).to_list())
    out = [_count(events, rows, h).alias(f"alarms_{h}h") for h in ALARM_WINDOWS_H]
    for code in codes:
        of_code = events.filter(pl.col("code") == code)
        out += [_count(of_code, rows, h).alias(f"alarm_{code}_{h}h") for h in CODE_WINDOWS_H]
    return out


def maintenance_ages(
    maintenance: pl.DataFrame, rows: pl.DataFrame, modes: Sequence[str] | None = None
) -> list[pl.Series]:
    """Hours since the last maintenance of any kind, of each mode, and of each kind; failures of the last 30 days.

    A corrective order is known from its booking; a planned one from the later of its booking and its start, and
    not before it started: a plan is no maintenance. The end counts only once it has passed: until then the age
    is 0, and `context_under_repair` is true for a corrective order.
    """
    done = (pl.col("kind") == "corrective") | pl.col("started_at").is_not_null()
    known = (
        pl.when(pl.col("kind") == "corrective")
        .then("reported_at")
        .otherwise(pl.max_horizontal("reported_at", "started_at"))
    )
    orders = maintenance.filter(pl.col("reported_at").is_not_null() & done).with_columns(known_at=known)
    if modes is None:
        booked = orders.filter(pl.col("known_at") < pl.lit(rows["at"].max(), pl.Datetime("us", "UTC")))["failure_mode"]
        modes = sorted(booked.drop_nulls().unique().to_list())
    corrective = orders.filter(pl.col("kind") == "corrective")
    out = [
        _age(orders, rows).alias("since_any_h"),
        _age(orders.filter(pl.col("kind") == "preventive"), rows).alias("since_preventive_h"),
        _age(corrective, rows).alias("since_corrective_h"),
        _count(corrective, rows, FAILURE_WINDOW_H, "known_at").alias("failures_30d"),
        (_age(corrective, rows) == 0).fill_null(value=False).alias("context_under_repair"),
    ]
    return out + [_age(orders.filter(pl.col("failure_mode") == m), rows).alias(f"since_{m}_h") for m in modes]


def label(happened: pl.DataFrame, rows: pl.DataFrame, horizon_h: float, known_until: datetime) -> pl.Series:
    """Whether a failure of `happened` (machine, failed_at) falls into (at, at + horizon] of each decision time.

    Null where the horizon reaches past `known_until` without a failure, and while the machine is down after one.
    """
    axis, span = _axis(happened, rows, "failed_at"), round(horizon_h * HOUR_US)
    t = _points(rows)
    found = np.searchsorted(axis, t + span, "right") > np.searchsorted(axis, t, "right")
    open_end = rows["at"] + timedelta(hours=horizon_h) > known_until
    hit = pl.Series("label", found)
    blank = (open_end & ~hit) | _down(happened, rows)
    return pl.select(pl.when(~blank).then(hit.cast(pl.Float64))).to_series().alias("label")


def _down(happened: pl.DataFrame, rows: pl.DataFrame) -> pl.Series:
    """True from a failure to the return to operation (open orders: to the end)."""
    ordered = _sorted(happened, rows, "failed_at")
    axis, t = _axis(happened, rows, "failed_at"), _points(rows)
    last = np.searchsorted(axis, t, "right") - 1
    back = _micros(ordered["back_at"], missing=AXIS - 1) if "back_at" in ordered.columns else axis % AXIS
    same = (last >= 0) & (axis[last] // AXIS == t // AXIS) if len(axis) else np.zeros(len(t), dtype=bool)
    return pl.Series(same & (back[last] > t % AXIS) if len(axis) else same)


def _count(events: pl.DataFrame, rows: pl.DataFrame, hours: int, column: str = "at") -> pl.Series:
    """Events in [at - hours, at) of each decision time."""
    axis, t = _axis(events, rows, column), _points(rows)
    counted = np.searchsorted(axis, t, "left") - np.searchsorted(axis, t - hours * HOUR_US, "left")
    return pl.Series(counted.astype(np.float64))


def _age(orders: pl.DataFrame, rows: pl.DataFrame) -> pl.Series:
    """Hours from the end of the last known order to the decision time; 0 while it is open, null without one."""
    ordered = _sorted(orders, rows, "known_at")
    axis, t = _axis(orders, rows, "known_at"), _points(rows)
    if not len(axis):
        return pl.Series([None] * len(t), dtype=pl.Float64)
    last = np.searchsorted(axis, t, "left") - 1
    ended = _micros(ordered["ended_at"], missing=AXIS - 1)[last]
    now = t % AXIS
    hours = np.where(ended < now, (now - ended) / HOUR_US, 0.0).round(3)
    found = (last >= 0) & (axis[last] // AXIS == t // AXIS)
    return pl.select(pl.when(pl.Series(found)).then(pl.Series(hours))).to_series()


def _numbers(rows: pl.DataFrame) -> dict[str, int]:
    return {m: i for i, m in enumerate(sorted(rows["machine"].unique().to_list()))}


def _points(rows: pl.DataFrame) -> Ints:
    machine = rows["machine"].replace_strict(_numbers(rows), return_dtype=pl.Int64).to_numpy()
    return np.asarray(machine * AXIS + _micros(rows["at"]), dtype=np.int64)


def _sorted(events: pl.DataFrame, rows: pl.DataFrame, column: str) -> pl.DataFrame:
    """Events of the machines asked for, in the order of the axis."""
    numbers = _numbers(rows)
    ours = events.filter(pl.col("machine").is_in(list(numbers)) & pl.col(column).is_not_null())
    return ours.sort(pl.col("machine").replace_strict(numbers, return_dtype=pl.Int64, default=-1), column)


def _axis(events: pl.DataFrame, rows: pl.DataFrame, column: str) -> Ints:
    ordered = _sorted(events, rows, column)
    if ordered.is_empty():
        return np.empty(0, dtype=np.int64)
    machine = ordered["machine"].replace_strict(_numbers(rows), return_dtype=pl.Int64).to_numpy()
    return np.asarray(machine * AXIS + _micros(ordered[column]), dtype=np.int64)


def _micros(times: pl.Series, missing: int = 0) -> Ints:
    return times.dt.timestamp("us").fill_null(missing).to_numpy().astype(np.int64)
