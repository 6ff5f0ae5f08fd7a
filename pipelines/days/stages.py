"""The day tables by the stage that builds them, in the order they are brought up to date. One job builds a stage."""

from __future__ import annotations

from plant.tables import tables

READINGS = "silver.readings"
LEDGERS = ("silver.time_ledger", "silver.count_ledger", "silver.energy_ledger")
SUMS = "gold.kpi_sums"
NUMBERS = (SUMS, "gold.oee", "gold.losses", "gold.yield", "gold.kpi")
ENERGY = ("gold.energy",)
INVENTORY = ("gold.inventory",)
STAGES: dict[str, tuple[str, ...]] = {
    "readings": (READINGS,),
    "ledgers": LEDGERS,
    "numbers": NUMBERS,
    "energy": ENERGY,
    "inventory": INVENTORY,
}
"""gold.energy is a stage of its own: its baseline makes one late day stale in the two weeks after it."""

EDITS = ("silver.edits", "silver.retractions")
"""Tables kept whole that are made of bronze.edits; the other whole tables of silver are made of bronze.records."""


def whole() -> dict[str, tuple[str, ...]]:
    """The silver tables kept whole by the stage that builds them; brought up to date before the days."""
    silver = (n for n, t in tables().items() if t.layer == "silver" and t.write == "replace")
    return {"edits": EDITS, "enterprise": tuple(n for n in silver if n not in EDITS)}


def source_of(name: str) -> str:
    """The bronze table a whole table is made of."""
    return "bronze.edits" if name in EDITS else "bronze.records"
