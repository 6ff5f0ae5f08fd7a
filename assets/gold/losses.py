"""gold.losses: where planned busy time went, by machine, shift and reason."""

# No `from __future__ import annotations`: Dagster compares the type of `context` itself, not its name.

import polars as pl

from assets.kernels.figures.losses import losses as lost
from assets.kernels.figures.sums import counting_machines
from assets.kernels.finance.loss_costs import worth
from assets.kernels.finance.rates import lines_of
from assets.partitions import DAYS, SINGLE_RUN
from plant.config import Plant
from plant.dimensions import ideal_frame

import dagster as dg  # isort: skip


@dg.asset(
    key=["gold", "losses"],
    ins={
        "time_ledger": dg.AssetIn(key=["silver", "time_ledger"]),
        "count_ledger": dg.AssetIn(key=["silver", "count_ledger"]),
        **{n: dg.AssetIn(key=["silver", n]) for n in ("cost_rates", "materials", "bills_of_material")},
    },
    partitions_def=DAYS,
    backfill_policy=SINGLE_RUN,
    group_name="gold",
    kinds={"polars", "delta"},
)
def losses(
    time_ledger: pl.LazyFrame, count_ledger: pl.LazyFrame, cost_rates: pl.LazyFrame, materials: pl.LazyFrame,
    bills_of_material: pl.LazyFrame, plant: dg.ResourceParam[Plant],
) -> pl.LazyFrame:  # fmt: skip
    """One row per machine, shift and reason."""
    bottlenecks = [m.name for m in plant.file.machine if m.bottleneck]
    value = worth(ideal_frame(plant), bottlenecks, materials.collect(), bills_of_material.collect())
    lines = lines_of(plant, cost_rates.collect())
    return lost(time_ledger, count_ledger, counting_machines(plant), lines, value)
