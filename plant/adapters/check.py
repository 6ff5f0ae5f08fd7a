"""Problems of an adapter file as such: keys, types, tables named twice or not at all. No database, no SQL parser."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Annotated, Any, Literal

from pydantic import BaseModel, Field, TypeAdapter, ValidationError

from plant.adapters.model import HISTORY, TYPES_IN_WORDS, Conversion, Mapped, Type, Unit
from plant.checks.shape import did_you_mean, keys_of, shown
from plant.errors import Problem
from plant.shifts.sections import Name, Strict
from plant.sources.batch import SqlTable

Row = dict[str, Any]
Loc = Sequence[int | str]


class File(Strict):
    """An adapter file as a whole."""

    schema_version: Literal[1] = Field(alias="schema")
    name: Name
    description: str = ""
    source: dict[Name, dict[str, Any]] = Field(default={}, description="tables to take in")
    units: dict[str, Annotated[str, Field(min_length=1)] | Unit] = Field(default={}, description="theirs -> ours")
    shared: dict[str, Annotated[str, Field(min_length=1)]] = Field(default={}, description="SELECTs that others read")
    table: tuple[Mapped, ...] = ()


def content_problems(file: str, data: Row) -> list[Problem]:
    """Every problem of an adapter's content, in the order of the file."""
    found = list(_shape(file, data, File, ()))
    sources = data.get("source")
    tables: Row = sources if isinstance(sources, dict) else {}
    for name, row in tables.items():
        if isinstance(row, dict):
            found += _source(file, name, row)
    found += _shared(file, data.get("shared"), list(tables))
    mapped = data.get("table")
    rows = [(n, m) for n, m in enumerate(mapped if isinstance(mapped, list) else []) if isinstance(m, dict)]
    first: dict[str, int] = {}
    for n, row in rows:
        into = str(row.get("into"))
        if first.setdefault(into, n) != n:
            once = f"one mapping a table; table[{first[into]}] fills it"
            found.append(Problem(file, f"table[{n}].into", f"{into!r} again", once, "write one SELECT with UNION ALL"))
        found += _mapping(file, f"table[{n}]", row, list(tables))
    return found


def _source(file: str, name: str, row: Row) -> Iterator[Problem]:
    at = ("source", name)
    settings = {k: v for k, v in row.items() if k not in ("types", "nulls")}
    yield from _shape(file, {"name": name} | settings, SqlTable, at)
    try:
        TypeAdapter(dict[str, Type]).validate_python(row.get("types", {}))
    except ValidationError as error:
        for detail in error.errors(include_url=False):
            yield Problem(file, _dotted((*at, "types", *detail["loc"])), shown(detail["input"]), TYPES_IN_WORDS)
    nulls = row.get("nulls", [])
    if not isinstance(nulls, list) or not all(isinstance(n, str) for n in nulls):
        yield Problem(file, _dotted((*at, "nulls")), shown(nulls), 'texts that stand for no value, e.g. ["", "-"]')


def _shared(file: str, shared: Any, sources: list[str]) -> Iterator[Problem]:
    """A shared SELECT has a name of its own, that SQL takes without quotes."""
    taken = {n.lower() for name in sources for n in (name, name + HISTORY)}
    for name in shared if isinstance(shared, dict) else ():
        if not re.fullmatch(r"[A-Za-z_]\w*", name, re.ASCII):
            yield Problem(file, f"shared.{name}", repr(name), "letters, digits and _", "it is a name in SQL")
        elif name.lower() in taken:
            yield Problem(file, f"shared.{name}", f"{name!r} is a source table", "another name", f"say {name}_of")


def _mapping(file: str, at: str, row: Row, sources: list[str]) -> Iterator[Problem]:
    """A rename reads a table that is taken in, and names its columns in a way that can be looked up."""
    table, rename = row.get("from"), row.get("rename")
    if isinstance(table, str) and table not in sources:
        hint = did_you_mean(table, sources) or f"add [source.{table}]"
        valid = ", ".join(sources) or "no [source.<table>] is there"
        yield Problem(file, f"{at}.from", f"unknown source table {table!r}", valid, hint)
    for name, theirs in rename.items() if isinstance(rename, dict) else ():
        if isinstance(theirs, str) and ("\\" in theirs or {"'", '"'} <= set(theirs)):
            yield Problem(file, f"{at}.rename.{name}", shown(theirs), "a name without \\ or both quotes", "use sql")


def _shape(file: str, data: Row, model: type[BaseModel], at: Loc) -> Iterator[Problem]:
    """Keys and types, as pydantic finds them, in the words of the file."""
    try:
        model.model_validate(data)
    except ValidationError as error:
        for detail in error.errors(include_url=False):
            loc = [part for part in detail["loc"] if not _inner(part)]
            key = _dotted((*at, *loc))
            if detail["type"] == "extra_forbidden":
                valid = keys_of(_model_of(model, loc))
                hint = did_you_mean(loc[-1], valid) or "remove it"
                yield Problem(file, key, f"unknown key {loc[-1]!r}", "keys " + ", ".join(valid), hint)
            elif detail["type"] == "missing":
                yield Problem(file, key, "nothing", f"{loc[-1]} is required")
            else:
                said = detail["msg"].removeprefix("Value error, ").removeprefix("Input should be ")
                yield Problem(file, key, shown(detail["input"]), said)


def _inner(part: int | str) -> bool:
    """Parts of a pydantic location that name the member of a union, not a key of the file."""
    return isinstance(part, str) and (part == "Unit" or part.startswith("constrained-str"))


def _model_of(model: type[BaseModel], loc: Loc) -> type[BaseModel]:
    """The section an unknown key stands in."""
    if model is not File or len(loc) < 2:
        return model
    known: dict[Any, type[BaseModel]] = {"table": Conversion if "convert" in loc[:-1] else Mapped, "units": Unit}
    return known.get(loc[0], File)


def _dotted(loc: Loc) -> str:
    return "".join(f"[{p}]" if isinstance(p, int) else f".{p}" for p in loc).lstrip(".") or "file"
