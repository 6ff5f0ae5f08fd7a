"""Hours of the calendar as numbered cells, and the cutting of intervals at them.

A track is what has cells of its own: a line, whose hours are cut at its shifts (`hour_at` as in the ledgers), or a
site, whose cells are full local hours of the production day for what belongs to no shift (orders, stock).
An instant finds its cell by one look-up in a table of equal slots, so cutting costs no sort and no join.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import reduce
from math import gcd

import polars as pl

from assets.kernels.axis import us

CELL = ("production_day", "shift", "hour_at")
_DAY_US = 86_400_000_000
_SLOTS = 200_000_000
"""Entries of the look-up table at most; a plant whose shifts start on whole minutes needs 1,440 a day and track."""


@dataclass(frozen=True)
class Hours:
    """Cells (cell, track, production_day, shift, hour_at, from_us, until_us) sorted by track and time."""

    cells: pl.DataFrame
    tracks: dict[str, int]
    slots: pl.Series
    base_us: int
    raster_us: int
    width: int

    def cut(self, rows: pl.DataFrame) -> pl.DataFrame:
        """Rows with `track`, `start_us`, `end_us` as parts inside one cell: adds `cell` and `part_us`.

        What lies outside the calendar, and intervals without length, are left out.
        """
        found = self._inside(rows).with_columns(cell=self._cell(pl.col("start_us")))
        until = pl.lit(self.cells["until_us"]).gather(pl.col("cell").clip(0))
        bounded = found.with_columns(until_us=until)
        first = bounded.with_columns(part_us=pl.min_horizontal("end_us", "until_us") - pl.col("start_us"))
        over = bounded.filter(pl.col("end_us") > pl.col("until_us")).drop("until_us")
        more = self._across(over.with_columns(last=self._cell(pl.col("end_us") - 1)))
        parts = pl.concat([first.drop("until_us"), more]) if more.height else first.drop("until_us")
        outside = parts.select((pl.col("cell") < 0).any()).item()
        return parts.filter(pl.col("cell") >= 0) if outside else parts

    def at(self, rows: pl.DataFrame) -> pl.DataFrame:
        """Rows with `track` and `at_us` and the `cell` they fall in; those outside the calendar are left out."""
        inside = (pl.col("at_us") >= self.base_us) & (pl.col("at_us") < self.base_us + self.width * self.raster_us)
        return rows.filter(inside).with_columns(cell=self._cell(pl.col("at_us"))).filter(pl.col("cell") >= 0)

    def named(self, rows: pl.DataFrame) -> pl.DataFrame:
        """Put production_day, shift and hour_at of each row's cell back."""
        return rows.join(self.cells.select("cell", *CELL), on="cell").drop("cell")

    def track(self, name: pl.Expr) -> pl.Expr:
        """Number of a track by name; null for a line or site the calendar does not know."""
        return name.replace_strict(self.tracks or {"": 0}, default=None, return_dtype=pl.Int64).alias("track")

    def _cell(self, at_us: pl.Expr) -> pl.Expr:
        slot = pl.col("track") * self.width + (at_us - self.base_us) // self.raster_us
        return pl.lit(self.slots).gather(slot)

    def _inside(self, rows: pl.DataFrame) -> pl.DataFrame:
        """Rows cut to the range of their own track; without a copy where they all lie in it."""
        tracks = self.cells.group_by("track").agg(low=pl.col("from_us").min(), high=pl.col("until_us").max())
        low, high = (pl.lit(tracks.sort("track")[name]).gather(pl.col("track")) for name in ("low", "high"))
        if tracks["low"].n_unique() == tracks["high"].n_unique() == 1:
            low, high = pl.lit(tracks["low"][0]), pl.lit(tracks["high"][0])
        start, end = pl.col("start_us"), pl.col("end_us")
        outside = ((start < low) | (end > high) | (start >= end)).any()
        if not rows.height or not tracks.height or not rows.select(outside).item():
            return rows if tracks.height else rows.clear()
        clipped = rows.with_columns(pl.max_horizontal(start, low), pl.min_horizontal(end, high))
        return clipped.filter(start < end)

    def _across(self, rows: pl.DataFrame) -> pl.DataFrame:
        """The later parts of intervals over several cells: one row for every cell after their first."""
        edges = self.cells.select("cell", "from_us", "until_us")
        later = rows.with_columns(cell=pl.int_ranges(pl.col("cell") + 1, pl.col("last") + 1))
        spread = later.explode("cell").join(edges, on="cell")
        part = pl.min_horizontal("end_us", "until_us") - pl.max_horizontal("start_us", "from_us")
        return spread.with_columns(part_us=part).drop("last", "from_us", "until_us")


def hours(segments: pl.DataFrame, zones: pl.DataFrame) -> Hours:
    """Cells of every line and site of `plant.calendar.segments`; `zones` has site and timezone.

    Raises:
        ValueError: shift edges so fine, or so many days, that the look-up table would not fit; build fewer days.
    """
    cells = pl.concat([_of_lines(segments), _of_sites(segments, zones)]).sort("track", "from_us").with_row_index("cell")
    tracks = {name: n for n, name in enumerate(cells["track"].unique(maintain_order=True))}
    numbered = cells.with_columns(
        pl.col("cell").cast(pl.Int64), pl.col("track").replace_strict(tracks or {"": 0}, return_dtype=pl.Int64)
    )
    edges = pl.concat([numbered["from_us"], numbered["until_us"]]).unique().sort()
    base = edges[0] if edges.len() else 0
    raster = reduce(gcd, (edges - base).to_list(), _DAY_US)
    width = ((edges[-1] - base) // raster) if edges.len() else 0
    if width * len(tracks) > _SLOTS:
        raise ValueError(f"{len(tracks)} lines and sites over {width} slots of {raster} us: build fewer days at once")
    return Hours(numbered, tracks, _slots(numbered, base, raster, width, len(tracks)), base, raster, width)


def _of_lines(segments: pl.DataFrame) -> pl.DataFrame:
    """Hours of a line as the ledgers name them; a break inside an hour is no edge."""
    rows = segments.select(pl.col("line").alias("track"), *CELL, "start_at", "end_at").sort("track", "start_at")
    fresh = pl.any_horizontal(pl.col(c).ne_missing(pl.col(c).shift()) for c in ("track", *CELL)).fill_null(value=True)
    runs = rows.with_columns(run=fresh.cum_sum()).group_by("run", "track", *CELL)
    return runs.agg(from_us=us(pl.col("start_at").min()), until_us=us(pl.col("end_at").max())).drop("run")


def _of_sites(segments: pl.DataFrame, zones: pl.DataFrame) -> pl.DataFrame:
    """Full local hours of each site's production days, of no shift; a day that starts inside an hour cuts it."""
    day = segments.group_by("site", "production_day").agg(first=pl.col("start_at").min(), last=pl.col("end_at").max())
    starts = segments.select("site", "production_day", at="hour_at").unique().join(zones, on="site")
    floored = pl.concat([_floored(part) for part in starts.partition_by("timezone")] or [starts.drop("timezone")])
    held = floored.join(day, on=["site", "production_day"]).with_columns(hour_at=pl.max_horizontal("at", "first"))
    cells = held.select("site", "production_day", "hour_at", "last").unique().sort("site", "hour_at")
    until = pl.min_horizontal(pl.col("hour_at").shift(-1).over("site", "production_day", order_by="hour_at"), "last")
    return cells.select(
        track=pl.lit("site:") + pl.col("site"), production_day="production_day", shift=pl.lit(None, pl.String),
        hour_at="hour_at", from_us=us("hour_at"), until_us=us(until.fill_null(pl.col("last"))),
    )  # fmt: skip


def _floored(rows: pl.DataFrame) -> pl.DataFrame:
    """`at` at the full hour of the wall clock of the rows' one time zone."""
    return rows.with_columns(full_hour(pl.col("at"), rows["timezone"][0])).drop("timezone")


def full_hour(at: pl.Expr, zone: str) -> pl.Expr:
    """An instant floored to the full hour of a zone's wall clock, as an instant."""
    local = at.dt.convert_time_zone(zone)
    offset = local.dt.base_utc_offset() + local.dt.dst_offset()
    return ((at + offset).dt.truncate("1h") - offset).cast(pl.Datetime("us", "UTC"))


def full_hours(at: pl.Expr, zones: Mapping[str, str]) -> pl.Expr:
    """`full_hour` in the zone of each row's `site`; UTC for a site without one."""
    chain = at.dt.truncate("1h")
    for site, zone in zones.items():
        chain = pl.when(pl.col("site") == site).then(full_hour(at, zone)).otherwise(chain)
    return chain.cast(pl.Datetime("us", "UTC"))


def _slots(cells: pl.DataFrame, base: int, raster: int, width: int, tracks: int) -> pl.Series:
    """Cell of every slot of every track, -1 where the calendar has none."""
    first = pl.col("track") * width + (pl.col("from_us") - base) // raster
    length = (pl.col("until_us") - pl.col("from_us")) // raster
    filled = cells.select("cell", slot=pl.int_ranges(first, first + length)).explode("slot")
    every = pl.DataFrame({"slot": pl.int_range(tracks * width, eager=True)})
    joined = every.join(filled, on="slot", how="left", maintain_order="left")
    return joined["cell"].fill_null(-1)
