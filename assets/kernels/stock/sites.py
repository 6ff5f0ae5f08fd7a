"""Which site of the plant a record is of: the one it names, or the one plant.toml gives its warehouse; else the first.

Relational systems know warehouses and zones, not the plant's sites. `[stock.site_of]` of plant.toml says which site a
name of theirs stands for.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import polars as pl

from plant.config import Plant


@dataclass(frozen=True)
class Sites:
    """Names of the sites, the first one first, and what else they are called by the systems (name -> site)."""

    names: tuple[str, ...]
    called: Mapping[str, str] = field(default_factory=dict)

    def of(self, *columns: str) -> pl.Expr:
        """`site`: of the first of the text columns that names one; the first site where none does. Never null."""
        known = {n: n for n in self.names} | {k: v for k, v in self.called.items() if v in self.names}
        found = [
            pl.col(c).replace_strict(list(known), list(known.values()), default=None, return_dtype=pl.String)
            for c in columns
        ]
        return pl.coalesce(*found, pl.lit(self.names[0])).alias("site")


def sites_of(plant: Plant) -> Sites:
    """The sites of a plant as its plant.toml names them."""
    return Sites(tuple(plant.sites), plant.file.stock.site_of)
