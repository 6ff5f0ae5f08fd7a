"""Tag contracts that a sample keeps or breaks beside the one before it: rate, direction, silence.

Flags are a function of the stored samples in order of source time, whatever order they came in. The sample before is
the one before in time, of a cumulative tag the last with a value that holds; which of two is the wrong one cannot be
told, so both steps of a spike are flagged.
"""

from __future__ import annotations

import polars as pl

from assets.kernels.axis import us
from assets.kernels.counting.steps import CUMULATIVE
from assets.kernels.openings import holds

MEASURED = ("power", "temperature", "vibration", "pressure", "flow", "speed", "other")
"""Roles of numbers that may rise and fall: counters have rules of their own."""


def contracted(rows: pl.LazyFrame, named: pl.DataFrame) -> pl.LazyFrame:
    """Flag samples `too_fast`, `backwards` or `after_silence`; the first two become uncertain where they are good.

    `rows` are `openings.ROW` sorted by order, beginning with what was carried in; `named` are the tags by index. A
    flag that is there already stays.
    """
    if all(named[c].null_count() == named.height for c in ("stale_us", "max_rate_per_s", "monotone")):
        return rows
    useful = holds() | ~pl.col("index").is_in(_indices(named, CUMULATIVE))
    place = pl.when(useful).then(pl.int_range(pl.len(), dtype=pl.UInt32)).forward_fill().shift()
    same = pl.col("index").gather("place") == pl.col("index")
    before = {f"{c}_before": pl.when(same).then(pl.col(c).gather("place")) for c in ("since_at", "value")}
    beside = rows.with_columns(place=place).with_columns(**before)
    passed, rise = us("since_at") - us("since_at_before"), pl.col("value") - pl.col("value_before")
    rate, way, stale = (_of(named, c) for c in ("max_rate_per_s", "way", "stale_us"))
    wrong = (
        pl.when((rise.abs() * 1e6 > rate * passed).fill_null(value=False)).then(pl.lit("too_fast"))
        .when((rise * way < 0).fill_null(value=False)).then(pl.lit("backwards"))
    )  # fmt: skip
    silent = pl.when((passed > stale).fill_null(value=False)).then(pl.lit("after_silence"))
    told = beside.with_columns(wrong=pl.when(pl.col("flag").is_null()).then(wrong), silent=silent)
    doubtful = pl.col("wrong").is_not_null() & (pl.col("quality") == "good")
    return told.with_columns(
        flag=pl.coalesce("flag", "wrong", "silent"),
        quality=pl.when(doubtful).then(pl.lit("uncertain")).otherwise("quality"),
    ).drop("place", "since_at_before", "value_before", "wrong", "silent")


def _indices(named: pl.DataFrame, roles: tuple[str, ...]) -> list[int]:
    return named.filter(pl.col("role").is_in(roles))["index"].to_list()


def _of(named: pl.DataFrame, column: str) -> pl.Expr:
    """A setting by the row's index; null where it does not apply."""
    measured = pl.col("role").is_in(MEASURED)
    way = pl.col("monotone").replace_strict({"rising": 1.0, "falling": -1.0}, default=None, return_dtype=pl.Float64)
    chosen = {"way": way, "max_rate_per_s": pl.when(measured).then("max_rate_per_s"), "stale_us": pl.col("stale_us")}
    return pl.lit(named.select(chosen[column]).to_series().rechunk()).gather(pl.col("index"))
