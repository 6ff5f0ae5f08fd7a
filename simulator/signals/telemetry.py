"""Every sample the sources deliver for a machine: states, counters, meter, sensors, alarms, and lost signals."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl

from plant.config import Plant, tag_id
from plant.errors import TerminalError
from plant.model import Machine
from plant.sources.tags import Tag
from plant.states import BAD_NO_COMMUNICATION, GOOD_STATUS, State
from simulator.floor.faults import Failure, Gap, strengths
from simulator.floor.machines import Log
from simulator.instants import INSTANT, MINUTE
from simulator.kinds import Kind
from simulator.signals.alarms import alarm_changes
from simulator.signals.energy import Energy, level, wobble
from simulator.signals.registers import counter, first_value

STATE_REPEAT_US = 5 * MINUTE
SAMPLE_SCHEMA = {"tag": pl.String(), "ts": INSTANT, "value": pl.Float64(), "status": pl.Int64()}
_ON_CHANGE = {"state", "mode", "good_count", "scrap_count", "rework_count", "alarm"}
Series = tuple[np.ndarray, np.ndarray]
"""Instants (us) and values of one tag."""


@dataclass(frozen=True)
class Source:
    """All that the signals of one machine come from."""

    seed: int
    machine: Machine
    kind: Kind
    log: Log
    known: Sequence[Failure]  # failures behind and ahead, in order of time
    energy: Energy
    resets_us: Sequence[int]
    start_us: int
    end_us: int


def codes(plant: Plant, tag: Tag) -> dict[str, float]:
    """Canonical word to raw code of a state tag; a word the tag has no code for is shown by its nearest kin.

    Raises:
        TerminalError: the tag has no mapping to numbers, or one without a code for a needed word.
    """
    known = _numeric(plant, tag)
    kin = {
        State.BLOCKED: (State.IDLE, State.STOPPED), State.STARVED: (State.IDLE, State.STOPPED),
        State.STOPPED: (State.IDLE, State.FAILED), State.IDLE: (State.STOPPED, State.OFF),
        State.OFF: (State.IDLE, State.STOPPED), State.SETUP: (State.STOPPED, State.IDLE),
        State.FAILED: (State.STOPPED, State.IDLE), State.PLANNED_STOP: (State.STOPPED, State.IDLE),
    }  # fmt: skip
    out: dict[str, float] = {w: known[w] for w in (State.PRODUCING, *kin) if w in known}
    out |= {w: next(known[k] for k in near if k in known) for w, near in kin.items()
            if w not in known and any(k in known for k in near)}  # fmt: skip
    missing = [w for w in (State.PRODUCING, *kin) if w not in out]
    if missing:
        raise TerminalError(
            f"state tag {tag.name!r} (states = {tag.states!r}) has no numeric code for {', '.join(missing)}; "
            f"the simulator needs one: add it under [states.{tag.states or 'NAME'}] in plant.toml"
        )
    return out


def mode_codes(plant: Plant, tag: Tag) -> dict[str, float]:
    """State word to raw code of an operation mode: set-up and planned stops have their own, all else is production.

    Raises:
        TerminalError: the mapping has no numeric code for production.
    """
    known = _numeric(plant, tag)
    if State.PRODUCING not in known:
        raise TerminalError(
            f"mode tag {tag.name!r} (states = {tag.states!r}) has no numeric code for {State.PRODUCING}; "
            f"the simulator needs one: add it under [states.{tag.states or 'NAME'}] in plant.toml"
        )
    own = (State.SETUP, State.PLANNED_STOP)
    return {w: known[w] if w in own and w in known else known[State.PRODUCING] for w in State}


def _numeric(plant: Plant, tag: Tag) -> dict[str, float]:
    """State word to its first numeric code."""
    mapping = plant.file.states.get(tag.states or "", {})
    return {word: float(code) for code, word in reversed(mapping.items()) if code.lstrip("-").isdigit()}


def samples(plant: Plant, source: Source, lost: Sequence[Gap]) -> pl.DataFrame:
    """Samples (tag, ts, value, status) of a machine in [start, end), lost windows taken out."""
    frames = []
    for tag in source.machine.tags:
        series = _series(plant, source, tag)
        if series is not None:
            frames.append(_delivered(plant, source.machine, tag, series, lost, source.end_us))
    return pl.concat(frames) if frames else pl.DataFrame(schema=SAMPLE_SCHEMA)


def _series(plant: Plant, s: Source, tag: Tag) -> Series | None:
    """What a tag shows; None for roles without numbers (order, product)."""
    if tag.role == "state":
        code = codes(plant, tag)
        if any(t.role == "mode" for t in s.machine.tags):  # such a machine executes while it is set up, in that mode
            code[State.SETUP] = code[State.PRODUCING]
        return _state(s, code)
    if tag.role == "mode":
        return _state(s, mode_codes(plant, tag))
    if tag.role in {"good_count", "scrap_count", "rework_count"}:
        return _count(s, tag)
    if tag.role == "energy":
        return s.energy.marks_us, s.energy.register_wh(first_value(s.seed, s.machine.name, tag)) * _per_wh(tag)
    if tag.role == "alarm":
        changes = alarm_changes(s.seed, s.machine.name, s.kind, s.known, s.start_us, s.end_us)
        return np.array([c[0] for c in changes]), np.array([c[1] for c in changes], dtype=np.float64)
    return None if tag.role in {"order", "product"} else _sensor(s, tag)


def _per_wh(tag: Tag) -> float:
    return 0.001 if tag.unit == "kWh" else 1.0


def _state(s: Source, code: dict[str, float]) -> Series:
    """State at each change, said again every five minutes while it lasts."""
    at = np.asarray(s.log.state_at, dtype=np.int64)
    value = np.array([code[w] for w in s.log.states])
    times = (np.append(at[1:], s.end_us) - at - 1) // STATE_REPEAT_US + 1
    turn = np.arange(times.sum()) - np.repeat(np.cumsum(times) - times, times)
    return np.repeat(at, times) + turn * STATE_REPEAT_US, np.repeat(value, times)


def _count(s: Source, tag: Tag) -> Series:
    good = np.asarray(s.log.piece_good, dtype=bool)
    counted = {"good_count": good, "scrap_count": ~good, "rework_count": np.zeros(len(good), dtype=bool)}[tag.role]
    pieces = np.asarray(s.log.piece_at, dtype=np.int64)[counted]
    first = first_value(s.seed, s.machine.name, tag)
    at, value = counter(pieces, s.resets_us, first, tag.rollover, s.start_us)
    return at, value.astype(np.float64)


def _sensor(s: Source, tag: Tag) -> Series:
    """A measured value once a minute: level of the state, noise, and what a coming failure adds."""
    at = s.energy.marks_us[:-1]
    now = np.searchsorted(np.asarray(s.log.state_at), at, side="right") - 1
    words = [s.log.states[i] for i in now]
    if tag.role == "power":
        full = tag.range[1] if tag.range else 20.0
        value = np.array([level(w, s.kind.power) for w in words]) * full * s.energy.factor
    elif tag.role == "temperature":
        value = _temperature(s, at, words)
    elif tag.role == "vibration":
        value = _vibration(s, at, words)
    else:
        low, high = tag.range or (0.0, 100.0)
        share = np.array([level(w, (0.05, 0.3, 0.6)) for w in words])
        value = low + (high - low) * share * wobble(s.seed, tag.name, s.machine.name, at, 0.02, 0.02)
    if tag.range:
        value = np.clip(value, *tag.range)
    return at, np.round(value, 3)


def _vibration(s: Source, at: np.ndarray, words: list[str]) -> np.ndarray:
    value = np.array([level(w, s.kind.vibration) for w in words])
    running = np.array([w == State.PRODUCING for w in words])
    for mode, strength in strengths(s.known, at):
        value = value * (1 + mode.vibration * strength * running)
    return value * wobble(s.seed, "vibration", s.machine.name, at, 0.05, 0.06)


def _temperature(s: Source, at: np.ndarray, words: list[str]) -> np.ndarray:
    """Follows the state with a time constant of 15 minutes."""
    target = np.array([level(w, s.kind.temperature) for w in words])
    for mode, strength in strengths(s.known, at):
        target = target + mode.temperature_k * strength
    follow = 1 - np.exp(-1 / 15)
    warm, value = float(target[0]), np.empty(len(target))
    for i, goal in enumerate(target.tolist()):
        warm += follow * (goal - warm)
        value[i] = warm
    return value + 10 * (wobble(s.seed, "temperature", s.machine.name, at, 0.06, 0.03) - 1)


def speaks_up(plant: Plant, tag: Tag) -> bool:
    """Whether the history of a tag's source says that the signal was lost: that of an OPC UA server does."""
    return getattr(plant.sources.get(tag.source), "kind", "") == "opcua"


def _delivered(
    plant: Plant, machine: Machine, tag: Tag, series: Series, lost: Sequence[Gap], end_us: int
) -> pl.DataFrame:
    """A tag's samples without those of lost windows; a tag that speaks on change speaks again after each.

    That the signal is lost is written where it is noticed: by OPC UA, by others only if the window says so.
    """
    at, value = series
    status = np.full(len(at), GOOD_STATUS, dtype=np.int64)
    speaks = speaks_up(plant, tag)
    for gap in lost:
        back = np.searchsorted(at, gap.end_us, side="right") - 1
        again = value[back] if tag.role in _ON_CHANGE and at[back] != gap.end_us else None
        keep = (at < gap.start_us) | (at >= gap.end_us)
        said = speaks if gap.noticed is None else gap.noticed
        extra = [(gap.start_us, np.nan, BAD_NO_COMMUNICATION)] if said else []
        extra += [] if again is None else [(gap.end_us, again, GOOD_STATUS)]
        at = np.concatenate([at[keep], np.array([e[0] for e in extra], dtype=np.int64)])
        value = np.concatenate([value[keep], np.array([e[1] for e in extra])])
        status = np.concatenate([status[keep], np.array([e[2] for e in extra], dtype=np.int64)])
        order = np.argsort(at, kind="stable")
        at, value, status = at[order], value[order], status[order]
    inside = at < end_us
    frame = pl.DataFrame({"ts": at[inside], "value": value[inside], "status": status[inside]})
    return frame.select(
        pl.lit(tag_id(machine, tag)).alias("tag"), pl.col("ts").cast(INSTANT),
        pl.col("value").fill_nan(None), pl.col("status"),
    )  # fmt: skip
