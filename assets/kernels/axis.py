"""Thing and instant packed into one integer, so that one sort, one merge and one shift do the work of two keys.

`Axis` puts things (machines, tags) side by side over one range: `key = index * stride + (instant - base)`.
The stride is the length of the range plus a margin, so keys of different things never meet.
`Tape` lays the production days of all machines end to end, without gaps: what follows the last row of one
day of one machine is the first of the next machine, so a row's length is the step to the next row.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from functools import cached_property, partial

import numpy as np
import polars as pl

INSTANT = pl.Datetime("us", "UTC")
KEY_LIMIT = 2**62


def us(column: pl.Expr | str) -> pl.Expr:
    """An instant as microseconds since 1970."""
    return (pl.col(column) if isinstance(column, str) else column).cast(INSTANT).cast(pl.Int64)


def micros(seconds: pl.Expr | str) -> pl.Expr:
    """Seconds as whole microseconds."""
    return ((pl.col(seconds) if isinstance(seconds, str) else seconds) * 1e6).round().cast(pl.Int64)


@dataclass(frozen=True)
class Axis:
    """Packing of (index, instant) for instants from `base_us` to `base_us + stride`, both exclusive at the far end."""

    base_us: int
    stride: int

    @classmethod
    def over(cls, bounds: pl.DataFrame, things: int) -> Axis:
        """The axis of a range of days (columns start_at, end_at) for so many things.

        Raises:
            ValueError: the range is too long for so many things; build fewer days at once.
        """
        edges = bounds.select(low=us("start_at").min(), high=us("end_at").max()).row(0) if bounds.height else (0, 0)
        low, high = edges[0] - 1, edges[1] + 1
        if (high - low + 1) * (things + 1) > KEY_LIMIT:
            raise ValueError(
                f"{things} tags or machines over {(high - low) / 8.64e10:.0f} days: build fewer days at once"
            )
        return cls(low, high - low + 1)

    @property
    def high_us(self) -> int:
        """Last instant that can be packed, in microseconds since 1970."""
        return self.base_us + self.stride - 1

    def key(self, index: pl.Expr | str, at: pl.Expr | str) -> pl.Expr:
        """Packed key of an index column and an instant column; instants outside are moved to the edge."""
        index = pl.col(index) if isinstance(index, str) else index
        return index.cast(pl.Int64) * self.stride + us(at).clip(self.base_us, self.high_us) - self.base_us

    def index(self, key: pl.Expr) -> pl.Expr:
        """The index of a key."""
        return key // self.stride

    def at(self, key: pl.Expr) -> pl.Expr:
        """The instant of a key."""
        return (key % self.stride + self.base_us).cast(INSTANT)


KINDS = 32
"""Keys of the tape keep so many kinds of rows at one place apart."""


@dataclass(frozen=True)
class Part:
    """Days of a tape, both included, and its places [start, end)."""

    first: date
    last: date
    start: int
    end: int


@dataclass(frozen=True)
class Tape:
    """Production days of machines laid end to end in order of day and machine name.

    `cells`: one row a day and machine, with slot (number of day times number of machines, plus that of the machine),
    index, production_day, low_us, high_us (its instants, us since 1970, half-open), zero_us (instant = place on the
    tape + zero_us), until (place where it ends), and what else is known of the machine.
    """

    cells: pl.DataFrame
    names: tuple[str, ...]
    first: date

    @classmethod
    def over(cls, machines: pl.DataFrame, days: pl.DataFrame) -> Tape:
        """The tape of machines (`indexed`, with site) over days (site, production_day, start_at, end_at), at least one.

        Raises:
            ValueError: too many days of too many machines for one run.
        """
        first = days.select(pl.col("production_day").min()).item()
        slot = (pl.col("production_day") - pl.lit(first)).dt.total_days() * machines.height + pl.col("index")
        whole = machines.join(days, on="site").sort("production_day", "index")
        edges = whole.with_columns(slot=slot, low_us=us("start_at"), high_us=us("end_at"))
        placed = edges.with_columns(until=(pl.col("high_us") - pl.col("low_us")).cum_sum())
        cells = placed.with_columns(zero_us=pl.col("high_us") - pl.col("until")).drop("start_at", "end_at")
        if cells.height and cells["until"][-1] > KEY_LIMIT // KINDS:
            raise ValueError(f"{cells.height} days of machines: build fewer days at once")
        return cls(cells.drop("machine", "site"), tuple(machines["machine"]), first)

    def parts(self, cells: int) -> Iterator[Part]:
        """The tape cut between days into parts of about so many cells."""
        days = self.cells.group_by("production_day").agg(pl.col("until").max()).sort("production_day")
        step, start = max(1, cells // len(self.names)), 0
        for n in range(0, days.height, step):
            part = days[n : n + step]
            end = int(part["until"][-1])
            yield Part(part["production_day"][0], part["production_day"][-1], start, end)
            start = end

    def slot(self) -> pl.Expr:
        """The slot of a row's production_day and machine; null for machines that are not on the tape."""
        day = pl.col("production_day").to_physical().cast(pl.Int64) - (self.first - date(1970, 1, 1)).days
        return day * len(self.names) + pl.col("machine").map_batches(
            partial(positions, words=pl.Enum(self.names)), return_dtype=pl.Int64, is_elementwise=True
        )

    def of_slot(self, column: str) -> pl.Expr:
        """A column of `cells` by the column `slot`; null where the tape has no such day of a machine."""
        return pl.lit(self._by_slot[column]).gather(pl.col("slot"))

    @cached_property
    def _by_slot(self) -> pl.DataFrame:
        """`cells` by slot: a row for every slot up to the last day."""
        days = (pl.col("production_day").max() - pl.lit(self.first)).dt.total_days() + 1
        slots = self.cells.select(slot=pl.int_range(days * len(self.names)))
        return slots.join(self.cells, on="slot", how="left", maintain_order="left").rechunk()

    def starts(self) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
        """Where on the tape each row of `cells` begins."""
        return (self.cells["low_us"] - self.cells["zero_us"]).to_numpy()

    @property
    def end(self) -> int:
        """Where the tape ends; 0 without days."""
        return int(self.cells["until"][-1]) if self.cells.height else 0


def in_order(tape: Tape, rows: pl.DataFrame) -> pl.DataFrame:
    """Rows (slot, at in us, key, ...) that lie inside their day, by key.

    The lake keeps samples by machine and time, so mostly they are in order and each lies where its day is on the tape.
    """
    key = rows["key"]
    if not key.null_count() and key.is_sorted():
        cuts = np.searchsorted(key.to_numpy(), [*(tape.starts() * KINDS), tape.end * KINDS])
        there = np.repeat(tape.cells["slot"].to_numpy(), np.diff(cuts))
        if len(there) == rows.height and (there == rows["slot"].to_numpy()).all():
            return rows.with_columns(key.set_sorted())
    low, high = tape.of_slot("low_us"), tape.of_slot("high_us")
    return rows.filter((pl.col("at") >= low) & (pl.col("at") < high)).sort("key")


def opening(tape: Tape, rows: pl.DataFrame) -> pl.DataFrame:
    """What rows in order (key, held) say at the start of each day of a machine: slot, held_us; no row where nothing."""
    start, key = tape.starts() * KINDS, rows["key"].to_numpy()
    low, high = np.searchsorted(key, start), np.searchsorted(key, start + KINDS)
    found, before = high - low, np.cumsum(high - low) - (high - low)
    at = np.arange(found.sum()) + np.repeat(low - before, found)
    slot = tape.cells["slot"].gather(np.repeat(np.arange(len(start)), found))
    said = pl.DataFrame({"slot": slot, "held_us": rows["held"].gather(at)}).drop_nulls("held_us")
    return said.unique("slot", keep="last", maintain_order=True)


def indexed(names: pl.DataFrame, *columns: str) -> pl.DataFrame:
    """The frame sorted by name columns with its position as `index` (i64): names sort as their indices do."""
    return names.sort(columns).with_row_index("index").with_columns(pl.col("index").cast(pl.Int64))


def positions(names: pl.Series, words: pl.Enum) -> pl.Series:
    """Position of each name among the words, null for others; neighbours that are equal are looked up once."""
    runs = names.alias("").rle().struct
    found = runs.field("value").cast(words, strict=False).to_physical().cast(pl.Int64)
    return found.gather(np.repeat(np.arange(found.len()), runs.field("len").to_numpy()))
