"""One counter, reading by reading: what a reading that does not simply rise means. Plain Python, no frames.

Only readings around an anomaly come here (`steps` finds them); the rules are told with examples in
docs/counters.md. The house rule behind them: never a negative piece, never a piece twice; what may be pieces
but cannot be told is held back (quarantined), so it widens the bounds instead of the number.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from math import floor, inf
from typing import NamedTuple

SLACK_PCS = 1.0
"""Pieces allowed on top of the physical limit: a piece may just have been finished at either end."""
NEAR_END = 0.9
"""Part of the roll-over value from which an unlimited counter counts as near its end."""


class Step(StrEnum):
    """Class of a step that is not simply a possible rise; stands in silver.readings.flag."""

    RESET = "reset"
    ROLLOVER = "rollover"
    REPLACED = "replaced"
    RELOAD = "reload"
    BACK_STEP = "back_step"
    SPIKE_END = "spike_end"
    JUMP = "jump"
    RETURN = "return"


@dataclass(frozen=True)
class Counter:
    """Settings of one counter: physical limit per second, last value before 0, tolerated correction."""

    rate: float | None = None
    rollover: int | None = None
    back_step: float = 0.0


class Level(NamedTuple):
    """A reading: its value, its source time and the instant it stands at in the day, in us since 1970."""

    value: float
    us: int
    at_us: int


class State(NamedTuple):
    """What a counter is known to show.

    `level` is the reading that the next one is measured from. `doubt` is the level before a jump or a fall
    that no further piece has confirmed yet; `falls` are the rows of those falls (to be undone when the
    counter comes back), `earlier` the pieces an earlier day has booked after them (it cannot be undone).
    """

    level: Level
    doubt: Level | None = None
    falls: tuple[int, ...] = ()
    earlier: float = 0.0


def opened(seen: Level, doubt: Level, kind: str | None = None) -> State:
    """The state a series opens with when its counter is in doubt since an earlier day, or below its level."""
    if kind == Step.SPIKE_END:
        return State(doubt)
    return State(seen, doubt, earlier=seen.value if 2 * seen.value < doubt.value else 0.0)


class Verdict(NamedTuple):
    """What one reading adds: `step` booked, `held` quarantined, counted since `since_us`; and the state after it.

    The first reading of a series is measured from nothing: step and since_us are None.
    """

    kind: Step | None
    step: float | None
    held: float
    since_us: int | None
    after: State
    undone: tuple[int, ...] = ()


def judge(counter: Counter, state: State, now: Level, row: int, starts_at: float | None = None) -> Verdict:
    """The verdict on a reading after `state`. `row` names it; `starts_at`: a new device began since the last one."""
    level, doubt = state.level, state.doubt
    if starts_at is not None:
        return _replaced(counter, level, now, starts_at)
    if doubt is not None and _came_back(counter, level, doubt, now):
        return _returned(state, doubt, now)
    if doubt is not None and level.value > doubt.value > now.value:
        fallen = _fall(counter, State(doubt), now, row)
        return fallen._replace(kind=Step.SPIKE_END) if fallen.kind == Step.BACK_STEP else fallen
    if doubt is not None and level.value > now.value >= doubt.value:
        return Verdict(Step.JUMP, 0.0, 0.0, level.at_us, state._replace(level=now))
    if now.value < level.value:
        return _fall(counter, state, now, row)
    rise = now.value - level.value
    if _possible(counter, rise, level, now):
        held_on = state._replace(level=now) if rise == 0 else State(now)
        return Verdict(None, rise, 0.0, level.at_us, held_on)
    shown = doubt.value if doubt is not None and level.value < doubt.value <= now.value else level.value
    return Verdict(Step.JUMP, 0.0, now.value - shown, level.at_us, state._replace(level=now, doubt=doubt or level))


def _limit(counter: Counter, since: Level, now: Level) -> float:
    """Most pieces that can have been made since a reading."""
    return inf if counter.rate is None else counter.rate * (now.us - since.us) / 1e6 + SLACK_PCS


def _possible(counter: Counter, pieces: float, since: Level, now: Level) -> bool:
    # Without the division, so that frames decide alike to the last bit.
    return counter.rate is None or (pieces - SLACK_PCS) * 1e6 <= counter.rate * (now.us - since.us)


def _came_back(counter: Counter, level: Level, doubt: Level, now: Level) -> bool:
    """The reading goes on from the level before the doubt: a spike or a dip lies between."""
    if now.value < doubt.value or not _possible(counter, now.value - doubt.value, doubt, now):
        return False
    if level.value > doubt.value:
        return now.value < level.value
    if 2 * level.value >= doubt.value or counter.rate is None:
        return True
    return not _possible(counter, now.value - level.value, level, now)


def _returned(state: State, doubt: Level, now: Level) -> Verdict:
    """Pieces since the level before the doubt, less those an earlier day has booked after a reset."""
    made = max(0.0, now.value - doubt.value - state.earlier)
    return Verdict(Step.RETURN, made, 0.0, doubt.at_us, State(now), state.falls)


def _replaced(counter: Counter, level: Level, now: Level, starts_at: float) -> Verdict:
    made = max(0.0, now.value - starts_at)
    booked = made if _possible(counter, made, level, now) else 0.0
    return Verdict(Step.REPLACED, booked, made - booked, level.at_us, State(now))


def _fall(counter: Counter, state: State, now: Level, row: int) -> Verdict:
    level, value, end = state.level, now.value, counter.rollover
    if value > 0 and level.value - value <= counter.back_step:
        return Verdict(Step.BACK_STEP, 0.0, 0.0, level.at_us, state)
    after = State(now, state.doubt or level, (*state.falls, row), state.earlier)
    if end is not None and level.value <= end:
        wrapped = end - level.value + 1 + value
        near = level.value >= NEAR_END * end and 2 * value < level.value
        if near if counter.rate is None else _possible(counter, wrapped, level, now):
            return Verdict(Step.ROLLOVER, wrapped, 0.0, level.at_us, after)
    if 2 * value < level.value and _possible(counter, value, level, now):
        return Verdict(Step.RESET, value, 0.0, level.at_us, after)
    unknown = value if _possible(counter, value, level, now) else float(floor(_limit(counter, level, now)))
    return Verdict(Step.RELOAD, 0.0, unknown, level.at_us, after)
