"""The live sources of one collector, each its own task: started, stopped, exchanged when their settings change."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Collection
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

import polars as pl

from connectors.contracts import Ranges
from connectors.health import Health
from connectors.intake import Intake
from connectors.retry import OnStart
from plant.config import Plant, tag_id
from plant.sources.tags import Tag
from plant.units import duration

logger = logging.getLogger(__name__)


class LiveSource(Protocol):
    """What the supervisor needs of a section [[source]]."""

    @property
    def name(self) -> str:
        """Name of the source."""
        ...

    @property
    def kind(self) -> str:
        """Protocol."""
        ...

    @property
    def on_start(self) -> OnStart:
        """What a source that was never reached means."""
        ...


Tags = list[tuple[str, Tag]]
Work = Callable[[LiveSource, Tags, Intake, Health, OnStart], Awaitable[None]]
"""Reads one source until cancelled, tried again after failures."""


class Watched:
    """The intake as one source sees it: what passes is told to its health and held against its tags' ranges."""

    def __init__(self, intake: Intake, health: Health, ranges: Ranges) -> None:
        self._intake, self._health, self._ranges = intake, health, ranges

    @property
    def open(self) -> asyncio.Event:
        """Clear while the spool is full."""
        return self._intake.open

    @property
    def every_s(self) -> float:
        """Seconds between two writes to disk."""
        return self._intake.every_s

    async def put(self, rows: pl.DataFrame, done: Callable[[], None] | None = None) -> None:
        """Hand over rows."""
        self._health.took(rows)
        self._ranges.took(rows)
        await self._intake.put(rows, done)

    def report(self, quarantine: pl.DataFrame) -> None:
        """Hand over bronze.quarantine rows."""
        self._intake.report(quarantine)

    def look(self, now: datetime) -> None:
        """Bring the health up to date and report what broke its range since; to be called each second."""
        self._health.tick(now)
        broken = self._ranges.breaches(now)
        if not broken.is_empty():
            self._intake.report(broken)


@dataclass(frozen=True)
class Running:
    """A source that is read: its settings, task and health."""

    source: LiveSource
    tags: Tags
    task: asyncio.Task[None]
    health: Health
    watched: Watched


class Sources:
    """Every source the collector reads.

    Args:
        work: how one source is read.
        intake: where rows go.
        alive_at: by source, the last moment a collector that ran before knew it to answer.
    """

    def __init__(self, work: Work, intake: Intake, alive_at: Callable[[str], datetime | None]) -> None:
        self._work, self._intake, self._alive_at = work, intake, alive_at
        self._running: dict[str, Running] = {}
        self.failed: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    @property
    def healths(self) -> list[Health]:
        """Health of each source."""
        return [running.health for running in self._running.values()]

    def look(self, now: datetime) -> None:
        """Bring every source's health up to date; to be called each second."""
        for running in self._running.values():
            running.watched.look(now)

    def start(self, plant: Plant, sources: Collection[LiveSource], *, again: bool = False) -> None:
        """Read sources from now on. `again`: at run time, when no policy may end the collector."""
        for source in sources:
            tags = tags_of(plant, source)
            limit_s = duration(plant.file.collector.skew_limit).total_seconds()
            away = self._alive_at(source.name)
            health = Health(source.name, source.kind, away_since=away, alive_at=away, skew_limit_s=limit_s)
            policy: OnStart = "retry" if again and source.on_start == "error" else source.on_start
            watched = Watched(self._intake, health, Ranges(source.name, tags))
            work = self._work(source, tags, watched, health, policy)
            task = asyncio.create_task(_awaited(work), name=source.name)
            task.add_done_callback(self._ended)
            self._running[source.name] = Running(source, tags, task, health, watched)

    async def apply(self, plant: Plant, sources: Collection[LiveSource]) -> tuple[list[str], list[str], list[str]]:
        """Read these sources as they are set now: names of those added, changed and removed.

        A source whose settings and tags are what they were goes on undisturbed.
        """
        wanted = {s.name: s for s in sources}
        removed = [name for name in self._running if name not in wanted]
        added = [name for name in wanted if name not in self._running]
        known = {name: self._running[name] for name in wanted if name in self._running}
        changed = [n for n, r in known.items() if (r.source, r.tags) != (wanted[n], tags_of(plant, wanted[n]))]
        await self.stop([*removed, *changed])
        self.start(plant, [wanted[name] for name in wanted if name in {*added, *changed}], again=True)
        return added, changed, removed

    async def stop(self, names: Collection[str] | None = None) -> None:
        """Stop reading sources, all when None; returns when they have ended."""
        going = [self._running.pop(name) for name in list(self._running if names is None else names)]
        for running in going:
            running.task.cancel()
        for running, result in zip(
            going, await asyncio.gather(*(r.task for r in going), return_exceptions=True), strict=True
        ):
            if isinstance(result, Exception):
                logger.debug("source %s ended with %r", running.source.name, result)

    def _ended(self, task: asyncio.Task[None]) -> None:
        """A source that raised (on_start = "error") ends the collector."""
        if not task.cancelled() and (error := task.exception()) and not self.failed.done():
            self.failed.set_exception(error)


def tags_of(plant: Plant, source: LiveSource) -> Tags:
    """Name in the lake and settings of every tag of a source."""
    return [(tag_id(machine, tag), tag) for machine, tag in plant.tags(source.name)]


async def _awaited(work: Awaitable[None]) -> None:
    await work
