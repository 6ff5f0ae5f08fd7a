"""What the dashboards and analysts ask, one .sql file a question, one typed function each.

`con` is a connection made by `warehouse.connect` (or the published file). Every roll-up is a ratio of
sums over the additive columns of gold, never an average of ratios. `None` for a filter means all.
Days are production days, both ends included. Every function returns a frame; no rows give an empty one.
"""

from __future__ import annotations

from datetime import date, timedelta
from functools import cache
from pathlib import Path
from typing import Any, Literal

import duckdb
import polars as pl

from warehouse.marts.ratios import filled

Level = Literal["machine", "line", "area", "site", "plant"]
Grain = Literal["shift", "day", "period"]
Con = duckdb.DuckDBPyConnection
OF_OEE = (
    "oee", "oee_low", "oee_high", "oee_before", "availability", "effectiveness", "quality", "coverage", "good_pcs",
    "scrap_pcs", "down_s",
)  # fmt: skip
LOOK_BACK_D = 31
"""How far back the overview looks for the day before with data."""


@cache
def text(name: str) -> str:
    """The SQL of a mart: `warehouse/marts/<name>.sql`, with the terms of gold.kpi put in where it asks for them."""
    return filled((Path(__file__).parent / f"{name}.sql").read_text(encoding="utf8"))


def run(con: Con, name: str, **values: Any) -> pl.DataFrame:
    """Run a mart with its named parameters bound. Safe for threads: each call has its own cursor."""
    cursor = con.cursor()
    try:
        frame: pl.DataFrame = cursor.sql(text(name), params=values).pl()
        return frame
    finally:
        cursor.close()


# Pickers


def machines(con: Con, *, site: str | None = None, line: str | None = None) -> pl.DataFrame:
    """site, area, line, machine, kind, description: one row a machine."""
    return run(con, "machines", site=site, line=line)


def days(con: Con) -> pl.DataFrame:
    """production_day, machines, complete (false: the day runs still): days gold.oee holds, latest first."""
    return run(con, "days")


# Overview


def tiles(con: Con, *, day: date, site: str | None = None, line: str | None = None) -> pl.DataFrame:
    """One row for the plant on a day.

    Columns: oee, oee_low, oee_high, availability, effectiveness, quality, coverage, oee_before (the last day
    before with data), good_pcs, scrap_pcs, energy_kwh, kwh_per_good_pc, down_s, inventory_alerts, risk_alerts,
    checks_failed, quarantined_open. Null where nothing is known.
    """
    since = day - timedelta(days=LOOK_BACK_D)
    found = oee(con, first=since, last=day, site=site, line=line, level="plant", grain="day")
    told = found.with_columns(
        oee_before=pl.col("oee").forward_fill().shift(1), down_s=pl.col("adet_s") + pl.col("adot_s")
    )
    rest = run(con, "tiles", day=day, site=site, line=line).with_columns(pl.lit(day).alias("production_day"))
    return rest.join(told.select("production_day", *OF_OEE), on="production_day", how="left").drop("production_day")


def alerts(con: Con, *, site: str | None = None) -> pl.DataFrame:
    """Everything that wants a person.

    Columns: kind (inventory, failure_risk, check, source, quarantine), severity (high, medium, low), subject,
    message, at. Highest first.
    """
    return run(con, "alerts", site=site)


# OEE and losses


def oee(
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
    """OEE with its sums and bounds by scope and period.

    Columns: level, scope, production_day (null for grain period), shift (null unless grain shift), start_at,
    end_at, pot_s, pbt_s, apt_s, aust_s, adet_s, adot_s, unknown_s, produced_pcs, good_pcs, scrap_pcs,
    rework_pcs, ideal_s, availability, effectiveness, quality, oee, oee_low, oee_high, coverage, revision, known_from.
    """
    return run(
        con, "oee", first=first, last=last, site=site, line=line, machine=machine, level=level, grain=grain
    )  # fmt: skip


def timeline(con: Con, *, day: date, site: str | None = None, line: str | None = None) -> pl.DataFrame:
    """State bars of a day.

    Columns: line, machine, start_at, end_at, duration_s, account, state, reason, reason_class, minor, order_id,
    product, shift, source. Neighbours that read the same are joined.
    """
    return run(con, "timeline", day=day, site=site, line=line)


def losses(
    con: Con,
    *,
    first: date,
    last: date,
    site: str | None = None,
    line: str | None = None,
    machine: str | None = None,
) -> pl.DataFrame:
    """Pareto of lost time.

    Columns: account, reason, reason_class, stops, duration_s, share, cumulative_share, mean_stop_s (null
    without stops), machines, worst_machine, cost (null where a part has no rate), margin (of bottlenecks).
    Longest first.
    """
    return run(con, "losses", first=first, last=last, site=site, line=line, machine=machine)


# Yield


def yields(
    con: Con,
    *,
    first: date,
    last: date,
    site: str | None = None,
    product: str | None = None,
    grain: Literal["day", "period"] = "period",
) -> pl.DataFrame:
    """Yield by product and operation.

    Columns: product, operation, production_day (null for grain period), good_pcs, scrap_pcs, rework_pcs,
    produced_pcs, first_pass_yield, scrap_ratio, rolled_throughput_yield.
    """
    return run(con, "yields", first=first, last=last, site=site, product=product, grain=grain)


def scrap_trend(
    con: Con, *, first: date, last: date, site: str | None = None, product: str | None = None
) -> pl.DataFrame:
    """Scrap by day and product: production_day, product, produced_pcs, scrap_pcs, rework_pcs, scrap_ratio."""
    return run(con, "scrap_trend", first=first, last=last, site=site, product=product)


# Inventory


def inventory(
    con: Con, *, day: date | None = None, site: str | None = None, material: str | None = None
) -> pl.DataFrame:
    """Stock at the end of a day (None: the last one), findings first, then by value.

    Columns: those of gold.inventory, description and kind of the material, and abc and xyz of gold.stock_classes.
    """
    return run(con, "inventory", day=day, site=site, material=material)


def inventory_trend(
    con: Con, *, first: date, last: date, site: str | None = None, material: str | None = None
) -> pl.DataFrame:
    """Stock by day and material over all locations.

    Columns: production_day, material, unit, on_hand_qty, on_hand_value, issued_qty, reorder_point_qty.
    """
    return run(con, "inventory_trend", first=first, last=last, site=site, material=material)


# Energy


def energy(
    con: Con,
    *,
    first: date,
    last: date,
    site: str | None = None,
    line: str | None = None,
    machine: str | None = None,
    level: Level = "machine",
    grain: Literal["hour", "day", "period"] = "day",
) -> pl.DataFrame:
    """Energy by scope and time.

    Columns: level, scope, period_at (start of the hour or of the day's data), production_day (null for grain
    period), energy_kwh, production_kwh, idle_kwh, good_pcs, kwh_per_good_pc, co2e_kg, cost, expected_kwh,
    deviation_kwh (actual minus expected where expected is known), cusum_kwh (running sum of it over the window,
    per scope).
    """
    return run(
        con, "energy", first=first, last=last, site=site, line=line, machine=machine, level=level, grain=grain
    )  # fmt: skip


# Machine health


def failure_risk(con: Con, *, site: str | None = None, line: str | None = None) -> pl.DataFrame:
    """Latest score of each machine and failure mode, columns of gold.failure_risk plus previous_probability.

    Highest probability first.
    """
    return run(con, "failure_risk", site=site, line=line)


def risk_history(con: Con, *, machine: str, failure_mode: str | None = None) -> pl.DataFrame:
    """Scores of a machine over time.

    Columns: failure_mode, scored_at, probability, threshold, alert, rul_h, rul_low_h, rul_high_h, explained_by,
    model_version.
    """
    return run(con, "risk_history", machine=machine, failure_mode=failure_mode)


def maintenance(con: Con, *, machine: str | None = None) -> pl.DataFrame:
    """Maintenance orders, latest first: columns of silver.maintenance_orders plus duration_s."""
    return run(con, "maintenance", machine=machine)


# Forecasts


def forecast(con: Con, *, item: str | None = None) -> pl.DataFrame:
    """Forecast by item and period with the decisions laid over it.

    Columns: columns of gold.forecast plus decision, decided_by, decided_at, decided_quantity, comment. `status`
    is the live one: what was decided on this very model version since the forecast was built counts.
    """
    return run(con, "forecast", item=item)


def demand_history(con: Con, *, item: str | None = None, first: date | None = None) -> pl.DataFrame:
    """Ordered quantity by item and UTC day of the order: item, ordered_day, qty."""
    return run(con, "demand_history", item=item, first=first)


# Trust


def tables(con: Con) -> pl.DataFrame:
    """meta.tables with freshness.

    Columns: table_name, layer, doc, grain, delta_version, row_count, files, bytes, written_at, latest_at,
    lag_s.
    """
    return run(con, "tables")


def coverage(con: Con, *, first: date, last: date, site: str | None = None) -> pl.DataFrame:
    """Share of planned busy time with a trustworthy signal.

    Columns: production_day, line, machine, pbt_s, unknown_s, coverage, flagged_samples, bad_samples.
    """
    return run(con, "coverage", first=first, last=last, site=site)


def quarantine(con: Con) -> pl.DataFrame:
    """meta.quarantine, most open rows first."""
    return run(con, "quarantine")


def checks(con: Con) -> pl.DataFrame:
    """meta.checks, failed first."""
    return run(con, "checks")


def sources(con: Con) -> pl.DataFrame:
    """meta.sources plus age_s, the seconds since the last value."""
    return run(con, "sources")


def receipts(con: Con, *, table_name: str | None = None) -> pl.DataFrame:
    """meta.receipts, latest first."""
    return run(con, "receipts", table_name=table_name)
