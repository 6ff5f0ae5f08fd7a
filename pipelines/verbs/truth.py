"""The demo's proof: every number against the simulator's ground truth, machine by machine, shift by shift.

Only this module reads `root/truth`. Cells in which a signal was lost are counted apart: there the
numbers carry bounds, and what is proved is that nothing is claimed to be known.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import polars as pl

from warehouse.lake import Lake

TIME_LIMIT_S = 1.0
ENERGY_LIMIT = 0.001
ACCOUNTS = {"production": "apt_s", "setup": "aust_s", "delay": "adet_s", "down_no_order": "adot_s"}


@dataclass(frozen=True)
class Proof:
    """One comparison: the worst difference found, the limit, and over how many cells."""

    name: str
    worst: float
    limit: float
    unit: str
    cells: int
    left_out: int = 0

    @property
    def holds(self) -> bool:
        """True when at least one cell was compared and none is beyond the limit."""
        return self.cells > 0 and self.worst <= self.limit


def prove(lake: Lake, truth: Path) -> list[Proof]:
    """Compare gold and silver with the ground truth of a simulated plant."""
    oee = lake.scan("gold.oee").filter(pl.col("shift") != "off").collect()
    cells = with_full_signal(oee, pl.read_parquet(truth / "lost.parquet"))
    lost = oee.height - cells.height
    return [
        *pieces(cells, pl.read_parquet(truth / "pieces.parquet"), lost),
        times(cells, pl.read_parquet(truth / "intervals.parquet"), lost),
        energy(lake, pl.read_parquet(truth / "energy.parquet")),
        stock(lake, pl.read_parquet(truth / "stock.parquet")),
    ]


def with_full_signal(oee: pl.DataFrame, lost: pl.DataFrame) -> pl.DataFrame:
    """The machine shifts that no lost-signal window of the same machine touches."""
    windows = lost.select("machine", lost_from="start_at", lost_to="end_at")
    hit = oee.join(windows, on="machine").filter(
        (pl.col("lost_from") < pl.col("end_at")) & (pl.col("lost_to") > pl.col("start_at"))
    )
    return oee.join(hit.select("machine", "start_at").unique(), on=["machine", "start_at"], how="anti")


def pieces(cells: pl.DataFrame, truth: pl.DataFrame, lost: int) -> list[Proof]:
    """Good and scrap pieces per machine and shift; exact."""
    shifts = cells.select("machine", "start_at", "end_at").sort("start_at")
    booked = truth.sort("at").join_asof(
        shifts, left_on="at", right_on="start_at", by="machine", strategy="backward", check_sortedness=False
    )
    inside = booked.filter(pl.col("at") < pl.col("end_at"))
    sums = inside.group_by("machine", "start_at").agg(
        true_good=pl.col("good_pcs").sum(), true_scrap=pl.col("scrap_pcs").sum()
    )
    both = cells.join(sums, on=["machine", "start_at"], how="left").with_columns(pl.col("^true_.*$").fill_null(0))
    return [
        Proof(f"{kind} pieces", _worst(both, f"{kind}_pcs", f"true_{kind}"), 0, "pcs", both.height, lost)
        for kind in ("good", "scrap")
    ]


def times(cells: pl.DataFrame, truth: pl.DataFrame, lost: int) -> Proof:
    """Production, set-up, delay and no-order time per machine and shift."""
    spans = truth.select("machine", "account", t_from="start_at", t_to="end_at")
    pairs = cells.select("machine", "start_at", "end_at").join(spans, on="machine")
    cut = pairs.filter((pl.col("t_from") < pl.col("end_at")) & (pl.col("t_to") > pl.col("start_at")))
    length = pl.min_horizontal("t_to", "end_at") - pl.max_horizontal("t_from", "start_at")
    sums = cut.group_by("machine", "start_at", "account").agg(s=length.dt.total_microseconds().sum() / 1e6)
    worst = 0.0
    for account, column in ACCOUNTS.items():
        true = sums.filter(pl.col("account") == account).select("machine", "start_at", true_s="s")
        both = cells.join(true, on=["machine", "start_at"], how="left").with_columns(pl.col("true_s").fill_null(0.0))
        worst = max(worst, _worst(both, column, "true_s"))
    return Proof("time accounts", worst, TIME_LIMIT_S, "s", cells.height * len(ACCOUNTS), lost * len(ACCOUNTS))


def energy(lake: Lake, truth: pl.DataFrame) -> Proof:
    """Energy per machine over all days; the meter counts whole watt-hours, the truth is in joules."""
    booked = lake.scan("silver.energy_ledger").group_by("machine").agg(j=pl.col("energy_j").sum()).collect()
    true = truth.group_by("machine").agg(true_j=pl.col("energy_j").sum())
    both = true.join(booked, on="machine", how="left").with_columns(pl.col("j").fill_null(0))
    share = both.select(((pl.col("j") - pl.col("true_j")).abs() / pl.col("true_j")).max()).item()
    return Proof("energy balance", float(share or 0.0), ENERGY_LIMIT, "share", both.height)


def stock(lake: Lake, truth: pl.DataFrame) -> Proof:
    """On hand per material and location at the end; exact."""
    inventory = lake.scan("gold.inventory")
    last = inventory.filter(pl.col("production_day") == pl.col("production_day").max()).collect()
    both = truth.join(last, on=["material", "location"], how="full", coalesce=True).with_columns(
        pl.col("qty", "on_hand_qty").fill_null(0.0)
    )
    return Proof("on-hand stock", _worst(both, "on_hand_qty", "qty"), 1e-9, "units", both.height)


def _worst(frame: pl.DataFrame, ours: str, true: str) -> float:
    found = frame.select((pl.col(ours) - pl.col(true)).abs().max()).item()
    return float("inf") if found is None else float(found)
