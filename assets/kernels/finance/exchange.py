"""Money of other currencies in the plant's, at the rate of each line's own day; without a rate null, never 1.0."""

from __future__ import annotations

import polars as pl

from assets.kernels.axis import us

_EVER_US = -(2**61)


def in_plant_money(rows: pl.LazyFrame, rates: pl.LazyFrame, currency: str, at: str) -> pl.LazyFrame:
    """`rows` with `per_unit`: units of the plant's `currency` for one of the row's own.

    rates: silver.exchange_rates. at: the instant column the rate has to hold at. Null: no rate then, or no instant;
    a row that names no currency, or the plant's, has 1.
    """
    known = rates.select(
        pl.col("currency"), _from=us("valid_from_at").fill_null(_EVER_US),
        per_unit=pl.when(pl.col("rate") > 0).then("rate"),
    ).sort("_from", "per_unit", nulls_last=True)  # fmt: skip
    keyed = rows.with_row_index("_row").with_columns(_at=us(at)).sort("_at", nulls_last=True)
    found = keyed.join_asof(
        known, left_on="_at", right_on="_from", by="currency", strategy="backward", check_sortedness=False
    )
    own = pl.col("currency").is_null() | (pl.col("currency") == currency)
    worth = pl.when(own).then(1.0).otherwise(pl.col("per_unit"))
    return found.sort("_row").with_columns(per_unit=worth).drop("_row", "_at", "_from", strict=False)
