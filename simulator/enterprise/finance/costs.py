"""What each order that ended really cost and where its time went: truth, out of machine logs, meters and stock moves.

Worked out order by order in plain integers and fractions, and only rounded at the end (a half cent goes up): no code is
shared with the pipeline that is held against it.
"""

from __future__ import annotations

import itertools
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from math import floor
from typing import Any

import numpy as np
import polars as pl

from simulator.enterprise.finance.rates import Rate
from simulator.floor.machines import Station
from simulator.floor.orders import Order
from simulator.instants import HOUR, INSTANT, instants
from simulator.signals.energy import Energy

SCHEMA = {
    "order_id": pl.String(), "at": INSTANT, "component": pl.String(), "item": pl.String(), "quantity": pl.Int64(),
    "cents": pl.Int64(),
}  # fmt: skip
TIME_SCHEMA = {"order_id": pl.String(), "at": INSTANT, "bucket": pl.String(), "duration_us": pl.Int64()}
_RUNNING, _SETUP = ("production", "delay"), "setup"
_JOULE_PER_KWH = 3_600_000
Row = tuple[str, int, int, str, str | None]  # machine, start_us, end_us, account, order
Money = dict[tuple[str, str, str], tuple[int, Fraction]]


@dataclass(frozen=True)
class Facts:
    """What happened: intervals and people as the truth has them, meters, moves, and what everything costs."""

    rows: Sequence[Row]
    people: Sequence[tuple[str, str, int, int]]  # machine, person, start_us, end_us
    metered: Mapping[str, Energy]
    moves: Sequence[dict[str, Any]]
    rates: Sequence[Rate]
    sites: Mapping[str, str]  # of a machine


def ended(orders: Iterable[Order], stations: Sequence[Station], end_us: int) -> dict[str, int]:
    """Orders that are done and off every machine, with the instant from which that is so."""
    last: dict[str, int] = {o.order_id: o.ended_us for o in orders if o.ended_us is not None}
    for station in stations:
        for r in station.log.registrations:
            if r.order.order_id in last:
                off = end_us if r.end_us is None else r.end_us
                last[r.order.order_id] = max(last[r.order.order_id], off)
    return {order: at for order, at in last.items() if at < end_us}


def costs(facts: Facts, done: Mapping[str, int]) -> pl.DataFrame:
    """One row an order that ended, component and item: quantity (us, J, or millionths of a unit) and cents."""
    found: Money = {}
    _add(found, _machine_time(facts))
    _add(found, _people(facts))
    _add(found, _energy(facts))
    _add(found, _material(facts.moves))
    rows = [
        (order, done[order], component, item, qty, floor(cents + Fraction(1, 2)))
        for (order, component, item), (qty, cents) in sorted(found.items())
        if order in done
    ]
    return _frame(rows, SCHEMA)


def _add(found: Money, more: Iterable[tuple[str, str, str, int, Fraction]]) -> None:
    for order, component, item, qty, cents in more:
        had = found.get((order, component, item), (0, Fraction()))
        found[order, component, item] = had[0] + qty, had[1] + cents


def _machine_time(facts: Facts) -> Iterable[tuple[str, str, str, int, Fraction]]:
    for machine, start, end, account, order in facts.rows:
        if order is None or account not in (*_RUNNING, _SETUP):
            continue
        kind = "setup" if account == _SETUP else "machine"
        for component in (kind, "overhead"):
            scope = None if component == "overhead" else machine
            for us, cents in _priced(facts.rates, component, scope, start, end):
                yield order, component, machine, us, Fraction(us, HOUR) * cents


def _people(facts: Facts) -> Iterable[tuple[str, str, str, int, Fraction]]:
    """A person at two machines gives each half of the time; a machine in a break or out of shift takes none."""
    for mine in _at_work(facts).values():
        for start, end, here in _sliced(mine):
            priced = list(_priced(facts.rates, "labour", None, start, end))
            for machine, order in here:
                for us, cents in priced if order is not None else ():
                    yield str(order), "labour", machine, us // len(here), Fraction(us, len(here)) / HOUR * cents


def _at_work(facts: Facts) -> dict[str, list[tuple[int, int, str, str | None]]]:
    """Where each person is while the machine works: start, end, machine, order."""
    busy: dict[str, list[tuple[int, int, str | None]]] = defaultdict(list)
    for machine, start, end, account, order in facts.rows:
        if account not in ("not_scheduled", "planned_down"):
            busy[machine].append((start, end, order))
    spans: dict[str, list[tuple[int, int, str, str | None]]] = defaultdict(list)
    for machine, person, start, end in facts.people:
        here = [(a, b, order) for a, b, order in busy[machine] if a < end and b > start]
        spans[person] += [(max(a, start), min(b, end), machine, order) for a, b, order in here]
    return spans


def _sliced(spans: list[tuple[int, int, str, str | None]]) -> Iterable[tuple[int, int, list[tuple[str, str | None]]]]:
    """[start, end) between neighbouring edges, with everything that is on then."""
    spans = sorted(spans)
    edges = sorted({t for a, b, *_ in spans for t in (a, b)})
    on: list[tuple[int, int, str, str | None]] = []
    i = 0
    for start, end in itertools.pairwise(edges):
        on = [s for s in on if s[1] > start]
        while i < len(spans) and spans[i][0] <= start:
            on.append(spans[i])
            i += 1
        if on:
            yield start, end, [(machine, order) for _, _, machine, order in on]


def _energy(facts: Facts) -> Iterable[tuple[str, str, str, int, Fraction]]:
    for machine, used in facts.metered.items():
        mine = [(a, b, o) for m, a, b, c, o in facts.rows if m == machine and o and c in (*_RUNNING, _SETUP)]
        if not mine:
            continue
        total = np.concatenate([[0], np.cumsum(used.joules)])
        at = np.interp([t for a, b, _ in mine for t in (a, b)], used.marks_us, total).round().astype(int).tolist()
        for n, (start, end, order) in enumerate(mine):
            joules = at[2 * n + 1] - at[2 * n]
            priced = list(_priced(facts.rates, "energy", facts.sites[machine], start, end))
            if priced:  # the price of the begin: energy is not split inside a stretch
                yield order, "energy", machine, joules, Fraction(joules, _JOULE_PER_KWH) * priced[0][1]


def _material(moves: Sequence[dict[str, Any]]) -> Iterable[tuple[str, str, str, int, Fraction]]:
    """Issued to an order minus returned, without what the order made itself."""
    made = {(m["reference"], m["material"]) for m in moves if m["kind"] == "production"}
    for m in moves:
        if m["kind"] == "issue" and (m["reference"], m["material"]) not in made:
            micro = round(m["qty"] * 1_000_000)
            yield (
                m["reference"],
                "material",
                m["material"],
                micro,
                Fraction(micro, 1_000_000) * Fraction(m["unit_cost_cents"]),
            )


def _priced(
    rates: Sequence[Rate], kind: str, scope: str | None, start: int, end: int
) -> Iterable[tuple[int, Fraction]]:
    """Parts of [start, end) in us, each with the cents of the rate that holds in it."""
    for r in rates:
        if r.kind == kind and r.scope == scope:
            since, until = max(start, r.from_us or start), min(end, r.until_us or end)
            if since < until:
                yield until - since, Fraction(r.cents)


def times(
    rows: Sequence[Row], orders: Iterable[Order], done: Mapping[str, int], line_of: Mapping[str, str]
) -> pl.DataFrame:
    """One row an order that ended and bucket: where the time from its release to its end went; sums to it exactly."""
    on: dict[str, list[tuple[int, int, str]]] = defaultdict(list)
    off: dict[str, list[tuple[int, int]]] = {}
    for _, start, end, account, key in rows:
        if key is not None:
            on[key].append((start, end, account))
    for line in dict.fromkeys(line_of.values()):
        first = min(m for m, of in line_of.items() if of == line)
        off[line] = [(a, b) for m, a, b, account, _ in rows if m == first and account == "not_scheduled"]
    out = []
    for order in orders:
        if order.order_id in done and order.started_us is not None and order.ended_us is not None:
            line = next(line_of[m] for m, _, _, _, o in rows if o == order.order_id)
            begin = min(order.released_us or order.started_us, order.started_us)
            split = _split(on[order.order_id], off[line], begin, order.started_us, order.ended_us)
            out += [(order.order_id, done[order.order_id], bucket, us) for bucket, us in sorted(split.items())]
    return _frame(out, TIME_SCHEMA)


def _split(
    on: list[tuple[int, int, str]], off: list[tuple[int, int]], begin: int, started: int, end: int
) -> Counter[str]:
    spans: list[tuple[int, int, str, str | None]]
    spans = [(max(a, begin), min(b, end), account, None) for a, b, account in on if a < end and b > begin]
    spans += [(max(a, begin), min(b, end), "line_off", None) for a, b in off if a < end and b > begin]
    spans += [(begin, started, "queue", None)] if begin < started else []
    spans.append((begin, end, "wait", None))
    found: Counter[str] = Counter()
    order = ("production", "setup", "delay", "planned_down", "not_scheduled", "line_off", "queue", "wait")
    for start, stop, here in _sliced(spans):
        words = {account for account, _ in here}
        word = next(w for w in order if w in words)
        found["not_scheduled" if word == "line_off" else word] += stop - start
    return found


def _frame(rows: Sequence[tuple[Any, ...]], schema: Mapping[str, pl.DataType]) -> pl.DataFrame:
    raw = {name: pl.Int64() if dtype == INSTANT else dtype for name, dtype in schema.items()}
    frame = pl.DataFrame(rows, schema=raw, orient="row")
    return frame.with_columns(instants("at", frame["at"].to_list()))
