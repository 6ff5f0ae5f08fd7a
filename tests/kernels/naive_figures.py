"""Ratios out of the naive ledgers, as exact fractions: availability, effectiveness, quality, OEE and its kin."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from fractions import Fraction

from naive_world import Row, World

ACCOUNTS = ("production", "setup", "delay", "down_no_order", "planned_down", "unknown", "not_scheduled")
NAMES = (
    *ACCOUNTS,
    *(f"count_{a}" for a in ACCOUNTS),
    "made",
    "good",
    "unrated",
    "ideal",
    "good_ideal",
    "planned_made",
    "planned_good",
)
Ratio = tuple[Fraction | None, Fraction | None]


def kpi_rows(world: World, time: list[Row], counts: list[Row], wanted: list[Row]) -> list[Row]:
    """The KPIs asked for, with numerator, denominator and value to 12 decimals; nothing where it is null."""
    out = []
    for level, grain in {(row["level"], row["grain"]) for row in wanted}:
        sums = totals(world, time, counts, level, grain)
        for row in wanted:
            if (row["level"], row["grain"]) == (level, grain) and (row["scope"], row["period"]) in sums:
                above, below = FORMULAS[row["kpi"]](sums[row["scope"], row["period"]])
                value = None if above is None or not below else f"{float(above / below):.12f}"
                parts = {"numerator": _shown(above), "denominator": _shown(below), "value": value}
                out.append({k: row[k] for k in ("kpi", "level", "scope", "grain", "period")} | parts)
    return out


def _shown(part: Fraction | None) -> str | None:
    return None if part is None else str(part)


def totals(
    world: World, time: list[Row], counts: list[Row], level: str, grain: str
) -> dict[tuple[str, str | None], dict[str, Fraction]]:
    """Accounts in us, pieces and ideal times by scope and period; `count_` sums are of machines that count."""
    scope = {m["machine"]: m[level] for m in world["machines"]}
    counting = {i["machine"] for i in world["ideal"]}
    counting -= {t["machine"] for t in world["tags"] if t["role"] in ("scrap_count", "rework_count")}
    counting |= {t["machine"] for t in world["tags"] if t["role"] == "good_count"}
    counted = {(row["machine"], row["production_day"]) for row in counts}
    out: dict[tuple[str, str | None], dict[str, Fraction]] = {}
    for row in (*time, *counts):
        if grain == "shift" and row["shift"] == "off":
            continue
        total = out.setdefault((scope[row["machine"]], _period(row, grain)), dict.fromkeys(NAMES, Fraction(0)))
        if "account" not in row:
            _add_pieces(total, row)
            continue
        length = row["end_at"] - row["start_at"]
        total[row["account"]] += length
        if row["machine"] in counting or (row["machine"], row["production_day"]) in counted:
            total["count_" + row["account"]] += length
    return out


def _add_pieces(total: dict[str, Fraction], row: Row) -> None:
    made = row["good_pcs"] + row["scrap_pcs"] + row["rework_pcs"]
    total["made"] += made
    total["good"] += row["good_pcs"]
    total["unrated"] += made if row["ideal_us"] is None else 0
    if row["shift"] != "off":
        total["planned_made"] += made
        total["planned_good"] += row["good_pcs"]
    if row["shift"] != "off" and row["ideal_us"] is not None:
        total["ideal"] += row["ideal_us"] - row["gap_ideal_us"]
        total["good_ideal"] += 0 if row["gap_pcs"] else row["good_ideal_us"]  # a step is of one kind


def _period(row: Row, grain: str) -> str | None:
    day: date = row["production_day"]
    year, week, _ = day.isocalendar()
    return {"shift": f"{day} {row['shift']}", "day": str(day), "week": f"{year}-W{week:02}", "all": None}[grain]


def _known(s: dict[str, Fraction], prefix: str = "") -> Fraction:
    """Planned busy time with a trustworthy signal."""
    return sum((s[prefix + a] for a in ("production", "setup", "delay", "down_no_order")), Fraction(0))


def _effective(s: dict[str, Fraction]) -> Fraction | None:
    if s["unrated"]:
        return None
    return s["ideal"] * s["planned_good"] / s["planned_made"] if s["planned_made"] else Fraction(0)


FORMULAS: dict[str, Callable[[dict[str, Fraction]], Ratio]] = {
    "availability": lambda s: (s["production"], _known(s)),
    "allocation_efficiency": lambda s: (s["production"] + s["setup"] + s["delay"], _known(s)),
    "technical_efficiency": lambda s: (s["production"], s["production"] + s["delay"]),
    "setup_ratio": lambda s: (s["setup"], s["production"] + s["setup"]),
    "coverage": lambda s: (_known(s), _known(s) + s["unknown"]),
    "effectiveness": lambda s: (None if s["unrated"] else s["ideal"], s["count_production"]),
    "quality_ratio": lambda s: (s["good"], s["made"]),
    "oee": lambda s: (_effective(s), _known(s, "count_")),
    "oee_good_time": lambda s: (None if s["unrated"] else s["good_ideal"], _known(s, "count_")),
}
"""KPI -> (numerator, denominator) after ISO 22400-2; time in us."""
