"""Relational records: JSON versions as they came -> the latest row of each record, typed by a contract.

How the tables of a source become ours is said by its adapter (`plant.adapters`): by renaming, here, or by a SELECT
(`assets.kernels.enterprise.mapping`). A row that cannot keep its contract is never bent to fit: it is set aside in
`Decoded.rejected` with what was found and what is valid, and the others go on.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import polars as pl

from plant.tables import DTYPES, Column, Table, table

TRACE = ("record_set", "record_key", "payload", "ingested_at", "segment", "seq")
"""Columns of bronze.records that name a version; every rejected row keeps them."""

ORIGIN = ("record_set", "segment", "seq")
"""Those that name a raw row."""

REJECTED_SCHEMA: dict[str, pl.DataType] = {
    "record_set": pl.String(), "record_key": pl.String(), "payload": pl.String(), "ingested_at": DTYPES["instant"],
    "segment": pl.String(), "seq": pl.Int64(), "reason": pl.String(), "message": pl.String(),
}  # fmt: skip
_INSTANT = "%Y-%m-%dT%H:%M:%S%.f%:z"


@dataclass(frozen=True)
class Decoded:
    """Rows that keep the contract, and those that do not (`REJECTED_SCHEMA`, one row a row that was judged).

    `origins` names the record of each row that keeps it: the key of the table, record_set, segment, seq.
    """

    rows: pl.LazyFrame
    rejected: pl.LazyFrame
    origins: pl.LazyFrame


def latest(records: pl.LazyFrame, record_sets: Sequence[str]) -> pl.LazyFrame:
    """The newest version of every record of the named record sets; deleted records are left out.

    Newest is by `ingested_at`, then `segment` and `seq`. No record set: no rows, right columns.
    """
    newest = (
        records.filter(pl.col("record_set").is_in(list(record_sets)))
        .sort("ingested_at", "segment", "seq")
        .unique(subset=("record_set", "record_key"), keep="last", maintain_order=True)
    )
    return newest.filter(~pl.col("deleted")).select(TRACE)


def renamed(newest: pl.LazyFrame, columns: Sequence[Column], rename: Mapping[str, str]) -> pl.LazyFrame:
    """The newest versions with the text of every contract column as `raw_<column>`, and no word on them yet.

    `rename` is our column -> theirs; the others have our name.
    """
    raw = [pl.col("payload").str.json_path_match(_path(rename.get(c.name, c.name))).alias(raw_of(c)) for c in columns]
    return newest.with_columns(*raw, said=pl.lit(None, pl.String))


def judge(parts: Sequence[tuple[pl.LazyFrame, Mapping[str, str]]], contract: Table) -> Decoded:
    """Type the text of every part by the contract and take apart what keeps it from what does not.

    Instants are ISO 8601 text (no offset: UTC), whole numbers may come as text. A record is rejected when
    a required column is null or missing, a value cannot be read or is out of the contract's range or
    words, a later version has the same key, or somebody said so before (`said`: 'reason: words').

    Args:
        parts: rows with `TRACE`, `said` and `raw_<column>` text, with the names the source gives the columns.
        contract: the silver table. No part: no rows, right columns.
    """
    if not parts:
        named = {n: contract.schema[n] for n in contract.key} | {n: REJECTED_SCHEMA[n] for n in ORIGIN}
        return Decoded(contract.empty().lazy(), pl.LazyFrame(schema=REJECTED_SCHEMA), pl.LazyFrame(schema=named))
    key = [_value_of(contract.column(name)) for name in contract.key]
    typed = pl.concat([_typed(rows, contract.columns, rename) for rows, rename in parts])
    # Ties are broken by name and content, so that the row that stays is a function of the data.
    later = ("ingested_at", "record_set", "record_key", "payload")
    doubled = typed.sort(later, descending=True).with_columns(n=pl.int_range(pl.len()).over(key))
    twice = pl.when(pl.col("n") > 0).then(
        pl.lit(f"duplicate_key: a later row has this {', '.join(contract.key)}; keep one of them")
    )
    judged = doubled.with_columns(faults=pl.concat_list("faults", twice).list.drop_nulls())
    message = pl.col("faults").list.join("; ").alias("message")
    reason = pl.col("faults").list.first().str.extract(r"^(\w+):").alias("reason")
    bad = judged.filter(pl.col("faults").list.len() > 0).select(*TRACE, reason, message)
    good = judged.filter(pl.col("faults").list.len() == 0)
    rows = good.select(pl.col(_value_of(c)).alias(c.name) for c in contract.columns)
    keys = [pl.col(_value_of(contract.column(name))).alias(name) for name in contract.key]
    return Decoded(rows, bad, good.select(*keys, *ORIGIN))


def _typed(rows: pl.LazyFrame, columns: Sequence[Column], rename: Mapping[str, str]) -> pl.LazyFrame:
    typed = rows.with_columns(_read(c).alias(_value_of(c)) for c in columns)
    faults = pl.concat_list(pl.col("said"), *(_fault(c, rename) for c in columns)).alias("faults")
    return typed.select(*TRACE, *(_value_of(c) for c in columns), faults)


def left_out(rejected: Mapping[str, pl.LazyFrame], sources: Mapping[str, str]) -> pl.LazyFrame:
    """silver.rejected_records: what each silver table (named without its layer) rejects, one row a record.

    `sources` is the source of each record set. A record that several rows are made of keeps the words on all.
    """
    contract = table("silver.rejected_records")
    told = [rows.with_columns(table_name=pl.lit(f"silver.{name}")) for name, rows in rejected.items()]
    source = pl.col("record_set").replace_strict(sources, default=None, return_dtype=pl.String)
    ordered = pl.concat(told).with_columns(source=source).sort(*contract.key, "message")
    rest = pl.exclude(*contract.key, "message").first()
    by_record = ordered.group_by(contract.key, maintain_order=True)
    return by_record.agg(rest, pl.col("message").unique(maintain_order=True).str.join("; ")).select(*contract.schema)


def raw_of(column: Column) -> str:
    """Name under which the text of a column is carried until it is read."""
    return f"raw_{column.name}"


def _value_of(column: Column) -> str:
    """Name of a read column until all are judged: contracts have columns with the names of `TRACE` as well."""
    return f"value_{column.name}"


def _path(name: str) -> str:
    """JSON path of a field; a name of other than word characters is quoted (one with both quotes has no path)."""
    quote = '"' if "'" in name else "'"
    return f"$.{name}" if re.fullmatch(r"[A-Za-z_]\w*", name, re.ASCII) else f"$[{quote}{name}{quote}]"


def _read(column: Column) -> pl.Expr:
    """The text of `raw_<name>` as the column's kind; null where it cannot be read."""
    raw = pl.col(raw_of(column))
    if column.kind == "instant":
        return instant_of(raw)
    if column.kind == "i64":
        number = raw.cast(pl.Float64, strict=False)
        whole_number = pl.when(number == number.round()).then(number).cast(pl.Int64, strict=False)
        return pl.coalesce(raw.cast(pl.Int64, strict=False), whole_number)
    if column.kind == "f64":
        number = raw.cast(pl.Float64, strict=False)
        return pl.when(number.is_finite()).then(number)
    if column.kind == "bool":
        return raw.replace_strict({"true": True, "false": False, "1": True, "0": False}, default=None)
    return raw.cast(column.dtype, strict=False)


def instant_of(text: pl.Expr) -> pl.Expr:
    """ISO 8601 text as an instant; a day is its midnight, no offset is UTC, anything else null."""
    iso = text.str.strip_chars().str.replace(" ", "T", literal=True).str.replace(r"[zZ]$", "+00:00")
    whole = pl.when(iso.str.contains("T", literal=True)).then(iso).otherwise(iso + "T00:00:00")
    zoned = pl.when(whole.str.contains(r"[+-]\d\d:?\d\d$")).then(whole).otherwise(whole + "+00:00")
    return zoned.str.to_datetime(_INSTANT, time_unit="us", time_zone="UTC", strict=False)


def _fault(column: Column, rename: Mapping[str, str]) -> pl.Expr:
    """'reason: what was found, what is valid' where the column breaks its contract, else null."""
    theirs, value, raw = rename.get(column.name, column.name), pl.col(_value_of(column)), pl.col(raw_of(column))
    where = theirs if theirs == column.name else f"{theirs} ({column.name})"
    unreadable = pl.format(f"unreadable_value: {where} is '{{}}'; valid: {_valid(column)}", raw)
    missing = pl.lit(f"missing_value: {where} is empty; valid: {_valid(column)}")
    outside = pl.format(f"out_of_range: {where} is '{{}}'; valid: {_valid(column)}", raw)
    return (
        pl.when(raw.is_not_null() & value.is_null())
        .then(unreadable)
        .when(value.is_null() & pl.lit(not column.null))
        .then(missing)
        .when(_outside(column))
        .then(outside)
    )


def _outside(column: Column) -> pl.Expr:
    tests = []
    if column.low is not None:
        tests.append(pl.col(_value_of(column)) < column.low)
    if column.high is not None:
        tests.append(pl.col(_value_of(column)) > column.high)
    if column.allowed is not None:
        tests.append(~pl.col(_value_of(column)).is_in(list(column.allowed)))
    return pl.any_horizontal(pl.lit(False), *tests)  # noqa: FBT003 - a polars literal


def _valid(column: Column) -> str:
    """What the contract takes, in words."""
    kinds = {"i64": "a whole number", "f64": "a finite number", "instant": "an ISO 8601 instant", "bool": "true, false"}
    words = [kinds.get(column.kind, "text")]
    words += [f"at least {column.low:g}"] if column.low is not None else []
    words += [f"at most {column.high:g}"] if column.high is not None else []
    words += [f"one of {', '.join(column.allowed)}"] if column.allowed else []
    return ", ".join(words) + (", or nothing" if column.null else "")
