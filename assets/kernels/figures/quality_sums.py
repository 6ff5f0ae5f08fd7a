"""Measures of inspections, of process capability, of maintenance and of metered energy."""

from __future__ import annotations

import polars as pl

from assets.kernels.axis import us
from assets.kernels.figures.hours import Hours
from assets.kernels.figures.time_sums import PLACE
from plant.kpi.measures import GROUPS

QUALITY = tuple(m.name for m in GROUPS["quality"])
_MILLION = 1_000_000
_FAR = 100 * _MILLION
"""Values further than 100 tolerance widths from the middle are gross errors: inspected, but in no spread."""
_OF = ("machine", "product", "characteristic")


def inspection_sums(inspections: pl.LazyFrame, machines: pl.DataFrame, hours: Hours) -> pl.DataFrame:
    """Sums per machine, hour, shift, order, product and characteristic, of inspections with an instant.

    A value is measured where it has both limits, the upper above the lower. Moving ranges run over the measured
    values of one machine, product and characteristic in the order of time, within a production day.
    """
    rows = inspections.filter(pl.col("at").is_not_null()).collect(engine="in-memory")
    placed = rows.join(machines.select(*PLACE), on="machine").with_columns(hours.track(pl.col("line")), at_us=us("at"))
    named = hours.named(hours.at(placed.drop_nulls("track"))).sort(*_OF, "at", "inspection_id")
    width = pl.col("usl") - pl.col("lsl")
    u = ((pl.col("value") - (pl.col("usl") + pl.col("lsl")) * 0.5) / width * _MILLION).round()
    near = pl.when((width > 0) & u.is_finite() & (u.abs() <= _FAR)).then(u).cast(pl.Int64)
    measured = named.with_columns(u=near)
    before = pl.col("u").drop_nulls().shift()
    ranges = (
        measured.filter(pl.col("u").is_not_null())
        .with_columns(step=(pl.col("u") - before.over(*_OF, "production_day")).abs())
        .select("inspection_id", "step")
    )
    whole = measured.join(ranges, on="inspection_id", how="left")
    return whole.group_by("production_day", *PLACE, "shift", "hour_at", "order_id", "product", "characteristic").agg(
        inspected_pcs=pl.len().cast(pl.Int64),
        passed_pcs=(pl.col("result") == "pass").sum().cast(pl.Int64),
        spc_n=pl.col("u").count().cast(pl.Int64),
        spc_u=pl.col("u").sum(),
        spc_u2=(pl.col("u") * pl.col("u")).sum(),
        spc_mr=pl.col("step").sum(),
        spc_mr_n=pl.col("step").count().cast(pl.Int64),
    )


def maintenance_sums(orders: pl.LazyFrame, machines: pl.DataFrame, hours: Hours, ends: pl.DataFrame) -> pl.DataFrame:
    """Corrective and preventive maintenance time per machine, hour and shift; open work runs to the ledger's end."""
    begun = orders.filter(pl.col("started_at").is_not_null()).collect(engine="in-memory")
    rows = begun.join(machines.select(*PLACE), on="machine").join(ends, on="site")
    spans = rows.select(
        *PLACE, "kind", hours.track(pl.col("line")), start_us=us("started_at"),
        end_us=pl.min_horizontal(us("ended_at"), "end_us"),
    )  # fmt: skip
    parts = hours.named(hours.cut(spans.drop_nulls("track")))
    of = {"cmt_us": "corrective", "pmt_us": "preventive"}
    split = [pl.col("part_us").filter(pl.col("kind") == kind).sum().alias(name) for name, kind in of.items()]
    return parts.group_by("production_day", *PLACE, "shift", "hour_at").agg(split)


def energy_sums(energy: pl.LazyFrame) -> pl.LazyFrame:
    """Metered energy per machine, hour, shift, order and product, and the time it covers."""
    return energy.group_by("production_day", *PLACE, "shift", "hour_at", "order_id", "product").agg(
        pl.col("energy_j").sum(), pl.col("duration_us").sum().cast(pl.Int64).alias("metered_us")
    )
