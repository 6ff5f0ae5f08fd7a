"""Signal loss on demand: windows without signal that take a given share of every machine's time.

For tests and figures of the KPI bounds. The windows are drawn machine by machine, one after another from the
start of the run, so a longer run begins like a shorter one. Unlike `simulator.floor.faults.gaps` they also
fall on counter resets and shift changes: that is what bounds are for.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import exp, log

from simulator.floor.faults import Gap
from simulator.instants import HOUR, MINUTE, SECOND
from simulator.streams import stream

MOST = 0.5
"""Largest share of lost time that can be asked for."""
_MEDIAN_US, _SPREAD = 10 * MINUTE, 1.0
_SHORTEST_US, _LONGEST_US = 20 * SECOND, 3 * HOUR
_MEAN_US = _MEDIAN_US * exp(_SPREAD**2 / 2)


@dataclass(frozen=True)
class Loss:
    """How much signal is to be lost: `share` of every machine's time, 0 to 0.5.

    A source notices a lost signal as our collectors do: with a bad sample when it begins. With `silent` nobody
    does: the last value stands until the next one; of a silence longer than the tag's `stale_after` nothing is known.
    """

    share: float = 0.0
    silent: bool = False


def losses(seed: int, machines: Sequence[str], loss: Loss, start_us: int, end_us: int) -> list[Gap]:
    """Windows of 20 s to 3 h (median 10 min) in [start, end), about `loss.share` of the time of each machine.

    Raises:
        ValueError: the share is below 0 or above `MOST`.
    """
    share, out = loss.share, list[Gap]()
    if not 0 <= share <= MOST:
        raise ValueError(f"loss is {share}: the share of time without signal is from 0 to {MOST}")
    for machine in machines if share else ():
        draw, at = stream(seed, "loss", machine), start_us
        while at < end_us:
            begin = at + 1 + int(draw.expovariate(share / (_MEAN_US * (1 - share))))
            length = int(draw.lognormvariate(log(_MEDIAN_US), _SPREAD))
            at = begin + min(_LONGEST_US, max(_SHORTEST_US, length))
            if begin < end_us:
                out.append(Gap(machine, begin, at, noticed=not loss.silent))
    return out


def merged(gaps: Sequence[Gap]) -> list[Gap]:
    """The same windows without overlap: those of a machine that meet are one. Sorted by start, then machine."""
    out: list[Gap] = []
    for gap in sorted(gaps, key=lambda g: (g.machine, g.start_us)):
        if out and out[-1].machine == gap.machine and gap.start_us <= out[-1].end_us:
            said = gap.noticed if out[-1].noticed is None else out[-1].noticed
            out[-1] = Gap(gap.machine, out[-1].start_us, max(out[-1].end_us, gap.end_us), said)
        else:
            out.append(gap)
    return sorted(out, key=lambda g: (g.start_us, g.machine))
