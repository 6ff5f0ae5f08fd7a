"""One builder a root: `shopfloor build` and Dagster do not bring the same lake up to date at once.

The collector, edits and ingestion of other processes only append to bronze and need no lock.
"""

from __future__ import annotations

import fcntl
import json
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from threading import RLock
from typing import TextIO

from plant.errors import TransientError

NAME = "build.lock"
WAIT_S = 600.0
"""So long one builder waits for another."""
POLL_S = 0.2
_HELD: dict[Path, tuple[TextIO, int]] = {}
_GUARD = RLock()


@contextmanager
def alone(root: Path, what: str, wait_s: float = WAIT_S, say: Callable[[str], None] | None = None) -> Iterator[None]:
    """Hold the lock of a root; a process that holds it may take it again.

    Args:
        root: the state folder.
        what: who builds, for the message others see.
        wait_s: seconds to wait for another process.
        say: told once when it has to wait.

    Raises:
        TransientError: another process still holds it after `wait_s`; names it.
    """
    path = root.resolve() / NAME
    _enter(path, what, wait_s, say)
    try:
        yield
    finally:
        _leave(path)


def _enter(path: Path, what: str, wait_s: float, say: Callable[[str], None] | None) -> None:
    with _GUARD:
        held = _HELD.get(path)
        if held is not None:
            _HELD[path] = (held[0], held[1] + 1)
            return
        path.parent.mkdir(parents=True, exist_ok=True)
        file = path.open("a+", encoding="utf8")
        try:
            _acquire(file, path, wait_s, say)
        except BaseException:
            file.close()
            raise
        file.seek(0)
        file.truncate()
        file.write(json.dumps({"pid": os.getpid(), "what": what, "since": datetime.now(UTC).isoformat()}))
        file.flush()
        _HELD[path] = (file, 1)


def _acquire(file: TextIO, path: Path, wait_s: float, say: Callable[[str], None] | None) -> None:
    until = time.monotonic() + wait_s
    while True:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() >= until:
                raise TransientError(
                    f"{path.parent} is being built by {_holder(path)}; waited {wait_s:g} s. One builder a root: "
                    f"try again when it has ended, or stop it"
                ) from None
            if say is not None:
                say(f"waiting: this root is being built by {_holder(path)}")
                say = None
            time.sleep(min(POLL_S, wait_s))
        else:
            return


def _leave(path: Path) -> None:
    with _GUARD:
        file, depth = _HELD[path]
        if depth > 1:
            _HELD[path] = (file, depth - 1)
            return
        del _HELD[path]
        file.truncate(0)
        file.close()


def _holder(path: Path) -> str:
    try:
        told = json.loads(path.read_text(encoding="utf8"))
    except (OSError, ValueError):  # between taking the lock and writing the name
        return "another process"
    return f"{told['what']}, process {told['pid']}, since {told['since'][:19]}Z"
