"""Maintenance orders: corrective ones are reported soon after a failure, preventive ones are planned days ahead."""

from __future__ import annotations

from collections.abc import Sequence

from simulator.enterprise.journal import Journal
from simulator.floor.faults import Failure, Service
from simulator.floor.worktime import WorkTime
from simulator.instants import DAY
from simulator.streams import stream

PLANNED_AHEAD_D = 3


def book_failures(journal: Journal, seed: int, known: Sequence[Failure]) -> None:
    """Corrective orders of the failures that happened: reported, started, ended, each known when it happens."""
    for f in known:
        if f.failed_us is None or f.repaired_us is None:
            continue
        draw = stream(seed, "report", f.machine, f.number)
        reported = f.failed_us + int(draw.uniform(0.03, 0.10) * f.repair_us)
        started = f.failed_us + int(draw.uniform(0.12, 0.30) * f.repair_us)
        key = f"mo-{f.machine}-c{f.number + 1:04d}"
        journal.put("maintenance_orders", reported, key, machine=f.machine, kind="corrective",
                    failure_mode=f.mode.name, reported_at=reported, started_at=None, ended_at=None)  # fmt: skip
        journal.put("maintenance_orders", started, key, started_at=started)
        journal.put("maintenance_orders", f.repaired_us, key, ended_at=f.repaired_us)


def book_services(journal: Journal, done: Sequence[Service], coming: Sequence[Service]) -> None:
    """Preventive orders: planned three days ahead, then started and ended when the machine really stood."""
    for s in (*done, *coming):
        key, planned = f"mo-{s.machine}-p{s.number + 1:04d}", s.due_us - PLANNED_AHEAD_D * DAY
        journal.put("maintenance_orders", planned, key, machine=s.machine, kind="preventive", failure_mode=None,
                    reported_at=planned, started_at=None, ended_at=None)  # fmt: skip
        if s.started_us is not None:
            ended = s.started_us + s.duration_us
            journal.put("maintenance_orders", s.started_us, key, started_at=s.started_us)
            journal.put("maintenance_orders", ended, key, ended_at=ended)


def happened(past: Sequence[Service], work: dict[str, WorkTime]) -> list[Service]:
    """Services from before the run, done as soon as the machine's line worked. `work` is by machine."""
    return [Service(s.machine, s.number, s.due_us, s.duration_us, work[s.machine].next_work(s.due_us)) for s in past]
