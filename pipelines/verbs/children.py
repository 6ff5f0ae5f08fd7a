"""Child processes of one command: started together, watched, ended together by pid. Output goes to log files."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

from pipelines.verbs.progress import Progress
from plant.errors import TerminalError


class PortTakenError(TerminalError):
    """Something listens on a port we were told to use."""


class Children:
    """The processes of one command. Use as a context: leaving it ends every child."""

    def __init__(self, logs: Path, progress: Progress) -> None:
        self.logs, self.progress = logs, progress
        self._running: dict[str, subprocess.Popen[bytes]] = {}
        logs.mkdir(parents=True, exist_ok=True)

    def __enter__(self) -> Children:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def start(self, name: str, *args: str, env: dict[str, str] | None = None) -> None:
        """Start `python -m args` with its output in `<name>.log`."""
        with (self.logs / f"{name}.log").open("ab") as log:
            self._running[name] = subprocess.Popen(
                [sys.executable, "-m", *args],
                stdout=log, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL,
                env={**os.environ, **(env or {})}, start_new_session=True,
            )  # fmt: skip

    def fallen(self) -> list[str]:
        """Names of children that ended by themselves, each reported once."""
        found = [name for name, child in self._running.items() if child.poll() is not None]
        for name in found:
            code = self._running.pop(name).returncode
            self.progress.say(f"[red]{name} ended with code {code}[/red]; see {self.logs / f'{name}.log'}")
        return found

    def alive(self) -> bool:
        """Whether any child runs."""
        return any(child.poll() is None for child in self._running.values())

    def stop(self, patience_s: float = 10.0) -> None:
        """Ask every child to end, then insist."""
        for child in self._running.values():
            _signal(child, signal.SIGTERM)
        deadline = time.monotonic() + patience_s
        for child in self._running.values():
            try:
                child.wait(max(0.1, deadline - time.monotonic()))
            except subprocess.TimeoutExpired:
                _signal(child, signal.SIGKILL)
                child.wait()
        self._running.clear()


def _signal(child: subprocess.Popen[bytes], number: signal.Signals) -> None:
    """Signal the child's own process group: it may have started servers of its own."""
    try:
        os.killpg(child.pid, number)
    except ProcessLookupError:
        return


def refuse_taken_port(host: str, port: int, option: str) -> None:
    """Say clearly, before anything starts, that a port is in use.

    Raises:
        PortTakenError: naming the port and the option that changes it.
    """
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            raise PortTakenError(
                f"port {port} on {host} is in use ({error.strerror}); choose a free one with {option}"
            ) from error
