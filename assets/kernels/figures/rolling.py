"""Rolling gold.kpi_sums up to any level and grain: sums of rows, nothing else.

Averaging a ratio is not offered: a line is the ratio of the sums of its machines, a day of its shifts.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal, get_args

import polars as pl

from assets.kernels.figures.hours import full_hours
from plant.kpi.measures import NAMES
from plant.states import OFF_SHIFT

Level = Literal["machine", "line", "area", "site", "order", "product", "operator", "characteristic"]
Grain = Literal["hour", "shift", "day", "week", "month", "all"]
LEVELS, GRAINS = get_args(Level), get_args(Grain)
COLUMN: dict[str, str] = {level: "order_id" if level == "order" else level for level in LEVELS}
"""Dimension of gold.kpi_sums that names the scope of each level."""
KEY = ("production_day", "level", "scope", "grain", "period_start")
_INSTANT = pl.Datetime("us", "UTC")


def roll_up(sums: pl.LazyFrame, level: Level, grain: Grain, zones: Mapping[str, str] | None = None) -> pl.LazyFrame:
    """Sums of each scope of a level by period: `KEY`, shift, characteristics, and every measure.

    Rows that are not of one scope of the level (no order, no machine) are left out, once periods are dated over all
    rows. Periods:

    * hour: full hour of the site's wall clock (`zones`: site to time zone; UTC where it names none)
    * shift: of each line, starting at its first hour; those of a scope that start at the same instant are one
      period. Time outside every shift, and what is of no shift (whole orders, stock), is left out
    * day: the production day, starting where its ledger starts
    * week (ISO), month: of the production day, starting on its first calendar day, 00:00 UTC; all: one period

    `production_day` is the first of the period; `characteristics` how many there are in it.

    Raises:
        ValueError: a level or grain that does not exist.
    """
    if level not in LEVELS or grain not in GRAINS:
        valid = f"levels are {', '.join(LEVELS)}; grains are {', '.join(GRAINS)}"
        raise ValueError(f"level is {level!r}, grain is {grain!r}; {valid}")
    rows = _with_period(sums, grain, zones or {}).filter(pl.col(COLUMN[level]).is_not_null())
    keyed = rows.with_columns(pl.col(COLUMN[level]).alias("scope"), pl.lit(level).alias("level"), grain=pl.lit(grain))
    names = pl.col("shift").unique().sort().str.join("+") if grain == "shift" else pl.lit(None, pl.String)
    per_day = grain in {"hour", "shift", "day"}
    keys = KEY if per_day else KEY[1:]
    day = [] if per_day else [pl.col("production_day").min()]
    summed = keyed.group_by(keys).agg(
        *day, names.first().alias("shift"), pl.col("characteristic").drop_nulls().n_unique().alias("characteristics"),
        pl.col(NAMES).sum(),
    )  # fmt: skip
    return summed.select(*KEY, "shift", "characteristics", *NAMES)


def with_shift_start(sums: pl.LazyFrame) -> pl.LazyFrame:
    """The rows with `shift_start_at`: where the shift of the line starts; null where a row is of no shift or line."""
    start = pl.col("hour_at").min().over("production_day", "line", "shift")
    of_shift = pl.col("line").is_not_null() & pl.col("shift").is_not_null()
    return sums.with_columns(pl.when(of_shift).then(start).alias("shift_start_at"))


def _with_period(rows: pl.LazyFrame, grain: Grain, zones: Mapping[str, str]) -> pl.LazyFrame:
    day = pl.col("production_day")
    if grain == "shift":
        worked = rows.filter(pl.col("shift") != OFF_SHIFT, pl.col("line").is_not_null())
        return with_shift_start(worked).rename({"shift_start_at": "period_start"})
    if grain == "hour":
        return rows.with_columns(full_hours(pl.col("hour_at"), zones).alias("period_start"))
    starts = {
        "day": pl.col("hour_at").min().over("production_day", "site"),
        "week": day.dt.truncate("1w").cast(_INSTANT),
        "month": day.dt.truncate("1mo").cast(_INSTANT),
        "all": day.min().cast(_INSTANT),
    }
    return rows.with_columns(starts[grain].dt.cast_time_unit("us").alias("period_start"))
