"""The demo's proof: every number against the simulator's ground truth, machine by machine, shift by shift.

Only this package reads `root/truth`. Point values are compared where no signal was lost (the other cells are
counted as left out): there every number is exact. Where signals were lost numbers carry bounds, and what is
proved, over all cells, is that the bounds hold what really happened.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import polars as pl

from pipelines.verbs.truth.bounds import BOUNDS_LIMIT, judged
from pipelines.verbs.truth.cells import CELL, cells_of, true_cells
from pipelines.verbs.truth.deliveries import differing
from pipelines.verbs.truth.orders import cents_off, time_off_us
from plant.config import Plant
from warehouse.lake import Lake

TIME_LIMIT_S = 1e-6
"""The historian writes changes of state with their instants to the microsecond: nothing is lost to sampling."""
OEE_LIMIT = 0.001
ENERGY_LIMIT = 0.001
TIMES = {"pot_s": "scheduled", "apt_s": "production", "aust_s": "setup", "adet_s": "delay", "adot_s": "down_no_order"}
"""Time column of gold.oee -> what it is in `true_cells`."""
RATIOS = {"availability": "availability", "effectiveness": "effectiveness", "quality": "quality_ratio"}


@dataclass(frozen=True)
class Proof:
    """One comparison: the worst difference found, the limit, and over how many cells.

    `expected`: the truth has something of this, so that no cell at all is a fault.
    """

    name: str
    worst: float
    limit: float
    unit: str
    cells: int
    left_out: int = 0
    expected: bool = True

    @property
    def holds(self) -> bool:
        """True when at least one cell was compared and none is beyond the limit."""
        return self.cells > 0 and self.worst <= self.limit

    @property
    def empty(self) -> bool:
        """True when nothing could be compared, rightly: nothing happened, or every cell was left out. No proof."""
        return self.cells == 0 and (self.left_out > 0 or not self.expected)


def proven(proofs: list[Proof]) -> bool:
    """True when something was proved and nothing differs."""
    return any(p.holds for p in proofs) and all(p.holds or p.empty for p in proofs)


def prove(lake: Lake, truth: Path, plant: Plant) -> list[Proof]:
    """Compare gold and silver with the ground truth of a simulated plant."""
    oee = cells_of(lake)
    true = true_cells(oee, truth, plant)
    named = true.select(*CELL, pl.exclude(*CELL).name.prefix("true_"))
    both = oee.join(named, on=CELL)
    windows = pl.read_parquet(truth / "lost.parquet")
    cells = with_full_signal(both, windows)
    lost, used = both.height - cells.height, pl.read_parquet(truth / "energy.parquet")
    by_shift = [
        *pieces(cells, lost),
        times(cells, lost),
        oee_error(cells, lost),
        ratios(cells, lost),
        bounds(judged(lake, true), with_full_signal(true, windows.filter(~pl.col("noticed")))),
    ]
    worked = scheduled(pl.read_parquet(truth / "intervals.parquet"))
    return [
        *(replace(p, expected=worked) for p in by_shift),
        energy(lake, counted(heard(used, windows))),
        stock(lake, pl.read_parquet(truth / "stock.parquet")),
        *orders(lake, truth),
        *deliveries(lake, truth, plant),
    ]


def scheduled(intervals: pl.DataFrame) -> bool:
    """True when any machine had a shift; a day without one has no cell to compare."""
    return bool((intervals["account"] != "not_scheduled").any())


def with_full_signal(cells: pl.DataFrame, lost: pl.DataFrame) -> pl.DataFrame:
    """The machine shifts that none of these windows of the same machine touches."""
    windows = lost.select("machine", lost_from="start_at", lost_to="end_at")
    hit = cells.join(windows, on="machine").filter(
        (pl.col("lost_from") < pl.col("end_at")) & (pl.col("lost_to") > pl.col("start_at"))
    )
    return cells.join(hit.select("machine", "start_at").unique(), on=["machine", "start_at"], how="anti")


def pieces(cells: pl.DataFrame, lost: int) -> list[Proof]:
    """Good and scrap pieces per machine and shift; exact."""
    return [
        Proof(
            f"{kind} pieces",
            _worst(cells, f"{kind}_pcs", pl.col(f"true_{kind}").fill_null(0)),
            0,
            "pcs",
            cells.height,
            lost,
        )
        for kind in ("good", "scrap")
    ]


def times(cells: pl.DataFrame, lost: int) -> Proof:
    """Scheduled, production, set-up, delay and no-order time per machine and shift."""
    worst = max(_worst(cells, ours, pl.col(f"true_{true}") / 1e6) for ours, true in TIMES.items())
    return Proof("time accounts", worst, TIME_LIMIT_S, "s", cells.height * len(TIMES), lost * len(TIMES))


def oee_error(cells: pl.DataFrame, lost: int) -> Proof:
    """OEE per machine and shift."""
    return Proof("OEE", _worst(cells, "oee", pl.col("true_oee")), OEE_LIMIT, "1", cells.height, lost)


def ratios(cells: pl.DataFrame, lost: int) -> Proof:
    """Availability, effectiveness and quality ratio per machine and shift."""
    worst = max(_worst(cells, ours, pl.col(f"true_{name}")) for ours, name in RATIOS.items())
    return Proof("availability, effectiveness, quality", worst, OEE_LIMIT, "1", cells.height * len(RATIOS),
                 lost * len(RATIOS))  # fmt: skip


def bounds(found: pl.DataFrame, noticed: pl.DataFrame) -> Proof:
    """Share of the bounds that miss the truth, among the cells in which every lost signal was `noticed`.

    A silence shorter than the tag's `stale_after` no source notices: nothing in the data tells it from the truth.
    """
    kept = found.join(noticed.select(CELL), on=CELL, how="semi")
    missed = float(kept.select((~pl.col("inside")).mean()).item() or 0.0)
    return Proof("bounds that miss the truth", missed, BOUNDS_LIMIT, "share", kept.height, found.height - kept.height)


def heard(energy: pl.DataFrame, lost: pl.DataFrame) -> pl.DataFrame:
    """True energy as far as meters were heard: a window that is still open at the end has not been read out yet."""
    open_at = lost.filter(pl.col("end_at") >= energy["end_at"].max()).select("machine", open_at="start_at")
    ends = energy.join(open_at, on="machine", how="left")
    return ends.filter((pl.col("end_at") <= pl.col("open_at")).fill_null(value=True)).drop("open_at")


def counted(energy: pl.DataFrame) -> pl.DataFrame:
    """True energy since each meter was first read: what went before is in no difference of two readings."""
    return energy.filter(pl.col("start_at") >= pl.col("end_at").min().over("machine"))


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
    return Proof("on-hand stock", _worst(both, "on_hand_qty", pl.col("qty")), 1e-9, "units", both.height)


def orders(lake: Lake, truth: Path) -> list[Proof]:
    """Cost of each order, item by item, and where its time went; nothing where none can be compared."""
    asked = (("cost of orders", "cents", cents_off), ("lead time of orders", "us", time_off_us))
    told = ((name, unit, found) for name, unit, ask in asked if (found := ask(lake, truth)) is not None)
    return [Proof(name, worst, 0, unit, cells, left) for name, unit, (worst, cells, left) in told]


def deliveries(lake: Lake, truth: Path, plant: Plant) -> list[Proof]:
    """Order lines of suppliers and customers, each date of each; none differs. Nothing where none can be compared."""
    found = differing(lake, truth, plant)
    return [] if found is None else [Proof("order lines judged wrongly", found[0], 0, "lines", found[1])]


def _worst(frame: pl.DataFrame, ours: str, true: pl.Expr) -> float:
    """Largest difference; infinite where only one of the two is null, or where there is nothing to compare."""
    off = (pl.col(ours) - true).abs()
    one_missing = pl.col(ours).is_null() != true.is_null()
    found = frame.select(pl.when(one_missing).then(float("inf")).otherwise(off).max()).item()
    return float("inf") if found is None else float(found)
