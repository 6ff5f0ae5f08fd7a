"""Takes up a changed plant.toml while the collector runs. A wrong one is reported once and the old one stays."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from pathlib import Path

from plant.config import Plant, load
from plant.errors import PlantError

logger = logging.getLogger(__name__)

EVERY_S = 1.0
Signature = tuple[tuple[str, int, int], ...]
"""Path, time of change (ns) and size of each file that makes up a plant; a file that is gone has 0 and -1."""


class Reloads:
    """How often a change was taken up, and how often it was refused."""

    def __init__(self) -> None:
        self.applied = 0
        self.refused = 0


async def keep_reloading(plant: Plant, apply: Callable[[Plant], Awaitable[None]], counts: Reloads) -> None:
    """Watch the files of a plant until cancelled; hand a changed and checked plant to `apply`.

    A change counts once the files have stood still for `EVERY_S`, so that no half-written file is read.
    """
    taken = seen = signature(plant)
    while True:
        await asyncio.sleep(EVERY_S)
        now = signature(plant)
        still, seen = now == seen, now
        if now == taken or not still:
            continue
        taken = now
        try:
            plant = await asyncio.to_thread(load, plant.path)
        except (PlantError, OSError) as error:
            counts.refused += 1
            logger.error("the changed %s is not taken up, the sources are read as before: %s", plant.path, error)
            continue
        await apply(plant)
        counts.applied += 1
        taken = seen = signature(plant)


def signature(plant: Plant) -> Signature:
    """State of the files of a plant: plant.toml, its calendars and register maps."""
    return tuple(_state(path) for path in files_of(plant))


def files_of(plant: Plant) -> list[Path]:
    """The files a plant is read from."""
    maps = [m for source in plant.file.source if (m := getattr(source, "map", None))]
    calendars = [site.calendar for site in plant.file.site if site.calendar]
    return [plant.path, *(plant.path.parent / name for name in [*calendars, *maps])]


def _state(path: Path) -> tuple[str, int, int]:
    try:
        found = path.stat()
    except OSError:
        return str(path), 0, -1
    return str(path), found.st_mtime_ns, found.st_size
