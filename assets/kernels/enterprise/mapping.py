"""What the SELECT of an adapter gave -> rows to be judged by the contract: units converted, each with its record."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime

import polars as pl

from assets.kernels.enterprise.records import REJECTED_SCHEMA, TRACE, raw_of
from plant.adapters.model import Adapter, Conversion, Mapped, Unit
from plant.adapters.run import REJECT, Answer
from plant.tables import Table
from plant.units import factor

LONG_AGO = datetime(1970, 1, 1, tzinfo=UTC)
"""`ingested_at` of a finding about a source of which nothing was taken in yet."""


def answered(
    answer: Answer, mapped: Mapped, units: Mapping[str, Unit], contract: Table, place: pl.DataFrame
) -> pl.LazyFrame:
    """The rows of an answer as `judge` takes them: `TRACE`, `said`, `raw_<column>`.

    Args:
        answer: what the SELECT gave.
        mapped: the mapping, for its conversions.
        units: the adapter's units, by their word.
        contract: the silver table; columns the SELECT left out are null.
        place: one row of `TRACE` for rows whose record the SELECT does not name (see `finding_place`); they get their
            key as record_key and themselves as payload.
    """
    rows, names = (
        answer.rows,
        [c for c in answer.rows.columns if c.removeprefix("_") not in TRACE or not c.startswith("_")],
    )
    said = pl.lit(None, pl.String)
    if REJECT in names:
        worded = pl.col(REJECT).str.contains(r"^\w+:")
        said = pl.when(worded).then(pl.col(REJECT)).otherwise("rejected: " + pl.col(REJECT))
    rows = rows.with_columns(said=said)
    for column, conversion in mapped.convert.items():
        rows = _converted(rows, column, conversion, units, whole=contract.column(column).kind == "i64")
    present = [pl.col(c.name) if c.name in names else pl.lit(None, pl.String).alias(c.name) for c in contract.columns]
    whole = rows.with_columns(
        _own_key=pl.concat_list(_escaped(name) for name in contract.key).list.join('","'),
        _row=pl.struct(names).struct.json_encode() if rows.height else pl.lit("{}"),
    )
    own = {name: pl.lit(place[name][0], dtype=place.schema[name]) for name in TRACE}
    own |= {"record_key": '["' + pl.col("_own_key") + '"]', "payload": pl.col("_row")}
    known = pl.col("_record_set").is_not_null()
    trace = [pl.when(known).then(pl.col(f"_{n}")).otherwise(own[n]).alias(n) for n in TRACE]
    raw = [e.alias(raw_of(c)) for e, c in zip(present, contract.columns, strict=True)]
    return whole.select(*trace, *raw, "said").lazy()


def _escaped(name: str) -> pl.Expr:
    return pl.col(name).fill_null("null").str.replace_all(r'(["\\\\])', r"\$1")


def unread(answer: Answer) -> pl.LazyFrame:
    """The source rows an answer left out (`REJECTED_SCHEMA`)."""
    named = answer.unread.lazy().rename({f"_{n}": n for n in TRACE})
    return named.with_columns(reason=pl.lit("unreadable_value")).select(*REJECTED_SCHEMA)


def finding(place: pl.DataFrame, reason: str, message: str) -> pl.LazyFrame:
    """One row of `REJECTED_SCHEMA` about a mapping as a whole."""
    said = place.with_columns(reason=pl.lit(reason), message=pl.lit(f"{reason}: {message}"))
    return said.lazy().select(*REJECTED_SCHEMA)


def finding_place(source: str, adapter: Adapter, mapped: Mapped, latest_at: datetime | None) -> pl.DataFrame:
    """The `TRACE` of what has no record of its own: the mapping itself."""
    told = {
        "record_set": f"{source}.{mapped.into}", "record_key": json.dumps([adapter.name, mapped.into]), "payload": "{}",
        "ingested_at": latest_at or LONG_AGO, "segment": f"mapping:{adapter.name}", "seq": 0,
    }  # fmt: skip
    return pl.DataFrame([told], schema={n: REJECTED_SCHEMA[n] for n in TRACE})


def _converted(
    rows: pl.DataFrame, column: str, conversion: Conversion, units: Mapping[str, Unit], *, whole: bool
) -> pl.DataFrame:
    """A value in the unit it shall be in; rows whose units do not convert are told in `said`, their value untouched.

    A row without a value needs no unit. Where the units are the same the text stays as it is.
    """
    wanted = pl.col(conversion.wanted) if conversion.wanted else pl.lit(conversion.unit, pl.String)
    rows = rows.with_columns(_from=pl.col(conversion.given), _to=wanted)
    pairs = rows.select("_from", "_to").unique()
    factors = [_factor(a, b, units) for a, b in pairs.iter_rows()]
    known = pairs.with_columns(_factor=pl.Series(factors, dtype=pl.Float64))
    rows = rows.with_row_index("_n").join(known, on=["_from", "_to"], how="left", nulls_equal=True).sort("_n")
    number = pl.col(column).cast(pl.Float64, strict=False)
    made = number / pl.col("_factor") if conversion.per else number * pl.col("_factor")
    text = (made.round(mode="half_to_even").cast(pl.Int64, strict=False) if whole else made).cast(pl.String)
    changed = pl.col("_factor").is_not_null() & (pl.col("_factor") != 1.0) & number.is_not_null()
    mismatch = pl.format(
        "unit_mismatch: {} is in '{}', wanted '{}'; valid: units of one dimension, or an entry in [units]",
        pl.lit(column), pl.col("_from").fill_null("nothing"), pl.col("_to").fill_null("nothing"),
    )  # fmt: skip
    wrong = pl.col("_factor").is_null() & pl.col(column).is_not_null()
    return rows.with_columns(
        pl.when(changed).then(text).otherwise(pl.col(column)).alias(column),
        said=pl.coalesce("said", pl.when(wrong).then(mismatch)),
    ).drop("_from", "_to", "_factor", "_n")


def _factor(given: str | None, wanted: str | None, units: Mapping[str, Unit]) -> float | None:
    """What a value is multiplied by; None where one of the units is not known or they do not convert."""
    if given is None or wanted is None:
        return None
    a, b = (units.get(word) or Unit(unit=word) for word in (given, wanted))
    between = factor(a.unit, b.unit)
    return None if between is None else between * a.factor / b.factor
