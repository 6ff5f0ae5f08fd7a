"""The collector in a process of its own: what `shopfloor collect` does from the socket to the commit, and its cost.

`python -m benchmarks.dock.pipe collect PLANT ROOT VALUES FLUSH_S` prints {"values", "cpu_s", "seconds"}: CPU seconds of
all threads from the first values on (connecting and creating items not included) to the last commit.
"""

from __future__ import annotations

import asyncio
import json
import logging
import sys
import time
from pathlib import Path

from benchmarks.figure import own_cpu_s
from pipelines.collect import collect, settled
from plant.config import load

PATIENCE_S = 60.0


async def measure(plant: Path, root: Path, values: int, flush_s: float) -> dict[str, float]:
    """Collect until `values` beyond the initial ones came, then stop as a user does."""
    loaded, stop = load(plant), asyncio.Event()
    tags = len(list(loaded.tags("ua")))
    task = asyncio.create_task(collect(loaded, root, stop, commit_s=flush_s))
    await _came(root, tags, task)
    cpu_s, begun_s, before = own_cpu_s(), time.monotonic(), _values(root)
    await _came(root, values + tags, task)
    stop.set()
    await task
    return {"values": _values(root) - before, "cpu_s": own_cpu_s() - cpu_s, "seconds": time.monotonic() - begun_s}


async def _came(root: Path, values: int, task: asyncio.Task[None]) -> None:
    async with asyncio.timeout(PATIENCE_S):
        while _values(root) < values and not task.done():  # noqa: ASYNC110  another task writes the file looked at
            await asyncio.sleep(0.5)


def _values(root: Path) -> int:
    path = root / "spool" / "health" / "ua.json"
    return int(json.loads(path.read_text())["values"]) if path.exists() else 0


def main(verb: str, plant: str, root: str, values: str, flush_s: str) -> None:
    """Measure and print one JSON line; `verb` sets the process up as the collector's (`pipelines`)."""
    if verb != "collect":
        raise SystemExit(f"found {verb}; valid is collect PLANT ROOT VALUES FLUSH_S")
    logging.basicConfig(level=logging.ERROR)
    logging.getLogger("asyncua").setLevel(logging.CRITICAL)
    with settled():
        found = asyncio.run(measure(Path(plant), Path(root), int(values), float(flush_s)))
    sys.stdout.write(json.dumps(found) + "\n")


if __name__ == "__main__":
    main(*sys.argv[1:])
