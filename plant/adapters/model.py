"""The shape of an adapter as it is used: declared types, units, and one mapping a canonical table."""

from __future__ import annotations

from functools import cached_property
from typing import Annotated, Self

from pydantic import Field, model_validator

from plant.shifts.sections import Name, Strict

TYPES = ("str", "i64", "f64", "decimal", "bool", "day", "instant")
"""Kinds a column of a source table may be declared as; `decimal` also as decimal(p,s)."""
Type = Annotated[
    str,
    Field(
        pattern=r"^(str|i64|f64|bool|day|instant|decimal(\(([1-9]|[12]\d|3[0-8]),\s?\d{1,2}\))?)$",
        description=f"one of {', '.join(TYPES)}, or decimal(p,s) with at most 38 digits",
    ),
]


class Unit(Strict):
    """Our unit for one of theirs: one of theirs is `factor` of ours."""

    unit: str = Field(min_length=1, description="our unit")
    factor: float = Field(default=1.0, gt=0, description="how many of ours one of theirs is")


class Conversion(Strict):
    """Result columns that say in which unit a value is, and in which it shall be."""

    given: str = Field(alias="from", description="result column with the unit the value is in")
    wanted: str | None = Field(default=None, alias="to", description="result column with the unit it shall be in")
    unit: str | None = Field(default=None, description="the unit it shall be in, instead of `to`")
    per: bool = Field(default=False, description="the value is per unit (a price): it is divided, not multiplied")

    @model_validator(mode="after")
    def _one_target(self) -> Self:
        if (self.wanted is None) == (self.unit is None):
            raise ValueError("either `to` (a result column) or `unit` (a fixed unit)")
        return self


class Mapped(Strict):
    """One canonical table: a SELECT over the tables of the adapter, or a rename of one of them."""

    into: str = Field(description="canonical table, as in `shopfloor adapt --show`")
    sql: str | None = Field(default=None, min_length=1, description="one SELECT, DuckDB SQL")
    table: str | None = Field(default=None, alias="from", description="table to rename, instead of sql")
    rename: dict[str, str] = Field(default={}, description="our column -> theirs, with `from`")
    convert: dict[str, Conversion] = Field(default={}, description="our column -> units, with sql")
    optional: bool = Field(default=False, description="no finding while a table of it was never taken in")

    @model_validator(mode="after")
    def _one_way(self) -> Self:
        if (self.sql is None) == (self.table is None):
            raise ValueError("either `sql` (a SELECT) or `from` (a table to rename)")
        if self.sql is not None and self.rename:
            raise ValueError("`rename` goes with `from`; in sql write AS")
        if self.sql is None and self.convert:
            raise ValueError("`convert` goes with sql")
        return self


class Adapter(Strict):
    """An adapter without the settings of ingestion, which belong to the source.

    `types` is declared column types by source table; a table that is only named has no columns declared.
    """

    name: Name
    types: dict[str, dict[str, Type]] = Field(default={})
    keys: dict[str, tuple[str, ...]] = Field(default={})
    units: dict[str, Unit] = Field(default={})
    tables: tuple[Mapped, ...] = ()

    @cached_property
    def by_table(self) -> dict[str, Mapped]:
        """Mappings by canonical table."""
        return {m.into: m for m in self.tables}
