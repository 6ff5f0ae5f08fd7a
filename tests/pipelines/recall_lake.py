"""A lake with the books of a simulated plant in which one lot is contaminated: silver as the assets would make it."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import polars as pl

import simulator
from assets.kernels.stock.ledger import ledger
from assets.kernels.stock.sites import sites_of
from plant.calendar import clock
from plant.config import load
from plant.contracts import ENTERPRISE
from plant.tables import table
from simulator.enterprise.journal import known_at
from simulator.instants import to_us
from warehouse.lake import Lake

PLANT = Path(__file__).parents[2] / "plant.toml"
START, END = datetime(2026, 11, 16, 5, tzinfo=UTC), datetime(2026, 11, 21, 5, tzinfo=UTC)
LOT = "lot-open-carton-shafts-1"  # packs every shaft: many orders and customers, and with it other cartons


def simulated(lot: str = LOT) -> simulator.Run:
    """Five days of the example plant with a contaminated lot."""
    return simulator.plant_run(load(PLANT), 7, START, END, contaminated=lot)


def fill(root: Path, run: simulator.Run) -> Lake:
    """The silver tables of a run's books."""
    lake = Lake(root)
    now = {name: known_at(frame, to_us(run.end_at)) for name, frame in run.tables.items()}
    for contract in ENTERPRISE:
        source = now.get(contract.name.removeprefix("silver.").replace("bills_of_material", "bom_lines"))
        if source is None:
            continue
        key = contract.columns[0].name
        told = source.rename({"id": key})
        untold = [pl.lit(None, c.dtype).alias(c.name) for c in contract.columns if c.name not in told.columns]
        lake.replace(contract.name, told.with_columns(untold).select(list(contract.schema)))
    moves = now["stock_moves"].rename({"id": "move_id"}).drop("updated_at").lazy()
    sites = {s.name: (s.timezone, clock(s.day_start)) for s in run.plant.file.site}
    where = lake.scan("silver.locations")
    lake.replace("silver.stock_ledger", ledger(moves, where, sites, sites_of(run.plant)).collect())
    readings = floor_readings(run)
    lake.replace_days("silver.readings", readings, readings["production_day"].unique().to_list())
    return lake


def floor_readings(run: simulator.Run) -> pl.DataFrame:
    """Sensor and alarm samples of one machine as clean readings, enough to be joined."""
    machine = "cnc-1"
    roles = {f"{m.name}.{t.name}": t.role for m, t in run.plant.tags() if m.name == machine}
    raw = run.samples.filter(
        pl.col("tag").is_in([t for t, r in roles.items() if r in ("temperature", "power", "alarm")])
    )
    made = {
        "production_day": pl.col("ts").dt.date(), "site": pl.lit("northmill"), "machine": pl.lit(machine),
        "role": pl.col("tag").replace_strict(roles, return_dtype=pl.String), "at": pl.col("ts"),
        "quality": pl.lit("good"), "opening": pl.lit(value=False), "since_at": pl.col("ts"), "source": pl.lit("sim"),
        "tag": pl.col("tag"), "value": pl.col("value"),
    }  # fmt: skip
    schema = table("silver.readings").schema
    return raw.select(made.get(n, pl.lit(None, t)).cast(t).alias(n) for n, t in schema.items())
