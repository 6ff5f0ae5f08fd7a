"""Source tables as a SELECT sees them: JSON payloads of the newest records as typed columns.

Types come from the adapter where it declares them, else from all values together, so never from the order of rows.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any

import duckdb
import polars as pl

from plant.adapters.kept import Kept
from plant.adapters.model import Cells
from plant.adapters.run import RECORD, MappingError
from warehouse.adapting.spelling import in_words, literal, plain, taken_apart, without

SQL = {"str": "VARCHAR", "i64": "BIGINT", "f64": "DOUBLE", "bool": "BOOLEAN", "day": "DATE", "instant": "TIMESTAMPTZ"}
DIGITS = "DECIMAL(28,8)"
_INSTANT = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z"
_DAY = r"\d{4}-\d\d-\d\d"
_WORDS = {
    "str": "text", "i64": "a whole number", "f64": "a finite number", "bool": "true, false, 1, 0", "day": "a date",
    "instant": "an instant, ISO 8601",
}  # fmt: skip


@dataclass(frozen=True)
class Relation:
    """A source table as typed Arrow rows, for the next SELECT that reads it: its cells are read once a run.

    `unread` is the rows left out, `nulls` the columns without any value. `made_of` is the records it was made of.
    """

    made_of: pl.DataFrame
    rows: Any
    unread: Any
    nulls: tuple[str, ...]


def relations_kept() -> Kept[Relation]:
    """Room for the relations of one run."""
    return Kept(lambda r: int(r.rows.nbytes + r.unread.nbytes))


def quoted(name: str) -> str:
    """An identifier, whatever is in it."""
    return '"' + name.replace('"', '""') + '"'


def add(
    con: duckdb.DuckDBPyConnection, name: str, newest: pl.DataFrame, cells: Cells, named: Iterable[str],
    kept: Kept[Relation], zone: str,
) -> None:  # fmt: skip
    """Make relation `name` of the newest records of a source table.

    Beside it is `_unread_<name>` (_record, message): the rows left out because a declared value cannot be read.

    Args:
        con: where; function `instant` is there.
        name: the source table.
        newest: record_set, record_key and payload, one row a record.
        cells: declared types by column, and texts that stand for nothing.
        named: columns a table without rows shall have besides, as nulls.
        kept: relations of SELECTs before this one; one made of the same frame is not made again.
        zone: what `instant` of this connection takes times without an offset to be in.

    Raises:
        MappingError: a declared column is in none of the rows.
    """
    if newest.is_empty():
        columns = [f"NULL::{_sql_type(t)} AS {quoted(c)}" for c, t in cells.types.items()]
        columns += [f"NULL AS {quoted(c)}" for c in _distinct(named) if c not in cells.types and c != RECORD]
        nothing = f"SELECT {', '.join([*columns, f'NULL AS {RECORD}'])} WHERE false"
        con.execute(f"CREATE TEMP VIEW {quoted(name)} AS {nothing}")
        con.execute(f"CREATE TEMP VIEW {quoted('_unread_' + name)} AS SELECT '' AS {RECORD}, '' AS message WHERE false")
        return
    # The relation holds the frame, so another frame never has its id while it is kept.
    found = kept.of((id(newest), zone, cells.text), lambda: _made(con, newest, cells))
    for part, arrow in (("_rows_", found.rows), ("_unread_", found.unread)):
        con.register("_taken", arrow)
        con.execute(f"CREATE TEMP TABLE {quoted(part + name)} AS SELECT * FROM _taken")
        con.unregister("_taken")
    nulls = f" REPLACE ({', '.join(f'NULL AS {quoted(f)}' for f in found.nulls)})" if found.nulls else ""
    # A column of nulls alone has the type NULL, which only a view keeps: it fits wherever it is used.
    con.execute(f"CREATE TEMP VIEW {quoted(name)} AS SELECT *{nulls} FROM {quoted('_rows_' + name)}")


def record_of() -> pl.Expr:
    """The text by which a row names its record."""
    return (pl.col("record_set") + " " + pl.col("record_key")).alias(RECORD)


def _made(con: duckdb.DuckDBPyConnection, newest: pl.DataFrame, cells: Cells) -> Relation:
    con.register("_given", newest.select(record_of(), "payload").to_arrow(compat_level=pl.CompatLevel.oldest()))
    rows, unread, nulls = _typed(con, str(newest["record_set"][0]), cells)
    con.unregister("_given")
    return Relation(newest, rows, unread, nulls)


def _typed(con: duckdb.DuckDBPyConnection, name: str, cells: Cells) -> tuple[Any, Any, tuple[str, ...]]:
    found, types = _structure(con), cells.types
    if lost := [c for c in types if c not in found]:
        near = {c: get_close_matches(c, found, 1, 0.5) for c in lost}
        hints = ", ".join(f"{c!r} (nearest: {n[0]!r})" if n else repr(c) for c, n in near.items())
        raise MappingError(f"table {name!r} has no column {hints}, which `types` declares; it has {', '.join(found)}")
    fields = list(found)
    paths = ", ".join(literal("/" + f.replace("~", "~0").replace("/", "~1")) for f in fields)
    text = {f: without(f"v[{n}]", cells.nulls) for n, f in enumerate(fields, 1)}
    taken = f"SELECT {RECORD}, json_extract_string(payload, [{paths}])::VARCHAR[] AS v FROM _given"
    con.execute(f"CREATE TEMP TABLE _text AS {taken}")
    kinds = _kinds(con, {f: found[f] for f in fields if f not in types}, text)
    told = [_fault(f, t, text[f]) for f, t in types.items() if t != "str"]
    _formats(con, name, types)
    message = f"concat_ws('; ', {', '.join(told)})" if told else "''"
    values = [
        f"{_value(types[f], text[f]) if f in types else _cast(kinds[f], text[f])} AS {quoted(as_)}"
        for f, as_ in zip(fields, _distinct(fields), strict=True)
    ]
    unread = con.sql(f"SELECT {RECORD}, {message} AS message FROM _text WHERE {message} <> ''").to_arrow_table()
    rows = con.sql(f"SELECT {', '.join([*values, RECORD])} FROM _text WHERE {message} = ''").to_arrow_table()
    con.execute("DROP TABLE _text")
    return rows, unread, tuple(f for f in fields if kinds.get(f) == "NULL")


def _formats(con: duckdb.DuckDBPyConnection, name: str, types: Mapping[str, str]) -> None:
    """Formats are right in themselves: a cell cannot say that one is wrong."""
    for column, declared in ((c, t) for c, t in types.items() if taken_apart(t)[1]):
        try:
            con.execute(f"SELECT {plain(declared, literal('x'))}").fetchall()
        except duckdb.Error as error:
            said = str(error).splitlines()[0]
            raise MappingError(f"{said}: correct `types` of {name.partition('.')[2]}.{column}") from error


def _structure(con: duckdb.DuckDBPyConnection) -> dict[str, str]:
    """JSON type of each field over all records, fields in alphabetical order. What is no JSON object has none."""
    objects = "FROM _given WHERE json_valid(payload) AND json_type(payload) = 'OBJECT'"
    [[text]] = con.execute(f"SELECT json_group_structure(payload::JSON) {objects}").fetchall()
    found = json.loads(text) if text else {}
    return {f: t if isinstance(t, str) else "JSON" for f, t in sorted(found.items())} if isinstance(found, dict) else {}


def _kinds(con: duckdb.DuckDBPyConnection, found: Mapping[str, str], text: Mapping[str, str]) -> dict[str, str]:
    """SQL type of each field without a declared one."""
    simple = {"BIGINT": "BIGINT", "UBIGINT": "BIGINT", "DOUBLE": "DOUBLE", "BOOLEAN": "BOOLEAN", "NULL": "NULL"}
    kinds = {f: simple.get(t, "VARCHAR") for f, t in found.items()}
    texts = [f for f, t in found.items() if t == "VARCHAR"]
    looks = _asked(con, [f"bool_and(regexp_full_match({text[f]}, '{p}'))" for f in texts for p in (_INSTANT, _DAY)])
    for n, f in enumerate(texts):
        kinds[f] = "TIMESTAMPTZ" if looks[2 * n] else "DATE" if looks[2 * n + 1] else "VARCHAR"
    # 2026-13-45 has the look of a date, 2**64 that of a whole number.
    doubted = [f for f, t in found.items() if t in ("VARCHAR", "UBIGINT") and kinds[f] != "VARCHAR"]
    fits = _asked(con, [f"count({text[f]}) = count(TRY_CAST({text[f]} AS {kinds[f]}))" for f in doubted])
    return kinds | {f: "VARCHAR" for f, fit in zip(doubted, fits, strict=True) if not fit}


def _asked(con: duckdb.DuckDBPyConnection, questions: Sequence[str]) -> Sequence[Any]:
    """Answers about all rows, in one pass."""
    return con.execute(f"SELECT {', '.join(questions)} FROM _text").fetchall()[0] if questions else ()


def _cast(kind: str, text: str) -> str:
    return text if kind in ("VARCHAR", "NULL") else f"CAST({text} AS {kind})"


def _value(declared: str, text: str) -> str:
    """A declared value; the rows it cannot be read from are gone by then."""
    declared, text = taken_apart(declared)[0], plain(declared, text)
    if declared == "instant":
        return f"instant({text})"
    if declared == "bool":
        return f"CAST(CASE {text} WHEN '1' THEN 'true' WHEN '0' THEN 'false' ELSE {text} END AS BOOLEAN)"
    return text if declared == "str" else f"CAST({text} AS {_sql_type(declared)})"


def _fault(field: str, declared: str, text: str) -> str:
    """'unreadable_value: what was found, what is valid' where a value is not as declared, else NULL."""
    raw, spelt = text, in_words(declared)
    declared, text = taken_apart(declared)[0], plain(declared, text)
    if declared == "i64":
        good = rf"(regexp_full_match({text}, '\s*[+-]?\d+(\.0*)?\s*') AND TRY_CAST({text} AS BIGINT) IS NOT NULL)"
    elif declared == "f64":
        good = f"coalesce(isfinite(TRY_CAST({text} AS DOUBLE)), false)"
    elif declared == "bool":
        good = f"lower({text}) IN ('true', 'false', 't', 'f', '0', '1')"
    elif declared == "day":
        good = f"TRY_CAST({text} AS DATE) IS NOT NULL"
    elif declared == "instant":
        good = f"coalesce(isfinite(TRY_CAST({text} AS TIMESTAMPTZ)), false)"
    else:
        places = _places(declared)
        digits = rf"\s*[+-]?\d*(\.\d{{0,{places}}}0*)?\s*"
        good = f"(regexp_full_match({text}, '{digits}') AND TRY_CAST({text} AS {_sql_type(declared)}) IS NOT NULL)"
    words = spelt or _WORDS.get(declared, f"a number of at most {_places(declared)} decimal places")
    found = literal(f"unreadable_value: {field} is '")
    tail = literal(f"'; valid: {words}, as the adapter declares")
    return f"CASE WHEN {raw} IS NOT NULL AND NOT coalesce({good}, false) THEN {found} || {raw} || {tail} END"


def _places(declared: str) -> int:
    inside = re.search(r",\s?(\d+)", declared)
    return int(inside[1]) if inside else 8


def _sql_type(declared: str) -> str:
    declared = taken_apart(declared)[0]
    if declared == "decimal":
        return DIGITS
    return SQL.get(declared) or declared.upper()


def _distinct(fields: Iterable[str]) -> list[str]:
    """Names that differ by more than case: SQL knows no other difference. The second gets _2."""
    seen: dict[str, int] = {RECORD: 1}
    out = []
    for name in fields:
        n = seen[name.lower()] = seen.get(name.lower(), 0) + 1
        out.append(name if n == 1 else f"{name}_{n}")
    return out
