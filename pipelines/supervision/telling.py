"""The health of the sources as files: what `meta.sources` reads, and what the next collector knows of this one."""

from __future__ import annotations

import asyncio
import json
import logging
import os
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

from connectors.health import Health

logger = logging.getLogger(__name__)

EVERY_S = 1.0


def folder(root: Path) -> Path:
    """Where the health files are: one <source>.json each."""
    return root / "spool" / "health"


async def keep_telling(root: Path, look: Callable[[datetime], None], healths: Callable[[], list[Health]]) -> None:
    """Have the sources looked at and write their health every `EVERY_S` until cancelled.

    Trouble with the disk is logged once.
    """
    told = False
    while True:
        look(datetime.now(UTC))
        try:
            await asyncio.to_thread(tell, root, healths())
            told = False
        except OSError as error:
            if not told:
                logger.error("health of the sources cannot be written: %s; tried again every second", error)
            told = True
        await asyncio.sleep(EVERY_S)


def tell(root: Path, healths: list[Health]) -> None:
    """Write root/spool/health/<source>.json, replacing each whole.

    Raises:
        OSError: the folder cannot be written to.
    """
    where = folder(root)
    where.mkdir(parents=True, exist_ok=True)
    for health in healths:
        aside = where / f"{health.source}.json.{os.getpid()}.new"
        aside.write_text(json.dumps(health.as_dict()))
        aside.replace(where / f"{health.source}.json")


def forget(root: Path, names: list[str]) -> None:
    """Remove the files of sources that are read no longer."""
    for name in names:
        (folder(root) / f"{name}.json").unlink(missing_ok=True)


def alive_at(root: Path, source: str) -> datetime | None:
    """The last moment a collector before this one knew a source to answer (source's clock); None: never told."""
    try:
        told = json.loads((folder(root) / f"{source}.json").read_text())["alive_at"]
        return datetime.fromisoformat(told) if told else None
    except (OSError, ValueError, KeyError, TypeError):  # none, cut off, or of an older version: as if never told
        return None
