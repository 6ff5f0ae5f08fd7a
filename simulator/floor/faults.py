"""Failures with precursors, planned maintenance, lost signals and counter resets, each from its own stream.

A failure is due at an instant drawn long before; its precursor ramps up over the `lead` before it. The
machine breaks when it starts its next piece after the due instant, so nothing here depends on the run.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from simulator.floor.worktime import WorkTime
from simulator.instants import DAY, HOUR, MINUTE, SECOND
from simulator.kinds import Kind, Mode
from simulator.streams import stream

MEAN_GAP_D = 11.0
"""Mean days between two failures of a machine, beyond the three days that always lie between them."""
SERVICE_EVERY_D = 9
"""Days between two planned maintenance stops of a machine."""


@dataclass(frozen=True)
class Failure:
    """One failure: when it is due, how long its precursor is, what came of it (None: not yet)."""

    machine: str
    mode: Mode
    number: int
    due_us: int
    lead_us: int
    repair_us: int
    failed_us: int | None = None
    repaired_us: int | None = None

    def strength(self, at_us: int) -> float:
        """Precursor strength 0..1 at an instant, while the failure has not happened."""
        x = (at_us - self.due_us + self.lead_us) / self.lead_us
        return 0.0 if x <= 0 else min(1.0, x) ** 1.5

    def happened(self, failed_us: int) -> Failure:
        """The same failure with the instants it really had."""
        return replace(self, failed_us=failed_us, repaired_us=failed_us + self.repair_us)


@dataclass(frozen=True)
class Service:
    """One planned maintenance stop: due, and what came of it."""

    machine: str
    number: int
    due_us: int
    duration_us: int
    started_us: int | None = None


@dataclass(frozen=True)
class Gap:
    """A machine was not heard of in [start_us, end_us).

    `noticed`: whether its source writes a bad sample as the window begins; None: as the protocol's servers do.
    """

    machine: str
    start_us: int
    end_us: int
    noticed: bool | None = None


def failures(seed: int, machine: str, kind: Kind, from_us: int, to_us: int) -> list[Failure]:
    """Failures of a machine due from `from_us` on, up to those whose precursor may begin before `to_us`."""
    draw = stream(seed, "failures", machine)
    due = from_us
    out: list[Failure] = []
    while due < to_us + 2 * DAY:
        # Precursors last two days at most, so three days apart no two of one machine overlap.
        due += 3 * DAY + int(draw.expovariate(1 / (MEAN_GAP_D * DAY)))
        mode = draw.choice(kind.modes)
        lead = int(draw.uniform(12, 48) * HOUR)
        repair = int(min(4.0, max(0.5, draw.lognormvariate(0, 0.35))) * mode.repair_min * MINUTE)
        out.append(Failure(machine, mode, len(out), due, lead, repair))
    return out


def services(seed: int, machine: str, from_us: int, to_us: int) -> list[Service]:
    """Planned maintenance stops of a machine due in [from_us, to_us)."""
    draw = stream(seed, "services", machine)
    due = from_us + int(draw.uniform(0.2, SERVICE_EVERY_D) * DAY)
    out: list[Service] = []
    while due < to_us:
        out.append(Service(machine, len(out), due, int(draw.uniform(40, 100) * MINUTE)))
        due += int((SERVICE_EVERY_D + draw.uniform(-0.3, 0.3)) * DAY)
    return out


def settle(planned: Sequence[Failure], work: WorkTime, start_us: int) -> tuple[list[Failure], list[Failure]]:
    """Split failures into those over before the run starts, with their instants, and those still to come."""
    past, coming = [], []
    for failure in planned:
        done = failure.happened(work.next_work(failure.due_us))
        if done.repaired_us is not None and done.repaired_us < start_us:
            past.append(done)
        else:
            coming.append(failure)
    return past, coming


def strengths(known: Sequence[Failure], at_us: np.ndarray) -> list[tuple[Mode, np.ndarray]]:
    """Precursor strength 0..1 per failure at each instant: ramps up, holds until repaired, then is gone."""
    out = []
    for f in known:
        x = np.clip((at_us - (f.due_us - f.lead_us)) / f.lead_us, 0.0, 1.0) ** 1.5
        if f.repaired_us is not None:
            x = np.where(at_us >= f.repaired_us, 0.0, x)
        if x.any():
            out.append((f.mode, x))
    return out


def gaps(seed: int, machines: Sequence[str], start_us: int, end_us: int, resets: dict[str, list[int]]) -> list[Gap]:
    """Lost-signal windows of 5 to 40 min: one on every other day, now and then one between.

    None lies within an hour of a counter reset of the same machine: two disturbances at once could not
    be told apart by anybody, so they would test nothing.
    """
    out = []
    for day in range((end_us - start_us) // DAY + 1):
        draw = stream(seed, "gap", day)
        machine, wanted = draw.choice(list(machines)), day % 2 == 0 or draw.random() < 0.3
        begin = start_us + day * DAY + int(draw.uniform(2, 21) * HOUR) + 1
        end = begin + int(draw.uniform(5, 40) * MINUTE)
        clear = all(r + HOUR < begin or r - HOUR > end for r in resets.get(machine, []))
        if wanted and clear and begin < end_us:
            out.append(Gap(machine, begin, end))
    return out


def counter_resets(seed: int, machines: Sequence[str], start_us: int, end_us: int) -> dict[str, list[int]]:
    """Instants at which the counters of a machine start again at 0: one in the first day, then one in three."""
    out: dict[str, list[int]] = {}
    for day in range(0, (end_us - start_us) // DAY + 1, 3):
        draw = stream(seed, "reset", day)
        at = start_us + day * DAY + int(draw.uniform(4, 20) * HOUR) + SECOND // 3
        if machines and at < end_us:
            out.setdefault(draw.choice(list(machines)), []).append(at)
    return out
