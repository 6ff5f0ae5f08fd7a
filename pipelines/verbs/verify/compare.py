"""Two lakes side by side: the published one and the one recomputed from its bronze."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path

import polars as pl

from pipelines.build import Builder
from pipelines.days.plan import Planner
from pipelines.days.stages import STAGES, whole
from pipelines.place import Place
from pipelines.verbs.progress import Progress
from pipelines.whole.inputs import stale
from plant.config import Plant
from plant.errors import PlantError
from plant.tables import DOOR_MADE, table
from warehouse.lake import Lake
from warehouse.state import State

DAY_TABLES = tuple(name for names in STAGES.values() for name in names)
Key = tuple[str, date | None]
"""A day of a day table; None: a table kept whole."""


@dataclass(frozen=True)
class Difference:
    """A day of a table (None: all of it) that is not what bronze gives."""

    table: str
    day: date | None
    published: int
    recomputed: int
    example: str


@dataclass
class Verified:
    """What was compared, what differs, and what differs because it was not built since its bronze changed."""

    compared: int = 0
    differences: list[Difference] = field(default_factory=list)
    waiting: list[Key] = field(default_factory=list)


@dataclass(frozen=True)
class Unbuilt:
    """What bronze holds and no build has seen: the first such day of each stage, and tables kept whole."""

    whole: frozenset[str]
    since: dict[str, date]

    def covers(self, name: str, day: date | None) -> bool:
        """True when a table, or a day of it, may differ for that reason: carried state reaches into later days."""
        if day is None:
            return name in self.whole
        stages = [stage for stage, names in STAGES.items() if name in names]
        reached = [s for s in STAGES if not stages or list(STAGES).index(s) <= list(STAGES).index(stages[0])]
        return bool(self.whole) or any(self.since[s] <= day for s in reached if s in self.since)


def unbuilt(plant: Plant, lake: Lake, state: State) -> Unbuilt:
    """What a build would have to do, as far as it can be seen now."""
    behind = frozenset(n for names in whole().values() for n in stale(plant, lake, state, names))
    look = Planner(plant, lake, state)
    since = {stage: min(days) for stage in STAGES if (days := look.changed(stage))}
    return Unbuilt(behind, since)


@contextmanager
def recomputed(plant: Plant, where: Place, last: date | None = None) -> Iterator[Lake]:
    """Silver and gold, up to a day, made in a scratch root from the bronze files of another."""
    import dagster as dg

    with tempfile.TemporaryDirectory(prefix="shopfloor-verify-") as folder:
        scratch = Place(Path(folder))
        (scratch.root / "lake").mkdir()
        (scratch.root / "lake" / "bronze").symlink_to(where.root / "lake" / "bronze", target_is_directory=True)
        builder = Builder(plant, scratch, Progress(), checks=False)
        with dg.DagsterInstance.ephemeral() as builder.instance:
            builder.recompute(last)
            yield Lake(scratch.root)


def verify(plant: Plant, where: Place, names: tuple[str, ...], day: date | None) -> Verified:
    """Recompute, and compare the tables and days named.

    Raises:
        PlantError: a data file of bronze, or of a table named, is missing on disk.
    """
    published, found = Lake(where.root), Verified()
    _all_there(published, ("bronze.readings", "bronze.records", "bronze.edits", *names))
    known = unbuilt(plant, published, State(where.root))
    with recomputed(plant, where, day) as again:
        for name, d in _keys(published, again, names, day):
            found.compared += 1
            differs = compare(published, again, name, d)
            if differs is not None and known.covers(name, d):
                found.waiting.append((name, d))
            elif differs is not None:
                found.differences.append(differs)
    return found


SHOWN = 3
"""So many missing files are named."""


def _all_there(lake: Lake, names: tuple[str, ...]) -> None:
    """Refuse to compare what has lost files: a table that cannot be read is neither right nor wrong."""
    live = ((name, path) for name in names if (snap := lake.snapshot(name)) for path in snap.paths())
    lost = [f"{name}: {path}" for name, path in live if not Path(path).exists()]
    if lost:
        raise PlantError(
            f"{len(lost)} data files are missing on disk, first {'; '.join(lost[:SHOWN])}; `shopfloor build` makes "
            "those of silver and gold again, those of bronze come back only from a backup, nothing is rebuilt without"
        )


def compare(published: Lake, again: Lake, name: str, day: date | None) -> Difference | None:
    """None when both hold the same rows, doubled ones as often, up to what the door adds."""
    ours, theirs = _counted(published, name, day), _counted(again, name, day)
    odd = ours.join(theirs, on=ours.columns, how="anti", nulls_equal=True)
    odd = odd if odd.height else theirs.join(ours, on=ours.columns, how="anti", nulls_equal=True)
    if odd.is_empty():
        return None
    example = {k: v for k, v in odd.row(0, named=True).items() if v is not None}
    return Difference(name, day, int(ours[TIMES].sum()), int(theirs[TIMES].sum()), str(example))


TIMES = "times__"


def _counted(lake: Lake, name: str, day: date | None) -> pl.DataFrame:
    columns = [c for c in table(name).schema if c not in DOOR_MADE]
    rows = lake.scan(name) if day is None else lake.scan(name, days=(day, day))
    return rows.select(columns).group_by(columns).agg(pl.len().alias(TIMES)).collect(engine="in-memory")


def _keys(published: Lake, again: Lake, names: tuple[str, ...], day: date | None) -> Iterator[Key]:
    for name in names:
        if table(name).partition is None:
            yield name, None
            continue
        known = sorted({*published.days(name), *again.days(name)})
        if day is not None and day not in known:
            span = f"{known[0]} to {known[-1]}" if known else "none yet; run `shopfloor build` first"
            raise PlantError(f"{name} has no day {day}; it has {span}")
        yield from ((name, d) for d in ([day] if day is not None else known))
