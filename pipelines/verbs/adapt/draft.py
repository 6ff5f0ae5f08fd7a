"""A first draft of an adapter: tables and columns guessed by names. A person corrects it, `--check` tells where."""

from __future__ import annotations

import json
import re
from difflib import SequenceMatcher
from pathlib import Path

from connectors.sql.sample import Described, described
from plant.adapters.canonical import CANONICAL
from plant.sources.batch import SqlSource
from plant.tables import Column, Table

TYPES = {"int": "i64", "float": "f64", "Decimal": "decimal", "bool": "bool", "date": "day", "datetime": "instant",
         "timedelta": "f64"}  # fmt: skip
CHANGED = (
    "write_date", "updated_at", "modified_at", "changed_at", "last_modified", "modified", "updated", "create_date",
    "created_at", "changed", "modification_date", "update_date", "creation_date",
)  # fmt: skip
"""Names columns have that say when a row was changed or made, those of changes first."""
OTHER_WORDS: dict[str, tuple[str, ...]] = {
    "work_orders": ("production", "production order", "manufacturing order", "job"),
    "operations": ("work", "routing step", "job step", "order step"),
    "materials": ("product", "item", "article", "part"),
    "bills_of_material": ("bom", "bom line", "bom input"),
    "lots": ("batch", "stock lot"), "stock_moves": ("stock move", "inventory transaction", "movement"),
    "locations": ("stock location", "bin", "storage"), "purchase_orders": ("purchase line", "po line"),
    "sales_orders": ("sale line", "so line", "order line"), "deliveries": ("shipment", "delivery line"),
    "partners": ("party", "contact"), "suppliers": ("vendor", "supplier"), "customers": ("client", "customer"),
    "invoices": ("invoice", "bill"), "inspections": ("quality inspection", "measurement", "check", "quality check"),
    "maintenance_orders": ("maintenance", "repair"), "downtimes": ("stop", "downtime"),
    "stock_levels": ("stock on hand", "inventory"), "people_shifts": ("roster", "shift plan"),
    "purchase_terms": ("price break",),
    "cost_rates": ("rate",), "exchange_rates": ("currency rate",), "work_instructions": ("instruction",),
    "attendance": ("time clock",),
}  # fmt: skip
"""What systems call what is in a canonical table."""
FEW = 40
"""A database of at most so many tables is drafted with all of them; of a larger one those that look canonical."""
_NUMBERS = {"int", "float", "Decimal", "timedelta"}
FITS: dict[str, set[str]] = {
    "instant": {"datetime", "date", "str"}, "day": {"datetime", "date", "str"}, "bool": {"bool", "int"},
    "i64": _NUMBERS, "f64": _NUMBERS,
}  # fmt: skip
"""Types of theirs that may become a kind of ours; another kind takes all, and a type unknown here goes anywhere."""
LIKE, ALIKE = 0.72, 0.6
"""From which likeness of names on a table, and a column, is proposed."""


def drafted(name: str, source: SqlSource, root: Path) -> str:
    """The text of an adapter for a database: tables that look like canonical ones, and a SELECT for each.

    Raises:
        SourceDownError: the database cannot be reached.
    """
    tables = described(source, root)
    pairs = {into: best for into in CANONICAL if (best := _nearest(into, list(tables)))}
    lines = [
        "schema = 1",
        f"name = {json.dumps(name)}",
        'description = "drafted from names alone: correct every line"',
        "",
    ]
    taken = dict.fromkeys([*pairs.values(), *(tables if len(tables) <= FEW else ())])
    records = {theirs: _record_set(theirs) for theirs in taken}
    for theirs, record_set in records.items():
        lines += _source(record_set, theirs, tables[theirs])
    for into, theirs in pairs.items():
        lines += _mapping(CANONICAL[into], into, records[theirs], tables[theirs])
    rest = [t for t in tables if t not in records]
    lines += [f"# not drafted: {', '.join(sorted(set(CANONICAL) - set(pairs))) or 'nothing'}"]
    lines += [f"# tables that are not read: {', '.join(rest) or 'none'}"]
    return "\n".join(lines) + "\n"


def _nearest(into: str, tables: list[str]) -> str | None:
    words = [into, into.rstrip("s"), *OTHER_WORDS.get(into, ())]
    likeness = {t: max(_like(w, t) for w in words) for t in tables}
    best = max(likeness, key=lambda t: (likeness[t], -len(t), t), default=None)
    return best if best is not None and likeness[best] >= LIKE else None


def _like(a: str, b: str) -> float:
    return SequenceMatcher(None, _plain(a), _plain(b)).ratio()


def _plain(name: str) -> str:
    return re.sub(r"[\W_]+", "", re.sub(r"s\b", "", name.lower()))


def _record_set(theirs: str) -> str:
    """A name a record set may have: other signs become '_'."""
    return re.sub(r"[^A-Za-z0-9_]+", "_", theirs).strip("_") or "table"


def _source(record_set: str, theirs: str, table: Described) -> list[str]:
    lines = [f"[source.{record_set}]", *([f"table = {json.dumps(theirs)}"] if theirs != record_set else [])]
    key = table.key or tuple(list(table.columns)[:1])
    lines.append(f"key = {json.dumps(list(key))}{'' if table.key else '  # no primary key: what names a row?'}")
    by_plain = {c.lower(): c for c in table.columns}
    marks = [
        by_plain[c] for c in CHANGED if c in by_plain and table.columns[by_plain[c]] in ("datetime", "date", "str")
    ]
    lines += [f"watermark = {json.dumps(marks[:2])}"] if marks else []
    types = ", ".join(f"{json.dumps(c)} = {json.dumps(TYPES[t])}" for c, t in table.columns.items() if t in TYPES)
    return [*lines, *([f"types = {{ {types} }}"] if types else []), ""]


def _mapping(contract: Table, into: str, record_set: str, table: Described) -> list[str]:
    pairs = _paired(contract, table)
    select = "\n".join(f"  {_column(c, pairs.get(c.name), table)}," for c in contract.columns)
    left = [c for c in table.columns if c not in pairs.values()]
    unused = f"\n/* not used: {', '.join(left).replace('*/', '')} */" if left else ""
    return ["[[table]]", f"into = {json.dumps(into)}", "sql = '''", f"SELECT\n{select}\n  t._record",
            f'FROM "{record_set}" t{unused}', "'''", ""]  # fmt: skip


def _paired(contract: Table, table: Described) -> dict[str, str]:
    """Our column -> theirs: the key from the key, then the most alike of a type that fits, each of theirs once."""
    single = len(contract.key) == 1 and len(table.key) == 1
    pairs = {contract.key[0]: table.key[0]} if single else {}
    alike = [
        (-_like(c.name, theirs), c.name, theirs)
        for c in contract.columns for theirs, kind in table.columns.items() if _fits(c, kind)
    ]  # fmt: skip
    for unlike, ours, theirs in sorted(alike):
        if -unlike >= ALIKE and ours not in pairs and theirs not in pairs.values():
            pairs[ours] = theirs
    return pairs


def _fits(column: Column, kind: str) -> bool:
    return kind not in {*TYPES, "str"} or kind in FITS.get(column.kind, {kind})


def _column(column: Column, theirs: str | None, table: Described) -> str:
    """A result column; NULL and what is wanted where nothing is like it. A text as an instant is local time."""
    if theirs is None:
        return f"NULL AS {column.name} /* {'' if column.null else 'required: '}{column.doc.replace('*/', '')} */"
    quoted = '"' + theirs.replace('"', '""') + '"'
    if column.kind == "instant" and table.columns[theirs] != "datetime":
        return f"instant(t.{quoted}) AS {column.name}"
    return f"t.{quoted}{'::VARCHAR' if column.kind == 'str' else ''} AS {column.name}"
