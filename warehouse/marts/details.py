"""Further questions of the pages: time zone of a site, how time was spent, the raw signals behind a score."""

from __future__ import annotations

from datetime import date

import polars as pl

from warehouse.marts import Con, Grain, Level, run


def sites(con: Con) -> pl.DataFrame:
    """site, timezone, machines: one row a site."""
    return run(con, "sites")


def days_open(con: Con) -> pl.DataFrame:
    """production_day, reached_at, open_s: how far its data reach and how many seconds of it are still to come."""
    return run(con, "days_open")


def accounts(con: Con, *, first: date, last: date, site: str | None = None, line: str | None = None) -> pl.DataFrame:
    """Scope (machine), account, hours: the time of each machine by leaf account."""
    return run(con, "accounts", first=first, last=last, site=site, line=line)


def signals(con: Con, *, machine: str, first: date, last: date) -> pl.DataFrame:
    """role, at, value, low, high: vibration, temperature, power in about 400 slices, with the band of their normal.

    The band is the 5 % to 95 % quantile while producing, up to a day before the end; null without
    production. A slice without a good value is null.
    """
    return run(con, "signals", machine=machine, first=first, last=last)


def oee_notes(
    con: Con,
    *,
    first: date,
    last: date,
    site: str | None = None,
    line: str | None = None,
    machine: str | None = None,
    level: Level = "machine",
    grain: Grain = "day",
) -> pl.DataFrame:
    """scope, production_day (null for grain period), note: why ratios of `oee` are null or doubtful, joined."""
    return run(
        con, "oee_notes", first=first, last=last, site=site, line=line, machine=machine, level=level, grain=grain
    )  # fmt: skip
