"""The CSV files that Modbus sources name as `map`, put into plant.toml as if their rows were tags written there.

One row is one tag: `machine,tag,table,address,type,order,scale,offset,bit,unit,...`. A tag that plant.toml has
already gets its address from the row; any other is added. What is wrong is told with the file and the line.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from plant.checks.names import Row, rows
from plant.checks.shape import did_you_mean
from plant.errors import Problem
from plant.sources.registers import DIGIT, ORDERS, TABLES

NEEDED = ("machine", "tag", "address")
COLUMNS = (
    "machine", "tag", "unit_id", "table", "address", "count", "bit", "type", "order", "scale", "offset", "unit",
    "role", "states", "range_low", "range_high", "deadband", "stale_after",
)  # fmt: skip
"""Columns a register map may have; the rest of a tag's settings belongs into plant.toml."""
_TAG = re.compile(r"^machine\[(\d+)\]\.tags\[(\d+)\]\.?(.*)$")
_COPIED = ("type", "unit", "role", "states", "stale_after")


@dataclass(frozen=True)
class Lines:
    """Which tags come from which line of which file: machine and tag number -> file, line."""

    of: dict[tuple[int, int], tuple[str, int]] = field(default_factory=dict)

    def placed(self, problem: Problem) -> Problem:
        """The problem at the line its tag comes from; as it is for a tag of plant.toml itself."""
        row = _TAG.match(problem.key)
        origin = self.of.get((int(row[1]), int(row[2]))) if row else None
        if row is None or origin is None:
            return problem
        return replace(problem, file=origin[0], key=f"line {origin[1]}, {row[3] or 'tag'}")


@dataclass
class _Line:
    """A row of a map: where it stands, its cells, what is wrong with them."""

    file: str
    number: int
    cells: dict[str, str]
    comma: bool
    problems: list[Problem]

    def wrong(self, column: str, found: str, valid: str, hint: str = "") -> None:
        self.problems.append(Problem(self.file, f"line {self.number}, {column}", found, valid, hint))

    def number_of(self, column: str, *, whole: bool = False) -> Any:
        """The number in a column, None where the cell is empty or wrong."""
        text = self.cells.get(column, "")
        if not text:
            return None
        try:
            return int(text) if whole else float(text.replace(",", ".") if self.comma else text)
        except ValueError:
            self.wrong(column, repr(text), "a whole number" if whole else "a number, as in 0.1")
            return None


def with_maps(path: Path, data: Row) -> tuple[Row, Lines, list[Problem]]:
    """The content with the tags of the register maps, where they come from, and what is wrong with the maps.

    Paths are relative to the folder of plant.toml. Nothing is read where no source names a map.
    """
    machines: list[Any] = data.get("machine", []) if isinstance(data.get("machine"), list) else []
    lines, problems = Lines(), list[Problem]()
    maps = [(at, s) for at, s in rows(data, "source") if s.get("kind") == "modbus" and isinstance(s.get("map"), str)]
    if maps:
        machines = [_copied(m) if isinstance(m, dict) else m for m in machines]
    for at, source in maps:
        file = path.parent / source["map"]
        for line in _read(file, Problem(str(path), f"{at}.map", "", "a readable CSV beside plant.toml"), problems):
            _put(machines, lines, line, source)
    return (data | {"machine": machines} if maps else data), lines, problems


def _copied(machine: Row) -> Row:
    tags = machine.get("tags", [])
    return machine | {"tags": [dict(t) if isinstance(t, dict) else t for t in tags] if isinstance(tags, list) else tags}


def _read(file: Path, unread: Problem, problems: list[Problem]) -> Iterator[_Line]:
    """The rows of a map. Comments (#) and empty lines are skipped."""
    try:
        text = file.read_text(encoding="utf-8-sig")
    except OSError as error:
        problems.append(replace(unread, found=f"{file.name}: {(error.strerror or str(error)).lower()}"))
        return
    except UnicodeDecodeError as error:
        problems.append(Problem(str(file), f"byte {error.start}", "bytes that are not UTF-8", "CSV in UTF-8"))
        return
    numbered = [(n, line) for n, line in enumerate(text.splitlines(), 1) if line.strip() and line.lstrip()[0] != "#"]
    head = numbered[0][1] if numbered else ""
    separator = max(",;\t", key=head.count)
    names = [name.strip() for name in next(csv.reader([head], delimiter=separator), [])]
    if not _right(file, numbered[0][0] if numbered else 1, names, problems):
        return
    for number, text_of in numbered[1:]:
        cells = [c.strip() for c in next(csv.reader([text_of], delimiter=separator))]
        line = _Line(str(file), number, dict(zip(names, cells, strict=False)), separator == ";", problems)
        if len(cells) > len(names):
            line.wrong("cells", f"{len(cells)} cells", f"{len(names)}, as many as the first line names")
        else:
            yield line


def _right(file: Path, number: int, names: list[str], problems: list[Problem]) -> bool:
    """Whether the first line names columns that there are, and those that must be."""
    before = len(problems)
    for name in names:
        if name not in COLUMNS:
            hint = did_you_mean(name, list(COLUMNS)) or "remove it"
            found = f"unknown column {name!r}"
            problems.append(Problem(str(file), f"line {number}, {name}", found, ", ".join(COLUMNS), hint))
        elif names.count(name) > 1 and not any(p.key == f"line {number}, {name}" for p in problems):
            problems.append(Problem(str(file), f"line {number}, {name}", "the column twice", "each column once"))
    lost = [name for name in NEEDED if name not in names]
    if lost:
        found = f"no column {', '.join(lost)}"
        problems.append(Problem(str(file), f"line {number}", found, f"a first line with {', '.join(NEEDED)}"))
    return len(problems) == before


def _put(machines: list[Any], lines: Lines, line: _Line, source: Row) -> None:
    """Add the tag of a row to its machine, or fill in the one of plant.toml."""
    known = {m["name"]: n for n, m in enumerate(machines) if isinstance(m, dict) and isinstance(m.get("name"), str)}
    machine, name = line.cells.get("machine", ""), line.cells.get("tag", "")
    if machine not in known:
        line.wrong("machine", f"unknown machine {machine!r}", ", ".join(known), did_you_mean(machine, list(known)))
    if not name:
        line.wrong("tag", "nothing", "the name of the tag")
    tag = _tag(line, source)
    if tag is None or machine not in known or not name:
        return
    at = known[machine]
    tags = machines[at].setdefault("tags", [])
    if not isinstance(tags, list):
        return  # told by the shape's check
    own = next((n for n, t in enumerate(tags) if isinstance(t, dict) and t.get("name") == name), None)
    if own is None or (at, own) in lines.of:
        lines.of[at, len(tags)] = line.file, line.number
        tags.append({"name": name, "role": "other", "source": source["name"]} | tag)
    else:
        lines.of[at, own] = line.file, line.number
        _fill(line, f"{machine}.{name}", tags[own], {"source": source["name"]} | tag)


def _fill(line: _Line, name: str, own: Row, tag: Row) -> None:
    """Give a tag of plant.toml what the row says of it."""
    given = [key for key, value in tag.items() if own.get(key, value) != value]
    if given:
        found = f"tag {name} has another {', '.join(given)} in plant.toml"
        line.wrong("tag", found, "each setting in one place", "remove it here or there")
    else:
        own |= tag


def _tag(line: _Line, source: Row) -> Row | None:
    """The settings of a tag that a row gives; None where the row has problems."""
    before = len(line.problems)
    tag: Row = {key: line.cells[key] for key in _COPIED if line.cells.get(key)}
    for key in ("scale", "offset", "deadband"):
        if (number := line.number_of(key)) is not None:
            tag[key] = number
    if line.cells.get("range_low") or line.cells.get("range_high"):
        tag["range"] = [line.number_of("range_low"), line.number_of("range_high")]
        if None in tag["range"]:
            line.wrong("range_low", "a range with one end", "range_low and range_high, or neither")
    order = line.cells.get("order", "").upper()
    if order and order not in ORDERS:
        line.wrong("order", repr(order), ", ".join(ORDERS), "the order of the bytes on the wire, A the highest")
    elif order:
        tag["word_order"], tag["byte_order"] = ORDERS[order]
    tag["address"] = _address(line, source)
    return tag if len(line.problems) == before else None


def _address(line: _Line, source: Row) -> str:
    """The address as plant.toml writes it."""
    number = line.cells.get("address", "")
    table = line.cells.get("table", "").lower()
    unit = line.number_of("unit_id", whole=True)
    count = line.number_of("count", whole=True)
    bit = line.cells.get("bit", "")
    if table and table not in TABLES:
        line.wrong("table", repr(table), ", ".join(TABLES), did_you_mean(table, list(TABLES)) or "")
    elif not number.isdigit():
        line.wrong("address", repr(number), "a number; the bit and the count have columns of their own")
    elif source.get("addressing", "zero") == "manual":
        if len(number) not in {5, 6} or number[0] not in DIGIT or (table and DIGIT[number[0]] != table):
            valid = "five or six digits, the first one that of the table: 0 coil, 1 discrete, 3 input, 4 holding"
            line.wrong("address", repr(number), valid, 'addressing = "zero" in the source counts from 0')
    elif not table:
        hint = 'addressing = "manual" in the source reads 40001 as holding register 0'
        line.wrong("table", "nothing", f"{', '.join(TABLES)}, since addresses count from 0", hint)
    place = number if source.get("addressing", "zero") == "manual" else f"{table}:{number}"
    return (
        (f"{unit}/" if unit is not None else "") + place + (f"[{count}]" if count else "") + (f":{bit}" if bit else "")
    )
