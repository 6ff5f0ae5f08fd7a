"""Ground truth out of the machines' own logs: what really happened, kept apart from what the pipeline may see.

The accounts are derived here anew, by the precedence of the KPI design (calendar, then state, then order),
sharing no code with the ledger that they verify.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import polars as pl

from plant.config import Plant
from plant.states import Account, State
from simulator.floor.faults import Failure, Gap
from simulator.floor.machines import Station
from simulator.floor.orders import Order
from simulator.floor.worktime import BREAK, OFF, WorkTime
from simulator.instants import INSTANT, instants
from simulator.signals.energy import Energy
from simulator.signals.telemetry import speaks_up

INTERVAL_SCHEMA = {
    "machine": pl.String(), "start_at": INSTANT, "end_at": INSTANT, "account": pl.String(), "state": pl.String(),
    "reason": pl.String(), "order_id": pl.String(), "product": pl.String(),
}  # fmt: skip


@dataclass(frozen=True)
class Booking:
    """A reason somebody booked for [start_us, end_us) of a machine, known from `booked_us` on."""

    machine: str
    start_us: int
    end_us: int
    booked_us: int
    reason: str
    reason_class: str
    operator: str


@dataclass(frozen=True)
class Presence:
    """A person logged in at a machine in [start_us, end_us)."""

    machine: str
    operator: str
    start_us: int
    end_us: int


def intervals(
    station: Station, work: WorkTime, bookings: Sequence[Booking], start_us: int, end_us: int
) -> pl.DataFrame:
    """Truth of one machine: intervals that tile [start, end), cut at states, orders, bookings and calendar."""
    log = station.log
    orders = [(r.start_us, end_us if r.end_us is None else r.end_us, r.order) for r in log.registrations]
    booked = [(b.start_us, b.end_us, b.reason) for b in bookings]
    cuts = {start_us, *log.state_at, *(m for m in work.marks if start_us < m < end_us)}
    cuts.update(t for a, b, _ in (*orders, *booked) for t in (a, b) if start_us < t < end_us)
    at = sorted(cuts)
    state = _layer(at, list(zip(log.state_at, [*log.state_at[1:], end_us], log.states, strict=True)))
    order, reason = _layer(at, orders), _layer(at, booked)
    rows: list[list[Any]] = []
    for i, begin in enumerate(at):
        mode = work.mode_at(begin)
        row = _row(station, mode, str(state[i]), order[i], reason[i])
        if rows and rows[-1][2:] == row:
            continue
        rows.append([begin, None, *row])
    for row, following in zip(rows, [*rows[1:], [end_us]], strict=True):
        row[1] = following[0]
    frame = pl.DataFrame(rows, schema=["start_at", "end_at", *list(INTERVAL_SCHEMA)[3:]], orient="row")
    return frame.with_columns(machine=pl.lit(station.name)).select(
        pl.col(name).cast(dtype) for name, dtype in INTERVAL_SCHEMA.items()
    )


def _layer(at: list[int], spans: list[tuple[int, int, Any]]) -> list[Any]:
    """The value of the span that holds each instant, None where none does. Spans do not overlap."""
    out: list[Any] = [None] * len(at)
    i = 0
    for begin, end, value in sorted(spans, key=lambda s: s[0]):
        while i < len(at) and at[i] < begin:
            i += 1
        while i < len(at) and at[i] < end:
            out[i] = value
            i += 1
    return out


def _row(station: Station, mode: int, state: str, order: Order | None, booked: str | None) -> list[Any]:
    if mode == OFF:
        account, reason = Account.NOT_SCHEDULED, None
    elif mode == BREAK and not station.machine.runs_through_breaks:
        account, reason = Account.PLANNED_DOWN, booked or "break"
    elif state == State.PRODUCING:
        account, reason = Account.PRODUCTION, None
    else:
        by_state = {State.SETUP: Account.SETUP, State.PLANNED_STOP: Account.PLANNED_DOWN}
        account = by_state.get(State(state), Account.DELAY if order else Account.DOWN_NO_ORDER)
        reason = booked or str(state)
    return [str(account), str(state), reason, order and order.order_id, order and order.product]


def pieces(stations: Sequence[Station]) -> pl.DataFrame:
    """One row a piece made: machine, at, order_id, product, good_pcs, scrap_pcs."""
    frames = [
        pl.DataFrame(
            {"machine": [s.name] * len(s.log.piece_at), "at": instants("at", s.log.piece_at),
             "order_id": [o.order_id for o in s.log.piece_order], "product": [o.product for o in s.log.piece_order],
             "good_pcs": [int(g) for g in s.log.piece_good], "scrap_pcs": [int(not g) for g in s.log.piece_good]},
            schema={"machine": pl.String(), "at": INSTANT, "order_id": pl.String(), "product": pl.String(),
                    "good_pcs": pl.Int64(), "scrap_pcs": pl.Int64()},
        )
        for s in stations
    ]  # fmt: skip
    return pl.concat(frames).sort("at", "machine")


def people(present: Sequence[Presence], start_us: int, end_us: int) -> pl.DataFrame:
    """Who was at a machine: machine, operator, start_at, end_at, without overlap; the later log-in wins.

    Time with nobody logged in has no row. Cut at the run's start and end.
    """
    rows: list[list[Any]] = []
    for machine in dict.fromkeys(p.machine for p in present):
        mine = sorted((p for p in present if p.machine == machine), key=lambda p: p.start_us)
        at = sorted({min(max(t, start_us), end_us) for p in mine for t in (p.start_us, p.end_us)})
        for begin, end in itertools.pairwise(at):
            here = [p.operator for p in mine if p.start_us <= begin < p.end_us]
            if not here:
                continue
            if rows and rows[-1][:2] == [machine, here[-1]] and rows[-1][3] == begin:
                rows[-1][3] = end
            else:
                rows.append([machine, here[-1], begin, end])
    raw = pl.DataFrame(rows, schema=["machine", "operator", "start_at", "end_at"], orient="row")
    return raw.select(
        pl.col("machine", "operator").cast(pl.String), pl.col("start_at", "end_at").cast(pl.Int64).cast(INSTANT)
    )


def energies(metered: dict[str, Energy]) -> pl.DataFrame:
    """Energy a minute: machine, start_at, end_at, energy_j (joules, exact)."""
    frames = [
        pl.DataFrame(
            {"start_at": instants("", e.marks_us[:-1]), "end_at": instants("", e.marks_us[1:]), "energy_j": e.joules}
        ).select(pl.lit(name).alias("machine"), "start_at", "end_at", "energy_j")
        for name, e in metered.items()
    ]
    return pl.concat(frames)


def lost(gaps: Sequence[Gap], plant: Plant, end_us: int) -> pl.DataFrame:
    """Windows in which a machine was not heard of: machine, start_at, end_at, noticed.

    `noticed`: the source of the state tag wrote a bad sample as the window began; else nobody said so.
    """
    speaks = {m.name: speaks_up(plant, t) for m, t in plant.tags() if t.role == "state"}
    return pl.DataFrame(
        {"machine": [g.machine for g in gaps], "start_at": instants("", [g.start_us for g in gaps]),
         "end_at": instants("", [min(g.end_us, end_us) for g in gaps]),
         "noticed": [speaks.get(g.machine, False) if g.noticed is None else g.noticed for g in gaps]},
        schema={"machine": pl.String(), "start_at": INSTANT, "end_at": INSTANT, "noticed": pl.Boolean()},
    )  # fmt: skip


def failed(known: Sequence[Failure], end_us: int) -> pl.DataFrame:
    """Failures that happened: machine, failure_mode, due_at, lead_s, failed_at, repaired_at (null: not yet)."""
    done = sorted((f for f in known if f.failed_us is not None), key=lambda f: (f.failed_us, f.machine))
    return pl.DataFrame(
        {"machine": [f.machine for f in done], "failure_mode": [f.mode.name for f in done],
         "due_at": instants("", [f.due_us for f in done]), "lead_s": [f.lead_us / 1e6 for f in done],
         "failed_at": instants("", [f.failed_us for f in done]),
         "repaired_at": instants("", [f.repaired_us if (f.repaired_us or 0) < end_us else None for f in done])},
        schema={"machine": pl.String(), "failure_mode": pl.String(), "due_at": INSTANT, "lead_s": pl.Float64(),
                "failed_at": INSTANT, "repaired_at": INSTANT},
    )  # fmt: skip


def until(truth: dict[str, pl.DataFrame], at: datetime) -> dict[str, pl.DataFrame]:
    """The truth as it stood at an instant: later rows are gone, open intervals are cut there."""
    moment = pl.lit(at).cast(INSTANT)
    out = {}
    for name, frame in truth.items():
        first = next(c for c in ("start_at", "failed_at", "created_at", "at") if c in frame.columns)
        kept = frame.filter(pl.col(first) < moment)
        if name in {"intervals", "lost", "people"}:
            kept = kept.with_columns(end_at=pl.min_horizontal("end_at", moment))
        elif name == "energy":
            kept = kept.filter(pl.col("end_at") <= moment)
        elif name == "failures":
            kept = kept.with_columns(repaired_at=pl.when(pl.col("repaired_at") < moment).then("repaired_at"))
        elif name == "stock":
            kept = kept.group_by("material", "location", maintain_order=True).agg(pl.col("qty").last())
            kept = kept.sort("material", "location")
        out[name] = kept
    return out
