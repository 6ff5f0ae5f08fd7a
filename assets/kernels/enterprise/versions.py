"""All versions of relational records in the order their source made them: what was first, where silver keeps the last.

A system that overwrites the date it confirmed first leaves it in no table of its own; bronze.records has it.
"""

from __future__ import annotations

from collections.abc import Mapping

import polars as pl

from assets.kernels.enterprise.records import TRACE, instant_of, raw_of, renamed
from plant.tables import Table

FIRST_AT, FIRST_QTY = "first_confirmed_at", "first_confirmed_qty"
_RECORD = ("record_set", "record_key")


def in_order(records: pl.LazyFrame, record_set: str) -> pl.LazyFrame:
    """Every version of every record of a record set that is no tombstone, records one by one, oldest version first.

    By `changed_at`: the instant in the version's watermark, where it is one, else when it was read; then by reading.
    So versions that arrive in another order than they were made say the same. Columns: `TRACE`, changed_at, version
    (1 for the oldest).
    """
    mine = records.filter((pl.col("record_set") == record_set) & ~pl.col("deleted"))
    dated = mine.with_columns(changed_at=pl.coalesce(instant_of(pl.col("watermark")), "ingested_at"))
    ordered = dated.sort(*_RECORD, "changed_at", "ingested_at", "segment", "seq")
    return ordered.select(*TRACE, "changed_at", version=pl.int_range(1, pl.len() + 1).over(_RECORD))


def history(records: pl.LazyFrame, record_set: str) -> pl.LazyFrame:
    """`in_order` as a SELECT reads it: `TRACE`, with `_version`, `_changed_at`, `_read_at` as fields of the payload.

    Records deleted since are among them. A payload that is no JSON object stays as it is.
    """
    stamp = "%Y-%m-%dT%H:%M:%S%.6fZ"
    times = (pl.col(name).dt.strftime(stamp) for name in ("changed_at", "ingested_at"))
    more = pl.format('"_version":{},"_changed_at":"{}","_read_at":"{}"}}', "version", *times)
    body = pl.col("payload").str.strip_chars()
    inside = body.str.head(-1).str.strip_chars_end()
    joined = pl.concat_str(inside, pl.when(inside == "{").then(pl.lit("")).otherwise(pl.lit(",")), more)
    is_object = body.str.starts_with("{") & body.str.ends_with("}")
    return in_order(records, record_set).select(
        pl.when(is_object).then(joined).otherwise("payload").alias(name) if name == "payload" else name
        for name in TRACE
    )


def first_confirmed(
    rows: pl.LazyFrame, records: pl.LazyFrame, record_set: str, rename: Mapping[str, str], contract: Table
) -> pl.LazyFrame:
    """`renamed` rows with the date and quantity first confirmed, where the source does not tell them itself.

    First is the oldest version with a date that can be read in `confirmed_at`; the quantity is the one it had
    then. A record that never had a date keeps nulls.

    Args:
        rows: the newest versions (`renamed`) of one record set.
        records: bronze.records.
        record_set: theirs.
        rename: our column -> theirs.
        contract: the silver table, with `first_confirmed_at`, `first_confirmed_qty`, `confirmed_at`, `confirmed_qty`.
    """
    at, qty = contract.column("confirmed_at"), contract.column("confirmed_qty")
    versions = in_order(records, record_set).select(*TRACE)
    dated = renamed(versions, (at, qty), rename).filter(instant_of(pl.col(raw_of(at))).is_not_null())
    oldest = dated.unique("record_key", keep="first", maintain_order=True)
    number = pl.col(raw_of(qty)).cast(pl.Float64, strict=False)
    # An old quantity that nobody can read must not cost the row of today.
    told = pl.when(number.is_finite() & (number >= 0)).then(raw_of(qty))
    first = oldest.select("record_key", _at=raw_of(at), _qty=told)
    own_at, own_qty = (raw_of(contract.column(name)) for name in (FIRST_AT, FIRST_QTY))
    joined = rows.join(first, on="record_key", how="left", maintain_order="left")
    own = pl.col(own_at).is_not_null()
    return joined.with_columns(
        pl.coalesce(own_at, "_at").alias(own_at), pl.when(own).then(own_qty).otherwise("_qty").alias(own_qty)
    ).drop("_at", "_qty")
