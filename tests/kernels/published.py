"""Arithmetic that others have published, restated, and what it answers on cases of the conformance kit.

These are negative oracles: our number must differ, for the reason given. Formulas are restated from public
documents and code; no service was run. Their systems may answer differently where these read raw data otherwise.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction

import kit
import neutral
from naive_signal import facts
from naive_time import time_rows
from naive_world import Row, World, instant, world_of

HOUR = 3_600_000_000
SHIFT = instant("2026-05-04T06:00:00Z"), instant("2026-05-04T14:00:00Z")
STOPPED = ("delay", "down_no_order", "planned_down")


@dataclass(frozen=True)
class Answer:
    """What a published rule answers on a case, what is right, and why they differ."""

    rule: str
    case: str
    kpi: str
    theirs: Fraction | None
    ours: float | None
    why: str

    def row(self) -> str:
        """The line of the table in docs/conformance.md."""
        return f"| {self.rule} | `{self.case}` | {self.kpi} | {shown(self.theirs)} | {shown(self.ours)} | {self.why} |"


def shown(value: Fraction | float | None) -> str:
    return "null" if value is None else f"{100 * float(value):.1f} %"


def mean_of_three(availability: Fraction, performance: Fraction, quality: Fraction) -> Fraction:
    """OEE as the arithmetic mean of its factors (Databricks factory-optimization)."""
    return (availability + performance + quality) / 3


def max_minus_min(world: World, tag: str, cycle_us: int, start: int, end: int) -> Fraction:
    """OEE of a fault-free station from one counter: highest less lowest value inside the open window, times the
    ideal cycle, over wall-clock time (DTC ManufacturingOntologies, CalculateOEEForStation)."""
    inside = [r["value"] for r in facts(world, tag) if start < r["ts"] < end]
    return Fraction(cycle_us * round(max(inside) - min(inside)), end - start) if inside else Fraction(0)


def by_the_hour(world: World, tag: str, cycle_us: int, start: int, end: int) -> Fraction:
    """The same, called for every hour and averaged."""
    hours = range(start, end, HOUR)
    return sum((max_minus_min(world, tag, cycle_us, at, at + HOUR) for at in hours), Fraction(0)) / len(hours)


def planned_stops_lose(time: list[Row]) -> Fraction:
    """Availability = run / (run + down), down with planned stops (AWS IoT SiteWise OEE tutorial)."""
    run = _length(time, "production", "setup")
    return Fraction(run, run + _length(time, *STOPPED))


def worst_station(stations: list[Fraction]) -> Fraction:
    """Line OEE = least of its stations (DTC ManufacturingOntologies, CalculateOEEForLine)."""
    return min(stations)


def with_fixed_offset(time: list[Row], start: str, end: str, breaks_us: int) -> Fraction:
    """Availability of a local shift placed in UTC by one offset for all history (dashboards of the same)."""
    low, high = instant(start), instant(end)
    run = sum(max(0, min(r["end_at"], high) - max(r["start_at"], low)) for r in time if r["account"] == "production")
    return Fraction(run, high - low - breaks_us)


def capped(performance: Fraction) -> Fraction:
    """Performance never above 100 % (OpenMES OeeCalculationService)."""
    return min(performance, Fraction(1))


def _length(time: list[Row], *accounts: str) -> int:
    return sum(r["end_at"] - r["start_at"] for r in time if r["account"] in accounts)


def _world(case: str) -> World:
    told = neutral.about(neutral.KIT / case)
    return world_of(neutral.KIT / case, told["first"], told["last"])


def worked(case: str, kpi: str, scope: str, period: str, grain: str = "day") -> Fraction | None:
    """Our answer, worked by hand: it stands in the case's kpi.csv, which the kernels are held to."""
    asked = {"kpi": kpi, "scope": scope, "period": period, "grain": grain}
    rows = kit.read(neutral.KIT / case / "kpi.csv")
    (row,) = [r for r in rows if all(r[k] == v for k, v in asked.items())]
    return Fraction(row["numerator"]) / Fraction(row["denominator"]) if row["value"] else None


def _vorne() -> Iterator[Answer]:
    names = ("availability", "effectiveness", "quality_ratio", "oee")
    *parts, oee = [worked("vorne_example", n, "press", "2026-05-04 first", "shift") for n in names]
    yield Answer(
        "mean of A, P, Q (Databricks factory-optimization)",
        "vorne_example",
        "OEE",
        mean_of_three(*parts),
        oee,
        "three ratios of different wholes have no mean; the product is good time over planned time",
    )


def _windows() -> Iterator[Answer]:
    rule = "max - min of the counter inside an open window (DTC ManufacturingOntologies)"
    why = {
        "once": "the pieces on both edges are lost",
        "inside": "the first piece seen only sets the minimum",
        "hours": "two pieces of every window are lost: the number depends on the zoom",
        "reset": "a reset hides all pieces before or after it",
    }
    for case, cycle in (("perfect_10min", 600_000_000), ("perfect_1min", 60_000_000)):
        world, ours = _world(case), worked(case, "oee", "press", "2026-05-04")
        calls = {
            "once": max_minus_min(world, "press.good", cycle, *SHIFT),
            "inside": max_minus_min(world, "press.good", cycle, SHIFT[0] - 1, SHIFT[1] - 1),
            "hours": by_the_hour(world, "press.good", cycle, *SHIFT),
        }
        names = {"once": ", 06:00 to 14:00", "inside": ", 1 us earlier", "hours": ", hour by hour, averaged"}
        for call, theirs in calls.items():
            yield Answer(rule + names[call], case, "OEE", theirs, ours, why[call])
    theirs = max_minus_min(_world("reset_midshift"), "press.good", 60_000_000, *SHIFT)
    yield Answer(
        rule, "reset_midshift", "OEE", theirs, worked("reset_midshift", "oee", "press", "2026-05-04"), why["reset"]
    )


def _plans() -> Iterator[Answer]:
    rule = "planned stops are down time (AWS IoT SiteWise tutorial)"
    for case, reason in (("breaks", "a break is not lost"), ("planned_event", "planned maintenance is not lost")):
        time = [r for r in time_rows(_world(case)) if r["machine"] == "press"]
        ours = worked(case, "availability", "press", "2026-05-04")
        yield Answer(
            rule, case, "availability", planned_stops_lose(time), ours, f"{reason}: it was never planned busy time"
        )
    yield Answer(
        "nothing planned is available (PTC ThingWorx)",
        "nothing_planned",
        "availability",
        Fraction(1),
        worked("nothing_planned", "availability", "press", "2026-05-05"),
        "0 of 0 is neither good nor bad: null",
    )


def _lines() -> Iterator[Answer]:
    stations = [worked("two_stations", "oee", s, "2026-05-04") for s in "ab"]
    yield Answer(
        "line OEE = least of its stations (DTC ManufacturingOntologies)",
        "two_stations",
        "OEE",
        worst_station(stations),
        worked("two_stations", "oee", "l", "2026-05-04"),
        "the other stations' time and pieces are ignored; a line is the ratio of its sums",
    )
    days = [worked("night_shift", "oee", "press", d) for d in ("2026-05-04", "2026-05-05")]
    yield Answer(
        "mean of the days' OEE (home-made roll-ups)",
        "night_shift",
        "OEE",
        sum(days, Fraction(0)) / 2,
        worked("night_shift", "oee", "press", "2026-W19", "week"),
        "a day of 2 h weighs as much as one of 8 h",
    )


def _zones() -> Iterator[Answer]:
    rule = "one UTC offset for all history: +01:00 (dashboards of DTC ManufacturingOntologies)"
    for case, day, scope in (
        ("spring_night", "2026-03-28", (1800_000_000, "the night has 7 h, not 8")),
        ("night_shift", "2026-05-04", (0, "in summer the shift begins an hour earlier")),
    ):
        time, next_day = time_rows(_world(case)), day[:-2] + f"{int(day[-2:]) + 1:02}"
        theirs = with_fixed_offset(time, f"{day}T21:00:00Z", f"{next_day}T05:00:00Z", scope[0])
        ours = worked(case, "availability", "press", f"{day} night", "shift")
        yield Answer(rule, case, "availability", theirs, ours, scope[1])


def _speeds() -> Iterator[Answer]:
    fast = worked("breaks", "effectiveness", "press", "2026-05-04")
    yield Answer(
        "performance capped at 100 % (OpenMES)",
        "breaks",
        "effectiveness",
        capped(fast),
        fast,
        "a wrong ideal cycle is hidden instead of found",
    )
    for day, pieces in (("2026-05-04", 2340), ("2026-05-05", 1260)):
        yield Answer(
            "pieces at one ideal cycle (30 s) for all products",
            "mixed_products",
            "effectiveness",
            Fraction(pieces * 30, 28800),
            worked("mixed_products", "effectiveness", "press", day),
            f"{pieces:,} pieces of two products: only their own ideal times compare",
        )


def answers() -> list[Answer]:
    """Every negative oracle on its cases."""
    return [a for part in (_vorne, _windows, _plans, _lines, _zones, _speeds) for a in part()]


def table() -> str:
    """The table of docs/conformance.md."""
    head = "| published rule | case | figure | it answers | right | why |\n|---|---|---|---|---|---|"
    return "\n".join([head, *(a.row() for a in answers())])
