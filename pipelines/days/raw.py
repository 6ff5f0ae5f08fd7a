"""What bronze.readings holds, from its file list: which days it touches, how far it reaches, which rows a day has.

A file of bronze is never rewritten in place: each is looked through once for what it holds of each site, and that is
remembered under its name.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import date, datetime, timedelta
from typing import Any

import polars as pl

from pipelines.days.fingerprints import digest
from pipelines.days.memory import memory_of
from pipelines.days.spans import Bounds, Spans
from plant.config import Plant, tag_id
from warehouse.lake import Lake
from warehouse.snapshot import read
from warehouse.state import State

NAME = "bronze.readings"
Seen = tuple[datetime | None, datetime, datetime]
"""First machine state (null: none), first and last source time of a site's rows in a file."""
AT_ONCE_FILES = 500
"""So many new files are looked through in one pass."""


class Raw:
    """bronze.readings at one version, seen by its files."""

    def __init__(self, plant: Plant, lake: Lake, state: State, spans: Spans) -> None:
        self.plant, self.state, self.spans = plant, state, spans
        self._snap = lake.snapshot(NAME)
        self._tags = [(tag_id(m, t), plant.site_of(m.name).name, t.role == "state") for m, t in plant.tags()]
        self._space = f"files:{digest(*self._tags)}"
        held: dict[str, dict[str, Seen]] = memory_of(lake).of(NAME, self._space, self._remembered)
        self._by_date = self._dated(held)

    @property
    def exists(self) -> bool:
        """True when there is a table."""
        return self._snap is not None

    def days(self) -> set[date]:
        """Production days that hold rows, at any site."""
        found: set[date] = set()
        for files in self._by_date.values():
            for seen in files.values():
                for site, (_, first_at, last_at) in seen.items():
                    found.update(self.spans.days_between(first_at, last_at, [site]))
        return found

    def mark(self, day: date) -> str:
        """Hash of the names of the files with rows in a production day of their site.

        A file that is gone from disk still counts: a lost disk is no deletion, nothing is rebuilt without its rows.
        """
        bounds = self.spans.of(day)
        files = (item for d in self.spans.dates(day) for item in self._by_date.get(d, {}).items())
        return digest(*sorted(name for name, seen in files if _inside(seen, bounds)))

    def first_states(self, sites: Sequence[str]) -> dict[str, datetime]:
        """First source time of a machine state at each site that has one."""
        return self._extreme(sorted(self._by_date), sites, 0, min)

    def latest(self, sites: Sequence[str]) -> dict[str, datetime]:
        """Latest source time at each site."""
        return self._extreme(sorted(self._by_date, reverse=True), sites, 2, max)

    def checksums(self, day: date, bounds: Bounds) -> dict[str, str]:
        """Hash of the names (segment, seq) of the raw rows each machine has inside the bounds of a day."""
        if self._snap is None:
            return {}
        around = {at.date() for b in bounds.values() for at in b} | set(self.spans.dates(day))
        dates = sorted(d for d in around if d in self._by_date)
        return _checksums(read(self._snap, self._snap.paths(dates)), self.plant, bounds)

    def _extreme(
        self, dates: Sequence[date], sites: Sequence[str], which: int, best: Callable[[Iterable[datetime]], datetime]
    ) -> dict[str, datetime]:
        """The first date that knows decides: partitions follow each other in source time."""
        found: dict[str, datetime] = {}
        for day in dates:
            missing = [site for site in sites if site not in found]
            if not missing:
                break
            for site in missing:
                told = [at for seen in self._by_date[day].values() if site in seen and (at := seen[site][which])]
                if told:
                    found[site] = best(told)
        return found

    def _remembered(self) -> dict[str, dict[str, Seen]]:
        return {name: _typed(told) for name, told in self.state.remembered(self._space).items()}

    def _dated(self, held: dict[str, dict[str, Seen]]) -> dict[date, dict[str, dict[str, Seen]]]:
        """Files of each date with what they hold; new files are looked through once."""
        by_date: dict[date, dict[str, dict[str, Seen]]] = {}
        if self._snap is None:
            return by_date
        named = [
            (part, path, path.rpartition("/")[2])
            for part, paths in self._snap.by_partition.items()
            for path in paths
            if isinstance(part, date)
        ]
        fresh = [(path, name) for _, path, name in named if name not in held]
        for n in range(0, len(fresh), AT_ONCE_FILES):
            self._look(dict(fresh[n : n + AT_ONCE_FILES]), held)
        for part, _, name in named:
            by_date.setdefault(part, {})[name] = held[name]
        if fresh and len(held) > len(named):
            gone = set(held) - {name for _, _, name in named}
            self.state.forget(self._space, gone)
            for name in gone:
                del held[name]
        return by_date

    def _look(self, files: Mapping[str, str], held: dict[str, dict[str, Seen]]) -> None:
        tags = pl.LazyFrame(self._tags, schema=["tag", "site", "state"], orient="row")
        rows = pl.scan_parquet(list(files), include_file_paths="path", glob=False).select("path", "tag", "ts")
        first = pl.col("ts").filter(pl.col("state")).min()
        seen = rows.join(tags, on="tag").group_by("path", "site").agg(
            first.alias("state"), pl.col("ts").min().alias("first"), pl.col("ts").max().alias("last")
        )  # fmt: skip
        found: dict[str, dict[str, Seen]] = {name: {} for name in files.values()}
        for path, site, *told in seen.collect(engine="in-memory").iter_rows():
            found[files[path]][site] = (told[0], told[1], told[2])
        texts = {name: _texts(seen) for name, seen in found.items()}
        held.update({name: _typed(told) for name, told in texts.items()})
        self.state.remember(self._space, texts, only=True)


def strays(plant: Plant, lake: Lake, first: date, last: date) -> dict[tuple[str, date], int]:
    """Rows of bronze.readings around a stretch of days whose tag plant.toml does not name: no number holds them.

    By tag and UTC date, so that what two stretches find can be laid together.

    A collector writes only tags it knows, so these had a name once: their machine or tag was renamed or taken out.
    """
    snap = lake.snapshot(NAME)
    if snap is None:
        return {}
    around = (first - timedelta(days=1), last + timedelta(days=1))
    dates = [d for d in snap.by_partition if isinstance(d, date) and around[0] <= d <= around[1]]
    known = {tag_id(machine, tag) for machine, tag in plant.tags()}
    counted = read(snap, snap.paths(dates)).group_by("tag", pl.col("ts").dt.date()).len().collect(engine="in-memory")
    return {(tag, day): n for tag, day, n in sorted(counted.iter_rows()) if tag not in known}


def _inside(seen: Mapping[str, Seen], bounds: Bounds) -> bool:
    return any(first < bounds[site][1] and last >= bounds[site][0] for site, (_, first, last) in seen.items())


def _texts(seen: Mapping[str, Seen]) -> dict[str, list[str | None]]:
    return {site: [None if at is None else at.isoformat() for at in told] for site, told in seen.items()}


def _typed(told: Mapping[str, Sequence[str | None]]) -> dict[str, Seen]:
    read_at = datetime.fromisoformat
    return {
        site: (None if state is None else read_at(state), read_at(first or ""), read_at(last or ""))
        for site, (state, first, last) in told.items()
    }


def _checksums(rows: pl.LazyFrame, plant: Plant, bounds: Bounds) -> dict[str, str]:
    """Raw rows are never changed, so their number and the sums of their positions name a set of them."""
    machines = pl.LazyFrame(
        list(_prefixes(plant)), schema={"prefix": pl.String(), "machine": pl.String()}, orient="row"
    )
    place = {m: plant.site_of(m).name for m in plant.machines}
    edges = pl.LazyFrame(
        [(m, *bounds[s]) for m, s in place.items() if s in bounds],
        schema={"machine": pl.String(), "start_at": _INSTANT, "end_at": _INSTANT}, orient="row",
    )  # fmt: skip
    seq = pl.col("seq")
    named = rows.select("tag", "ts", "segment", "seq").with_columns(
        prefix=pl.col("tag").str.replace(r"\.[^.]*$", "")
    ).join(machines, on="prefix").join(edges, on="machine")  # fmt: skip
    inside = named.filter(pl.col("ts") >= pl.col("start_at"), pl.col("ts") < pl.col("end_at"))
    sums = inside.group_by("machine", "segment").agg(
        pl.len(), seq.sum().alias("sum"), (seq * seq).sum().alias("squares")
    )
    found: dict[str, list[tuple[Any, ...]]] = {}
    for machine, *told in sums.collect(engine="in-memory").iter_rows():
        found.setdefault(machine, []).append(tuple(told))
    return {machine: digest(*sorted(told)) for machine, told in found.items()}


def _prefixes(plant: Plant) -> Iterator[tuple[str, str]]:
    """Tag ids without their last word, with the machine they are of: tag names may hold dots themselves."""
    seen: Mapping[str, str] = {tag_id(m, t).rpartition(".")[0]: m.name for m, t in plant.tags()}
    yield from ({m: m for m in plant.machines} | dict(seen)).items()


_INSTANT = pl.Datetime("us", "UTC")
