"""Relational records: JSON versions as they came -> the latest row of each record, typed by a contract.

The relational silver tables are renames of the sources' own tables; `ADAPTERS` says which and how.
A row that cannot keep its contract is never bent to fit: it is set aside in `Decoded.rejected` with
what was found and what is valid, and the others go on.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import polars as pl

from plant.tables import DTYPES, Column, table

TRACE = ("record_set", "record_key", "payload", "ingested_at", "segment", "seq")
"""Columns of bronze.records that name a version; every rejected row keeps them."""

REJECTED_SCHEMA: dict[str, pl.DataType] = {
    "record_set": pl.String(), "record_key": pl.String(), "payload": pl.String(), "ingested_at": DTYPES["instant"],
    "segment": pl.String(), "seq": pl.Int64(), "reason": pl.String(), "message": pl.String(),
}  # fmt: skip
_INSTANT = "%Y-%m-%dT%H:%M:%S%.f%:z"


@dataclass(frozen=True)
class Adapter:
    """How a source table becomes a silver table: `rename` is our column -> theirs, others keep their name."""

    source_table: str
    table: str
    rename: Mapping[str, str] = field(default_factory=dict)

    @property
    def columns(self) -> tuple[Column, ...]:
        """Columns of the silver contract."""
        return table(f"silver.{self.table}").columns


@dataclass(frozen=True)
class Decoded:
    """Rows that keep the contract, and those that do not (`REJECTED_SCHEMA`, one row a record)."""

    rows: pl.LazyFrame
    rejected: pl.LazyFrame


ADAPTERS: tuple[Adapter, ...] = (
    Adapter("work_orders", "work_orders", {"order_id": "id"}),
    Adapter("operations", "operations", {"operation_id": "id"}),
    Adapter("downtimes", "downtimes", {"downtime_id": "id"}),
    Adapter("attendance", "attendance", {"attendance_id": "id"}),
    Adapter("materials", "materials", {"material": "id"}),
    Adapter("bom_lines", "bills_of_material", {"bom_line_id": "id"}),
    Adapter("lots", "lots", {"lot": "id"}),
    Adapter("lot_links", "lot_links", {"link_id": "id"}),
    Adapter("locations", "locations", {"location": "id"}),
    Adapter("purchase_orders", "purchase_orders", {"purchase_id": "id"}),
    Adapter("sales_orders", "sales_orders", {"sales_id": "id"}),
    Adapter("partners", "partners", {"partner": "id"}),
    Adapter("invoices", "invoices", {"invoice_id": "id"}),
    Adapter("inspections", "inspections", {"inspection_id": "id"}),
    Adapter("maintenance_orders", "maintenance_orders", {"maintenance_id": "id"}),
)


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


def decode(newest: pl.LazyFrame, columns: Sequence[Column], rename: Mapping[str, str], key: Sequence[str]) -> Decoded:
    """Read the JSON payloads into contract columns.

    Instants are ISO 8601 text (no offset: UTC), whole numbers may come as text. A record is rejected when
    a required column is null or missing, a value cannot be read or is out of the contract's range or
    words, or a later version of another source took its key.
    """
    raw = [
        pl.col("payload").str.json_path_match(f"$.{rename.get(c.name, c.name)}").alias(f"raw_{c.name}") for c in columns
    ]
    typed = newest.with_columns(raw).with_columns(_read(c).alias(c.name) for c in columns)
    doubled = pl.col("ingested_at").rank("ordinal", descending=True).over(list(key)) > 1
    twice = pl.when(doubled).then(pl.lit("duplicate_key: another source has a later row of this key; keep one source"))
    faults = pl.concat_list([_fault(c, rename) for c in columns] + [twice]).list.drop_nulls()
    judged = typed.with_columns(faults.alias("faults"))
    message = pl.col("faults").list.join("; ").alias("message")
    reason = pl.col("faults").list.first().str.extract(r"^(\w+):").alias("reason")
    bad = judged.filter(pl.col("faults").list.len() > 0).select(*TRACE, reason, message)
    return Decoded(judged.filter(pl.col("faults").list.len() == 0).select(c.name for c in columns), bad)


def adapt(records: pl.LazyFrame, adapter: Adapter, record_sets: Sequence[str]) -> Decoded:
    """A silver table of the enterprise contracts from bronze.records."""
    return decode(latest(records, record_sets), adapter.columns, adapter.rename, table(f"silver.{adapter.table}").key)


def left_out(judged: Mapping[str, Decoded], sources: Mapping[str, str]) -> pl.LazyFrame:
    """silver.rejected_records: what each silver table (named without its layer) rejects.

    `sources` is the source of each record set.
    """
    told = [d.rejected.with_columns(table_name=pl.lit(f"silver.{name}")) for name, d in judged.items()]
    source = pl.col("record_set").replace_strict(sources, default=None, return_dtype=pl.String)
    return pl.concat(told).with_columns(source=source).select(*table("silver.rejected_records").schema)


def _read(column: Column) -> pl.Expr:
    """The text of `raw_<name>` as the column's kind; null where it cannot be read."""
    raw = pl.col(f"raw_{column.name}")
    if column.kind == "instant":
        iso = raw.str.strip_chars().str.replace(" ", "T", literal=True).str.replace(r"[zZ]$", "+00:00")
        whole = pl.when(iso.str.contains("T", literal=True)).then(iso).otherwise(iso + "T00:00:00")
        zoned = pl.when(whole.str.contains(r"[+-]\d\d:?\d\d$")).then(whole).otherwise(whole + "+00:00")
        return zoned.str.to_datetime(_INSTANT, time_unit="us", time_zone="UTC", strict=False)
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


def _fault(column: Column, rename: Mapping[str, str]) -> pl.Expr:
    """'reason: what was found, what is valid' where the column breaks its contract, else null."""
    theirs, value, raw = rename.get(column.name, column.name), pl.col(column.name), pl.col(f"raw_{column.name}")
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
        tests.append(pl.col(column.name) < column.low)
    if column.high is not None:
        tests.append(pl.col(column.name) > column.high)
    if column.allowed is not None:
        tests.append(~pl.col(column.name).is_in(list(column.allowed)))
    return pl.any_horizontal(pl.lit(False), *tests)  # noqa: FBT003 - a polars literal


def _valid(column: Column) -> str:
    """What the contract takes, in words."""
    kinds = {"i64": "a whole number", "f64": "a finite number", "instant": "an ISO 8601 instant", "bool": "true, false"}
    words = [kinds.get(column.kind, "text")]
    words += [f"at least {column.low:g}"] if column.low is not None else []
    words += [f"at most {column.high:g}"] if column.high is not None else []
    words += [f"one of {', '.join(column.allowed)}"] if column.allowed else []
    return ", ".join(words) + (", or nothing" if column.null else "")
