"""Two simulated days as the silver tables the order kernels read, and the truth of what the orders cost."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from pathlib import Path

import polars as pl
from ledger_run import Ledgers, run
from test_naive_demo import delivered

import simulator
from assets.kernels.finance.order_days import order_days
from assets.kernels.finance.rates import timeline
from assets.kernels.stock.ledger import ledger as stock_ledger
from assets.kernels.stock.sites import sites_of
from plant.calendar import clock
from plant.config import Plant, load
from plant.dimensions import machines_frame
from plant.tables import table
from simulator.enterprise.journal import known_at

FIRST, LAST = date(2026, 11, 17), date(2026, 11, 18)
WINDOW = datetime(2026, 11, 17, 5, tzinfo=UTC), datetime(2026, 11, 19, 5, tzinfo=UTC)
NAMED = {"operations": "operation_id", "work_orders": "order_id", "cost_rates": "rate_id", "materials": "material",
         "bom_lines": "bom_line_id", "stock_moves": "move_id", "locations": "location",
         "invoices": "invoice_id", "exchange_rates": "exchange_id"}  # fmt: skip


@dataclass(frozen=True)
class World:
    """A plant's ledgers and books of some days."""

    plant: Plant
    floor: simulator.Run
    ledgers: Ledgers
    books: dict[str, pl.DataFrame]
    first: date
    last: date

    def machines(self) -> pl.DataFrame:
        """The machines of plant.toml."""
        return machines_frame(self.plant)

    def lines(self) -> pl.DataFrame:
        """The rates by machine."""
        return timeline(self.books["cost_rates"], self.machines())

    def days(self) -> pl.DataFrame:
        """gold.order_days."""
        books = (self.books["operations"].lazy(), self.books["work_orders"].lazy())
        made = self.ledgers
        return order_days(
            made.time.lazy(), made.count.lazy(), made.energy.lazy(), *books, self.machines(), self.lines()
        )

    def touched(self) -> set[str]:
        """Orders on a machine while its signal was lost: what they took is bounded, not known."""
        around = pl.duration(minutes=2)  # a meter is heard once a minute: what it gained in a gap is spread to there
        lost = self.floor.truth["lost"].select(
            "machine", lost_from=pl.col("start_at") - around, lost_to=pl.col("end_at") + around
        )
        met = (
            self.floor.truth["intervals"]
            .join(lost, on="machine")
            .filter(pl.col("lost_from") < pl.col("end_at"), pl.col("lost_to") > pl.col("start_at"))
        )
        return set(met["order_id"].drop_nulls())


def world(seed: int = 7, window: tuple[datetime, datetime] = WINDOW, days: tuple[date, date] = (FIRST, LAST)) -> World:
    """Simulate and build the silver tables."""
    plant = load(Path(__file__).parents[2] / "plant.toml")
    floor = simulator.plant_run(plant, seed, *window)
    tags = [f"{m.name}.{t.name}" for m, t in plant.tags() if t.role == "energy"]
    data = delivered(floor)
    metered = _samples(floor.samples.filter(pl.col("tag").is_in(tags)))
    made = run(plant, replace(data, bronze=pl.concat([data.bronze, metered])), *days)
    books = {name: _table(floor, name, key) for name, key in NAMED.items()}
    sites = {s.name: (s.timezone, clock(s.day_start)) for s in plant.file.site}
    moved = stock_ledger(books["stock_moves"].lazy(), books["locations"].lazy(), sites, sites_of(plant))
    return World(plant, floor, made, books | {"stock_ledger": moved.collect()}, *days)


def _samples(rows: pl.DataFrame) -> pl.DataFrame:
    said = rows.with_row_index("seq").with_columns(
        date=pl.col("ts").dt.date(), text=pl.lit(None, pl.String), server_at=None, received_at=pl.col("ts"),
        source=pl.lit("plc"), segment=pl.lit("e"),
    )  # fmt: skip
    return said.select(pl.col(c).cast(t) for c, t in table("bronze.readings").schema.items())


def _table(floor: simulator.Run, name: str, key: str) -> pl.DataFrame:
    current = known_at(floor.tables[name], int(floor.end_at.timestamp() * 1e6)).rename({"id": key})
    silver = "bills_of_material" if name == "bom_lines" else name
    said = current.with_columns(pl.lit(None).alias(c) for c in table(f"silver.{silver}").schema if c not in current)
    return said.select(pl.col(c).cast(t) for c, t in table(f"silver.{silver}").schema.items())
