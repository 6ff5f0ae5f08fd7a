"""The plan: which stage has which stale days. The same plan drives `shopfloor build` and Dagster's sensor.

A day is stale when its inputs differ from its receipt, or when its files are not the ones it left behind. A day that
is in a table though no input has such a day any more is rebuilt to nothing. Before the days come the tables of
silver that are kept whole: stale when what they are made of is another, or their files are (`pipelines.whole.inputs`).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, timedelta

from pipelines.days.fingerprints import digest
from pipelines.days.inputs import Inputs
from pipelines.days.memory import memory_of, prints_of
from pipelines.days.receipts import CLOSING, changed_parts, digest_of
from pipelines.days.spans import ranges
from pipelines.days.stages import STAGES, whole
from pipelines.whole.inputs import Wholes, moved, stale
from plant.config import Plant
from warehouse.lake import Lake
from warehouse.state import State


@dataclass(frozen=True)
class Step:
    """The first stale stage: contiguous ranges of days, and a key that names this state of the data.

    A stage of tables kept whole has no ranges, but `tables`: those that are stale. `last` is the last day the stage
    has at all.
    """

    stage: str
    ranges: tuple[tuple[date, date], ...]
    key: str
    last: date | None = None
    tables: tuple[str, ...] = ()

    @property
    def days(self) -> int:
        """How many days are stale."""
        return sum((last - first).days + 1 for first, last in self.ranges)


class Planner:
    """One look at the lake and its receipts."""

    def __init__(self, plant: Plant, lake: Lake, state: State) -> None:
        self.inputs, self.lake, self.state = Inputs(plant, lake, state), lake, state
        self._built = state.built_from()

    def stale(self, stage: str) -> dict[date, str]:
        """Stale days of a stage with the hash of what they are to be built from, oldest first."""
        tables = STAGES[stage]
        memory = memory_of(self.lake)
        prints = {name: prints_of(memory, name, self.lake.snapshot(name)) for name in tables}
        wanted = self.inputs.days_of(stage)
        # Days no input names any more: they are built once more, to nothing. A table with history keeps their files.
        gone = {date.fromisoformat(d) for by in prints.values() for d in by} - set(wanted)
        hashes = {d: digest_of(self.marks(tables[0], d)) for d in sorted({*wanted, *gone})}
        return {d: h for d, h in hashes.items() if any(self._differs(n, d, h, prints[n]) for n in tables)}

    def changed(self, stage: str) -> list[date]:
        """Days of a stage whose inputs are not those of their receipts, whatever became of their files."""
        name = STAGES[stage][0]
        built = {day: self._built.get((name, day.isoformat()), ("",))[0] for day in self.inputs.days_of(stage)}
        return [d for d, inputs in built.items() if inputs != digest_of(self.marks(name, d))]

    def marks(self, name: str, day: date) -> dict[str, str]:
        """Hashes of the parts a day of a table is to be built from."""
        carried = self._built.get((CLOSING, (day - timedelta(days=1)).isoformat()), ("", ""))[0]
        return self.inputs.marks(name, day, carried)

    def reasons(self, stage: str, days: Iterable[date]) -> dict[date, list[str]]:
        """Which parts changed since the receipt of each day, in words of `pipelines.days.parts`."""
        name = STAGES[stage][0]
        held = {r.production_day: r for r in self.state.receipts(name, list(days))}
        return {d: list(changed_parts(held[d].parts, self.marks(name, d))) for d in days if d in held}

    def _differs(self, name: str, day: date, wanted: str, prints: dict[str, str]) -> bool:
        return self._built.get((name, day.isoformat())) != (wanted, prints.get(day.isoformat(), ""))


def plan(plant: Plant, lake: Lake, state: State, first: date | None = None, last: date | None = None) -> Step | None:
    """The next step, or None when the whole tables and every day between `first` and `last` are up to date."""
    for stage, names in whole().items():
        wanted = {*stale(plant, lake, state, names), *moved(lake, state, names)}
        if found := tuple(n for n in names if n in wanted):
            made_of = Wholes(plant, lake)
            return Step(stage, (), digest(*(made_of.of(n) for n in found)), tables=found)
    look = Planner(plant, lake, state)
    for stage in STAGES:
        found = look.stale(stage)
        days = {d: h for d, h in found.items() if (first is None or d >= first) and (last is None or d <= last)}
        if days:
            key = digest(*(f"{d}{h}" for d, h in days.items()))
            return Step(stage, tuple(ranges(days)), key, max([*days, *look.inputs.days_of(stage)]))
    return None
