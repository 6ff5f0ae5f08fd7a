"""Cost and lead time of orders against what the simulated plant knows of them, item by item and bucket by bucket."""

from __future__ import annotations

from pathlib import Path

import polars as pl

from assets.kernels.finance.lead_time import BUCKETS
from warehouse.lake import Lake

METERED = "energy"
"""Read once a minute and by production day: proved as a balance (`energy balance`), not to the cent."""
BUCKET_OF = {
    "production": "run_us", "setup": "setup_us", "delay": "interrupted_us", "planned_down": "planned_us",
    "not_scheduled": "not_scheduled_us", "queue": "queue_us", "wait": "wait_us",
}  # fmt: skip
_ITEM = ["order_id", "component", "item"]


def cents_off(lake: Lake, truth: Path) -> tuple[int, int, int] | None:
    """Largest difference of a cost in cents, how many were compared, and orders left out for a lost signal.

    None where there is nothing to compare: an older truth, or no order that ended.
    """
    found = _sure(lake, truth, "costs.parquet", "gold.order_costs")
    if found is None:
        return None
    true, left_out = found
    ours = lake.scan("gold.order_costs").filter(~pl.col("open")).select(*_ITEM, "actual_cents").collect()
    mine = ours.join(true.select("order_id").unique(), on="order_id", how="semi")
    both = true.join(mine, on=_ITEM, how="full", coalesce=True).filter(pl.col("component") != METERED)
    # A cost that is not known is no cost of nothing: it differs by all of it.
    off = both.select((pl.col("cents").fill_null(0) - pl.col("actual_cents").fill_null(0)).abs().max()).item()
    return int(off or 0), both.height, left_out


def time_off_us(lake: Lake, truth: Path) -> tuple[int, int, int] | None:
    """The same for the buckets of the lead time, in microseconds."""
    found = _sure(lake, truth, "order_times.parquet", "gold.order_performance")
    if found is None:
        return None
    true, left_out = found
    told = true.with_columns(pl.col("bucket").replace(BUCKET_OF))
    rows = lake.scan("gold.order_performance").select("order_id", *BUCKETS).collect()
    long = rows.unpivot(index="order_id", variable_name="bucket", value_name="ours_us")
    mine = long.join(told.select("order_id").unique(), on="order_id", how="semi")
    both = mine.join(told, on=["order_id", "bucket"], how="left").with_columns(pl.col("duration_us").fill_null(0))
    off = both.select((pl.col("duration_us") - pl.col("ours_us")).abs().max()).item()
    return int(off or 0), both.height, left_out


def _sure(lake: Lake, truth: Path, file: str, name: str) -> tuple[pl.DataFrame, int] | None:
    """The truth of orders on machines that were heard, and how many orders are left out."""
    if not (truth / file).exists() or lake.version(name) is None:
        return None
    true = pl.read_parquet(truth / file)
    around = pl.duration(minutes=2)
    lost = pl.read_parquet(truth / "lost.parquet").select(
        "machine", lost_from=pl.col("start_at") - around, lost_to=pl.col("end_at") + around
    )
    hit = pl.read_parquet(truth / "intervals.parquet").join(lost, on="machine").filter(
        pl.col("lost_from") < pl.col("end_at"), pl.col("lost_to") > pl.col("start_at")
    )  # fmt: skip
    kept = true.join(hit.select("order_id").unique(), on="order_id", how="anti")
    return None if kept.is_empty() else (kept, true["order_id"].n_unique() - kept["order_id"].n_unique())
