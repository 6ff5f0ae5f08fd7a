"""gold.oee: the time accounts, pieces, ratios and bounds of every machine and shift after ISO 22400-2.

A roll-up of gold.kpi_sums. The ratios are those declared in `plant.kpi`, so this table and gold.kpi never differ:

* availability = APT / (PBT - unknown), effectiveness = ideal time of produced pieces / APT, quality = good /
  produced, OEE = their product (APT cancelled: 0, not null, where nothing ran); pieces counted over time
  without a signal are in the counts, not in effectiveness and OEE;
* `oee_low`, `oee_high`: least and greatest OEE over all that may have been in unknown time and behind quarantined
  counts (`plant.kpi.scenarios`); low <= oee <= high, all three null where nothing was planned or no ideal cycle
  is known.
"""

from __future__ import annotations

import polars as pl

from assets.kernels.figures.kpi import figures
from assets.kernels.figures.sums import scaled
from plant.kpi.catalogue import BY_NAME
from plant.kpi.measures import NAMES
from plant.kpi.needs import NEEDS, NO_COUNTER, NO_IDEAL, NO_SIGNAL, NOTHING_PLANNED, QUARANTINED
from plant.states import OFF_SHIFT
from plant.tables import table

COLUMNS = [c for c in table("gold.oee").schema if c not in {"revision", "known_from"}]
PLACE = ("site", "area", "line", "machine")
_RATIOS = {"availability": "availability", "effectiveness": "effectiveness", "quality": "quality_ratio", "oee": "oee",
           "coverage": "coverage"}  # fmt: skip


def oee(sums: pl.LazyFrame, shifts: pl.LazyFrame) -> pl.LazyFrame:
    """One row a machine, shift and production day out of gold.kpi_sums; `shifts` is what `shift_bounds` gives.

    A shift that still runs counts up to the end of the ledger. Time outside every shift ('off') has a row
    only where the machine ran or pieces were counted; its ratios are null, nothing was planned. `start_at`, `end_at`
    are those of the shift in the calendar, outside every shift those of the hours with a row.
    """
    cells = sums.filter(pl.col("machine").is_not_null(), pl.col("shift").is_not_null()).group_by(
        "production_day", *PLACE, "shift"
    )
    first, last = pl.col("hour_at").min(), pl.col("hour_at").max() + pl.duration(hours=1)
    rows = cells.agg(pl.col(NAMES).sum(), first_at=first, last_at=last, characteristics=pl.lit(0))
    ran = (pl.col("overtime_us") > 0) | (pl.col("produced_pcs") > 0)
    asked = [BY_NAME[name] for name in _RATIOS.values()]
    judged = figures(rows.filter((pl.col("shift") != OFF_SHIFT) | ran), asked).lazy()
    placed = judged.join(shifts, on=["production_day", "line", "shift"], how="left")
    planned = pl.col("pbt_us") > 0
    oee_kpi = pl.col("oee").struct
    return placed.select(
        "production_day", *PLACE, "shift",
        pl.coalesce("start_at", "first_at").alias("start_at"), pl.coalesce("end_at", "last_at").alias("end_at"),
        *(_seconds(name) for name in ("pot", "pbt", "apt", "aust", "adet", "adot", "unknown")),
        *(f"{name}_pcs" for name in ("produced", "good", "scrap", "rework")), _ideal(),
        *(pl.col(name).struct.field("value").alias(column) for column, name in _RATIOS.items()),
        oee_low=pl.when(planned).then(oee_kpi.field("value_low")),
        oee_high=pl.when(planned).then(oee_kpi.field("value_high")),
        note=_note(),
    ).select(COLUMNS).sort("production_day", "machine", "start_at")  # fmt: skip


def shift_bounds(segments: pl.LazyFrame) -> pl.LazyFrame:
    """Start and end of each shift from the calendar's segments; 'off' has none, it is many stretches."""
    worked = segments.filter(pl.col("shift") != OFF_SHIFT)
    return worked.group_by("production_day", "line", "shift").agg(
        pl.col("shift_start_at").min().alias("start_at"), pl.col("shift_end_at").max().alias("end_at")
    )


def _seconds(name: str) -> pl.Expr:
    return scaled(pl.col(f"{name}_us"), 1_000_000, 6).alias(f"{name}_s")


def _counts() -> pl.Expr:
    return pl.sum_horizontal(*NEEDS["pieces"][0].measures()) > 0


def _ideal() -> pl.Expr:
    rated = (pl.col("unrated_pcs") == 0) & _counts()
    return pl.when(rated).then(scaled(pl.col("ideal_us"), 1_000_000, 6)).alias("ideal_s")


def _note() -> pl.Expr:
    """Everything to say about the row: why ratios are null, and findings that stand beside a value."""
    effectiveness = pl.col("effectiveness").struct
    nothing = pl.when(pl.col("pbt_us") == 0).then(pl.lit(NOTHING_PLANNED))
    blind = pl.when((pl.col("pbt_us") > 0) & (pl.col("pbt_us") == pl.col("unknown_us"))).then(pl.lit(NO_SIGNAL))
    mute = pl.when(~_counts()).then(pl.lit(NO_COUNTER))
    unrated = pl.when(pl.col("unrated_pcs") > 0).then(pl.lit(NO_IDEAL))
    fast = pl.when(effectiveness.field("value").is_not_null()).then(effectiveness.field("note"))
    doubled = pl.when((pl.col("quarantined_pcs") > 0) & fast.is_null()).then(pl.lit(QUARANTINED))
    text = pl.concat_str([nothing, blind, mute, unrated, fast, doubled], separator="; ", ignore_nulls=True)
    return pl.when(text != "").then(text)
