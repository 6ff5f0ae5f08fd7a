"""gold.kpi_sums of the tiny lake with a past: published, put right twice, signed off, and changed once more."""

from __future__ import annotations

from datetime import UTC, date, datetime
from pathlib import Path

import polars as pl

from plant.tables import table
from warehouse import refresh_changes, sign_off
from warehouse.lake import Lake

SUMS = table("gold.kpi_sums")
OF_OEE = {"pot_us": "pot_s", "pbt_us": "pbt_s", "apt_us": "apt_s", "aust_us": "aust_s", "adet_us": "adet_s",
          "adot_us": "adot_s", "unknown_us": "unknown_s"}  # fmt: skip
PIECES = ("produced_pcs", "good_pcs", "scrap_pcs", "rework_pcs")
CHANGED = "cnc-1"


def sums(oee: pl.DataFrame) -> pl.DataFrame:
    """One row a machine and shift; measures the tiny lake does not know are 0."""
    measures = [c.name for c in SUMS.columns if c.kind == "i64" and c.name not in SUMS.made_at_door]
    zero = oee.with_columns(pl.lit(0, pl.Int64).alias(m) for m in measures if m not in PIECES)
    told = zero.with_columns(
        *((pl.col(s) * 1_000_000).cast(pl.Int64).alias(us) for us, s in OF_OEE.items()), hour_at="start_at"
    ).with_columns(reference_us="pot_us", reference_counting_us="pot_us", pbt_counting_us="pbt_us",
                   apt_counting_us="apt_us", unknown_counting_us="unknown_us", planned_good_pcs="good_pcs",
                   planned_produced_pcs="produced_pcs", ideal_us=(pl.col("ideal_s") * 1_000_000).cast(pl.Int64),
                   planned_ideal_us=(pl.col("ideal_s") * 1_000_000).cast(pl.Int64), pot_counting_us="pot_us",
                   aupt_counting_us=pl.col("apt_us") + pl.col("aust_us"))  # fmt: skip
    good = (pl.col("ideal_us") * pl.col("good_pcs") / pl.max_horizontal("produced_pcs", 1)).cast(pl.Int64)
    told = told.with_columns(planned_good_ideal_us=good, good_ideal_us=good)
    empty = [pl.lit(None, t).alias(n) for n, t in SUMS.schema.items() if n not in told.columns]
    return told.with_columns(empty).select(n for n in SUMS.schema if n not in SUMS.made_at_door)


def fill(root: Path, oee: pl.DataFrame, days: list[date]) -> None:
    """First publication, late rows and a calendar edit of one machine, a sign-off, a reason put right."""
    rows = sums(oee)
    at = [datetime(2026, 11, 20, 7, 30, tzinfo=UTC), datetime(2026, 11, 20, 13, 5, tzinfo=UTC),
          datetime(2026, 11, 21, 8, 40, tzinfo=UTC)]  # fmt: skip
    moved = {"late rows": ("apt_us", 1_500), "calendar": ("pbt_us", 2_400), "reclassification": ("apt_us", 900)}
    short = [_less(rows, dict([moved[c] for c in left])) for left in (("late rows", "calendar"), ("calendar",), ())]
    for instant, frame, cause in zip(at, short, ("late rows", "late rows", "calendar"), strict=True):
        Lake(root, clock=lambda now=instant: now).replace_days(SUMS.name, frame, days, cause=cause)
    refresh_changes(root, at[0])
    sign_off(root, "availability", "machine", CHANGED, "day", datetime(2026, 11, 19, 5, tzinfo=UTC), "Ada", "as agreed")
    Lake(root).replace_days(SUMS.name, _less(rows, {"apt_us": -900}), days, cause="reclassification")
    refresh_changes(root)


def _less(rows: pl.DataFrame, seconds: dict[str, int]) -> pl.DataFrame:
    """Rows with so much less in the shift 'early' of the machine that changed."""
    mine = (pl.col("machine") == CHANGED) & (pl.col("shift") == "early")
    return rows.with_columns(
        pl.when(mine).then(pl.col(m) - 1_000_000 * s).otherwise(pl.col(m)).alias(m)
        for measure, s in seconds.items()
        for m in (measure, measure.replace("_us", "_counting_us"))
    )
