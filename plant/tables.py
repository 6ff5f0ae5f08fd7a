"""Table contracts: every table has one owner, one grain, one key, one way of being written.

From one declaration come the dtypes the lake is written with, the check on every write, the
comments in the published DuckDB file, the Great Expectations suites and the docs. The declarations
themselves are in `plant.contracts`, one file per layer. No data, no I/O here.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

import polars as pl

Kind = Literal["str", "i64", "f64", "bool", "instant", "day"]
Write = Literal["append_once", "replace_day", "replace"]

DTYPES: Mapping[Kind, pl.DataType] = {
    "str": pl.String(),
    "i64": pl.Int64(),
    "f64": pl.Float64(),
    "bool": pl.Boolean(),
    "instant": pl.Datetime("us", "UTC"),
    "day": pl.Date(),
}

DOOR_MADE = ("revision", "known_from", "known_to", "cause")
"""Columns of a revisioned table that the door makes: they may be left out of a frame and are no part of its content."""


@dataclass(frozen=True)
class Column:
    """One column: name (unit in the name), kind, meaning, and what a value may be."""

    name: str
    kind: Kind
    doc: str
    null: bool = False
    low: float | None = None
    high: float | None = None
    allowed: tuple[str, ...] | None = None

    @property
    def dtype(self) -> pl.DataType:
        """The polars dtype the column is written with."""
        return DTYPES[self.kind]


@dataclass(frozen=True)
class Table:
    """One table of the lake.

    `name` is `layer.table`. `partition` is the day column its files are split by, None for a small
    table kept whole. `write` is how the door writes it: `append_once` (bronze; never rewritten),
    `replace_day` (whole days replaced, only where the content differs), `replace` (whole table,
    only where the content differs). `revisioned` tables get `revision` and `known_from` at the door. Those with
    `history` keep superseded rows beside the current ones, in the same day, closed by `known_to` and with the
    `cause` of each revision; the key is unique among current rows (known_to null).
    """

    name: str
    doc: str
    grain: str
    key: tuple[str, ...]
    columns: tuple[Column, ...]
    write: Write
    partition: str | None = None
    sort: tuple[str, ...] = ()
    revisioned: bool = False
    history: bool = False
    relates: tuple[str, ...] = field(default=())

    @property
    def layer(self) -> str:
        """bronze, silver, gold or meta."""
        return self.name.split(".")[0]

    @property
    def schema(self) -> dict[str, pl.DataType]:
        """Column names and dtypes in their written order."""
        return {c.name: c.dtype for c in self.columns}

    @property
    def made_at_door(self) -> frozenset[str]:
        """Columns the door makes; none in a table without revisions."""
        return frozenset(DOOR_MADE).intersection(self.schema) if self.revisioned else frozenset()

    def column(self, name: str) -> Column:
        """The column of that name; KeyError names the valid ones."""
        for c in self.columns:
            if c.name == name:
                return c
        raise KeyError(f"{self.name} has no column {name!r}; it has {', '.join(self.schema)}")

    def empty(self) -> pl.DataFrame:
        """No rows, right dtypes."""
        return pl.DataFrame(schema=self.schema)


def table(name: str) -> Table:
    """The contract of a table by its full name; KeyError names the nearest ones."""
    from difflib import get_close_matches

    known = tables()
    if name not in known:
        near = ", ".join(get_close_matches(name, known, 3)) or ", ".join(sorted(known))
        raise KeyError(f"no table {name!r}; nearest: {near}")
    return known[name]


def tables() -> dict[str, Table]:
    """Every contract by name, bronze first."""
    from plant.contracts import ALL

    return {t.name: t for t in ALL}
