"""A collector that has started and waits for a word, so that a kill costs no start-up, and that can kill itself.

    python collector.py plant.toml root commit_s      then on stdin:  go [point n]

With a point it is killed by SIGKILL at the n-th passage of that point of the real code. `mid_commit` is at a random
moment of the n-th commit, while the engine writes.
"""

from __future__ import annotations

import asyncio
import itertools
import os
import random
import signal
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import warehouse.writing
from connectors.spool import Spool
from pipelines.collect import collect
from plant.config import load

BEFORE = {
    "before_sync": (os, "fdatasync"),
    "before_seal": (Spool, "seal"),
    "before_commit": (warehouse.writing, "append"),
    "before_delete": (Spool, "delete"),
}
AFTER = {
    "after_sync": (os, "fdatasync"),
    "after_seal": (Spool, "seal"),
    "after_commit": (warehouse.writing, "append"),
    "after_delete": (Spool, "delete"),
}
MID = "mid_commit"
POINTS = (*BEFORE, *AFTER, MID)


def die() -> None:
    """Killed as by `kill -9`: nothing is flushed, no handler runs."""
    os.kill(os.getpid(), signal.SIGKILL)


def arm(point: str, n: int) -> None:
    """Kill this process at the n-th passage of a point."""
    owner, name = {**BEFORE, **AFTER, MID: (warehouse.writing, "append")}[point]
    real: Callable[..., Any] = getattr(owner, name)
    passages = itertools.count(1)

    def passing(*args: Any, **kwargs: Any) -> Any:
        now = next(passages) == n
        if now and point in BEFORE:
            die()
        if now and point == MID:
            threading.Thread(target=_die_within, args=(0.06,), daemon=True).start()
        out = real(*args, **kwargs)
        if now and point in AFTER:
            die()
        return out

    setattr(owner, name, passing)


def _die_within(seconds: float) -> None:
    time.sleep(random.uniform(0, seconds))
    die()


async def _collect(plant_toml: str, root: str, commit_s: float) -> None:
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    await collect(load(plant_toml), Path(root), stop, commit_s=commit_s)


def main() -> None:
    """Wait for the word, then collect until killed or SIGTERM."""
    words = sys.stdin.readline().split()
    if words[1:]:
        arm(words[1], int(words[2]))
    asyncio.run(_collect(sys.argv[1], sys.argv[2], float(sys.argv[3])))


if __name__ == "__main__":
    main()
