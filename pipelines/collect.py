"""The collector: one process, every live source of the plant, each on its own.

A source that is down, slow or wrong never disturbs another one. Readings are spooled before a source
is told they are safe, and appended to bronze.readings exactly once. Dagster has no part in it.
"""

from __future__ import annotations

import asyncio
import json
import logging
import os
import signal
from collections.abc import Awaitable, Callable, Collection
from pathlib import Path

from connectors.intake import Seen
from connectors.modbus.reader import ModbusReader
from connectors.opcua.reader import OpcUaReader
from connectors.retry import Health, supervise
from connectors.sparkplug.host import SparkplugReader
from pipelines.spooling import SpoolIntake
from plant.config import Plant, tag_id
from plant.errors import TerminalError
from plant.sources.live import ModbusSource, OpcUaSource, SparkplugSource
from warehouse.lake import Lake

logger = logging.getLogger(__name__)

Live = OpcUaSource | ModbusSource | SparkplugSource
COMMIT_S = 5.0
HEALTH_S = 1.0


async def collect(
    plant: Plant,
    root: Path,
    stop: asyncio.Event | None = None,
    only: Collection[str] | None = None,
    *,
    commit_s: float = COMMIT_S,
    lake: Lake | None = None,
) -> None:
    """Collect from the plant's live sources until `stop` is set (or for ever), then flush and commit.

    Args:
        plant: the plant.
        root: --root.
        stop: set it to end; without it only a cancellation ends.
        only: names of the sources to read; all live ones when None.
        commit_s: seconds between appends to the lake.
        lake: the lake to append to; that of `root` when None.

    Raises:
        TerminalError: `only` names no live source, another collector runs on this root, or a source
            with on_start = "error" cannot be reached.
        TransientError: at the end, rows in hand could not be written, e.g. the disk is full.
    """
    sources = live_sources(plant, only)
    intake = SpoolIntake(plant, root, lake or Lake(root))
    stop = stop or asyncio.Event()
    healths = [Health(s.name, s.kind) for s in sources]
    tasks = [
        asyncio.create_task(_source(plant, source, root, intake, health), name=source.name)
        for source, health in zip(sources, healths, strict=True)
    ]
    own = [
        asyncio.create_task(intake.keep_flushing(), name="flush"),
        asyncio.create_task(intake.keep_committing(commit_s), name="commit"),
        asyncio.create_task(_keep_telling(root, healths), name="health"),
    ]
    try:
        await _until_over(stop, tasks, own)
    finally:
        await _end([*tasks, *own])
        await intake.close()
        _tell(root, healths)


def run(plant: Plant, root: Path, duration_s: float | None = None, only: Collection[str] | None = None) -> int:
    """Collect in this process until SIGTERM, SIGINT or `duration_s` seconds have passed; then return 0.

    Raises:
        TerminalError: as `collect`.
    """
    for name in ("asyncua", "pymodbus.logging"):
        logging.getLogger(name).setLevel(logging.CRITICAL)  # outages are reported once, by connectors.retry
    asyncio.run(_run(plant, root, duration_s, only))
    return 0


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


async def _source(plant: Plant, source: Live, root: Path, intake: SpoolIntake, health: Health) -> None:
    tags = [(tag_id(machine, tag), tag) for machine, tag in plant.tags(source.name)]
    work: Callable[[], Awaitable[None]]
    if isinstance(source, ModbusSource):
        work = ModbusReader(source, tags, intake, health).run
    else:
        seen = Seen(await intake.stored(source.name, [name for name, _ in tags]))
        reader = OpcUaReader if isinstance(source, OpcUaSource) else SparkplugReader
        work = reader(source, tags, intake, health, seen, root).run
    await supervise(work, health, source.on_start)


async def _until_over(stop: asyncio.Event, sources: list[asyncio.Task[None]], own: list[asyncio.Task[None]]) -> None:
    """Wait for the stop. A source that raised (on_start = "error"), or a failure of ours, ends it too."""
    stopping = asyncio.create_task(stop.wait())
    watched: set[asyncio.Task[object]] = {stopping, *sources, *own}
    try:
        while watched and not stopping.done():
            done, watched = await asyncio.wait(watched, return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                task.result()
    finally:
        stopping.cancel()


async def _end(tasks: list[asyncio.Task[None]]) -> None:
    for task in tasks:
        task.cancel()
    for task, result in zip(tasks, await asyncio.gather(*tasks, return_exceptions=True), strict=True):
        if isinstance(result, Exception):
            logger.debug("task %s ended with %r", task.get_name(), result)


async def _keep_telling(root: Path, healths: list[Health]) -> None:
    told = False
    while True:
        try:
            await asyncio.to_thread(_tell, root, healths)
            told = False
        except OSError as error:
            if not told:
                logger.error("health of the sources cannot be written: %s; tried again every second", error)
            told = True
        await asyncio.sleep(HEALTH_S)


def _tell(root: Path, healths: list[Health]) -> None:
    """Write root/spool/health/<source>.json, replacing it whole."""
    folder = root / "spool" / "health"
    folder.mkdir(parents=True, exist_ok=True)
    for health in healths:
        aside = folder / f"{health.source}.json.{os.getpid()}.new"
        aside.write_text(json.dumps(health.as_dict()))
        aside.replace(folder / f"{health.source}.json")
