"""What the costs of a day are built from besides the ledgers: rates as far as they hold on it, orders under way."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime

import polars as pl

from assets.kernels.axis import INSTANT
from assets.kernels.finance.lead_time import spans
from pipelines.days.fingerprints import digest
from plant.config import Plant
from plant.dimensions import machines_frame

RATED = {"tariff", "machine", "site", "line", "area", "shift"}
"""Sections of plant.toml rates hang on: tariffs, and where a machine is."""
RateLine = tuple[str, str, int, int, float]
"""kind, machine, from_us, to_us, cents (`finance.rates.timeline`)."""


def rates_on(
    lines: Sequence[RateLine], bounds: Mapping[str, tuple[datetime, datetime]], sites: Mapping[str, str]
) -> str:
    """Hash of the rates that hold on a day, as far as they do: one that changes on another day touches nothing here.

    `bounds` of the day by site, `sites` of the machines: days of two sites are two stretches of time.
    """
    edges = {site: (_us(start), _us(end)) for site, (start, end) in bounds.items()}
    held = []
    for kind, machine, since, until, cents in lines:
        low, high = edges.get(sites[machine], (0, 0))
        if since < high and until > low:
            held.append((kind, machine, max(since, low), min(until, high), cents))
    return digest(*held)


def under_way(plant: Plant, operations: pl.LazyFrame, work_orders: pl.LazyFrame) -> pl.LazyFrame:
    """Orders from begin_at to end_at on the machine of their first operation, as `layers.SPANS` reads them."""
    machines = machines_frame(plant)
    # An order nobody has on a machine counts for any of its site: a hash is by machine.
    some = machines.group_by("site", maintain_order=True).agg(some=pl.col("machine").first())
    found = spans(operations, work_orders, machines).join(some, on="site")
    return (
        found.with_columns(pl.coalesce("machine", "some").alias("machine"))
        .lazy()
        .with_columns(pl.col(f"{edge}_us").cast(INSTANT).alias(f"{edge}_at") for edge in ("begin", "end"))
    )


def _us(at: datetime) -> int:
    return round(at.timestamp()) * 1_000_000
