"""A second, slow time ledger in plain Python: it asks for every instant what each layer says."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, datetime, timedelta
from itertools import pairwise
from typing import Any

from ledger_run import Inputs

from plant import calendar
from plant.config import Plant
from plant.units import duration

Row = dict[str, Any]
STRENGTH = {"failed": 3, "setup": 2, "producing": 1}


def naive(plant: Plant, data: Inputs, first: date, last: date) -> list[Row]:
    """Rows machine, production_day, shift, account, word, order_id, reason, start_at, end_at; merged where equal."""
    site = plant.file.site[0].name
    times = [r["ts"] for r in data.bronze.rows(named=True)] + [r["end_at"] for r in data.reports.rows(named=True)]
    if not times:
        return []
    low, high = calendar.day_bounds(plant, site, first)[0], calendar.day_bounds(plant, site, last)[1]
    high = min(high, max(times))
    out: list[Row] = []
    for machine in sorted(plant.machines):
        out += _merged(_machine(plant, data, machine, low, high, first, last))
    return out


def _machine(
    plant: Plant, data: Inputs, machine: str, low: datetime, high: datetime, first: date, last: date
) -> Iterator[Row]:
    of = {name: getattr(data, name).rows(named=True) for name in ("operations", "downtimes", "reports")}
    of = {name: [r for r in rows if r["machine"] == machine] for name, rows in of.items()}
    line = plant.machines[machine].line
    cells = [r for r in calendar.segments(plant, first, last).rows(named=True) if r["line"] == line]
    words = list(_words(plant, data, machine))
    edges = {low, high} | {c["start_at"] for c in cells} | {at for at, _ in words}
    for rows, keys in ((of["operations"], ("started_at", "ended_at")), (of["downtimes"], ("start_at", "end_at"))):
        edges |= {r[k] for r in rows for k in keys if r[k] is not None}
    edges |= {r[k] for r in of["reports"] for k in ("start_at", "end_at")}
    inside = sorted(e for e in edges if low <= e <= high)
    for start, end in pairwise(inside):
        cell = next(c for c in cells if c["start_at"] <= start < c["end_at"])
        signal = next((w for at, w in reversed(words) if at <= start), "unknown")
        yield _decide(plant, machine, cell, signal, of, start) | {"start_at": start, "end_at": end}


def _words(plant: Plant, data: Inputs, machine: str) -> Iterator[tuple[datetime, str]]:
    """State changes of a machine: its samples, and unknown where they are bad or stop for too long."""
    tag = next((t for t in plant.machines[machine].tags if t.role == "state"), None)
    if tag is None:
        return
    codes = plant.file.states[str(tag.states)]
    facts: dict[datetime, Row] = {}
    seen = set()
    for r in sorted(data.bronze.rows(named=True), key=lambda r: (r["received_at"], r["segment"], r["seq"])):
        fact = (r["ts"], r["value"], r["status"])
        if r["tag"] == f"{machine}.{tag.name}" and fact not in seen:
            seen.add(fact)
            facts[r["ts"]] = r
    times = sorted(facts)
    for n, at in enumerate(times):
        r = facts[at]
        bad = r["status"] >> 30 >= 2 or r["value"] is None
        word = "unknown" if bad else codes.get(str(int(r["value"])), "unknown")
        yield at, word
        if tag.stale_after and not bad:
            silent = at + duration(tag.stale_after)
            if n + 1 == len(times) or silent < times[n + 1]:
                yield silent, "unknown"


def _decide(plant: Plant, machine: str, cell: Row, signal: str, of: dict[str, list[Row]], at: datetime) -> Row:
    far = datetime.max.replace(tzinfo=at.tzinfo)
    reports = [r for r in of["reports"] if r["start_at"] <= at < r["end_at"]]
    report = max(
        reports, key=lambda r: (STRENGTH.get(r["state"], 0), r["start_at"], r["segment"], r["seq"]), default=None
    )
    orders = [o for o in of["operations"] if o["started_at"] and o["started_at"] <= at < (o["ended_at"] or far)]
    order = max(orders, key=lambda o: (o["started_at"], o["operation_id"]), default=None)
    booked = [d for d in of["downtimes"] if d["start_at"] <= at < (d["end_at"] or far)]
    booking = max(booked, key=lambda d: (d["start_at"], d["downtime_id"]), default=None)
    word = report["state"] if report else signal
    order_id = (report and report["order_id"]) or (order and order["order_id"])
    resting = cell["kind"] == "break" and not plant.machines[machine].runs_through_breaks
    account, reason = _account(cell["kind"], word, resting, order_id), word
    if account == "production":
        reason = None
    elif cell["kind"] == "off":
        reason = "not_scheduled"
    elif resting:
        reason = "break"
    elif booking:
        reason = booking["reason"]
    elif account == "unknown" and not report and not any(t.role == "state" for t in plant.machines[machine].tags):
        reason = "no report"
    head = {"machine": machine, "production_day": cell["production_day"], "shift": cell["shift"]}
    return head | {"account": account, "word": word, "order_id": order_id, "reason": reason}


def _account(kind: str, word: str, resting: bool, order_id: str | None) -> str:
    if kind == "off":
        return "not_scheduled"
    if resting or word == "planned_stop":
        return "planned_down"
    if word in {"producing", "setup", "unknown"}:
        return {"producing": "production"}.get(word, word)
    return "delay" if order_id else "down_no_order"


def _merged(rows: Iterator[Row]) -> list[Row]:
    out: list[Row] = []
    for row in rows:
        same = out and all(out[-1][k] == v for k, v in row.items() if k not in {"start_at", "end_at"})
        if same:
            out[-1]["end_at"] = row["end_at"]
        else:
            out.append(row)
    return out


def stops(rows: list[Row], plant: Plant) -> dict[tuple[str, datetime], tuple[datetime, bool]]:
    """Per (machine, start) of a stop interval: when its stop began inside the day, and whether it is minor."""
    out, run = {}, []
    for row in [*rows, None]:
        joins = (
            run and row and row["machine"] == run[-1]["machine"] and row["production_day"] == run[-1]["production_day"]
        )
        is_stop = row is not None and row["account"] in {"delay", "down_no_order"}
        if run and not (joins and is_stop):
            length = run[-1]["end_at"] - run[0]["start_at"]
            limit = timedelta(seconds=plant.machines[run[0]["machine"]].minor_stop_s)
            for r in run:
                out[r["machine"], r["start_at"]] = (run[0]["start_at"], r["account"] == "delay" and length < limit)
            run = []
        if is_stop:
            run.append(row)
    return out
