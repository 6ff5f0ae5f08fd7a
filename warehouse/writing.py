"""What a frame must be before it becomes a file, and how it becomes one: contract check, layout, commit.

One Polars select computes every rule of a contract. The same rules become Great Expectations suites
in `assets.expectations`; a test holds both to the same counts.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import polars as pl
from deltalake import ColumnProperties, CommitProperties, DeltaTable, Field, Schema, WriterProperties, write_deltalake
from deltalake.schema import PrimitiveType

from plant.errors import ContractError, TerminalError
from plant.tables import DOOR_MADE, DTYPES, Column, Kind, Table
from warehouse.large.append import append

__all__ = ["DOOR_MADE"]  # taken from here by those who check frames as the door does

ROW_GROUP_ROWS = 131_072

DELTA_TYPES: dict[Kind, str] = {
    "str": "string", "i64": "long", "f64": "double", "bool": "boolean", "instant": "timestamp", "day": "date",
}  # fmt: skip
EVOLVED = "shopfloor.evolved"
"""Delta table property: columns were added later, so older files lack them."""


@dataclass(frozen=True)
class Finding:
    """One broken rule: how many rows break it, and the first value that does."""

    column: str
    rule: str
    rows: int
    example: str


def conform(table: Table, frame: pl.DataFrame, *, coded: bool = False) -> pl.DataFrame:
    """The frame in the contract's column order, with lossless widenings done, or a ContractError.

    Widened without loss: small integers, 32-bit floats, categories, milliseconds, columns of only
    nulls. `coded` leaves categories as they are. Door-made columns of revisioned tables may be missing; they are
    then null.

    Raises:
        ContractError: columns are missing, extra, or of another type.
    """
    wanted = table.schema
    missing = [n for n in wanted if n not in frame.columns and n not in table.made_at_door]
    extra = [n for n in frame.columns if n not in wanted]
    if missing or extra:
        found = "; ".join(f"{what}: {', '.join(c)}" for what, c in (("missing", missing), ("not known", extra)) if c)
        raise ContractError(f"{table.name}: columns {found}. Valid are: {', '.join(wanted)}")
    made = [pl.lit(None, dtype=wanted[n]).alias(n) for n in wanted if n not in frame.columns]
    wide = [_widened(table, c, frame.schema[c.name], coded) for c in table.columns if c.name in frame.columns]
    return frame.select([*wide, *made]).select(list(wanted))


def _widened(table: Table, column: Column, found: pl.DataType, coded: bool) -> pl.Expr:  # noqa: FBT001
    wanted, expr = column.dtype, pl.col(column.name)
    if found == wanted or (coded and column.kind == "str" and isinstance(found, (pl.Categorical, pl.Enum))):
        return expr
    if found == pl.Null() or _widens(found, wanted):
        return expr.cast(wanted)
    raise ContractError(f"{table.name}.{column.name}: type is {found}, valid is {wanted} ({column.kind})")


def _widens(found: pl.DataType, wanted: pl.DataType) -> bool:
    if isinstance(wanted, pl.Datetime):
        return isinstance(found, pl.Datetime) and found.time_zone == "UTC" and found.time_unit == "ms"
    if isinstance(wanted, pl.Int64):
        return found in {pl.Int8(), pl.Int16(), pl.Int32(), pl.UInt8(), pl.UInt16(), pl.UInt32()}
    if isinstance(wanted, pl.Float64):
        return found == pl.Float32()
    return isinstance(wanted, pl.String) and isinstance(found, (pl.Categorical, pl.Enum))


def rules(table: Table) -> Iterator[tuple[str, str, pl.Expr]]:
    """Every row rule of a contract: (column, rule, expression true where a row breaks it).

    Rules are not_null, unique (column is the key, joined by a comma), allowed, low, high, and finite
    (silver and gold numbers; bronze keeps NaN and infinity as they came).
    """
    for column in table.columns:
        if column.name in table.made_at_door:
            continue
        yield from ((column.name, rule, expr) for rule, expr in _column_rules(column, table.layer))
    key = pl.struct(*table.key) if len(table.key) > 1 else pl.col(table.key[0])
    yield ",".join(table.key), "unique", key.is_duplicated()


def _column_rules(column: Column, layer: str) -> Iterator[tuple[str, pl.Expr]]:
    value = pl.col(column.name)
    if not column.null:
        yield "not_null", value.is_null()
    if column.allowed is not None:
        yield "allowed", ~value.is_in(list(column.allowed))
    if column.low is not None:
        yield "low", value < column.low
    if column.high is not None:
        yield "high", value > column.high
    if column.kind == "f64" and layer != "bronze":
        yield "finite", ~value.is_finite()


def breaches(table: Table, frame: pl.DataFrame) -> list[Finding]:
    """Every rule of the contract a conforming frame breaks, with counts; empty when it keeps them all."""
    if frame.is_empty():
        return []
    listed = [rule for rule in rules(table) if rule[1] != "unique" or not _counted(table, frame)]
    counts = frame.select(expr.fill_null(value=False).sum().alias(str(i)) for i, (_, _, expr) in enumerate(listed))
    broken = [(listed[i], n) for i, n in enumerate(counts.row(0)) if n]
    return [Finding(c, rule, n, _example(table, frame, c, expr)) for (c, rule, expr), n in broken]


def _counted(table: Table, frame: pl.DataFrame) -> bool:
    """Whether a column of the key rises from row to row: then no key comes twice, found at a tenth of the cost."""
    numbers = [frame[name] for name in table.key if frame.schema[name].is_integer()]
    return any(c.null_count() == 0 and bool((c.to_numpy()[1:] > c.to_numpy()[:-1]).all()) for c in numbers)


def _example(table: Table, frame: pl.DataFrame, columns: str, expr: pl.Expr) -> str:
    show = dict.fromkeys((*table.key, *columns.split(",")))
    row = frame.filter(expr.fill_null(value=False)).head(1).select(list(show)).row(0, named=True)
    return ", ".join(f"{k}={v}" for k, v in row.items())


def enforce(table: Table, frame: pl.DataFrame, *, coded: bool = False) -> pl.DataFrame:
    """The frame as it may be written: contract columns, order and types, every rule kept; `coded` keeps categories.

    Raises:
        ContractError: names table, column, rule, number of rows and an example for each broken rule.
    """
    ready = conform(table, frame, coded=coded)
    found = breaches(table, ready)
    if found:
        lines = "\n".join(
            f"  {f.column}: {f.rule} ({_valid(table, f)}) broken by {f.rows} of {ready.height} rows, e.g. {f.example}"
            for f in found
        )
        raise ContractError(f"{table.name}: nothing written, the frame breaks its contract\n{lines}")
    return ready


def _valid(table: Table, finding: Finding) -> str:
    if finding.rule == "unique":
        return "one row per key"
    column = table.column(finding.column)
    words: Mapping[str, Any] = {
        "not_null": "a value in every row",
        "allowed": f"one of {', '.join(column.allowed or ())}",
        "low": f"at least {column.low}",
        "high": f"at most {column.high}",
        "finite": "neither NaN nor infinite",
    }
    return str(words[finding.rule])


def layout(table: Table) -> WriterProperties:
    """ZSTD 3, row groups of 131,072 rows, sorted instants and positions delta-packed (a third smaller)."""
    packed = ColumnProperties(dictionary_enabled=False, encoding="DELTA_BINARY_PACKED")
    instants = {c.name for c in table.columns if c.dtype == DTYPES["instant"]}
    names = (instants & {*table.sort, "ts", "at"}) | ({"seq"} & set(table.schema))
    return WriterProperties(
        compression="ZSTD",
        compression_level=3,
        max_row_group_size=ROW_GROUP_ROWS,
        column_properties=dict.fromkeys(sorted(names), packed) or None,
    )


def commit(
    delta: DeltaTable,
    contract: Table,
    rows: pl.DataFrame,
    predicate: str | None = None,
    marks: CommitProperties | None = None,
) -> None:
    """Write rows with this very handle: appended when marked with a transaction, else replacing `predicate`.

    Columns the contract got since the table was made are added to it; its older files stay as they are. A table that
    is replaced whole takes the contract's types with its rows.

    Raises:
        TerminalError: the contract has another type for a column of a table that keeps older files.
    """
    held = {f.name: f.type for f in delta.schema().fields}
    grows = not set(contract.schema) <= set(held)
    other = [c.name for c in contract.columns if c.name in held and held[c.name] != PrimitiveType(DELTA_TYPES[c.kind])]
    # Written without saying so a price of 5.17 would become the 5 that an older whole-number column can hold.
    if other and contract.write != "replace":
        raise TerminalError(f"{contract.name}: column {', '.join(other)} is of another type in the lake than in the "
                            f"contract; build it anew beside the old one")  # fmt: skip
    if grows and not other:
        delta.alter.set_table_properties({EVOLVED: "true"}, raise_if_not_exists=False)
    merge: Literal["merge", "overwrite"] | None = "overwrite" if other else "merge" if grows else None
    if marks and not grows:
        append(delta, contract, rows, marks, ROW_GROUP_ROWS)
    elif marks:
        data = conform(contract, rows).to_arrow(compat_level=pl.CompatLevel.oldest())
        write_deltalake(
            delta, data, mode="append", schema_mode=merge, writer_properties=layout(contract), commit_properties=marks
        )
    else:
        data = rows.to_arrow(compat_level=pl.CompatLevel.oldest())
        write_deltalake(
            delta, data, mode="overwrite", predicate=predicate, schema_mode=merge, writer_properties=layout(contract)
        )


def create(contract: Table, path: Path) -> None:
    """An empty Delta table whose schema carries the contract's words."""
    fields = [
        Field(c.name, PrimitiveType(DELTA_TYPES[c.kind]), nullable=True, metadata={"comment": c.doc})
        for c in contract.columns
    ]
    path.parent.mkdir(parents=True, exist_ok=True)
    DeltaTable.create(
        path,
        Schema(fields),
        mode="ignore",
        partition_by=[contract.partition] if contract.partition else None,
        name=contract.name,
        description=contract.doc,
        configuration=_properties(contract),
    )


def _properties(contract: Table) -> dict[str, str | None]:
    """Table properties: revisioned tables keep their log, so that any old version can be asked for again.

    Those with history keep superseded rows instead, and statistics of the columns their log is asked about. Tables
    that are appended to all day (17,000 commits at one each 5 s) keep their log a day longer than unused files.
    """
    if contract.history:
        known = (n for n in ("hour_at", "known_from", "known_to") if n in contract.schema)
        return {"delta.dataSkippingStatsColumns": ",".join(known)}
    if contract.revisioned:
        return {"delta.logRetentionDuration": "interval 3650 days"}
    appended = contract.write == "append_once" and contract.partition is not None
    return {"delta.logRetentionDuration": "interval 2 days"} if appended else {}
