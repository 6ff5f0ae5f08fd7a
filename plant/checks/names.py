"""Names of plant.toml: no name twice, every reference meets its name, no secret in the file."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from plant.checks.shape import did_you_mean, shown
from plant.errors import Problem
from plant.state_maps import READY_MADE
from plant.states import STATE_WORDS

Row = dict[str, Any]
NAMED = ("site", "area", "line", "machine", "product", "source", "role")
NESTED = ("tags", "breaks", "ideal", "lines", "machines", "range", "columns", "replaced",
          "unit_timeouts", "subscribe", "quality_good")  # fmt: skip
"""Keys whose value is a list or a table and is looked at here."""
REFERENCES = (("area", "site", "site"), ("line", "area", "area"), ("machine", "line", "line"),
              ("shift", "site", "site"), ("tariff", "site", "site"), ("crew", "site", "site"),
              ("holiday", "site", "site"), ("planned", "site", "site"))  # fmt: skip


def rows(data: Any, key: str) -> Iterator[tuple[str, Row]]:
    """The tables of an array as (dotted key, content); what has a wrong shape is left to the shape check."""
    found = data.get(key, []) if isinstance(data, dict) else []
    for n, row in enumerate(found if isinstance(found, list | tuple) else []):
        if isinstance(row, dict):
            yield f"{key}[{n}]", {k: v for k, v in row.items() if k in NESTED or not isinstance(v, list | dict)}


def children(data: Row, section: str, key: str) -> Iterator[tuple[str, Row, Row]]:
    """Tables inside the tables of an array: (dotted key, outer, inner)."""
    for at, outer in rows(data, section):
        for inner_at, inner in rows(outer, key):
            yield f"{at}.{inner_at}", outer, inner


def names(data: Row, section: str) -> list[str]:
    """Names given in a section, as they stand."""
    return [row["name"] for _, row in rows(data, section) if isinstance(row.get("name"), str)]


def texts(row: Row, key: str) -> list[str]:
    """The texts of a list, as they stand; anything else is left to the shape check."""
    found = row.get(key, [])
    return [t for t in found if isinstance(t, str)] if isinstance(found, list) else []


def unknown(file: str, key: str, found: Any, valid: list[str], what: str) -> Problem:
    """A reference that meets no name."""
    listed = ", ".join(valid[:20]) + (" ..." if len(valid) > 20 else "")
    hint = did_you_mean(found, valid) or f"add a {what} of that name, or use one of the valid names"
    return Problem(file, key, f"unknown {what} {shown(found)}", listed or f"no {what} is defined", hint)


def name_problems(file: str, data: Row) -> Iterator[Problem]:
    """Names given twice, references that meet no name, unknown state words, passwords in URLs."""
    for section in NAMED:
        yield from _twice(file, rows(data, section), section)
    for at, machine in rows(data, "machine"):
        yield from _twice(file, ((f"{at}.{key}", tag) for key, tag in rows(machine, "tags")), "tag of this machine")
    for section, key, target in REFERENCES:
        yield from _references(file, rows(data, section), key, names(data, target), target)
    yield from _line_references(file, data)
    yield from _site_names(file, data)
    yield from _machine_references(file, data)
    yield from _state_words(file, data)
    for at, source in rows(data, "source"):
        yield from _secrets(file, at, source)


def _site_names(file: str, data: Row) -> Iterator[Problem]:
    """Of `[stock.site_of]`: what a name stands for is a site."""
    section = data.get("stock")
    called = section.get("site_of") if isinstance(section, dict) else None
    for name, site in called.items() if isinstance(called, dict) else ():
        if isinstance(site, str) and site not in names(data, "site"):
            yield unknown(file, f"stock.site_of.{name}", site, names(data, "site"), "site")


def _twice(file: str, found: Iterator[tuple[str, Row]], what: str) -> Iterator[Problem]:
    first: dict[str, str] = {}
    for at, row in found:
        name = row.get("name")
        if isinstance(name, str) and name in first:
            valid = f"one {what} of each name; the first is {first[name]}"
            yield Problem(file, f"{at}.name", f"{name!r} a second time", valid, "rename one of them")
        elif isinstance(name, str):
            first[name] = at


def _references(
    file: str, found: Iterator[tuple[str, Row]], key: str, valid: list[str], what: str
) -> Iterator[Problem]:
    for at, row in found:
        if isinstance(row.get(key), str) and row[key] not in valid:
            yield unknown(file, f"{at}.{key}", row[key], valid, what)


def _line_references(file: str, data: Row) -> Iterator[Problem]:
    """Lines a shift, crew or planned event names must exist and stand in its site."""
    site_of_area = {r.get("name"): r.get("site") for _, r in rows(data, "area")}
    site_of_line = {r.get("name"): site_of_area.get(r.get("area")) for _, r in rows(data, "line")}
    for at, shift in (row for section in ("shift", "crew", "planned") for row in rows(data, section)):
        own = [str(line) for line, site in site_of_line.items() if site == shift.get("site")]
        for n, line in enumerate(texts(shift, "lines")):
            if line not in own and (shift.get("site") in site_of_area.values() or line not in site_of_line):
                yield unknown(file, f"{at}.lines[{n}]", line, own, "line of this site")


def _machine_references(file: str, data: Row) -> Iterator[Problem]:
    machines = names(data, "machine")
    ideal = ((at, inner) for at, _, inner in children(data, "product", "ideal"))
    yield from _references(file, ideal, "machine", machines, "machine")
    for at, source in rows(data, "source"):
        theirs = source.get("machines", {})
        for name, own in (theirs if isinstance(theirs, dict) else {}).items():
            if own not in machines:
                yield unknown(file, f"{at}.machines.{name}", own, machines, "machine")


def _state_words(file: str, data: Row) -> Iterator[Problem]:
    """Every raw code must be mapped to a word of the house; every mapping that is named must exist."""
    mappings = data.get("states", {})
    mappings = mappings if isinstance(mappings, dict) else {}
    for name, codes in mappings.items():
        for code, word in (codes if isinstance(codes, dict) else {}).items():
            if word not in STATE_WORDS:
                hint = did_you_mean(word, STATE_WORDS) or "map the code to the word that means the same"
                valid = ", ".join(STATE_WORDS)
                yield Problem(file, f"states.{name}.{code}", f"unknown state word {shown(word)}", valid, hint)
    known = [*mappings, *(name for name in READY_MADE if name not in mappings)]
    tags = ((at, tag) for at, _, tag in children(data, "machine", "tags"))
    yield from _references(file, tags, "states", known, "state mapping")
    yield from _references(file, rows(data, "source"), "states", known, "state mapping")


def _secrets(file: str, at: str, source: Row) -> Iterator[Problem]:
    for key, value in source.items():
        address = value.split("://", 1)[-1].split("/", 1)[0] if isinstance(value, str) and "://" in value else ""
        if ":" in address.rpartition("@")[0]:
            hint = (
                "put the URL into an environment variable and name that"
                if key == "url"
                else "use user_env, password_env"
            )
            yield Problem(file, f"{at}.{key}", f"a password in {shown(value)}", "an address without a password", hint)
