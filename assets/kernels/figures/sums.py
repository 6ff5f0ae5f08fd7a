"""gold.kpi_sums: the additive base of every KPI, out of the ledgers and the books.

Integers per machine, hour, shift, order, operation, product, operator and characteristic. Every ratio of the house is
a term over sums of these rows, and they add over any dimension; so a KPI of a line and a week is the same function
of more rows. No ratio is made here. What is not of one machine (whole orders, stock) has rows without one.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields

import numpy as np
import numpy.typing as npt
import polars as pl

from assets.kernels.axis import KEY_LIMIT, positions
from assets.kernels.figures.hours import hours as cells
from assets.kernels.figures.order_sums import of_pieces, of_time, order_sums
from assets.kernels.figures.piece_sums import material_costs, piece_sums, routing
from assets.kernels.figures.quality_sums import energy_sums, inspection_sums, maintenance_sums
from assets.kernels.figures.stock_sums import stock_sums
from assets.kernels.figures.time_sums import time_sums
from plant.config import Plant
from plant.kpi.measures import DIMENSIONS, NAMES
from plant.tables import table

TABLES = (
    "time_ledger", "count_ledger", "energy_ledger", "operations", "work_orders", "inspections", "maintenance_orders",
    "stock_ledger", "locations", "materials", "bills_of_material",
)  # fmt: skip
"""Silver tables the sums are made from; the first three by production day, the others whole."""


@dataclass(frozen=True)
class Sources:
    """The tables of `TABLES`; those that are left out are empty."""

    time_ledger: pl.LazyFrame
    count_ledger: pl.LazyFrame | None = None
    energy_ledger: pl.LazyFrame | None = None
    operations: pl.LazyFrame | None = None
    work_orders: pl.LazyFrame | None = None
    inspections: pl.LazyFrame | None = None
    maintenance_orders: pl.LazyFrame | None = None
    stock_ledger: pl.LazyFrame | None = None
    locations: pl.LazyFrame | None = None
    materials: pl.LazyFrame | None = None
    bills_of_material: pl.LazyFrame | None = None

    def filled(self) -> dict[str, pl.LazyFrame]:
        """Every table by name, with an empty frame of its contract for one that is not there."""
        given = {f.name: getattr(self, f.name) for f in fields(self)}
        return {n: table(f"silver.{n}").empty().lazy() if frame is None else frame for n, frame in given.items()}


def kpi_sums(sources: Sources, machines: pl.DataFrame, segments: pl.DataFrame, counting: Sequence[str]) -> pl.DataFrame:
    """gold.kpi_sums of the production days of the ledgers: `DIMENSIONS` and every measure.

    machines: `plant.dimensions.machines_frame`. segments: the calendar of exactly those days.
    counting: machines that can count pieces; one with count rows on a day can on that day as well.

    Raises:
        ValueError: the time ledger has time of a line or a day that `segments` does not have.
    """
    tables = sources.filled()
    hours = cells(segments, machines.select("site", "timezone").unique())
    counts, time_ledger = tables["count_ledger"], tables["time_ledger"]
    time, reach = time_sums(time_ledger, hours, _counting(counts, machines, segments, counting))
    routes = routing(tables["operations"])
    costs = material_costs(tables["bills_of_material"], tables["materials"])
    pieces = piece_sums(counts, routes, costs).collect(engine="in-memory")
    made = (of_time(time), of_pieces(pieces, routes.collect(engine="in-memory")))
    parts = [
        time, pieces, energy_sums(tables["energy_ledger"]).collect(engine="in-memory"),
        order_sums(tables["operations"], tables["work_orders"], machines, hours, made, reach),
        inspection_sums(tables["inspections"], machines, hours),
        maintenance_sums(tables["maintenance_orders"], machines, hours, reach),
        stock_sums(tables["stock_ledger"], tables["materials"], tables["bills_of_material"], tables["locations"],
                   tables["operations"], hours, reach),
    ]  # fmt: skip
    return _added(parts)


def _added(parts: Sequence[pl.DataFrame]) -> pl.DataFrame:
    """The parts under one set of dimensions; those of the same cell become one row, in the order of the table.

    Cells are numbered in that order first, so a measure is written straight to where it belongs. What no part has is
    zero everywhere, in one column that all of them share.
    """
    keys = pl.concat(_dimensions(part) for part in parts).rechunk()
    number, first = _numbered(keys)
    edges = np.cumsum([part.height for part in parts])[:-1]
    there = [(at, part) for at, part in zip(np.split(number, edges), parts, strict=True) if part.height]
    zeros, measures = pl.Series(np.zeros(first.len(), np.int64)), []
    for name in NAMES:
        holding = [(at, part[name]) for at, part in there if name in part.columns]
        told = np.zeros(first.len(), np.int64)
        for at, values in holding:
            np.add.at(told, at, values.cast(pl.Int64).fill_null(0).to_numpy())
        measures.append(pl.Series(name, told) if holding else zeros.alias(name))
    return keys[first].hstack(measures)


def _dimensions(part: pl.DataFrame) -> pl.DataFrame:
    schema = table("gold.kpi_sums").schema
    return part.select((pl.col(c) if c in part.columns else pl.lit(None)).cast(schema[c]).alias(c) for c in DIMENSIONS)


def _numbered(keys: pl.DataFrame) -> tuple[npt.NDArray[np.int64], pl.Series]:
    """The number of each row's cell, in the order of the table: machine, hour, `DIMENSIONS`; and a row of each cell."""
    packed = _packed(keys.select("machine", "hour_at", *(c for c in DIMENSIONS if c not in {"machine", "hour_at"})))
    order = packed.select(pl.arg_sort_by(packed.columns)).to_series()
    ordered = packed[order]
    differs = (pl.col(name) != pl.col(name).shift() for name in packed.columns)
    fresh = ordered.select(pl.any_horizontal(pl.int_range(pl.len()) == 0, *differs)).to_series()
    number = np.empty(keys.height, np.int64)
    number[order.to_numpy()] = np.cumsum(fresh.to_numpy()) - 1
    return number, order.filter(fresh)


def _packed(keys: pl.DataFrame) -> pl.DataFrame:
    """Columns of whole numbers that compare as the rows of `keys` do, null first: in the fewest that hold them.

    A column of one value says nothing; of others the ranks are put together like digits, with room for null.
    """
    packed: list[pl.Series] = []
    room = 0
    for column in keys:
        values = column.unique()
        if values.len() <= 1:
            continue
        named = column.dtype == pl.String
        known = positions(column, pl.Enum(values.drop_nulls().sort())) if named else column.rank("dense")
        rank = (known.cast(pl.Int64) + 1).fill_null(0)
        room //= values.len() + 2
        if room == 0:
            packed.append(rank.alias(str(len(packed))))
            room = KEY_LIMIT // (values.len() + 2)
        else:
            packed[-1] = packed[-1] * (values.len() + 2) + rank
    return pl.DataFrame(packed or [pl.Series("0", np.zeros(keys.height, np.int64))])


def _counting(
    counts: pl.LazyFrame, machines: pl.DataFrame, segments: pl.DataFrame, counting: Sequence[str]
) -> pl.DataFrame:
    """Days and machines on which pieces can be counted: production_day, machine."""
    known = (
        segments.select("production_day")
        .unique()
        .join(machines.select("machine").filter(pl.col("machine").is_in(list(counting))), how="cross")
    )
    seen = counts.select("production_day", "machine").unique().collect(engine="in-memory")
    return pl.concat([known, seen]).unique()


def counting_machines(plant: Plant) -> list[str]:
    """Machines that can count good pieces: by a tag; where no tag counts, as a product has an ideal cycle there.

    A machine with a counter of scrap or rework alone cannot: its good pieces are unknown, not none.
    """
    roles: dict[str, set[str]] = {}
    for machine, tag in plant.tags():
        roles.setdefault(machine.name, set()).add(tag.role)
    good = {name for name, held in roles.items() if "good_count" in held}
    others = {name for name, held in roles.items() if held & {"scrap_count", "rework_count"}} - good
    return sorted(good | ({ideal.machine for product in plant.file.product for ideal in product.ideal} - others))


def scaled(whole: pl.Expr, unit: int, decimals: int) -> pl.Expr:
    """A whole number in a larger unit, the same bits in every frame.

    polars divides by a literal through its reciprocal: about 3 values in 10 come out one bit off, and a frame
    of one row differs from one of many. Rounding to `decimals` places brings both to the same number.
    """
    return (whole / unit).round(decimals)
