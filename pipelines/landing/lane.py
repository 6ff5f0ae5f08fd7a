"""The maintenance lane: the tables the collector appends to are kept in few files, by themselves, all day.

A collector makes a data file each few seconds, and every commit and query pays for each live one. So it starts this
module as a process of its own (lower priority, its memory goes with it) whenever there is something to do: today's
small files are merged, finished days sorted into few files, and once a day unused files and old log entries cleared.
Appenders are never held up. Nothing here needs Dagster; the other tables are tidied by pipelines.upkeep.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import os
import sys
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

from plant.contracts.bronze import QUARANTINE, READINGS
from plant.errors import PlantError
from warehouse.lake import Lake
from warehouse.large.tidy import compact, small_files

logger = logging.getLogger(__name__)

TABLES = (READINGS.name, QUARANTINE.name)
MOST_FILES = 64
"""Small files of a day above which they are merged: five minutes of a commit each 5 s."""
LOOK_S = 60.0
GRACE = timedelta(hours=1)
"""A UTC day counts as finished this long after its end."""
NICE = 10


def due(lake: Lake, root: Path, now: datetime) -> bool:
    """True when there is something to tidy. Costs a look at the file lists.

    Args:
        lake: the lake.
        root: --root.
        now: UTC.
    """
    if not lake.exists(READINGS.name):
        return False
    return _cleared(root) < (now - GRACE).date() or bool(_full(lake, now))


def _full(lake: Lake, now: datetime) -> list[tuple[str, date]]:
    """Tables and days still being written that have too many small files."""
    days = sorted({(now - GRACE).date(), now.date()})
    snaps = [(name, snap) for name in TABLES if (snap := lake.snapshot(name)) is not None]
    return [(name, day) for name, snap in snaps for day in days if small_files(snap, day) > MOST_FILES]


def tidy_once(lake: Lake, root: Path, now: datetime) -> None:
    """Merge today's files; once a day also sort finished days and clear what is unused.

    Raises:
        TransientError: other writers kept winning, or the disk is full; nothing is half done.
    """
    for name, day in _full(lake, now):
        compact(lake, name, day)
    today = (now - GRACE).date()
    if _cleared(root) < today:
        for name in TABLES:
            lake.tidy(name)
        _note(root, today)


async def keep_tidy(lake: Lake, root: Path, every_s: float = LOOK_S) -> None:
    """Look every `every_s` seconds and start the lane where something is due, until cancelled.

    A lane that fails is logged once and tried again at the next look; collecting goes on.
    """
    told = False
    while True:
        await asyncio.sleep(every_s)
        try:
            if not await asyncio.to_thread(due, lake, root, datetime.now(UTC)):
                continue
            words = await _lane(root)
        except Exception as error:  # noqa: BLE001  whatever stops the upkeep must not stop the collecting
            words = str(error) or type(error).__name__
        if words and not told:
            logger.error("the maintenance lane failed: %s; tried again every %.0f s", words, every_s)
        told = bool(words)


async def _lane(root: Path) -> str:
    """Run the lane to its end; returns what it had to complain of."""
    quiet = asyncio.subprocess.DEVNULL
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "pipelines.landing.lane",
        str(root),
        stdin=quiet,
        stdout=quiet,
        stderr=asyncio.subprocess.PIPE,
    )
    try:
        _, told = await process.communicate()
    except asyncio.CancelledError:
        with contextlib.suppress(ProcessLookupError):
            process.kill()  # a commit is atomic; what it wrote without one is cleared later
        await process.wait()
        raise
    return "" if process.returncode == 0 else told.decode(errors="replace").strip()[-500:] or "no word why"


def _cleared(root: Path) -> date:
    """The day on which finished days were sorted and unused files cleared last."""
    try:
        return date.fromisoformat(json.loads(_file(root).read_text())["cleared"])
    except (OSError, ValueError, KeyError):
        return date.min


def _note(root: Path, day: date) -> None:
    aside = _file(root).with_suffix(".new")
    aside.parent.mkdir(parents=True, exist_ok=True)
    aside.write_text(json.dumps({"cleared": day.isoformat()}))
    aside.replace(_file(root))


def _file(root: Path) -> Path:
    return root / "spool" / "upkeep.json"


def main() -> int:
    """The process: tidy the root named on the command line; 1 with the reason on stderr when it could not."""
    os.nice(NICE)
    root = Path(sys.argv[1])
    try:
        tidy_once(Lake(root), root, datetime.now(UTC))
    except (OSError, PlantError) as error:
        sys.stderr.write(f"{error}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
