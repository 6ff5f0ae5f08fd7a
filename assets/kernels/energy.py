"""silver.energy_ledger: metered energy by account, order and product, in whole joules that sum to the meter.

A meter is a cumulative counter: what a reading adds is what `counting.steps` says, as for pieces; what a
counter would quarantine adds nothing. Inside a production day the energy since the day's start is piecewise
linear between samples and flat after the last one: what the meter gains up to the first sample of the next day
is booked there. It is taken at every boundary of the ledger and rounded to whole joules, so the parts telescope.
"""

from __future__ import annotations

from functools import partial

import polars as pl

from assets.kernels.axis import Axis, indexed, us
from assets.kernels.cells import DayAxis, cut_by_hours, hours, intervals
from assets.kernels.counting.steps import READ, in_order, steps
from plant.tables import table

KNOT: dict[str, pl.DataType] = {
    "machine": pl.String(), "production_day": pl.Date(), "series": pl.Int64(), "at_us": pl.Int64(),
    "joules": pl.Int64(),
}  # fmt: skip
JOULES = {"Wh": 3600.0, "kWh": 3.6e6}
"""Joules per unit of an energy meter."""


def energy_ledger(
    readings: pl.LazyFrame,
    time_ledger: pl.LazyFrame,
    segments: pl.DataFrame,
    machines: pl.DataFrame,
    tags: pl.DataFrame,
) -> pl.LazyFrame:
    """Energy of a range of production days by machine, hour, shift, account and order.

    Args:
        readings: silver.readings of the range.
        time_ledger: silver.time_ledger of the range.
        segments: `plant.calendar.segments` of the range.
        machines: `plant.dimensions.machines_frame`.
        tags: `plant.dimensions.tags_frame`; energy tags in Wh or kWh. Several meters of a machine are summed.

    Returns silver.energy_ledger. A machine without a meter, or whose meter has never been seen, has no row.
    """
    named = indexed(machines, "machine")
    axis = Axis.over(segments, named.height)
    cells = cut_by_hours(intervals(time_ledger, named, axis), hours(named, segments, axis), axis)
    cells = cells.with_columns(start_us=pl.col("key") % axis.stride + axis.base_us).with_row_index("cell")
    cells = cells.with_columns(end_us=pl.col("start_us") + pl.col("until") - pl.col("key"))
    days = DayAxis.over(segments, tags.height * 2)  # twice: readings are ordered by twice their key
    booked = _booked(_knots(readings, tags, days), cells.join(named.lazy().select("index", "machine"), on="index"))
    return _summed(cells, booked, named)


def _knots(readings: pl.LazyFrame, tags: pl.DataFrame, days: DayAxis) -> pl.LazyFrame:
    """Joules since the day's start at each sample: machine, production_day, series, at_us, joules."""
    meters = indexed(tags.filter(pl.col("role") == "energy"), "machine", "tag")
    rows = readings.filter(pl.col("role") == "energy", pl.col("value").is_not_null()).select("machine", *READ)
    return rows.map_batches(partial(_gained, meters=meters, days=days), schema=KNOT)


def _gained(rows: pl.DataFrame, meters: pl.DataFrame, days: DayAxis) -> pl.DataFrame:
    stepped = steps(in_order(rows, meters, days), meters)
    factor = meters["unit"].replace_strict(JOULES, return_dtype=pl.Float64).gather(stepped["index"])
    gained = pl.col("step").fill_null(0.0).cum_sum().over("series")
    joules = (gained * pl.lit(factor)).round().cast(pl.Int64)
    return stepped.select("machine", "production_day", "series", at_us=us("at"), joules=joules)


def _booked(knots: pl.LazyFrame, cells: pl.LazyFrame) -> pl.LazyFrame:
    """Joules of each cell: the energy at its end minus the energy at its start, summed over the meters."""
    series = knots.select("machine", "production_day", "series").unique()
    on = cells.join(series, on=["machine", "production_day"]).select("series", "cell", "start_us", "end_us")
    last = on.group_by("series").agg(at_us=pl.col("end_us").max())
    points = pl.concat([on.select("series", "cell", at_us="start_us"), last], how="diagonal")
    samples = knots.select("series", "joules", at_us="at_us", knot_us="at_us")
    merged = pl.concat([samples, points], how="diagonal").sort("series", "at_us", maintain_order=True)
    at = merged.with_columns(energy=_interpolated()).filter(pl.col("joules").is_null())
    # A sample at the very start of the day is a gain of this day, so the first point stands before it.
    at = at.with_columns(energy=pl.when(pl.col("series") == pl.col("series").shift()).then("energy").otherwise(0))
    following = pl.when(pl.col("series") == pl.col("series").shift(-1)).then(pl.col("energy").shift(-1))
    parts = at.with_columns(energy_j=following - pl.col("energy")).filter(pl.col("cell").is_not_null())
    return parts.group_by("cell").agg(pl.col("energy_j").sum())


def _interpolated() -> pl.Expr:
    """Joules at a point between two samples of its series, in whole joules and never falling."""
    known = pl.when(pl.col("joules").is_not_null())
    before = {c: pl.col(c).forward_fill() for c in ("joules", "knot_us")}
    after = {c: pl.col(c).backward_fill() for c in ("joules", "knot_us")}
    own = [known.then(pl.col("series")).forward_fill(), known.then(pl.col("series")).backward_fill()]
    has_before, has_after = (side == pl.col("series") for side in own)
    part = (pl.col("at_us") - before["knot_us"]) / (after["knot_us"] - before["knot_us"])
    gained = ((after["joules"] - before["joules"]) * part).floor().fill_nan(0.0).cast(pl.Int64)
    between = pl.when(has_after.fill_null(value=False)).then(before["joules"] + gained).otherwise(before["joules"])
    return pl.when(has_before.fill_null(value=False)).then(between).otherwise(pl.lit(0, pl.Int64))


def _summed(cells: pl.LazyFrame, booked: pl.LazyFrame, named: pl.DataFrame) -> pl.LazyFrame:
    place = named.lazy().select("index", "site", "area", "line", "machine")
    keys = ["index", "production_day", "shift", "hour_at", "account", "order_id", "product"]
    metered = cells.join(booked, on="cell").with_columns(duration_us=pl.col("end_us") - pl.col("start_us"))
    summed = metered.group_by(keys).agg(pl.col("energy_j", "duration_us").sum()).join(place, on="index")
    order = ["machine", "hour_at", "shift", "account", "order_id", "product"]
    return summed.select(table("silver.energy_ledger").schema.keys()).sort(order)
