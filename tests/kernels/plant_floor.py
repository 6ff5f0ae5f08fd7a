"""Builds tiny ledgers for kernel tests: one line of text a stretch of time, one tuple a count."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import polars as pl

from assets.kernels.figures.oee import oee
from assets.kernels.figures.sums import Sources, kpi_sums
from plant.calendar import SEGMENT_SCHEMA
from plant.states import Account
from plant.tables import table

DAY = date(2026, 11, 16)
START = datetime(2026, 11, 16, 5, tzinfo=UTC)  # 06:00 in Berlin
STATE = {
    "production": "producing", "setup": "setup", "delay": "stopped", "planned_down": "idle", "down_no_order": "idle",
    "unknown": "unknown", "not_scheduled": "off",
}  # fmt: skip
PLACE = {"site": "northmill", "area": "machining", "line": "shafts"}


def time_ledger(*stretches, machine="cnc-1", shift="early", start=START, day=DAY, **place):
    """Stretches are (account, minutes) or (account, minutes, {column: value}); they follow each other."""
    rows, at, stop = [], start, None
    for account, minutes, *more in stretches:
        extra = more[0] if more else {}
        end = at + timedelta(minutes=minutes)
        stopped = account in {Account.DELAY, Account.DOWN_NO_ORDER}
        stop = (stop or int(at.timestamp() * 1e6)) if stopped else None
        rows.append(
            {
                "production_day": day, **PLACE, **place, "machine": machine, "start_at": at, "end_at": end,
                "duration_us": round(minutes * 6e7), "account": str(account), "state": STATE[account],
                "reason": None, "reason_class": None, "minor": False, "stop_id": stop, "order_id": None,
                "operation": None, "product": None, "operator": None, "shift": shift, "source": "signal",
                "edit_id": None,
            }
            | extra
        )  # fmt: skip
        at = end
    return pl.LazyFrame(rows, schema=table("silver.time_ledger").schema, orient="row")


def count_ledger(*rows, machine="cnc-1", shift="early", hour=START, day=DAY, **place):
    """Rows are (good, scrap, ideal seconds a piece or None, {column: value})."""
    out = []
    for good, scrap, ideal, *more in rows:
        extra = more[0] if more else {}
        made = good + scrap + extra.get("rework_pcs", 0)
        out.append(
            {
                "production_day": day, **PLACE, **place, "machine": machine, "shift": shift, "hour_at": hour,
                "order_id": None, "operation": None, "product": "shaft-20", "good_pcs": good, "scrap_pcs": scrap,
                "rework_pcs": 0, "ideal_us": None if ideal is None else round(made * ideal * 1e6),
                "quarantined_pcs": 0, "operator": None, "gap_pcs": 0, "gap_ideal_us": 0,
            }
            | extra
        )  # fmt: skip
    return pl.LazyFrame(out, schema=table("silver.count_ledger").schema, orient="row")


def energy_ledger(*rows, machine="cnc-1", shift="early", day=DAY, **place):
    """Rows are (hour_at, account, kWh, minutes)."""
    out = [
        {
            "production_day": day, **PLACE, **place, "machine": machine, "shift": shift, "hour_at": hour,
            "account": str(account), "order_id": None, "product": None, "energy_j": round(kwh * 3.6e6),
            "duration_us": round(minutes * 6e7),
        }
        for hour, account, kwh, minutes in rows
    ]  # fmt: skip
    return pl.LazyFrame(out, schema=table("silver.energy_ledger").schema, orient="row")


def shifts(*names, line="shafts", start=START, hours=8, day=DAY):
    rows = [(day, line, n, start + timedelta(hours=hours * i), start + timedelta(hours=hours * (i + 1)))
            for i, n in enumerate(names)]  # fmt: skip
    instant = pl.Datetime("us", "UTC")
    schema = {"production_day": pl.Date, "line": pl.String, "shift": pl.String, "start_at": instant, "end_at": instant}
    return pl.LazyFrame(rows, schema=schema, orient="row")


def segments(time, *more):
    """The calendar as the ledgers have it: shifts of each line from the first row to the last, cut at full hours."""
    frames = [f.select("site", "line", "production_day", "shift", "start_at", "end_at") for f in (time, *more)]
    spans = pl.concat(frames).group_by("site", "line", "production_day", "shift").agg(
        pl.col("start_at").min(), pl.col("end_at").max()).collect().sort("line", "start_at")  # fmt: skip
    rows = []
    for site, line, day, shift, start, end in spans.rows():
        at = start
        while at < end:
            until = min(at.replace(minute=0, second=0, microsecond=0) + timedelta(hours=1), end)
            rows.append({"site": site, "line": line, "production_day": day, "shift": shift, "shift_start_at": start,
                         "shift_end_at": end, "kind": "off" if shift == "off" else "shift", "hour_at": at,
                         "start_at": at, "end_at": until})  # fmt: skip
            at = until
    return pl.DataFrame(rows, schema=SEGMENT_SCHEMA)


def machines(*frames):
    """The machines of the ledgers as `machines_frame` has them."""
    places = pl.concat([f.select("machine", "line", "area", "site").collect() for f in frames]).unique()
    return places.with_columns(timezone=pl.lit("Europe/Berlin")).sort("machine")


def base(time, counts=None, energy=None, counting=("cnc-1",), **books):
    """gold.kpi_sums of the ledgers; books are further tables of `Sources`."""
    counts = count_ledger() if counts is None else counts
    places = machines(time, counts)
    return kpi_sums(Sources(time, counts, energy, **books), places, segments(time), list(counting)).lazy()


def oee_of(*args, calendar=None, **kwargs):
    """gold.oee of the ledgers."""
    return oee(base(*args, **kwargs), shifts("early") if calendar is None else calendar).collect()
