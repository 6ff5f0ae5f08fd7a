"""The collector killed with -9 again and again under load, at random moments and at every step of its way to Delta.

The broker keeps what is not acknowledged (QoS 1, persistent session), so everything it took must be in Delta in the
end, once: what was acknowledged because it was durable, the rest because it was delivered again.
`CHAOS_KILLS` sets how often (100).
"""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import polars as pl
import pytest
from collector import POINTS
from dock_plant import free_port, in_loop
from edge import Edge, plant_toml
from mosquitto import MOSQUITTO, mosquitto
from running import connected, lacking, stored

SUITE = "kill -9"
KILLS = int(os.environ.get("CHAOS_KILLS", "100"))
MACHINES, RATE = 20, 30.0
"""3,000 values a second: 100 tags in a message, 30 messages a second."""
COMMIT_S = 0.25
COLLECTOR = Path(__file__).with_name("collector.py")
READY_S = 60.0


class Collectors:
    """Collectors one after the other on one root; the next one is started while this one works."""

    def __init__(self, plant: Path, root: Path) -> None:
        self.plant, self.root = plant, root
        self._spare = self._start()

    def _start(self) -> subprocess.Popen:
        command = [sys.executable, str(COLLECTOR), str(self.plant), str(self.root), str(COMMIT_S)]
        env = os.environ | {"PYTHONWARNINGS": "ignore"}
        with (self.root / "collector.log").open("a") as log:
            return subprocess.Popen(command, env=env, stdin=subprocess.PIPE, stderr=log, text=True)

    def next(self, words: str = "") -> subprocess.Popen:
        """The next collector, at work."""
        now, self._spare = self._spare, self._start()
        now.stdin.write(f"go {words}\n")
        now.stdin.close()
        return now

    def close(self) -> None:
        self._spare.kill()
        self._spare.stdin.close()
        self._spare.wait()


def kill_one(collectors: Collectors, dice: random.Random) -> str:
    """Start a collector and have it killed; says where."""
    point = dice.choice(POINTS) if dice.random() < 0.5 else "at random"
    words = f"{point} {dice.randint(1, 4)}" if point in POINTS else ""
    process = collectors.next(words)
    try:
        process.wait(10 if words else dice.uniform(0.2, 2.0))
    except subprocess.TimeoutExpired:
        point = "at random"
    process.send_signal(signal.SIGKILL)
    assert process.wait() == -signal.SIGKILL
    return point


def drained(collectors: Collectors, produced: pl.DataFrame) -> None:
    """One last collector, until everything is there; it ends properly."""
    last = collectors.next()
    until = time.monotonic() + 240
    while lacking(produced, collectors.root) and time.monotonic() < until:
        time.sleep(1)
    last.send_signal(signal.SIGTERM)
    assert last.wait(60) == 0


@pytest.mark.skipif(MOSQUITTO is None, reason="needs mosquitto: apt-get install mosquitto")
@pytest.mark.timeout(1800)
@in_loop
async def test_every_value_the_broker_took_is_stored_once(tmp_path, tally):
    port, seed = free_port(), int(os.environ.get("CHAOS_SEED", str(time.time_ns() % 2**32)))
    dice = random.Random(seed)
    plant = tmp_path / "plant.toml"
    plant.write_text(plant_toml(port, MACHINES))
    async with mosquitto(port, tmp_path / "broker"):
        collectors, edge = Collectors(plant, tmp_path), Edge(port, MACHINES, RATE)
        try:
            subscribed(collectors, tmp_path)
            edge.start()
            killed = Counter(kill_one(collectors, dice) for _ in range(KILLS))
            edge.stop()
            produced = edge.produced()
            drained(collectors, produced)
        finally:
            edge.stop()
            collectors.close()
    tally.faults += killed.total()
    tally.notes.append(f"seed {seed}; {', '.join(f'{n} {point}' for point, n in sorted(killed.items()))}")
    torn = (tmp_path / "collector.log").read_text().count("torn frame")
    tally.notes.append(f"{torn} torn frames cut")
    tally.compare(produced, stored(tmp_path))
    assert not [*(tmp_path / "spool" / "readings").glob("*.seg")]


def subscribed(collectors: Collectors, root: Path) -> None:
    """The session is there before the first value: a collector has subscribed and ended."""
    process = collectors.next()
    until = time.monotonic() + READY_S
    while not connected(root, "sp"):
        assert time.monotonic() < until, (root / "collector.log").read_text()
        time.sleep(0.05)
    process.send_signal(signal.SIGTERM)
    assert process.wait(30) == 0
