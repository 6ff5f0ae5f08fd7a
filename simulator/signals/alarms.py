"""Alarm codes: rising in number before a failure, one during it, and nuisance alarms that mean nothing."""

from __future__ import annotations

from collections.abc import Sequence

from simulator.floor.faults import Failure
from simulator.instants import DAY, HOUR, SECOND
from simulator.kinds import Kind
from simulator.streams import stream

Episode = tuple[int, int, int]
"""start us, end us, code."""


def alarm_changes(
    seed: int, machine: str, kind: Kind, known: Sequence[Failure], start_us: int, end_us: int
) -> list[tuple[int, int]]:
    """Changes (instant us, code) of the alarm tag in [start, end), opening with the code at start; 0 is no alarm.

    Of overlapping alarms the one that came last shows; when it ends the tag shows 0.
    """
    episodes = sorted(
        [e for f in known for e in _announced(seed, f)] + list(_nuisance(seed, machine, kind, start_us, end_us))
    )
    changes = [(start_us, 0)]
    for i, (begin, end, code) in enumerate(episodes):
        follows = episodes[i + 1][0] if i + 1 < len(episodes) else None
        changes.append((begin, code))
        if follows is None or end < follows:
            changes.append((end, 0))
    inside = [(at, code) for at, code in changes if start_us < at < end_us]
    opening = [code for at, code in changes if at <= start_us][-1]
    return [(start_us, opening), *inside]


def _announced(seed: int, failure: Failure) -> list[Episode]:
    draw = stream(seed, "alarm", failure.machine, failure.number)
    episodes = []
    for _ in range(draw.randint(3, 9)):
        x = 0.3 + 0.7 * draw.random() ** 0.5
        begin = failure.due_us - failure.lead_us + int(x * failure.lead_us)
        code = failure.mode.code * 10 + (1 if x < 0.8 else 2)
        end = begin + int(draw.uniform(30, 600) * SECOND)
        episodes.append((begin, end, code))
    if failure.failed_us is None or failure.repaired_us is None:
        return episodes
    before = [(a, min(b, failure.failed_us), c) for a, b, c in episodes if a < failure.failed_us]
    return [*before, (failure.failed_us, failure.repaired_us, failure.mode.code * 10 + 9)]


def _nuisance(seed: int, machine: str, kind: Kind, start_us: int, end_us: int) -> list[Episode]:
    episodes = []
    for day in range(start_us // DAY, end_us // DAY + 1):
        draw = stream(seed, "nuisance", machine, day)
        for _ in range(draw.choice((0, 0, 1, 1, 2))):
            code = draw.choice(kind.modes).code * 10 + 1 if draw.random() < 0.4 else draw.randint(1, 5)
            begin = day * DAY + int(draw.uniform(0, 23.5) * HOUR)
            episodes.append((begin, begin + int(draw.uniform(20, 240) * SECOND), code))
    return [e for e in episodes if e[0] > start_us]
