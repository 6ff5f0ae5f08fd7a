"""Rows that stay when they are superseded: how a day of a table with history is replaced.

Every row holds from `known_from` until before `known_to` (null: it still does), so what the table said at an
instant is a filter. A day is rewritten as a whole, in one commit:

* a row whose content is the same keeps its revision, known_from and cause;
* a changed one is closed with known_to = now and followed by revision + 1 with the cause of the change;
* one that is gone is closed as well, and a revision that holds for no time (known_from = known_to) keeps the
  cause of its going; should the row come back, its revisions count on from there.

Causes come from the caretaker, who knows what changed (late rows, orders, calendar, ...). Two are found here:
`first` for a machine's day that was never published, and `running` in place of `late rows` for an hour that was not
over, or not there yet, when the machine's day was last written: a day that goes on is no late row.
"""

from __future__ import annotations

from datetime import datetime, timedelta

import polars as pl

from plant.errors import ContractError
from plant.tables import Table
from warehouse.large.order import ordered
from warehouse.revisions.stamps import against

Cause = str | pl.DataFrame
FIRST, LATE, RUNNING, UNSTATED = "first", "late rows", "running", "unstated"
HOUR = timedelta(hours=1)
GRACE = timedelta(minutes=15)
"""Readings of an hour may take this long after its end before they count as late."""
TICK = timedelta(microseconds=1)


def current(table: Table, rows: pl.LazyFrame) -> pl.LazyFrame:
    """The rows that hold now; all of them for a table without history."""
    return rows.filter(pl.col("known_to").is_null()) if table.history else rows


def known_at(rows: pl.LazyFrame, at: datetime) -> pl.LazyFrame:
    """The rows of a table with history as they were known at an instant: known_from <= at < known_to."""
    closed = (pl.col("known_to") <= at).fill_null(value=False)
    return rows.filter((pl.col("known_from") <= at) & ~closed)


def provisional() -> pl.Expr:
    """True for a row that was superseded while its hour was running, or within `GRACE` after it."""
    return (pl.col("known_to") < pl.col("hour_at") + HOUR + GRACE).fill_null(value=False)


def checked_cause(table: Table, cause: Cause | None) -> Cause | None:
    """The cause of a write, its frame reduced to the columns looked up.

    Raises:
        ContractError: the frame lacks a column, or holds two causes for one machine and day.
    """
    if not isinstance(cause, pl.DataFrame):
        return cause
    wanted = [*_part(table), "cause"]
    missing = [name for name in wanted if name not in cause.columns]
    if missing:
        raise ContractError(f"{table.name}: a cause frame needs {', '.join(wanted)}; missing: {', '.join(missing)}")
    ready = cause.select(pl.col(n).cast(table.schema[n]) for n in wanted)
    twice = ready.filter(pl.struct(_part(table)).is_duplicated())
    if twice.height:
        raise ContractError(f"{table.name}: valid is one cause for a machine and day, found {twice.rows()[:2]}")
    return ready


def revised(table: Table, held: pl.DataFrame, new: pl.DataFrame, now: datetime, cause: Cause | None) -> pl.DataFrame:
    """Everything the days hold after they are replaced: current rows, those just superseded, and all older ones.

    Args:
        table: a contract with history.
        held: all rows the table holds for these days, superseded ones too.
        new: contract-shaped rows for these days; what the door makes is not read.
        now: UTC instant of the write; moved on where the table already knows of a later one.
        cause: why rows changed, as `checked_cause` gives it; rows it does not reach are `unstated`.
    """
    at, live = _after(held, now), held.filter(pl.col("known_to").is_null())
    both = against(table, live, new).join(_last(table, held), on=list(table.key), how="left", nulls_equal=True)
    kept = both.filter("same__").with_columns(pl.col(f"{n}__old").alias(n) for n in table.made_at_door)
    fresh = _caused(table, held, both.filter(~pl.col("same__")), cause).with_columns(
        revision=pl.col("last__").fill_null(0) + 1, known_from=pl.lit(at), known_to=pl.lit(None)
    )
    ended = live.join(kept, on=list(table.key), how="anti", nulls_equal=True).with_columns(known_to=pl.lit(at))
    gone = _caused(table, held, ended.join(new, on=list(table.key), how="anti", nulls_equal=True), cause)
    stones = gone.with_columns(revision=pl.col("revision") + 1, known_from=pl.lit(at))
    parts = [kept, fresh, ended, stones, held.filter(pl.col("known_to").is_not_null())]
    return ordered(table, pl.concat([p.select(pl.col(n).cast(t) for n, t in table.schema.items()) for p in parts]))


def _part(table: Table) -> list[str]:
    """What causes are told by: the machine, where the table has one, and the day."""
    return [*(["machine"] if "machine" in table.schema else []), table.partition or ""]


def _after(held: pl.DataFrame, now: datetime) -> datetime:
    """Now, or just after the latest instant known: two writes are never at the same instant, clocks may go back."""
    known = [at for name in ("known_from", "known_to") if (at := held[name].max()) is not None]
    latest = max(known, default=None)
    return now if latest is None or now > latest else latest + TICK  # type: ignore[operator,return-value]


def _last(table: Table, held: pl.DataFrame) -> pl.DataFrame:
    return held.group_by(table.key).agg(last__=pl.col("revision").max())


def _caused(table: Table, held: pl.DataFrame, rows: pl.DataFrame, cause: Cause | None) -> pl.DataFrame:
    """Rows with the cause of their change."""
    part, told = _part(table), rows.drop("cause", strict=False)
    seen = held.select(part).unique().with_columns(seen__=pl.lit(value=True))
    told = _told(table, told, cause).join(seen, on=part, how="left", nulls_equal=True)
    if "hour_at" in table.schema:
        running = pl.col("cause").str.replace(LATE, RUNNING, literal=True)
        told = _open(table, held, told).with_columns(cause=pl.when("open__").then(running).otherwise("cause"))
    return told.with_columns(cause=pl.when(pl.col("seen__").is_null()).then(pl.lit(FIRST)).otherwise("cause"))


def _told(table: Table, rows: pl.DataFrame, cause: Cause | None) -> pl.DataFrame:
    """The word for each row's machine and day, else that of the rest of the day, else `unstated`."""
    if not isinstance(cause, pl.DataFrame):
        return rows.with_columns(cause=pl.lit(cause or UNSTATED))
    part, day = _part(table), [table.partition or ""]
    rest = (
        cause.filter(pl.all_horizontal(pl.col(n).is_null() for n in part if n not in day)) if len(part) > 1 else cause
    )
    own = rows.join(cause.rename({"cause": "own__"}), on=part, how="left", nulls_equal=True)
    both = own.join(rest.select(*day, rest__="cause"), on=day, how="left")
    return both.with_columns(cause=pl.coalesce("own__", "rest__", pl.lit(UNSTATED)))


def _open(table: Table, held: pl.DataFrame, rows: pl.DataFrame) -> pl.DataFrame:
    """Rows with `open__`: their hour was not over, or not there, when the machine's day was last written."""
    part = _part(table)
    last = held.group_by(part).agg(written__=pl.col("known_from").max())
    told = rows.join(last, on=part, how="left", nulls_equal=True)
    over_at = pl.col("hour_at") + HOUR + GRACE
    return told.with_columns(open__=(pl.col("written__") < over_at).fill_null(value=False))
