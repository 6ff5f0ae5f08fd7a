"""Pieces, reading by reading: what each adds, what is held back, and which work it belongs to.

Rows: machine, production_day, shift, order_id, operation, product, operator, good_pcs, scrap_pcs, rework_pcs,
quarantined_pcs, gap_pcs, ideal_us, gap_ideal_us; one row a step or report.
"""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date

from naive_signal import bad, facts
from naive_world import Row, World

KINDS = ("good", "scrap", "rework")
WORK = ("order_id", "operation", "product", "operator")


@dataclass
class Step:
    """What one reading adds: pieces booked and held back, counted since an instant."""

    at: int
    since: int
    made: int
    held: int


@dataclass
class Counter:
    """A counter as it is known: last level, and the level before a jump or fall that nothing has confirmed yet."""

    tag: Row
    swaps: list[Row]
    value: int = 0
    at: int = 0
    since: int = 0
    doubt: tuple[int, int, int] | None = None
    falls: list[Step] = field(default_factory=list)
    earlier: int = 0

    def possible(self, pieces: float, since: int, now: int) -> bool:
        """One piece more than the physical limit: one may just have been finished at either end."""
        rate = self.tag["max_rate_per_s"]
        return rate is None or (pieces - 1) * 1e6 <= rate * (now - since)

    def new_day(self, start: int) -> None:
        """Steps are told by day: what was doubtful before is not undone any more, only taken into account."""
        self.since = start
        if self.doubt:
            self.doubt, self.falls = (self.doubt[0], self.doubt[1], start), []
            self.earlier = self.value if 2 * self.value < self.doubt[0] else 0

    def settle(self, value: int, at: int) -> None:
        self.value, self.at, self.since, self.doubt, self.falls, self.earlier = value, at, at, None, [], 0

    def read(self, value: int, at: int) -> Step:
        """The step of the next reading."""
        swaps = [s for s in self.swaps if self.at < s["at"] <= at]
        if swaps:
            return self.replaced(value, at, max(swaps, key=lambda s: s["at"])["starts_at"])
        if self.doubt and self.came_back(value, at):
            return self.returned(value, at)
        if self.doubt and self.value > self.doubt[0] > value:
            self.value, self.at, self.since = self.doubt  # the spike never was: the fall is from below it
            self.doubt, self.falls, self.earlier = None, [], 0
            return self.fall(value, at)
        if self.doubt and self.value > value >= self.doubt[0]:
            return self.moved(value, at, 0)
        if value < self.value:
            return self.fall(value, at)
        rise = value - self.value
        if self.possible(rise, self.at, at):
            step = Step(at, self.since, rise, 0)
            if rise:
                self.settle(value, at)
            else:
                self.at, self.since = at, at
            return step
        shown = self.doubt[0] if self.doubt and self.value < self.doubt[0] <= value else self.value
        return self.moved(value, at, value - shown)

    def moved(self, value: int, at: int, held: int) -> Step:
        step = Step(at, self.since, 0, held)
        self.doubt = self.doubt or (self.value, self.at, self.since)
        self.value, self.at, self.since = value, at, at
        return step

    def came_back(self, value: int, at: int) -> bool:
        """It goes on from the level before the doubt."""
        level, when, _ = self.doubt or (0, 0, 0)
        if value < level or not self.possible(value - level, when, at):
            return False
        if self.value > level:
            return value < self.value
        unlikely = 2 * self.value >= level or self.tag["max_rate_per_s"] is None
        return unlikely or not self.possible(value - self.value, self.at, at)

    def returned(self, value: int, at: int) -> Step:
        level, _, since = self.doubt or (0, 0, 0)
        booked = self.earlier
        for fall in self.falls:
            fall.made = fall.held = 0
        self.settle(value, at)
        return Step(at, since, max(0, value - level - booked), 0)

    def replaced(self, value: int, at: int, starts_at: float) -> Step:
        made = max(0, value - round(starts_at))
        sure = self.possible(made, self.at, at)
        step = Step(at, self.since, made if sure else 0, 0 if sure else made)
        self.settle(value, at)
        return step

    def fall(self, value: int, at: int) -> Step:
        """Less than before: a correction, a roll-over, a reset, or a reload of some value nobody knows."""
        if value > 0 and self.value - value <= (self.tag.get("back_step_pcs") or 0):
            return Step(at, self.since, 0, 0)
        made, held = self.fallen(value, at)
        step = Step(at, self.since, made, held)
        self.doubt = self.doubt or (self.value, self.at, self.since)
        self.falls.append(step)
        self.value, self.at, self.since = value, at, at
        return step

    def fallen(self, value: int, at: int) -> tuple[int, int]:
        end, rate = self.tag["rollover"], self.tag["max_rate_per_s"]
        if end is not None and self.value <= end:
            wrapped = end - self.value + 1 + value
            near = self.value >= 0.9 * end and 2 * value < self.value
            if near if rate is None else self.possible(wrapped, self.at, at):
                return wrapped, 0
        if 2 * value < self.value and self.possible(value, self.at, at):
            return value, 0
        likely = self.possible(value, self.at, at)
        return 0, value if likely else math.floor(rate * (at - self.at) / 1e6 + 1)


def count_rows(world: World, time: list[Row]) -> list[Row]:
    """Every counted step and reported interval that adds something."""
    own: dict[str, list[Row]] = {m["machine"]: [] for m in world["machines"]}
    for row in time:
        own[row["machine"]].append(row)
    rows = [row for machine in world["machines"] for row in _machine(world, machine, own[machine["machine"]])]
    return [_timed(world, row) for row in rows]


def _machine(world: World, machine: Row, own: list[Row]) -> Iterator[Row]:
    cells = world.cells(machine["line"])
    blind = [r for r in own if r["account"] == "unknown"]
    tags = [t for t in world.of("tags", machine["machine"]) if t["role"].removesuffix("_count") in KINDS]
    for tag in tags:
        kind = tag["role"].removesuffix("_count")
        for step in _steps(world, tag, cells):
            gap = any(r["start_at"] < step.at and r["end_at"] > step.since for r in blind)
            made = {f"{k}_pcs": step.made if k == kind else 0 for k in KINDS}
            place = _place(machine, cells, own, step.at)
            if place and (step.made or step.held):
                yield place | made | {"quarantined_pcs": step.held, "gap_pcs": step.made if gap else 0}
    for report in [] if tags else world.of("reports", machine["machine"]):
        at = report["end_at"] - (report["end_at"] > report["start_at"])
        place = _place(machine, cells, own, at)
        if place and any(report[f"{k}_pcs"] for k in KINDS):
            made = {f"{k}_pcs": report[f"{k}_pcs"] for k in KINDS}
            work = {n: report[n] for n in WORK} | {"operation": report["operation"] or machine["operation"]}
            work["operator"] = work["operator"] or (_at(own, at) or {}).get("operator")
            yield place | made | work | {"quarantined_pcs": 0, "gap_pcs": 0}


def _steps(world: World, tag: Row, cells: list[Row]) -> list[Step]:
    starts = _day_starts(cells)
    low, high = min(starts.values()), cells[-1]["end_at"]
    counter, steps, day = None, [], None
    for row in facts(world, tag["tag"]):
        if not low <= row["ts"] < high or bad(row) or row["value"] is None or row["value"] < 0:
            continue
        value, at = math.floor(row["value"] + 0.5), row["ts"]
        today = max(d for d, start in starts.items() if start <= at)
        if counter is None:
            counter = Counter(tag, [s for s in world["replacements"] if s["tag"] == tag["tag"]], value, at, at)
        else:
            if today != day:
                counter.new_day(starts[today])
            steps.append(counter.read(value, at))
        day = today
    return steps


def _day_starts(cells: list[Row]) -> dict[date, int]:
    return {
        d: min(c["start_at"] for c in cells if c["production_day"] == d) for d in {c["production_day"] for c in cells}
    }


def _at(rows: list[Row], at: int) -> Row | None:
    """The row (sorted, half-open) that holds an instant."""
    n = bisect_right(rows, at, key=lambda r: r["start_at"])
    return rows[n - 1] if n and at < rows[n - 1]["end_at"] else None


def _place(machine: Row, cells: list[Row], own: list[Row], at: int) -> Row | None:
    """Day, shift and work of a piece counted at an instant."""
    cell = _at(cells, at)
    if cell is None:
        return None
    same = {"production_day": cell["production_day"], "shift": cell["shift"]}
    before, now = _at(own, at - 1), _at(own, at)
    kept = before and all(before[k] == v for k, v in same.items())
    began = now and now["order_id"] and not (before and before["order_id"])
    held = before if kept and not began else now
    work = {n: held[n] if held else None for n in WORK}
    work["operation"] = work["operation"] or machine["operation"]
    return {"machine": machine["machine"], **same, **work}


def _timed(world: World, row: Row) -> Row:
    """Add the ideal time that holds for the product on the machine that day."""
    known = [i for i in world["ideal"] if (i["machine"], i["product"]) == (row["machine"], row["product"])]
    valid = [i for i in known if i["valid_from"] <= row["production_day"]]
    ideal = max(valid, key=lambda i: i["valid_from"])["ideal_us"] if valid else None
    made = sum(row[f"{k}_pcs"] for k in KINDS)
    pieces = {"ideal_us": made, "gap_ideal_us": row["gap_pcs"], "good_ideal_us": row["good_pcs"]}
    return row | {name: None if ideal is None else n * ideal for name, n in pieces.items()}
