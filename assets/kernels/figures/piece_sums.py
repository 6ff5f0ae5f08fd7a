"""Measures of pieces, of their place in the routing of the order, and of the material in them."""

from __future__ import annotations

import polars as pl

from assets.kernels.figures.time_sums import PLACE, WORK
from plant.kpi.measures import GROUPS, ORDERS
from plant.states import OFF_SHIFT

SHARES = ("good_pcs", "scrap_pcs", "rework_pcs")
_MATERIAL = ("good", "rework", "scrap", "produced", "quarantined")
MEASURES = (
    *(m.name for m in GROUPS["pieces"]), *(f"{name}_material_mcents" for name in _MATERIAL), "unvalued_pcs",
)  # fmt: skip
_PLANNED = [m for m in MEASURES if m.startswith("planned_")]
_DEPTH = 10
"""Levels of a bill of material that are followed; deeper ones, and bills that contain themselves, have no cost."""
ORDER_PCS = ("order_pcs", "order_scrap_pcs", "order_quarantined_pcs")
assert {m.name for m in ORDERS} >= set(ORDER_PCS)


def piece_sums(counts: pl.LazyFrame, routing: pl.LazyFrame, costs: pl.LazyFrame) -> pl.LazyFrame:
    """Measures of each row of the count ledger: production_day, PLACE, shift, hour_at, WORK and `MEASURES`.

    Rows of the same machine, hour, shift and work are not summed yet. `counts` is silver.count_ledger, `routing` what
    `routing` gives, `costs` what `material_costs` gives.
    """
    rated = with_ideal(counts).with_columns(gap_parts())
    placed = rated.join(routing, on=["order_id", "operation"], how="left").join(costs, on="product", how="left")
    first, last = (pl.col(c).fill_null(value=False) for c in ("first_op", "last_op"))
    routed = pl.col("first_op").is_not_null()
    ending = last.cast(pl.Int64) * pl.col("material_mcents").fill_null(0)
    worth = {
        "good": pl.col("good_pcs") * ending, "rework": pl.col("rework_pcs") * ending,
        "produced": pl.col("produced_pcs") * ending,
        "scrap": pl.col("scrap_pcs") * routed * pl.col("material_mcents").fill_null(0),
        "quarantined": pl.col("quarantined_pcs") * routed * pl.col("material_mcents").fill_null(0),
    }  # fmt: skip
    inside = (pl.col("shift") != OFF_SHIFT).cast(pl.Int64)
    whole = placed.with_columns(
        *((pl.col(name.removeprefix("planned_")) * inside).alias(name) for name in _PLANNED),
        *((pl.col(f"{name}_pcs") * flag).alias(to) for to, name, flag in (
            ("routed_pcs", "produced", routed), ("routed_scrap_pcs", "scrap", routed),
            ("routed_quarantined_pcs", "quarantined", routed), ("first_op_pcs", "produced", first),
            ("first_op_scrap_pcs", "scrap", first), ("first_op_quarantined_pcs", "quarantined", first))),
        *(value.alias(f"{name}_material_mcents") for name, value in worth.items()),
        (pl.col("produced_pcs") * (routed & pl.col("material_mcents").is_null())).alias("unvalued_pcs"),
    )  # fmt: skip
    return whole.select("production_day", *PLACE, "shift", "hour_at", *WORK, pl.col(MEASURES).cast(pl.Int64))


def with_ideal(counts: pl.LazyFrame) -> pl.LazyFrame:
    """The count ledger with produced pieces and their ideal time split by good, scrap and rework.

    A row holds one product, so the split is exact; the remainder of a division stays with good pieces,
    so the parts always sum to `ideal_us`. Pieces without an ideal cycle are `unrated_pcs`, ideal time 0.
    """
    produced = pl.sum_horizontal(*SHARES)
    rated = counts.with_columns(produced.alias("produced_pcs")).with_columns(
        pl.when(pl.col("ideal_us").is_null()).then(pl.col("produced_pcs")).otherwise(0).alias("unrated_pcs"),
        pl.col("ideal_us").fill_null(0),
    )
    return rated.with_columns(_split("ideal_us", ""))


def gap_parts() -> list[pl.Expr]:
    """Ideal time of pieces of a gap, split as the pieces of the row."""
    gap = pl.col("gap_ideal_us").fill_null(0)
    return [gap.alias("gap_ideal_us"), *(part for part in _split("gap_ideal_us", "gap_"))]


def _split(column: str, prefix: str) -> list[pl.Expr]:
    whole, pieces = pl.col(column).fill_null(0), pl.max_horizontal("produced_pcs", 1)
    scrap, rework = whole * pl.col("scrap_pcs") // pieces, whole * pl.col("rework_pcs") // pieces
    return [
        scrap.alias(f"{prefix}scrap_ideal_us"),
        rework.alias(f"{prefix}rework_ideal_us"),
        (whole - scrap - rework).alias(f"{prefix}good_ideal_us"),
    ]


def routing(operations: pl.LazyFrame) -> pl.LazyFrame:
    """Operations of orders: order_id, operation, first_op, last_op (bool) by the lowest and highest `seq`."""
    found = operations.group_by("order_id", "operation").agg(pl.col("seq").min())
    edges = operations.group_by("order_id").agg(low=pl.col("seq").min(), high=pl.col("seq").max())
    return found.join(edges, on="order_id").select(
        "order_id", "operation", first_op=pl.col("seq") == pl.col("low"), last_op=pl.col("seq") == pl.col("high")
    )


def material_costs(bills: pl.LazyFrame, materials: pl.LazyFrame) -> pl.LazyFrame:
    """Raw material of one piece of each product with a bill: product, material_mcents (thousandths of a cent).

    Bills are followed down to materials without a bill, at standard cost. A product has no row where a material
    has no standard cost, or its bill is deeper than ten levels.
    """
    lines = bills.select("product", "component", "qty_per_pc").collect(engine="in-memory")
    price = materials.select(component="material", cents="standard_cost_cents").collect(engine="in-memory")
    made = lines.select(parent="product", part="component", each="qty_per_pc")
    open_lines, done = lines, []
    for _ in range(_DEPTH):
        deeper = open_lines.join(made, left_on="component", right_on="parent", how="left")
        done.append(deeper.filter(pl.col("part").is_null()).select("product", "component", "qty_per_pc"))
        open_lines = deeper.filter(pl.col("part").is_not_null()).select(
            "product", component="part", qty_per_pc=pl.col("qty_per_pc") * pl.col("each")
        )
    endless = open_lines["product"].unique().implode()
    priced = pl.concat(done).join(price, on="component", how="left").filter(~pl.col("product").is_in(endless))
    whole = (
        priced.sort("product", "component", "qty_per_pc")
        .group_by("product", maintain_order=True)
        .agg(cost=(pl.col("qty_per_pc") * pl.col("cents")).sum(), known=pl.col("cents").is_not_null().all())
    )
    cost = (pl.col("cost") * 1000).round().cast(pl.Int64)
    return whole.filter("known").select("product", material_mcents=cost).lazy()
