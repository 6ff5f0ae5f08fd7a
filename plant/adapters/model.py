"""The shape of an adapter as it is used: declared types, units, and one mapping a canonical table."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Annotated, Self

from pydantic import Field, model_validator

from plant.shifts.sections import Name, Strict

TYPES = ("str", "i64", "f64", "decimal", "bool", "day", "instant")
"""Kinds a column of a source table may be declared as; `decimal` also as decimal(p,s)."""
TYPES_IN_WORDS = (
    f"one of {', '.join(TYPES)}, or decimal(p,s) with at most 38 digits; day(FORMAT), instant(FORMAT) with a format as "
    "%d.%m.%Y %H:%M, instant(s), (ms) or (us) of a number since 1970; f64(comma), decimal(comma) of 1.234,56"
)
"""What is valid, for who wrote something else."""
HISTORY = "_history"
"""Ending of the relation with every version of a table's rows; a table that has such a name itself is that table."""
Type = Annotated[
    str,
    Field(
        pattern=r"^(str|i64|bool|f64(\(comma\))?|decimal(\((([1-9]|[12]\d|3[0-8]),\s?\d{1,2}|comma)\))?"
        r"|day(\([^()]*%[^()]*\))?|instant(\((s|ms|us|[^()]*%[^()]*)\))?)$",
        description=TYPES_IN_WORDS,
    ),
]


@dataclass(frozen=True)
class Cells:
    """How the cells of a source table are read: declared types by column, and texts that stand for nothing."""

    types: Mapping[str, str]
    nulls: tuple[str, ...] = ()

    @property
    def text(self) -> str:
        """All of it, to tell one from another."""
        return json.dumps([dict(self.types), self.nulls])


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

    `types` is declared column types by source table; a table that is only named has no columns declared. `nulls` is
    texts that stand for no value in it. `shared` is SELECTs by the name under which others of the file read them, in
    the order of the file.
    """

    name: Name
    types: dict[str, dict[str, Type]] = Field(default={})
    nulls: dict[str, tuple[str, ...]] = Field(default={})
    keys: dict[str, tuple[str, ...]] = Field(default={})
    units: dict[str, Unit] = Field(default={})
    shared: dict[str, str] = Field(default={})
    tables: tuple[Mapped, ...] = ()

    @cached_property
    def relations(self) -> dict[str, dict[str, Type]]:
        """Declared column types by the name a SELECT knows: each table, and all versions of it as `<table>_history`."""
        return {f"{name}{HISTORY}": types for name, types in self.types.items()} | self.types

    def cells_of(self, name: str) -> Cells:
        """How the cells of a relation are read."""
        return Cells(self.relations[name], self.nulls.get(self.history_of(name) or name, ()))

    def history_of(self, name: str) -> str | None:
        """The table of which `name` is the history; None for a table itself."""
        return None if name in self.types else name.removesuffix(HISTORY)

    @cached_property
    def by_table(self) -> dict[str, Mapped]:
        """Mappings by canonical table."""
        return {m.into: m for m in self.tables}

    def text_of(self, mapped: Mapped) -> str:
        """The SELECT of a mapping with the shared ones it names before it as WITH; empty for a rename.

        One that is named by accident, say in a comment, costs nothing: DuckDB runs no WITH that is not read.
        """
        sql = _bare(mapped.sql or "")
        used: dict[str, str] = {}
        for name, text in reversed(self.shared.items()):
            if any(_names(name, one) for one in (sql, *used.values())):
                used = {name: _bare(text)} | used
        blocks = ",\n".join(f'"{name}" AS (\n{text}\n)' for name, text in used.items())
        return f"WITH {blocks}\nSELECT * FROM (\n{sql}\n)" if used else sql

    def about(self, mapped: Mapped, tables: Sequence[str]) -> str:
        """All that the adapter says about a mapping that reads some tables: another text, another result."""
        types = {n: [self.types.get(n, {}), self.keys.get(n, ()), *self.nulls.get(n, ())] for n in tables}
        units = {word: unit.model_dump() for word, unit in self.units.items()} if mapped.convert else {}
        return json.dumps([self.name, mapped.model_dump(), self.text_of(mapped), types, units])


def _bare(sql: str) -> str:
    return sql.strip().rstrip(";").rstrip()


def _names(name: str, sql: str) -> bool:
    """Whether a word is in a text at all: more than being read."""
    return re.search(rf"\b{re.escape(name)}\b", sql, re.IGNORECASE) is not None
