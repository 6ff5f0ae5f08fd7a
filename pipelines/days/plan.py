"""The plan: which stage has which stale days. The same plan drives `shopfloor build` and Dagster's sensor.

A day is stale when its inputs differ from its receipt, or when its files are not the ones it left behind.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

from pipelines.days.fingerprints import digest, fingerprints
from pipelines.days.inputs import Inputs, ranges
from pipelines.days.receipts import STAGES, inputs_hash
from plant.config import Plant
from warehouse.lake import Lake
from warehouse.state import State


@dataclass(frozen=True)
class Step:
    """The first stage with stale days: contiguous ranges of them, and a key that names this state of the data."""

    stage: str
    ranges: tuple[tuple[date, date], ...]
    key: str

    @property
    def days(self) -> int:
        """How many days are stale."""
        return sum((last - first).days + 1 for first, last in self.ranges)


def plan(plant: Plant, lake: Lake, state: State, first: date | None = None, last: date | None = None) -> Step | None:
    """The next step, or None when every day between `first` and `last` is up to date."""
    inputs = Inputs(plant, lake)
    for stage, tables in STAGES.items():
        days = [d for d in inputs.days_of(stage) if (first is None or d >= first) and (last is None or d <= last)]
        hashes = {d: inputs_hash(inputs, state, lake, tables[0], d) for d in days}
        stale = _stale(state, lake, tables, hashes)
        if stale:
            return Step(stage, tuple(ranges(stale)), digest(*(f"{d}{hashes[d]}" for d in stale)))
    return None


def _stale(state: State, lake: Lake, tables: tuple[str, ...], hashes: dict[date, str]) -> list[date]:
    stale: set[date] = set()
    for name in tables:
        prints = fingerprints(lake, name)
        receipts = {r.production_day: r for r in state.receipts(name)}
        for day, wanted in hashes.items():
            receipt = receipts.get(day)
            if receipt is None or (receipt.inputs_hash, receipt.output_fingerprint) != (
                wanted,
                prints.get(str(day), ""),
            ):
                stale.add(day)
    return sorted(stale)
