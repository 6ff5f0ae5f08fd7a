"""Time accounts by one sweep over the instants at which anything changes: what does each layer say from here on?

Precedence, highest first: time outside shifts, an operator's edit of the state, a break, a report, the signal.
Rows: machine, production_day, shift, account, state, reason, reason_class, minor, stop_us, order_id, operation,
product, operator, source, edit_id, start_at, end_at (us). Equal neighbours are one row.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import date, timedelta
from itertools import pairwise
from typing import Any

from naive_signal import Said, signal
from naive_world import Row, World

STRENGTH = {"failed": 3, "setup": 2, "producing": 1}
CLASS = {"setup": "setup", "idle": "logistic", "blocked": "logistic", "starved": "logistic", "off": "logistic",
         "stopped": "minor_stop", "failed": "breakdown", "planned_stop": "planned", "unknown": "unknown"}  # fmt: skip
CLASSES = {"breakdown", "setup", "minor_stop", "reduced_speed", "scrap", "rework", "logistic", "planned", "unknown"}
STOPS = {"delay", "down_no_order"}
FOREVER = 2**62


def reach(world: World) -> dict[str, int]:
    """How far each site's data go: the latest source time of its readings and reports."""
    site = {m["machine"]: m["site"] for m in world["machines"]}
    owner = {t["tag"]: t["machine"] for t in world["tags"]}
    told = [(site[owner[r["tag"]]], r["ts"]) for r in world["readings"] if r["tag"] in owner]
    told += [(site[r["machine"]], r["end_at"]) for r in world["reports"] if r["machine"] in site]
    return {name: max(at for s, at in told if s == name) for name in {s for s, _ in told}}


def time_rows(world: World) -> list[Row]:
    """Every machine's time, sorted by machine and start."""
    ends, out = reach(world), []
    for machine in sorted(world["machines"], key=lambda m: m["machine"]):
        if machine["site"] in ends:
            out += _machine(world, machine, ends[machine["site"]])
    return out


class Layer:
    """Intervals of one kind: those that are on, and of these the one that wins."""

    def __init__(self, rows: list[Row], start: str, end: str, key: Callable[[Row], Any]) -> None:
        far = [(r[start], FOREVER if r[end] is None else r[end], r) for r in rows if r[start] is not None]
        self.spans = [(a, b, r) for a, b, r in far if a < b]
        self.key = key
        self.waiting = sorted(((a, n) for n, (a, _, _) in enumerate(self.spans)), reverse=True)
        self.on: set[int] = set()

    def edges(self) -> set[int]:
        return {at for a, b, _ in self.spans for at in (a, b)}

    def at(self, now: int) -> Row | None:
        """The interval that wins at an instant; to be asked in time order."""
        while self.waiting and self.waiting[-1][0] <= now:
            self.on.add(self.waiting.pop()[1])
        if not self.on:
            return None
        self.on = {n for n in self.on if self.spans[n][1] > now}
        return max((self.spans[n][2] for n in self.on), key=self.key, default=None)


def _layers(world: World, machine: str) -> dict[str, Layer]:
    edits = [e for e in world.in_force() if e["machine"] == machine and e["kind"] in {"state", "reason"}]
    newest = lambda e: (e["edited_at"], e["edit_id"])  # noqa: E731
    return {
        "report": Layer(world.of("reports", machine), "start_at", "end_at",
                        lambda r: (STRENGTH.get(r["state"], 0), r["start_at"], r["segment"], r["seq"])),
        "order": Layer(world.of("operations", machine), "started_at", "ended_at",
                       lambda r: (r["started_at"], r["operation_id"])),
        "booking": Layer(world.of("downtimes", machine), "start_at", "end_at",
                         lambda r: (r["start_at"], r["downtime_id"])),
        "edit": Layer([e for e in edits if e.get("state")], "start_at", "end_at", newest),
        "why": Layer([e for e in edits if e.get("reason")], "start_at", "end_at", newest),
        "event": Layer(world.of("planned", machine), "start_at", "end_at", lambda r: r["start_at"]),
        "person": Layer(world.of("attendance", machine), "start_at", "end_at",
                        lambda r: (r["start_at"], r["attendance_id"])),
    }  # fmt: skip


def _machine(world: World, machine: Row, end: int) -> Iterator[Row]:
    cells = world.cells(machine["line"])
    low, high = cells[0]["start_at"], min(end, cells[-1]["end_at"])
    days = sorted(
        {min(c["start_at"] for c in cells if c["production_day"] == d) for d in {c["production_day"] for c in cells}}
    )
    said, layers = signal(world, machine, [*days, cells[-1]["end_at"]], end), _layers(world, machine["machine"])
    edges = {low, high} | {c["start_at"] for c in cells} | {s.at for s in said}
    edges |= {at for layer in layers.values() for at in layer.edges()}
    inside = sorted(at for at in edges if low <= at <= high)
    where = what = 0
    rows = []
    for start, until in pairwise(inside):
        while cells[where]["end_at"] <= start:
            where += 1
        while what < len(said) and said[what].at <= start:
            what += 1
        now = said[what - 1] if what else Said(low, "unknown", "none", None)
        holds = {name: layer.at(start) for name, layer in layers.items()}
        rows.append(_decide(machine, cells[where], now, holds) | {"start_at": start, "end_at": until})
    return iter(merged(_with_stops(world, machine, rows)))


def _decide(machine: Row, cell: Row, now: Said, on: dict[str, Row | None]) -> Row:
    edit, report, order, person = on["edit"], on["report"], on["order"], on["person"]
    off = cell["kind"] == "off"
    edit = None if off else edit
    rest = _rest(machine, cell, on["event"]) if not off and not edit else None
    resting = rest is not None
    word = edit["state"] if edit else report["state"] if report else now.word
    work = {n: (report and report[n]) or (order and order[n]) for n in ("order_id", "product", "operation")}
    work["operation"] = (work["operation"] or machine["operation"]) if work["order_id"] else None
    account = _account(off, resting, word, work["order_id"])
    reason, kind = _why(machine, word, account, rest=rest, said=bool(edit or report), on=on)
    source = "calendar" if off or resting else "edit" if edit else "report" if report else now.source
    why = on["why"] if account != "production" and not off and not resting else None
    held = edit["start_at"] if edit else report["start_at"] if report else now.since
    head = {"machine": machine["machine"], "production_day": cell["production_day"], "shift": cell["shift"]}
    return {
        **head, "account": account, "state": word, "reason": reason, "reason_class": kind, **work,
        "operator": person and person["operator"], "source": source,
        "edit_id": edit["edit_id"] if edit else why["edit_id"] if why else None, "held": held,
    }  # fmt: skip


def _rest(machine: Row, cell: Row, event: Row | None) -> str | None:
    """Why nothing is made by plan: an event of the machine or line (if named, for every machine), a break."""
    through = machine["runs_through_breaks"]
    pauses = [event["reason"]] if event else []
    pauses += [cell["reason"]] if cell["kind"] == "break" else []
    named = next((reason for reason in pauses if reason), None)
    return named or ("break" if pauses and not through else None)


def _account(off: bool, resting: bool, word: str, order_id: str | None) -> str:
    if off:
        return "not_scheduled"
    if resting or word == "planned_stop":
        return "planned_down"
    if word in {"producing", "setup", "unknown"}:
        return "production" if word == "producing" else word
    return "delay" if order_id else "down_no_order"


def _why(
    machine: Row, word: str, account: str, *, rest: str | None, said: bool, on: dict[str, Row | None]
) -> tuple[str | None, str | None]:
    """Reason and class of the loss."""
    if account == "production":
        return None, None
    if account == "not_scheduled":
        return "not_scheduled", "planned"
    if rest:
        return rest, "planned"
    given = on["why"] or on["booking"]
    if given:
        return given["reason"], given["reason_class"] if given.get("reason_class") in CLASSES else CLASS[word]
    if account == "unknown" and not said and machine["evidence"] == "report":
        return "no report", CLASS[word]
    return word, CLASS[word]


def _with_stops(world: World, machine: Row, rows: list[Row]) -> list[Row]:
    """Stop and minor: contiguous time without execution inside a production day is one stop."""
    run: list[Row] = []
    for row in [*rows, None]:
        goes_on = run and row and row["account"] in STOPS and row["production_day"] == run[-1]["production_day"]
        if run and not goes_on:
            began = _began(world, machine, run[0])
            short = run[-1]["end_at"] - began < minor_us(world, machine["machine"], run[0]["production_day"])
            for part in run:
                part |= {"stop_us": began, "minor": short and part["account"] == "delay"}
            run = []
        if row and row["account"] in STOPS:
            run.append(row)
        elif row:
            row |= {"stop_us": None, "minor": False}
    return rows


def minor_us(world: World, machine: str, day: date) -> int:
    """A delay shorter than this is minor on that day."""
    valid = [m for m in world.of("minor_stops", machine) if m["valid_from"] <= day]
    return max(valid, key=lambda m: m["valid_from"])["minor_us"]


def _began(world: World, machine: Row, first: Row) -> int:
    """When a stop began: at the day's start it may have been on before, inside work time of the day before."""
    day: date = first["production_day"]
    before = [c for c in world.cells(machine["line"], before=True) if c["production_day"] == day - timedelta(days=1)]
    today = min(c["start_at"] for c in world.cells(machine["line"]) if c["production_day"] == day)
    if first["start_at"] != today:
        return first["start_at"]
    through = machine["runs_through_breaks"]
    lead = max(
        (c["end_at"] for c in before if c["kind"] == "off" or (c["kind"] == "break" and (c["reason"] or not through))),
        default=min((c["start_at"] for c in before), default=today),
    )
    return min(first["start_at"], max(lead, first["held"]) if first["held"] is not None else lead)


def merged(rows: list[Row]) -> list[Row]:
    """Equal neighbours are one row."""
    out: list[Row] = []
    for row in rows:
        told = {k: v for k, v in row.items() if k != "held"}
        same = out and all(out[-1][k] == v for k, v in told.items() if k not in {"start_at", "end_at"})
        if same and out[-1]["end_at"] == row["start_at"]:
            out[-1]["end_at"] = row["end_at"]
        else:
            out.append(told)
    return out
