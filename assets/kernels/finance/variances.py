"""From actual to standard in levels, each rounded to the cent once; the parts are what lies between two levels.

    actual -> at standard price -> without standing time -> without unknown time -> for the pieces made (standard)
           -> for the good pieces (standard cost) -> for the planned pieces

Differences of neighbouring levels add up to the difference of the ends whatever the rounding, so nothing is spread over
parts afterwards. A half cent goes up. A level that is not known makes the parts beside it null, and the variance null
where it is one of its ends.
"""

from __future__ import annotations

import polars as pl

LEVELS = ("actual", "at_price", "running", "heard", "made", "standard", "planned")
"""Levels in millionths of a cent; `at_price` is the actual quantity at the standard price."""
PARTS = ("price", "downtime", "unknown", "quantity", "yield", "volume")
"""What lies between two levels; quantity is usage for material and energy, efficiency for time."""
BY_QUANTITY = ("material", "energy")
_MICRO = 1_000_000


def cents(ucents: pl.Expr) -> pl.Expr:
    """Whole cents of millionths of a cent; a half goes up."""
    return (ucents.round().cast(pl.Int64) + _MICRO // 2).floordiv(_MICRO)


def explained(rows: pl.DataFrame) -> pl.DataFrame:
    """`rows` (component and `LEVELS`) with the money columns of gold.order_costs except scrap_cents."""
    rounded = rows.with_columns(cents(pl.col(level)).alias(f"_{level}") for level in LEVELS)
    pairs = zip(PARTS, LEVELS, LEVELS[1:], strict=False)
    parts = {part: pl.col(f"_{high}") - pl.col(f"_{low}") for part, high, low in pairs}
    usage = pl.col("component").is_in(BY_QUANTITY)
    nothing = pl.when(parts["quantity"].is_not_null()).then(pl.lit(0, pl.Int64))
    return rounded.with_columns(
        actual_cents="_actual", standard_cents="_standard", planned_cents="_planned",
        variance_cents=pl.col("_actual") - pl.col("_standard"), price_variance_cents=parts["price"],
        usage_variance_cents=pl.when(usage).then(parts["quantity"]).otherwise(nothing),
        efficiency_variance_cents=pl.when(usage).then(nothing).otherwise(parts["quantity"]),
        downtime_variance_cents=parts["downtime"], unknown_variance_cents=parts["unknown"],
        yield_variance_cents=parts["yield"], volume_variance_cents=parts["volume"],
    )  # fmt: skip
