"""Further questions of the pages: time zone of a site, how time was spent, the raw signals behind a score."""

from __future__ import annotations

from datetime import date

import polars as pl

from plant.kpi.catalogue import BY_NAME
from warehouse.kpi_macros import by_sql
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


def kpi_definitions(con: Con) -> pl.DataFrame:
    """kpi, title, unit, better, definition_id, family, known_from: the definitions in force, by title."""
    return run(con, "kpi_definitions")


def signoffs(con: Con) -> pl.DataFrame:
    """kpi, level, scope, grain, period_start, value, signed_by, signed_at, comment: latest first."""
    return run(con, "signoffs")


def notifications(con: Con) -> pl.DataFrame:
    """Numbers that changed after they were signed, latest first.

    Columns: kpi, title, unit, level, scope, grain, period_start, recipient, signed_at, signed_value, value,
    known_from, parts (JSON object of contributions by cause), message.
    """
    return run(con, "notifications")


def kpi_by(con: Con, *, kpi: str, level: str, grain: str, first: date, last: date) -> pl.DataFrame:
    """One KPI by any level and grain, with coverage: the rows and numbers of gold.kpi_by.

    Columns: level, scope, grain, production_day, period_start, shift, kpi, definition_id, numerator, denominator,
    value, value_low, value_high, unit, note, coverage.

    Raises:
        ValueError: a KPI that is not declared.
    """
    if kpi not in BY_NAME:
        raise ValueError(f"there is no KPI {kpi!r}; docs/kpi/README.md lists them")
    given = {"level_": level, "grain_": grain, "first_": first, "last_": last}
    cursor = con.cursor()
    try:
        asked = dict.fromkeys((BY_NAME[kpi], BY_NAME["coverage"]))
        both: pl.DataFrame = cursor.sql(by_sql(*asked), params=given).pl()
    finally:
        cursor.close()
    told = both.filter(pl.col("kpi") == "coverage").select("scope", "period_start", coverage="value")
    return both.filter(pl.col("kpi") == kpi).join(told, on=["scope", "period_start"], how="left")


def kpi_reconciliation(con: Con, *, level: str, grain: str, first: date, last: date) -> pl.DataFrame:
    """The walks from one standard's number to another's.

    Columns: level, scope, grain, production_day, period_start, shift, start_kpi, end_kpi, step, rule, numerator,
    denominator, value, contribution.
    """
    return run(con, "kpi_reconciliation", level=level, grain=grain, first=first, last=last)


def proposals(con: Con) -> pl.DataFrame:
    """The rows of gold.proposals, those that wait for somebody first, by when they expire."""
    return run(con, "proposals")
