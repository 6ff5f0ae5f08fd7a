"""What a mapping's SQL is, by DuckDB's own parser: exactly one SELECT, and what it reads. Refused before it runs.

The connection it runs on is locked as well (`warehouse.adapting.select`); here the message names the place.
"""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Iterator
from dataclasses import dataclass, field
from difflib import get_close_matches
from functools import cache
from typing import Any

import duckdb

from plant.adapters.model import HISTORY
from plant.adapters.run import MappingError

TABLE_FUNCTIONS = frozenset({"unnest", "generate_series", "range"})
CLOCKS = frozenset({"current_date", "current_time", "current_timestamp", "localtime", "localtimestamp", "current_user",
                    "session_user", "user"})  # fmt: skip
"""Words that DuckDB answers itself where no column has the name: another answer each time."""
SAID_STEADY = frozenset({"current_localtime()", "current_localtimestamp()", "version()"})
"""Functions that DuckDB lists as depending on nothing, and that tell the clock or the release all the same."""
Node = dict[str, Any]


@dataclass
class Reads:
    """What a SELECT reads: tables in the order they appear, and the columns it names.

    `by_table` is the columns named with a prefix that stands for a table, `loose` those with another prefix (a WITH),
    `bare` those without. `stars` counts how often all columns are taken, whatever they are.
    """

    tables: list[str]
    by_table: dict[str, set[str]] = field(default_factory=dict)
    bare: set[str] = field(default_factory=set)
    loose: set[str] = field(default_factory=set)
    stars: int = 0


def reads_of(con: duckdb.DuckDBPyConnection, sql: str, known: Collection[str], shared: Collection[str] = ()) -> Reads:
    """What a SELECT reads, once it is seen to be one SELECT over tables of `known`.

    `shared` is names of SELECTs that the file has for others; those this one reads stand before it as WITH.

    Raises:
        MappingError: it cannot be parsed, is no single SELECT, reads another table or calls what is not allowed.
    """
    tree = _parsed(con, sql)
    nodes = list(_walk(tree))
    ctes = {entry["key"].lower() for n in nodes if isinstance(m := n.get("cte_map"), dict) for entry in m["map"]}
    _allowed(nodes)
    tables: dict[str, str] = {}
    found: list[str] = []
    by_name = {name.lower(): name for name in known}
    for node in (n for n in nodes if n.get("type") == "BASE_TABLE"):
        name, place = str(node["table_name"]), [p for p in (node.get("catalog_name"), node.get("schema_name")) if p]
        # A CTE may have the name of the table it reads.
        if name.lower() in ctes and name.lower() not in by_name and not place:
            continue
        if place or name.lower() not in by_name:
            raise MappingError(_no_table(".".join([*place, name]), known, shared))
        ours = by_name[name.lower()]
        found.append(ours)
        tables[(node["alias"] or name).lower()] = ours
    told = Reads(list(dict.fromkeys(found)))
    for parts in (n["column_names"] for n in nodes if n.get("class") == "COLUMN_REF"):
        if len(parts) == 1:
            told.bare.add(parts[0])
        elif parts[-2].lower() in tables:
            told.by_table.setdefault(tables[parts[-2].lower()], set()).add(parts[-1])
        else:
            told.loose.add(parts[-1])
    for node in nodes:
        told.bare.update(node.get("using_columns") or ())
        told.stars += node.get("class") == "STAR"
    return told


def _parsed(con: duckdb.DuckDBPyConnection, sql: str) -> Node:
    [[text]] = con.execute("SELECT json_serialize_sql($1::VARCHAR)", [sql]).fetchall()
    tree: Node = json.loads(text)
    if tree.get("error"):
        at = int(tree.get("position") or 0)
        line, here = sql.count("\n", 0, at) + 1, sql[at : at + 40].partition("\n")[0]
        where = f" at line {line}: {here}"
        said = str(tree.get("error_message", "")).replace(" can be serialized to json!", " are allowed")
        raise MappingError(f"{said}{where if tree.get('position') else ''}; valid is one SELECT in DuckDB's SQL")
    if len(tree["statements"]) != 1:
        raise MappingError(f"{len(tree['statements'])} statements; valid is one SELECT, so write WITH or UNION ALL")
    return tree


def _walk(node: Any) -> Iterator[Node]:
    if isinstance(node, dict):
        yield node
        for child in node.values():
            yield from _walk(child)
    elif isinstance(node, list):
        for child in node:
            yield from _walk(child)


def _allowed(nodes: list[Node]) -> None:
    """Refuse calls that read anything but rows, or answer differently each time."""
    for node in nodes:
        if node.get("type") == "SHOW_REF":
            raise MappingError("DESCRIBE and SHOW are not allowed; valid is a SELECT over the adapter's tables")
        if node.get("type") == "TABLE_FUNCTION":
            name = str(node["function"].get("function_name", "")).lower()
            if name not in TABLE_FUNCTIONS:
                valid = ", ".join(sorted(TABLE_FUNCTIONS))
                raise MappingError(f"table function {name}() is not allowed; valid are {valid}")
        if node.get("sample") is not None:
            raise MappingError("a sample answers differently each time; valid is WHERE over the tables' columns")
        name = _called(node)
        since_today = name == "age()" and len(node.get("arguments") or ()) == 1
        if since_today or name in _unsteady() | CLOCKS:
            raise MappingError(
                f"{name} answers differently each time or reads settings; silver is made of the records alone: "
                "use their columns"
            )


def _called(node: Node) -> str:
    """What a node calls: a function as name(), a word that DuckDB may answer itself as it is."""
    if node.get("class") == "FUNCTION":
        return f"{str(node.get('function_name', '')).lower()}()"
    parts = node.get("column_names", [])
    return str(parts[0]).lower() if node.get("class") == "COLUMN_REF" and len(parts) == 1 else ""


@cache
def _unsteady() -> frozenset[str]:
    """Functions of DuckDB whose answer is not one of their arguments alone, its macros over them as well."""
    with duckdb.connect(":memory:") as con:
        rows = con.execute(
            "SELECT DISTINCT lower(function_name) FROM duckdb_functions() "
            "WHERE function_type IN ('scalar', 'aggregate') AND stability IN ('VOLATILE', 'CONSISTENT_WITHIN_QUERY')"
        ).fetchall()
        macros = con.execute(
            "SELECT lower(function_name), lower(macro_definition) FROM duckdb_functions() "
            "WHERE function_type IN ('macro', 'table_macro')"
        ).fetchall()
    own = {f"{row[0]}()" for row in rows} | {f"{word}()" for word in CLOCKS} | SAID_STEADY
    words = {name.removesuffix("()") for name in own} | CLOCKS
    return frozenset(own | {f"{name}()" for name, text in macros if words & set(re.findall(r"\w+", text or ""))})


def _no_table(name: str, known: Collection[str], shared: Collection[str]) -> str:
    if name in shared:
        return f"shared SELECT {name!r} stands below the one that reads it: move it up"
    names = {n.lower(): n for n in (*known, *shared)}
    near = [names[n] for n in get_close_matches(name.lower(), names, 3, 0.5)]
    tables = [n for n in (*known, *shared) if not (n.endswith(HISTORY) and n.removesuffix(HISTORY) in known)]
    valid = f"nearest: {', '.join(near)}" if near else f"valid are {', '.join(tables) or 'none, for it declares none'}"
    return f"no table {name!r} in the adapter ({valid}): correct it, or add [source.{name}]"
