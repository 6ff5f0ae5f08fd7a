"""The day tables by the stage that builds them, in the order they are brought up to date. One job builds a stage."""

from __future__ import annotations

from plant.tables import tables

READINGS = "silver.readings"
LEDGERS = ("silver.time_ledger", "silver.count_ledger", "silver.energy_ledger")
SUMS = "gold.kpi_sums"
NUMBERS = (SUMS, "gold.oee", "gold.yield", "gold.kpi")
COSTS = ("gold.losses", "gold.order_days")
ENERGY = ("gold.energy",)
INVENTORY = ("gold.inventory", "gold.space_use")
STAGES: dict[str, tuple[str, ...]] = {
    "readings": (READINGS,),
    "ledgers": LEDGERS,
    "numbers": NUMBERS,
    "costs": COSTS,
    "energy": ENERGY,
    "inventory": INVENTORY,
}
"""gold.energy is a stage of its own: its baseline makes one late day stale in the two weeks after it."""

STANDING: dict[str, tuple[str, ...]] = {
    "stock": (
        "gold.stock_differences", "gold.stock_ageing", "gold.stock_classes", "gold.replenishment", "gold.slotting",
    ),
    "supply": (
        "gold.supply_lines", "gold.supplier_performance", "gold.customer_performance", "gold.perfect_orders",
        "gold.lead_times", "gold.price_variance",
    ),
    "finance": (
        "gold.order_performance", "gold.operation_performance", "gold.order_costs", "gold.wip", "gold.cash_to_cash",
    ),
}  # fmt: skip
"""Gold tables kept whole, by the job that brings them up to date after the days: they say how things stand now.

A job runs when a table it reads has other files, plant.toml or the code is another (`pipelines.build`)."""

EDITS = ("silver.edits", "silver.retractions")
"""Tables kept whole that are made of bronze.edits; the other whole tables of silver are made of bronze.records."""


def whole() -> dict[str, tuple[str, ...]]:
    """The silver tables kept whole by the stage that builds them; brought up to date before the days."""
    silver = (n for n, t in tables().items() if t.layer == "silver" and t.write == "replace")
    return {"edits": EDITS, "enterprise": tuple(n for n in silver if n not in EDITS)}
