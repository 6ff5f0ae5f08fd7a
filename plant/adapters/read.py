"""Read adapters, put the tables they take in into plant.toml's sources, or say every problem of them at once."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from plant.adapters.check import Row, content_problems
from plant.adapters.model import Adapter
from plant.checks.shape import did_you_mean
from plant.errors import ConfigError, Problem
from plant.sources.batch import SqlSource

DEFAULT = "shopfloor"
"""Adapter of a source that names none: tables with our own names, of which only those listed are taken in."""
HERE = Path(__file__).parent
_PLACE = re.compile(r"\(at line (\d+), column (\d+)\)")


@dataclass(frozen=True)
class Taken:
    """An adapter file: the mapping, and the source tables to take in as rows of [[source.tables]]."""

    file: str
    adapter: Adapter | None = None
    tables: dict[str, Row] = field(default_factory=dict)
    problems: tuple[Problem, ...] = ()


def shipped() -> dict[str, Path]:
    """Adapters that come with Shopfloor, by name."""
    return {p.stem: p for p in sorted(HERE.glob("*.toml"))}


def file_of(named: str, base: Path) -> Path:
    """The file of an adapter: a shipped one by its name, else a path relative to the folder `base`."""
    return shipped().get(named) or base / named


def read_adapter(file: Path) -> Taken:
    """An adapter file with every problem of it; `adapter` is None when there is one."""
    name = str(file)
    try:
        data = tomllib.loads(file.read_text(encoding="utf-8-sig"))
    except OSError as error:
        found = (error.strerror or str(error)).lower()
        near = did_you_mean(file.name.removesuffix(".toml"), list(shipped()))
        hint = near or f"shipped are {', '.join(shipped())}; any other is a path relative to plant.toml"
        return Taken(name, problems=(Problem(name, "file", found, "a readable adapter", hint),))
    except UnicodeDecodeError as error:
        return Taken(
            name, problems=(Problem(name, f"byte {error.start}", "bytes that are not UTF-8", "TOML in UTF-8"),)
        )
    except tomllib.TOMLDecodeError as error:
        place = _PLACE.search(str(error))
        key = f"line {place[1]}, column {place[2]}" if place else "file"
        said = _PLACE.sub("", str(error)).strip()
        return Taken(name, problems=(Problem(name, key, said, "TOML 1.0", "the rest is checked after this"),))
    return _taken(name, data)


def _taken(file: str, data: Row) -> Taken:
    found = content_problems(file, data)
    if not found and Path(file).parent != HERE:  # a test looks at the shipped ones; a start need not load contracts
        from plant.adapters.canonical import canonical_problems

        found = list(canonical_problems(file, data))
    if found:
        return Taken(file, problems=tuple(found))
    sources: dict[str, Row] = data.get("source", {})
    ours = ("types", "nulls")
    taken = {n: {"name": n} | {k: v for k, v in t.items() if k not in ours} for n, t in sources.items()}
    units = {k: {"unit": v} if isinstance(v, str) else v for k, v in data.get("units", {}).items()}
    content = {
        "name": data["name"], "units": units, "tables": data.get("table", []), "shared": data.get("shared", {}),
        "types": {name: t.get("types", {}) for name, t in sources.items()},
        "nulls": {name: t["nulls"] for name, t in sources.items() if "nulls" in t},
        "keys": {name: t.get("key", ("id",)) for name, t in sources.items()},
    }  # fmt: skip
    return Taken(file, Adapter.model_validate(content), taken)


def with_adapters(path: Path, data: Row) -> tuple[Row, list[Problem]]:
    """The content with the tables that the adapters of its SQL sources take in, and what is wrong with them.

    A table that plant.toml lists as well keeps its own keys and gets the others from the adapter.
    """
    found: list[Problem] = []
    sources = data.get("source")
    if not isinstance(sources, list):
        return data, []
    whole = list(sources)
    for n, source in enumerate(sources):
        if isinstance(source, dict) and source.get("kind") == "sql" and isinstance(source.get("adapter"), str):
            taken = read_adapter(file_of(source["adapter"], path.parent))
            found += _told(path, f"source[{n}]", source, taken)
            whole[n] = source | {"tables": _merged(source, taken.tables)}
    return data | {"source": whole}, found


def _told(path: Path, at: str, source: Row, taken: Taken) -> list[Problem]:
    """What is wrong with the adapter of a source: a file that cannot be read is a problem of plant.toml."""
    unread = Problem(str(path), f"{at}.adapter", "", "a shipped adapter, or a path relative to plant.toml")
    found = [
        replace(unread, found=f"{source['adapter']!r}: {p.found}", hint=p.hint) if p.key == "file" else p
        for p in taken.problems
    ]
    if taken.adapter is None:
        return found
    names = list(taken.tables)
    unknown = [n for n in _left_out(source) if n not in names]
    valid = f"tables of the adapter: {', '.join(names)}"
    return [Problem(str(path), f"{at}.without", repr(n), valid, did_you_mean(n, names)) for n in unknown]


def _left_out(source: Row) -> list[Any]:
    found = source.get("without", [])
    return found if isinstance(found, list) else []


def _merged(source: Row, taken: Mapping[str, Row]) -> Any:
    """Rows of [[source.tables]]: the adapter's with the changes of plant.toml, then those it adds."""
    own = source.get("tables", [])
    if not isinstance(own, list):
        return own
    changed: Row = {}
    for row in own:
        if isinstance(row, dict) and isinstance(row.get("name"), str):
            changed.setdefault(row["name"], row)
    left = _left_out(source)
    base = [row | changed.get(name, {}) for name, row in taken.items() if name not in left]
    # By identity: a table listed twice stays twice, and is told as such.
    used = [id(changed[name]) for name in taken if name in changed]
    return base + [row for row in own if id(row) not in used]


def adapters_of(sources: Mapping[str, Any], base: Path) -> dict[str, Adapter]:
    """The adapter of each SQL source.

    Raises:
        ConfigError: one cannot be read; `plant.config.load` has said so before.
    """
    found = {}
    for name, source in sources.items():
        if isinstance(source, SqlSource):
            taken = read_adapter(file_of(source.adapter or DEFAULT, base))
            if taken.adapter is None:
                raise ConfigError(list(taken.problems))
            found[name] = taken.adapter
    return found
