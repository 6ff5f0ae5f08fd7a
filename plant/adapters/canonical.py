"""The canonical tables, and what of an adapter does not meet them. Apart from the rest: it loads the contracts."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from plant.checks.shape import did_you_mean
from plant.contracts.enterprise import ENTERPRISE
from plant.errors import Problem
from plant.tables import Table

CANONICAL: dict[str, Table] = {t.name.removeprefix("silver."): t for t in ENTERPRISE}
"""The tables an adapter may fill, by name without the layer."""
NUMBERS = ("f64", "i64")
Row = dict[str, Any]


def canonical_problems(file: str, data: Row) -> Iterator[Problem]:
    """Mappings into tables and columns that there are not; conversions of what is no number.

    `data` is the content of an adapter file whose shape is right.
    """
    for n, row in enumerate(data.get("table", [])):
        at, into = f"table[{n}]", row["into"]
        if into not in CANONICAL:
            yield unknown(file, f"{at}.into", into, list(CANONICAL), "canonical table")
            continue
        contract = CANONICAL[into]
        for key in ("rename", "convert"):
            for name in (c for c in row.get(key, {}) if c not in contract.schema):
                yield unknown(file, f"{at}.{key}.{name}", name, list(contract.schema), f"column of {into}")
        wrong = [c for c in row.get("convert", {}) if c in contract.schema and contract.column(c).kind not in NUMBERS]
        for name in wrong:
            yield Problem(file, f"{at}.convert.{name}", f"{name} is no number", "a column of numbers")


def unknown(file: str, key: str, found: str, valid: list[str], what: str) -> Problem:
    """A name that meets nothing, with the nearest that does."""
    hint = did_you_mean(found, valid) or "`shopfloor adapt --list` and `--show TABLE` name what there is"
    return Problem(file, key, f"unknown {what} {found!r}", ", ".join(valid) or "none is declared", hint)
