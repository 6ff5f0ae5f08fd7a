"""Where an instant falls: in which hour and shift of the calendar, on which work of the time ledger.

Everything is looked up on the packed axis of the ledger, by sorted integer keys and one backward as-of step;
names are put back once, on what is left after summing.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import polars as pl

from assets.kernels.axis import KEY_LIMIT, Axis, us

ROWS_A_PIECE = 50_000
"""Rows of a piece of a table in memory, on average, below which it is put together before it is worked on."""
DAY_US = 86_400_000_000
SPAN = 2**39
"""Microseconds a `DayAxis` keeps for one thing and day: six days, of which a production day takes one, and begins no
more than a day before and two days after midnight UTC of its date, whatever zone and day start."""
WORK = ("order_id", "operation", "product", "operator")
CELL = ("production_day", "shift", "hour_at")


@dataclass(frozen=True)
class DayAxis:
    """Production day, thing (0 to things - 1) and instant packed into one integer: the order in which days are stored.

    The expressions read the columns production_day and index.
    """

    first: int
    things: int

    @classmethod
    def over(cls, segments: pl.DataFrame, things: int) -> DayAxis:
        """The axis of the days of `plant.calendar.segments` for so many things.

        Raises:
            ValueError: too many days of so many things; build fewer days at once.
        """
        days = segments.select(pl.col("production_day").cast(pl.Int32)).to_series()
        first, last = (0, 0) if segments.is_empty() else (int(str(days.min())), int(str(days.max())))
        if (last - first + 1) * things * SPAN > KEY_LIMIT:
            raise ValueError(f"{things} tags over {last - first + 1} days: build fewer days at once")
        return cls(first, things)

    def thing(self) -> pl.Expr:
        """Number of the row's thing and day."""
        return (_day() - self.first) * self.things + pl.col("index")

    def key(self, at: pl.Expr | str) -> pl.Expr:
        """Packed key of an instant of the row's production day."""
        return self.thing() * SPAN + us(at) - (_day() - 1) * DAY_US


def _day() -> pl.Expr:
    return pl.col("production_day").cast(pl.Int32).cast(pl.Int64)


def cells(machines: pl.DataFrame, segments: pl.DataFrame) -> pl.DataFrame:
    """Hours of shifts of machines (`axis.indexed`), numbered as `cell` in the order machine, hour, shift, day.

    Columns cell, machine_index, line, production_day, shift, hour_at.
    """
    hours = segments.select("line", *CELL).unique()
    placed = machines.select("line", machine_index="index").join(hours, on="line")
    ordered = placed.sort("machine_index", "hour_at", "shift", "production_day")
    return ordered.with_row_index("cell").with_columns(pl.col("cell").cast(pl.Int64))


def stretches(cells: pl.DataFrame, segments: pl.DataFrame) -> pl.DataFrame:
    """The calendar as cells: machine_index, cell, production_day, start_at, end_at; `fresh`: a shift begins there."""
    runs = segments.select("line", *CELL, "start_at", "end_at").sort("line", "start_at")
    differs = {name: pl.col(name) != pl.col(name).shift() for name in ("line", *CELL)}
    shift = differs["line"] | differs["production_day"] | differs["shift"]
    marked = runs.with_columns(fresh=shift.fill_null(value=True), edge=shift | differs["hour_at"])
    numbered = marked.with_columns(run=pl.col("edge").fill_null(value=True).cum_sum())
    whole = numbered.group_by("run", "line", *CELL).agg(
        pl.col("start_at").min(), pl.col("end_at").max(), pl.col("fresh").any()
    )
    on_cells = cells.select("machine_index", "cell", "line", *CELL).join(whole, on=["line", *CELL])
    return on_cells.select("machine_index", "cell", "production_day", "start_at", "end_at", "fresh")


def hours(machines: pl.DataFrame, segments: pl.DataFrame, axis: Axis) -> pl.LazyFrame:
    """Calendar segments per machine index, sorted by key: hour_key, hour_until, production_day, shift, hour_at."""
    lines = machines.lazy().select("index", "line")
    parts = lines.join(segments.lazy().select("line", *CELL, "start_at", "end_at"), on="line")
    placed = parts.with_columns(hour_key=axis.key("index", "start_at"), hour_until=axis.key("index", "end_at"))
    return placed.select("hour_key", "hour_until", *CELL).sort("hour_key")


def work_runs(time_ledger: pl.LazyFrame) -> pl.DataFrame:
    """Stretches of silver.time_ledger on the same work: machine, production_day, start_at, end_at and WORK.

    The rows follow each other as they do in the ledger: by machine and start, at least inside a production day. A
    stretch may come in two that touch.
    """
    where = ("machine", "production_day")
    rows = time_ledger.select(*where, "start_at", "end_at", *WORK).collect(engine="in-memory")
    touches = pl.col("start_at") == pl.col("end_at").shift()
    same = [pl.col(name).eq_missing(pl.col(name).shift()) for name in (*where, *WORK)]
    begins = ~pl.all_horizontal(touches, *same).fill_null(value=False)
    first = pl.concat(piece.select(begins) for piece in _pieces(rows)).to_series().arg_true()
    last = (first.cast(pl.Int64) - 1).shift(-1, fill_value=rows.height - 1)
    return rows[first].with_columns(end_at=rows["end_at"].gather(last))


def _pieces(rows: pl.DataFrame) -> Iterator[pl.DataFrame]:
    """The rows as they lie in memory: inside a piece, comparing with the row before moves nothing."""
    lengths = rows.to_series(0).chunk_lengths()
    whole = rows if len(lengths) * ROWS_A_PIECE < rows.height else rows.rechunk()
    begin = 0
    for length in whole.to_series(0).chunk_lengths():
        yield whole.slice(begin, length)
        begin += length


def intervals(time_ledger: pl.LazyFrame, machines: pl.DataFrame, axis: Axis) -> pl.LazyFrame:
    """silver.time_ledger on the packed axis, sorted: from_key, until_key, account, order_id, product."""
    placed = time_ledger.join(machines.lazy().select("machine", "index"), on="machine")
    keyed = placed.select(
        "account", "order_id", "product", from_key=axis.key("index", "start_at"), until_key=axis.key("index", "end_at")
    )
    return keyed.sort("from_key")


def cut_by_hours(ledger: pl.LazyFrame, parts: pl.LazyFrame, axis: Axis) -> pl.LazyFrame:
    """The time ledger cut at every hour: index, key, until, production_day, shift, hour_at, account, order, product."""
    named = ("account", "order_id", "product")
    pieces = ledger.with_columns(key="from_key")
    merged = pl.concat([parts.with_columns(key="hour_key"), pieces], how="diagonal").sort("key", maintain_order=True)
    carried = pl.exclude("key", *named)
    part = pl.when(pl.col("from_key").is_not_null()).then(pl.int_range(pl.len())).forward_fill()
    filled = merged.with_columns(part=part).with_columns(
        carried.forward_fill(), *(pl.col(name).gather(pl.col("part")) for name in named)
    )
    last = filled.filter((pl.col("key") != pl.col("key").shift(-1)).fill_null(value=True))
    until = pl.min_horizontal(pl.col("key").shift(-1), "until_key", "hour_until")
    inside = last.with_columns(until=until.fill_null(pl.min_horizontal("until_key", "hour_until")))
    held = inside.filter(pl.col("key") < pl.col("until"), pl.col("from_key") <= pl.col("key"))
    return held.select("key", "until", *CELL, *named, index=axis.index(pl.col("key")))
