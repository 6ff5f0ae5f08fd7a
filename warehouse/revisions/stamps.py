"""What changed between two contents of a table, and the revision each row is at.

Contents are equal when they hold the same rows, whatever their order, ignoring the columns the door
makes. Numbers that differ by less than one part in 10^12 are the same number: the order of a parallel
sum is not a change of a KPI.
"""

from __future__ import annotations

from datetime import date, datetime
from typing import Any

import polars as pl

from plant.tables import Column, Table
from warehouse.large.order import ordered

RELATIVE = 1e-12


def compared(table: Table) -> list[Column]:
    """The columns whose values make up the content of a table."""
    return [c for c in table.columns if c.name not in table.made_at_door]


def differs(column: Column, right: str) -> pl.Expr:
    """True where a column and its counterpart hold different values; null equals null."""
    a, b = pl.col(column.name), pl.col(right)
    unequal = a.ne_missing(b)
    if column.kind != "f64":
        return unequal
    near = (a - b).abs() <= RELATIVE * pl.max_horizontal(a.abs(), b.abs())
    return unequal & ~near.fill_null(value=False)


def same(table: Table, old: pl.DataFrame, new: pl.DataFrame) -> bool:
    """True when two contract-shaped frames hold the same rows."""
    if old.height != new.height:
        return False
    # As they stand first: what the door wrote is in its order already.
    return _alike(table, old, new) or _alike(table, ordered(table, old), ordered(table, new))


def _alike(table: Table, old: pl.DataFrame, new: pl.DataFrame) -> bool:
    columns = compared(table)
    there = new.select(pl.col(c.name).alias(f"{c.name}__new") for c in columns)
    both = pl.concat([old.select(c.name for c in columns), there], how="horizontal")
    return not both.select(pl.any_horizontal(differs(c, f"{c.name}__new").any() for c in columns)).item()


def changed_days(table: Table, old: pl.DataFrame, new: pl.DataFrame, days: list[date]) -> list[date]:
    """The days, of those given, whose content differs. Both frames hold only rows of those days."""
    if not table.partition:
        raise ValueError(f"{table.name} is not partitioned by day")
    before, after = _by_day(table.partition, old), _by_day(table.partition, new)
    nothing = table.empty()
    return [d for d in days if not same(table, before.get(d, nothing), after.get(d, nothing))]


def _by_day(partition: str, frame: pl.DataFrame) -> dict[Any, pl.DataFrame]:
    parts = frame.partition_by(partition, as_dict=True) if frame.height else {}
    return {day[0]: rows for day, rows in parts.items()}


def stamp(table: Table, old: pl.DataFrame, new: pl.DataFrame, now: datetime) -> pl.DataFrame:
    """New rows with `revision` and `known_from`: an unchanged row keeps its own, a changed one counts up.

    Args:
        table: a revisioned contract without history; one that is not revisioned comes back as it is.
        old: what the table holds for the same days.
        new: contract-shaped rows; their revision and known_from are not read.
        now: UTC instant from which the changed rows are known.
    """
    if not table.revisioned:
        return new
    both = against(table, old, new)
    stamped = both.with_columns(
        revision=pl.col("revision__old").fill_null(0) + pl.when("same__").then(0).otherwise(1),
        known_from=pl.when("same__").then("known_from__old").otherwise(pl.lit(now)),
    )
    return stamped.select(pl.col(n).cast(t) for n, t in table.schema.items())


def against(table: Table, old: pl.DataFrame, new: pl.DataFrame) -> pl.DataFrame:
    """New rows beside the old row of the same key: its door-made columns as `<name>__old`, and `same__`.

    `same__` is true where there is an old row of the same content; without one the `__old` columns are null.
    """
    made = sorted(table.made_at_door)
    columns = [c for c in compared(table) if c.name not in table.key]
    before = old.select(*table.key, *(pl.col(n).alias(f"{n}__old") for n in (*made, *(c.name for c in columns))))
    both = new.join(before, on=list(table.key), how="left", nulls_equal=True, maintain_order="left")
    changed = pl.any_horizontal(pl.lit(value=False), *(differs(c, f"{c.name}__old") for c in columns))
    return both.with_columns(same__=pl.col("revision__old").is_not_null() & ~changed)
