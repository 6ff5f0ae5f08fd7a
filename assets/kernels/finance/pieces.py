"""What pieces cost where a rate is per piece: piecework, outside work, a price a part.

A piece costs the rate of the hour it was counted in, whether it is good, scrap or rework: all of them were made.
"""

from __future__ import annotations

from collections.abc import Sequence

import polars as pl

from assets.kernels.axis import us
from assets.kernels.finance.rates import per_piece

_PIECES = ("good_pcs", "scrap_pcs", "rework_pcs")
_MICRO = 1_000_000


def with_piecework(
    rows: pl.DataFrame, counts: pl.LazyFrame, lines: pl.DataFrame, key: Sequence[str], kinds: Sequence[str]
) -> pl.DataFrame:
    """`rows` by `key` with the cost of their pieces added to each `<kind>_ucents`; null stays null.

    counts: silver.count_ledger. lines: `rates.timeline`.
    """
    held = lines.filter(pl.col("kind").is_in([per_piece(k) for k in kinds]))
    if held.is_empty():
        return rows
    counted = counts.filter(pl.col("order_id").is_not_null()).select(
        *key, at_us=us("hour_at"), made=pl.sum_horizontal(_PIECES)
    )
    met = counted.collect(engine="in-memory").join(held, on="machine")
    paid = met.filter(pl.col("from_us") <= pl.col("at_us"), pl.col("at_us") < pl.col("to_us"))
    by_rate = paid.group_by(*key, "kind", "rate_cents").agg(pl.col("made").sum())
    cost = (pl.col("made") * pl.col("rate_cents") * _MICRO).round().cast(pl.Int64)
    out = rows
    for kind in kinds:
        part = by_rate.filter(pl.col("kind") == per_piece(kind)).group_by(key).agg(piecework=cost.sum())
        out = out.join(part, on=key, how="left", nulls_equal=True).with_columns(
            pl.col(f"{kind}_ucents") + pl.col("piecework").fill_null(0)
        ).drop("piecework")  # fmt: skip
    return out
