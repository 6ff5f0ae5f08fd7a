"""What the pages read: one question = one .sql file + one typed function with bound parameters.

Every function takes a connection of `warehouse.connect` first. Days are production days, both ends
included; `line` and `machine` None mean all. Ratios are ratios of sums, 0..1, null where the note says why.
"""

from __future__ import annotations

import re
from datetime import date, datetime
from functools import cache
from pathlib import Path
from typing import Any, Literal

import polars as pl
from duckdb import DuckDBPyConnection as Connection

Level = Literal["machine", "line", "area", "site"]
_HERE = Path(__file__).parent
_NAMED = re.compile(r"\b(?:bronze|silver|gold|meta)\.[a-z_]+\b")


@cache
def sql(name: str) -> str:
    """Text of a question."""
    return (_HERE / f"{name}.sql").read_text(encoding="utf-8")


@cache
def tables(name: str) -> tuple[str, ...]:
    """The tables a question reads, from its text: their versions say when the answer is out of date.

    >>> tables("losses")
    ('gold.losses',)
    """
    text = "\n".join(row for row in sql(name).splitlines() if not row.startswith("--"))
    return tuple(sorted(set(_NAMED.findall(text))))


def _ask(con: Connection, name: str, **given: Any) -> pl.DataFrame:
    text = sql(name)
    used = {k: v for k, v in given.items() if f"${k}" in text}
    return con.execute(text, used).pl()


def days(con: Connection) -> pl.DataFrame:
    """site, production_day, timezone, start_at, end_at (how far data reach), complete."""
    return _ask(con, "days")


def oee(
    con: Connection, first: date, last: date, *, level: Level = "site", by_day: bool = False, line: str | None = None
) -> pl.DataFrame:
    """OEE and its factors by scope: oee, oee_low, oee_high, coverage, note; production_day is null unless `by_day`."""
    return _ask(con, "oee", first=first, last=last, level=level, by_day=by_day, line=line)


def losses(
    con: Connection, first: date, last: date, *, line: str | None = None, machine: str | None = None
) -> pl.DataFrame:
    """Time lost by reason, longest first: duration_s, stops, share, cumulative, worst_machine."""
    return _ask(con, "losses", first=first, last=last, line=line, machine=machine)


def accounts(con: Connection, first: date, last: date, *, line: str | None = None) -> pl.DataFrame:
    """Hours of each machine (scope) in each time account."""
    return _ask(con, "accounts", first=first, last=last, line=line)


def timeline(con: Connection, day: date, *, line: str | None = None) -> pl.DataFrame:
    """What every machine did in a production day, stretch by stretch."""
    return _ask(con, "timeline", day=day, line=line)


def yields(con: Connection, first: date, last: date, *, by_day: bool = False) -> pl.DataFrame:
    """Pieces, first_pass_yield and scrap_ratio by product and operation."""
    return _ask(con, "yields", first=first, last=last, by_day=by_day)


def rolled_yield(con: Connection, first: date, last: date, *, by_day: bool = False) -> pl.DataFrame:
    """rolled_throughput_yield by product with its weakest operation; null where an operation made nothing."""
    return _ask(con, "rolled_yield", first=first, last=last, by_day=by_day)


def stock(con: Connection, day: date) -> pl.DataFrame:
    """Stock at the end of that day (or the last one held before it), findings first."""
    return _ask(con, "stock", day=day)


def stock_trend(con: Connection, first: date, last: date, material: str, location: str) -> pl.DataFrame:
    """Stock of one material at one location: day, on_hand_qty, reorder_point_qty."""
    return _ask(con, "stock_trend", first=first, last=last, material=material, location=location)


def energy(
    con: Connection, first: date, last: date, *, level: Literal["machine", "all"] = "all", line: str | None = None
) -> pl.DataFrame:
    """Energy, cost, CO2e and kWh per good piece; excess_kwh over the hours that have a baseline."""
    return _ask(con, "energy", first=first, last=last, level=level, line=line)


def energy_hours(
    con: Connection, first: date, last: date, *, line: str | None = None, machine: str | None = None
) -> pl.DataFrame:
    """Energy by hour (at) against the baseline, with the running sum of the difference."""
    return _ask(con, "energy_hours", first=first, last=last, line=line, machine=machine)


def risks(con: Connection, *, line: str | None = None) -> pl.DataFrame:
    """Latest score of every machine and failure mode, alerts first."""
    return _ask(con, "risks", line=line)


def risk_trend(con: Connection, machine: str, failure_mode: str) -> pl.DataFrame:
    """Probability and alert level of one failure mode by decision time (at)."""
    return _ask(con, "risk_trend", machine=machine, failure_mode=failure_mode)


def signals(con: Connection, machine: str, first: date, last: date) -> pl.DataFrame:
    """Vibration, temperature and power of a machine in about 400 slices, with the band of its own normal."""
    return _ask(con, "signals", machine=machine, first=first, last=last)


def maintenance(con: Connection, machine: str) -> pl.DataFrame:
    """Maintenance of a machine, latest first."""
    return _ask(con, "maintenance", machine=machine)


def forecasts(con: Connection) -> pl.DataFrame:
    """Forecasts with the latest decision on each: status, approved_quantity, decided_by, decided_at, comment."""
    return _ask(con, "forecasts")


def demand(con: Connection, item: str, period: str, timezone: str, since: datetime, until: datetime) -> pl.DataFrame:
    """Ordered quantity of an item by period (day, week, month) of the site's calendar: day, quantity."""
    return _ask(con, "demand", item=item, period=period, timezone=timezone, since=since, until=until)
