"""Where an instant falls: in which hour and shift of the calendar, in which interval of the time ledger.

By the same packed axis as the ledger: sorted keys and one backward as-of step, or merged boundaries.
"""

from __future__ import annotations

import polars as pl

from assets.kernels.axis import Axis

WORK = ("order_id", "operation", "product")


def hours(machines: pl.DataFrame, segments: pl.DataFrame, axis: Axis) -> pl.LazyFrame:
    """Calendar cells per machine index, sorted by key: hour_key, production_day, shift, hour_at, hour_until."""
    lines = machines.lazy().select("index", "line")
    cells = lines.join(
        segments.lazy().select("line", "production_day", "shift", "hour_at", "start_at", "end_at"), on="line"
    )
    placed = cells.with_columns(hour_key=axis.key("index", "start_at"), hour_until=axis.key("index", "end_at"))
    return placed.select("hour_key", "hour_until", "production_day", "shift", "hour_at").sort("hour_key")


def located(rows: pl.LazyFrame, cells: pl.LazyFrame) -> pl.LazyFrame:
    """Add production_day, shift and hour_at of each row's `key`; rows outside the calendar are left out."""
    found = rows.sort("key").join_asof(cells, left_on="key", right_on="hour_key", strategy="backward")
    return found.filter(pl.col("key") < pl.col("hour_until")).drop("hour_key", "hour_until")


def worked_on(rows: pl.LazyFrame, ledger: pl.LazyFrame) -> pl.LazyFrame:
    """Add order, operation and product of a piece finished at `key`.

    The order worked on just before the instant, if that lies in the same shift and an order was on; else the
    one at the instant. `ledger` is what `intervals` gives.
    """
    just_before = _at(rows.with_columns(moment=pl.col("key") - 1), ledger)
    both = _at(just_before.with_columns(moment=pl.col("key")), ledger, "_now")
    kept = pl.col("order_id").is_not_null()
    work = {name: pl.when(kept).then(pl.col(name)).otherwise(pl.col(f"{name}_now")) for name in WORK}
    return both.with_columns(**work).drop("moment", *(f"{name}_now" for name in WORK))


def _at(rows: pl.LazyFrame, ledger: pl.LazyFrame, suffix: str = "") -> pl.LazyFrame:
    """Work of the interval that holds `moment`, null where it is of another day or shift."""
    renamed = ledger.rename({name: name + suffix for name in WORK})
    found = rows.sort("moment").join_asof(renamed, left_on="moment", right_on="from_key", strategy="backward")
    same = (pl.col("ledger_day") == pl.col("production_day")) & (pl.col("ledger_shift") == pl.col("shift"))
    holds = same & (pl.col("moment") < pl.col("until_key"))
    blanked = found.with_columns(pl.when(holds).then(pl.col(name + suffix)).alias(name + suffix) for name in WORK)
    return blanked.drop("from_key", "until_key", "ledger_day", "ledger_shift", "account", "ledger_row")


def intervals(time_ledger: pl.LazyFrame, machines: pl.DataFrame, axis: Axis) -> pl.LazyFrame:
    """silver.time_ledger on the packed axis, sorted: from_key, until_key, day, shift, account, work, row number."""
    placed = time_ledger.join(machines.lazy().select("machine", "index"), on="machine")
    keyed = placed.select(
        "account",
        *WORK,
        from_key=axis.key("index", "start_at"),
        until_key=axis.key("index", "end_at"),
        ledger_day="production_day",
        ledger_shift="shift",
    )
    return keyed.sort("from_key").with_row_index("ledger_row")


def cut_by_hours(ledger: pl.LazyFrame, cells: pl.LazyFrame, axis: Axis) -> pl.LazyFrame:
    """The time ledger cut at every hour: index, key, until, production_day, shift, hour_at, account, work."""
    parts = ledger.select("from_key", "until_key", "account", *WORK, key="from_key")
    edges = cells.with_columns(key="hour_key")
    merged = pl.concat([edges, parts], how="diagonal").sort("key", maintain_order=True)
    carried = pl.exclude("key", *WORK, "account")
    work = [pl.col(name).gather(pl.col("part")) for name in ("account", *WORK)]
    part = pl.when(pl.col("from_key").is_not_null()).then(pl.int_range(pl.len())).forward_fill()
    filled = merged.with_columns(part=part).with_columns(carried.forward_fill(), *work)
    last = filled.filter((pl.col("key") != pl.col("key").shift(-1)).fill_null(value=True))
    until = pl.min_horizontal(pl.col("key").shift(-1), "until_key", "hour_until")
    inside = last.with_columns(until=until.fill_null(pl.min_horizontal("until_key", "hour_until")))
    held = inside.filter(pl.col("key") < pl.col("until"), pl.col("from_key") <= pl.col("key"))
    return held.select(
        "key", "until", "production_day", "shift", "hour_at", "account", *WORK, index=axis.index(pl.col("key"))
    )
