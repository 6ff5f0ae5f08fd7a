"""Mosquitto, where it is installed: a broker in C that keeps sessions on disk and can be stopped and started."""

from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
import signal
import socket
import subprocess
from collections.abc import AsyncIterator
from pathlib import Path

MOSQUITTO = shutil.which("mosquitto") or shutil.which("mosquitto", path="/usr/sbin:/usr/local/sbin")
CONFIG = """
listener {port} 127.0.0.1
allow_anonymous true
max_queued_messages 0
persistence true
persistence_location {folder}/
autosave_interval 0
log_dest none
{user}
"""


class Mosquitto:
    """Mosquitto with persistent sessions, as a process that can be stopped, killed and started again."""

    def __init__(self, port: int, folder: Path) -> None:
        self.port, self.folder = port, folder
        self._process: subprocess.Popen[bytes] | None = None

    async def start(self) -> None:
        """Start and wait until it listens."""
        self._process = self._spawn()
        async with asyncio.timeout(10):
            while not _listens(self.port):  # noqa: ASYNC110  what is waited for has no event
                await asyncio.sleep(0.02)

    def _spawn(self) -> subprocess.Popen[bytes]:
        self.folder.mkdir(parents=True, exist_ok=True)
        path = self.folder / "mosquitto.conf"
        user = "user root" if os.geteuid() == 0 else ""  # else it becomes a user who may not write the folder
        path.write_text(CONFIG.format(port=self.port, folder=self.folder, user=user))
        return subprocess.Popen([str(MOSQUITTO), "-c", str(path)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    async def stop(self) -> None:
        """Stop as a service manager does: SIGTERM; sessions and queues are saved."""
        if self._process:
            self._process.send_signal(signal.SIGTERM)
            await asyncio.to_thread(self._process.wait, 10)
            self._process = None


@contextlib.asynccontextmanager
async def mosquitto(port: int, folder: Path) -> AsyncIterator[Mosquitto]:
    """A running Mosquitto on 127.0.0.1:port."""
    served = Mosquitto(port, folder)
    await served.start()
    try:
        yield served
    finally:
        await served.stop()


def _listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0
