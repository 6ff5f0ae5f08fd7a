"""Hourly history of the sensors before the run: what a historian keeps of older months, for models to learn from.

Same levels, same precursors and the same noise streams as the live signals, from the failures of the past.
A value is the mean of the hour that ends at its time stamp; alarms keep their own instants.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import polars as pl

from plant.config import tag_id
from plant.model import Machine
from plant.sources.tags import Tag
from simulator.floor.faults import Failure, strengths
from simulator.floor.worktime import WorkTime
from simulator.instants import DAY, HOUR, INSTANT
from simulator.kinds import Kind, Mode
from simulator.signals.alarms import alarm_changes
from simulator.signals.energy import wobble
from simulator.signals.telemetry import SAMPLE_SCHEMA

ARCHIVE_D = 120


def archived(
    seed: int, machine: Machine, kind: Kind, work: WorkTime, known: Sequence[Failure], start_us: int
) -> pl.DataFrame:
    """Samples (tag, ts, value, status) of a machine for the 120 days before start_us; the last is an hour before."""
    hours = np.arange(start_us // HOUR * HOUR - ARCHIVE_D * DAY, start_us - HOUR, HOUR, dtype=np.int64)
    off, standing, running = _shares(seed, machine.name, work, known, hours)
    frames = []
    for tag in machine.tags:
        if tag.role == "alarm":
            changes = alarm_changes(seed, machine.name, kind, known, int(hours[0]), start_us - HOUR)
            frames.append(_frame(machine, tag, np.array([c[0] for c in changes]), [float(c[1]) for c in changes]))
        elif tag.role in {"power", "temperature", "vibration"}:
            levels = getattr(kind, tag.role)
            base = off * levels[0] + standing * levels[1] + running * levels[2]
            value = _value(seed, machine.name, tag, base, running, strengths(known, hours), hours)
            frames.append(_frame(machine, tag, hours + HOUR, np.round(value, 3)))
    return pl.concat(frames) if frames else pl.DataFrame(schema=SAMPLE_SCHEMA)


def _shares(
    seed: int, machine: str, work: WorkTime, known: Sequence[Failure], hours: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Share of each hour the machine was off, standing and producing."""
    scheduled = (work.worked_us(hours + HOUR) - work.worked_us(hours)) / HOUR
    usual = np.clip(0.80 * wobble(seed, "use", machine, hours, 0.10, 0.0), 0.1, 0.97)
    down = np.zeros(len(hours))
    for f in known:
        if f.failed_us is not None and f.repaired_us is not None:
            down += np.clip(np.minimum(f.repaired_us, hours + HOUR) - np.maximum(f.failed_us, hours), 0, None) / HOUR
    running = scheduled * usual * (1 - np.clip(down, 0, 1))
    return 1 - scheduled, scheduled - running, running


def _value(
    seed: int,
    machine: str,
    tag: Tag,
    base: np.ndarray,
    running: np.ndarray,
    coming: list[tuple[Mode, np.ndarray]],
    hours: np.ndarray,
) -> np.ndarray:
    if tag.role == "temperature":
        rise = sum((mode.temperature_k * x * running for mode, x in coming), np.zeros(len(hours)))
        value = base + rise + 10 * (wobble(seed, "temperature", machine, hours, 0.06, 0.0) - 1)
    elif tag.role == "vibration":
        rise = sum((mode.vibration * x * running for mode, x in coming), np.zeros(len(hours)))
        value = base * (1 + rise) * wobble(seed, "vibration", machine, hours, 0.05, 0.0)
    else:
        rise = sum((mode.power * x for mode, x in coming), np.zeros(len(hours)))
        full = tag.range[1] if tag.range else 20.0
        value = base * (1 + rise) * full * wobble(seed, "power", machine, hours, 0.03, 0.0)
    return np.clip(value, *tag.range) if tag.range else value


def _frame(machine: Machine, tag: Tag, at_us: np.ndarray, value: np.ndarray | list[float]) -> pl.DataFrame:
    frame = pl.DataFrame({"ts": at_us, "value": value})
    return frame.select(
        pl.lit(tag_id(machine, tag)).alias("tag"), pl.col("ts").cast(INSTANT), pl.col("value").cast(pl.Float64),
        pl.lit(0, dtype=pl.Int64).alias("status"),
    )  # fmt: skip
