"""Whether the bounds of gold.kpi and gold.oee hold what really happened, machine by machine, shift by shift."""

from __future__ import annotations

import polars as pl

from pipelines.verbs.truth.cells import FIGURES
from warehouse.lake import Lake

BOUNDS_LIMIT = 0.01
"""Share of cells whose bounds may miss the truth."""
ROUNDING = 1e-9


def judged(lake: Lake, cells: pl.DataFrame) -> pl.DataFrame:
    """Every KPI of every cell beside its truth: kpi, machine, start_at, value, low, high, true, inside, open.

    Takes `pipelines.verbs.truth.cells.true_cells`. Where the truth is not defined (a ratio over nothing)
    there is no row. `open` cells claim no limit on at least one side; that side is not missed.
    """
    true = cells.unpivot(
        list(FIGURES), index=["machine", "start_at"], variable_name="kpi", value_name="true"
    ).drop_nulls()
    claims = lake.scan("gold.kpi").filter((pl.col("level") == "machine") & (pl.col("grain") == "shift"))
    claimed = claims.select(
        "kpi", "value", machine="scope", start_at="period_start", low="value_low", high="value_high"
    ).collect(engine="in-memory")
    both = true.join(claimed.filter(pl.col("kpi").is_in(list(FIGURES))), on=["kpi", "machine", "start_at"], how="left")
    slack = ROUNDING * (1 + pl.col("true").abs())
    above = (pl.col("true") >= pl.col("low") - slack).fill_null(value=True)
    below = (pl.col("true") <= pl.col("high") + slack).fill_null(value=True)
    return both.with_columns(inside=above & below, open=pl.col("low").is_null() | pl.col("high").is_null())


def by_kpi(rows: pl.DataFrame) -> pl.DataFrame:
    """`judged` rows summed by KPI: cells, missed, share inside, open ones, mean width of the closed bounds."""
    return rows.group_by("kpi", maintain_order=True).agg(
        cells=pl.len(), missed=(~pl.col("inside")).sum(), coverage=pl.col("inside").mean(),
        open=pl.col("open").sum(), width=(pl.col("high") - pl.col("low")).mean(),
    )  # fmt: skip
