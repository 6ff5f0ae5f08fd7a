"""The collector: one process, every live source of the plant, each on its own.

A source that is down, slow or wrong never disturbs another one. Readings are spooled before a source
is told they are safe, and appended to bronze.readings exactly once. A changed plant.toml is taken up while it runs.
Dagster has no part in it.
"""

from __future__ import annotations

import asyncio
import contextlib
import gc
import logging
import signal
from collections.abc import Awaitable, Callable, Collection, Iterator
from functools import partial
from pathlib import Path
from typing import Any

from connectors.health import Health
from connectors.intake import Intake, Seen
from connectors.modbus.reader import ModbusReader
from connectors.mqtt.reader import MqttReader
from connectors.opcua.reader import OpcUaReader
from connectors.retry import OnStart, supervise
from connectors.sparkplug.host import SparkplugReader
from pipelines.landing.lane import keep_tidy
from pipelines.spooling import SpoolIntake
from pipelines.supervision import telling
from pipelines.supervision.memory import keep_memory
from pipelines.supervision.metrics import Figures, served
from pipelines.supervision.reload import Reloads, keep_reloading
from pipelines.supervision.sources import Sources, Tags
from plant.config import Plant
from plant.dimensions import tags_frame
from plant.errors import TerminalError
from plant.sources.live import ModbusSource, MqttSource, OpcUaSource, SparkplugSource
from plant.units import duration, size
from warehouse.lake import Lake

logger = logging.getLogger(__name__)

Live = OpcUaSource | ModbusSource | SparkplugSource | MqttSource


async def collect(
    plant: Plant,
    root: Path,
    stop: asyncio.Event | None = None,
    only: Collection[str] | None = None,
    *,
    commit_s: float | None = None,
    lake: Lake | None = None,
) -> None:
    """Collect from the plant's live sources until `stop` is set (or for ever), then flush and commit.

    Args:
        plant: the plant. Its file is watched: sources it adds, changes or removes are taken up meanwhile.
        root: --root.
        stop: set it to end; without it only a cancellation ends.
        only: names of the sources to read; all live ones when None.
        commit_s: seconds between appends to the lake; `[collector] commit` when None.
        lake: the lake to append to; that of `root` when None.

    Raises:
        TerminalError: `only` names no live source, another collector runs on this root, a source with
            on_start = "error" cannot be reached, or the port of the metrics is taken.
        TransientError: at the end, rows in hand could not be written, e.g. the disk is full.
    """
    settings, wanted = plant.file.collector, live_sources(plant, only)
    spool_s = duration(settings.spool_every).total_seconds()
    intake = SpoolIntake(plant, root, lake or Lake(root), size(settings.spool_max), spool_s)
    sources = Sources(partial(_source, intake, root), intake, partial(telling.alive_at, root))
    commit_s = duration(settings.commit).total_seconds() if commit_s is None else commit_s
    reloads = Reloads()
    works = {"flush": intake.keep_flushing(), "commit": intake.keep_committing(commit_s)}
    works |= {
        "health": telling.keep_telling(root, sources.look, lambda: sources.healths),
        "upkeep": keep_tidy(intake.lake, root),
    }
    if settings.reload:
        works["reload"] = keep_reloading(plant, _Exchange(plant, root, intake, sources, only), reloads)
    own = [asyncio.create_task(work, name=name) for name, work in works.items()]
    try:
        with served(settings.metrics_port, Figures(lambda: sources.healths, intake, reloads)):
            sources.start(plant, wanted)
            await _until_over(stop or asyncio.Event(), sources.failed, own)
    finally:
        healths = sources.healths
        await sources.stop()
        await _end(own)
        await intake.close()
        telling.tell(root, healths)


def run(plant: Plant, root: Path, duration_s: float | None = None, only: Collection[str] | None = None) -> int:
    """Collect in this process until SIGTERM, SIGINT or `duration_s` seconds have passed; then return 0.

    Raises:
        TerminalError: as `collect`.
    """
    for name in ("asyncua",):
        logging.getLogger(name).setLevel(logging.CRITICAL)  # outages are reported once, by connectors.retry
    with settled():
        asyncio.run(_run(plant, root, duration_s, only))
    return 0


@contextlib.contextmanager
def settled() -> Iterator[None]:
    """Meanwhile garbage collection looks less often, and not at what is loaded: it would cost a seventh of the CPU.

    Memory that is given back is kept for the next batch: to have it cleared anew costs a twentieth.
    """
    usual = gc.get_threshold()
    keep_memory()
    gc.collect()
    gc.freeze()
    gc.set_threshold(20_000, 20, 50)
    try:
        yield
    finally:
        gc.set_threshold(*usual)
        gc.unfreeze()


def live_sources(plant: Plant, only: Collection[str] | None = None) -> list[Live]:
    """The sources a collector reads, all or those named.

    Raises:
        TerminalError: a name that is no live source; the message lists them.
    """
    live = {name: s for name, s in plant.sources.items() if isinstance(s, Live)}
    wrong = set(only or ()) - live.keys()
    if wrong:
        raise TerminalError(f"no live source {', '.join(sorted(wrong))}; live sources are {', '.join(live) or 'none'}")
    return [s for name, s in live.items() if only is None or name in only]


async def _run(plant: Plant, root: Path, duration_s: float | None, only: Collection[str] | None) -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    if duration_s is not None:
        loop.call_later(duration_s, stop.set)
    await collect(plant, root, stop, only)


class _Exchange:
    """Takes up a changed plant: new tags at the gate first, then the sources that differ."""

    def __init__(
        self, plant: Plant, root: Path, intake: SpoolIntake, sources: Sources, only: Collection[str] | None
    ) -> None:
        self._plant, self._root, self._intake, self._sources, self._only = plant, root, intake, sources, only

    async def __call__(self, plant: Plant) -> None:
        self._intake.tags = tags_frame(plant)
        live = {name for name, s in plant.sources.items() if isinstance(s, Live)}
        kept = None if self._only is None else live.intersection(self._only)
        added, changed, removed = await self._sources.apply(plant, live_sources(plant, kept))
        telling.forget(self._root, removed)
        named = {"added": added, "changed": changed, "removed": removed}
        words = [f"{what} {', '.join(names)}" for what, names in named.items() if names]
        logger.warning("%s is taken up: %s", plant.path, "; ".join(words) or "no source differs")
        if plant.file.collector != self._plant.file.collector:
            logger.warning("[collector] of %s differs: it takes effect when the collector is started again", plant.path)
        self._plant = plant


async def _source(
    spool: SpoolIntake, root: Path, source: Live, tags: Tags, intake: Intake, health: Health, on_start: OnStart
) -> None:
    work: Callable[[], Awaitable[None]]
    if isinstance(source, ModbusSource):
        work = ModbusReader(source, tags, intake, health, root).run
    else:
        seen = Seen(await spool.stored(source.name, [name for name, _ in tags]))
        if isinstance(source, OpcUaSource):
            work = OpcUaReader(source, tags, intake, health, seen, root).run
        elif isinstance(source, MqttSource):
            work = MqttReader(source, tags, intake, health, seen, root).run
        else:
            work = SparkplugReader(source, tags, intake, health, seen, root).run
    await supervise(work, health, on_start)


async def _until_over(stop: asyncio.Event, failed: asyncio.Future[None], own: list[asyncio.Task[None]]) -> None:
    """Wait for the stop. A source that raised (on_start = "error"), or a failure of ours, ends it too."""
    stopping = asyncio.create_task(stop.wait())
    try:
        watched: set[asyncio.Future[Any]] = {stopping, failed, *own}
        done, _ = await asyncio.wait(watched, return_when=asyncio.FIRST_COMPLETED)
        for ended in done - {stopping}:
            ended.result()
    finally:
        stopping.cancel()


async def _end(tasks: list[asyncio.Task[None]]) -> None:
    for task in tasks:
        task.cancel()
    for task, result in zip(tasks, await asyncio.gather(*tasks, return_exceptions=True), strict=True):
        if isinstance(result, Exception):
            logger.debug("task %s ended with %r", task.get_name(), result)
