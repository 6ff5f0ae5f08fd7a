"""gold.oee: the time accounts, pieces, ratios and bounds of every machine and shift after ISO 22400-2.

The ratios are those declared in `assets.kernels.figures.kpi_definitions`, so this table and gold.kpi never differ:

* availability = APT / (PBT - unknown), effectiveness = ideal time of produced pieces / APT,
  quality = good / produced, OEE = their product (APT cancelled: 0, not null, where nothing ran);
* `oee_low` = effective time / PBT: all unknown time had been loss;
* `oee_high` = (effective time + unknown x max(1, OEE)) / PBT: all unknown time had been perfect production
  at the ideal rate, or at the rate seen where that is higher. Where counts are quarantined, the production
  time may at best have been perfect as well;
* low <= oee <= high, all three null where nothing was planned or no ideal cycle is known.
"""

from __future__ import annotations

import polars as pl

from assets.kernels.figures.kpi import (
    NO_COUNTER,
    NO_IDEAL,
    NO_SIGNAL,
    NOTHING_PLANNED,
    QUARANTINED,
    high,
    low,
    note,
    value,
)
from assets.kernels.figures.kpi_definitions import BY_NAME
from assets.kernels.figures.sums import PLACE, scaled
from plant.states import OFF_SHIFT
from plant.tables import table

COLUMNS = [c for c in table("gold.oee").schema if c not in {"revision", "known_from"}]


def oee(sums: pl.LazyFrame) -> pl.LazyFrame:
    """One row a machine, shift and production day out of `assets.kernels.figures.sums.sums`.

    A shift that still runs counts up to the end of the ledger. Time outside every shift ('off') has a row
    only where the machine ran or pieces were counted; its ratios are null, nothing was planned.
    """
    inside = (pl.col("shift") != OFF_SHIFT) | pl.col("ran") | (pl.col("produced_pcs") > 0)
    piece_ideal = pl.when((pl.col("unrated_pcs") == 0) & pl.col("counting")).then(
        scaled(pl.col("ideal_us"), 1_000_000, 6)
    )
    oee_kpi = BY_NAME["oee"]
    planned = pl.col("pbt_us") > 0
    rows = sums.filter(inside).select(
        "production_day", *PLACE, "shift", "start_at", "end_at",
        *(_seconds(name) for name in ("pot", "pbt", "apt", "aust", "adet", "adot", "unknown")),
        *(f"{name}_pcs" for name in ("produced", "good", "scrap", "rework")),
        piece_ideal.alias("ideal_s"),
        value(BY_NAME["availability"]).alias("availability"), value(BY_NAME["effectiveness"]).alias("effectiveness"),
        value(BY_NAME["quality_ratio"]).alias("quality"),
        value(oee_kpi).alias("oee"),
        pl.when(planned).then(low(oee_kpi)).alias("oee_low"), pl.when(planned).then(high(oee_kpi)).alias("oee_high"),
        value(BY_NAME["coverage"]).alias("coverage"),
        _note().alias("note"),
    )  # fmt: skip
    return rows.select(COLUMNS).sort("production_day", "machine", "start_at")


def _seconds(name: str) -> pl.Expr:
    return scaled(pl.col(f"{name}_us"), 1_000_000, 6).alias(f"{name}_s")


def _note() -> pl.Expr:
    """Everything to say about the row: why ratios are null, and findings that stand beside a value."""
    nothing = pl.when(pl.col("pbt_us") == 0).then(pl.lit(NOTHING_PLANNED))
    blind = pl.when((pl.col("pbt_us") > 0) & (pl.col("pbt_us") == pl.col("unknown_us"))).then(pl.lit(NO_SIGNAL))
    mute = pl.when(~pl.col("counting")).then(pl.lit(NO_COUNTER))
    unrated = pl.when(pl.col("unrated_pcs") > 0).then(pl.lit(NO_IDEAL))
    fast = pl.when(value(BY_NAME["effectiveness"]).is_not_null()).then(note(BY_NAME["effectiveness"]))
    doubled = pl.when((pl.col("quarantined_pcs") > 0) & fast.is_null()).then(pl.lit(QUARANTINED))
    text = pl.concat_str([nothing, blind, mute, unrated, fast, doubled], separator="; ", ignore_nulls=True)
    return pl.when(text != "").then(text)
