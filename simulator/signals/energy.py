"""Power and energy: what a machine draws in each state, summed exactly in joules, shown by its meter in Wh."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from plant.states import State
from simulator.floor.faults import Failure, strengths
from simulator.instants import DAY, HOUR, MINUTE
from simulator.kinds import Kind
from simulator.streams import daily_noise

JOULES_PER_WH = 3600
_STANDING = {State.OFF: 0, State.PRODUCING: 2}


@dataclass(frozen=True)
class Energy:
    """Energy of one machine: `joules[i]` in [marks_us[i], marks_us[i+1]), `factor[i]` its load against normal."""

    marks_us: np.ndarray
    joules: np.ndarray
    factor: np.ndarray

    def register_wh(self, first_wh: int) -> np.ndarray:
        """The meter at every mark: whole watt-hours since its first value."""
        total = np.concatenate([[0], np.cumsum(self.joules)])
        return first_wh + total // JOULES_PER_WH


def level(word: str, levels: tuple[float, float, float]) -> float:
    """The level (off, standing, producing) that goes with a state."""
    return levels[_STANDING.get(State(word), 1)]


def marks(start_us: int, end_us: int) -> np.ndarray:
    """Every full minute of [start, end], with both ends."""
    full = np.arange(-(-start_us // MINUTE) * MINUTE, end_us + 1, MINUTE, dtype=np.int64)
    return np.unique(np.concatenate([[start_us], full, [end_us]]))


def wobble(seed: int, name: str, machine: str, at_us: np.ndarray, hourly: float, minutely: float) -> np.ndarray:
    """1 + noise at each instant: `hourly` the deviation from hour to hour, `minutely` from minute to minute."""
    first, last = int(at_us[0] // DAY), int(at_us[-1] // DAY)
    days = {"first_day": first, "last_day": last}
    value = 1 + hourly * daily_noise(seed, name, machine, "h", **days, per_day=24)[(at_us - first * DAY) // HOUR]
    if minutely:
        fine = daily_noise(seed, name, machine, "m", **days, per_day=1440)
        value = value + minutely * fine[(at_us - first * DAY) // MINUTE]
    return np.clip(value, 0.3, 2.0)


def metered(
    seed: int, machine: str, kind: Kind, full_kw: float, state_us: np.ndarray, words: Sequence[str],
    known: Sequence[Failure], grid_us: np.ndarray,
) -> Energy:  # fmt: skip
    """Energy between the marks of a machine whose power range ends at `full_kw`, from its states."""
    watts = np.array([level(w, kind.power) for w in words]) * full_kw * 1000
    edges = np.append(state_us, grid_us[-1])
    drawn = np.concatenate([[0.0], np.cumsum(watts * np.diff(edges) / 1e6)])
    load = wobble(seed, "power", machine, grid_us[:-1], 0.03, 0.02)
    for mode, strength in strengths(known, grid_us[:-1]):
        load = load * (1 + mode.power * strength)
    joules = np.rint(np.diff(np.interp(grid_us, edges, drawn)) * load).astype(np.int64)
    return Energy(grid_us, joules, load)
