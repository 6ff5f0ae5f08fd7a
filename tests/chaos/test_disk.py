"""The disk full and the disk read only, while values keep coming: no corruption, a clear word, all there later.

With root rights on Linux: a real small file system (tmpfs) that fills up, files made immutable under their writer.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import subprocess
import sys
from pathlib import Path

import polars as pl
import pytest
from dock_plant import free_port, in_loop, until
from edge import Edge, plant_toml
from mosquitto import MOSQUITTO, mosquitto
from running import collecting, connected, lacking, stored

SUITE = "disk"
MACHINES, RATE = 20, 10.0
DISK = "24m"
LINUX_ROOT = sys.platform == "linux" and os.geteuid() == 0
pytestmark = [
    pytest.mark.skipif(MOSQUITTO is None, reason="needs mosquitto: apt-get install mosquitto"),
    pytest.mark.skipif(not LINUX_ROOT, reason="needs root on Linux, to mount a small disk"),
]


@pytest.fixture
def disk(tmp_path):
    """A file system of its own."""
    folder = tmp_path / "disk"
    folder.mkdir()
    if subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={DISK}", "tmpfs", folder], check=False).returncode:
        pytest.skip("this machine does not let root mount a tmpfs")
    yield folder
    subprocess.run(["umount", "-l", folder], check=True)


@contextlib.asynccontextmanager
async def plant_under_load(tmp_path: Path, root: Path):
    """Broker, edge node and collector; gives edge node and collector task."""
    port = free_port()
    plant = tmp_path / "plant.toml"
    plant.write_text(plant_toml(port, MACHINES))
    async with mosquitto(port, tmp_path / "broker"), collecting(plant, root) as task:
        await until(lambda: connected(root, "sp"))
        edge = Edge(port, MACHINES, RATE)
        edge.start()
        try:
            await until(lambda: (root / "lake" / "bronze" / "readings").exists() and stored(root).height > 1_000)
            yield edge, task
        finally:
            await asyncio.to_thread(edge.stop)


async def everything(edge: Edge, root: Path) -> pl.DataFrame:
    """What was produced, when all of it is stored (or time is up)."""
    await asyncio.to_thread(edge.stop)
    produced = edge.produced()
    with contextlib.suppress(TimeoutError):
        await until(lambda: not lacking(produced, root), 90)
    return produced


def fill(folder: Path) -> Path:
    """A file that takes every byte left."""
    path = folder / "somebody-elses.bin"
    with path.open("wb", buffering=0) as file, contextlib.suppress(OSError):
        while file.write(b"\0" * 65_536):
            pass
    with path.open("ab", buffering=0) as file, contextlib.suppress(OSError):
        while file.write(b"\0"):
            pass
    return path


@in_loop
async def test_a_disk_that_fills_up_again_and_again(tmp_path, disk, tally, caplog):
    async with plant_under_load(tmp_path, disk) as (edge, task):
        for _ in range(3):
            taken = fill(disk)
            tally.faults += 1
            caplog.clear()
            await until(lambda: "cannot be written to" in caplog.text)
            await asyncio.sleep(2)
            assert not task.done()
            taken.unlink()
            await until(lambda: "can be written to again" in caplog.text)
            await asyncio.sleep(1)
        produced = await everything(edge, disk)
    tally.compare(produced, stored(disk))
    assert "No space left on device" in caplog.text
    assert "Traceback" not in caplog.text


@in_loop
async def test_a_root_that_becomes_read_only_under_the_collector_and_writable_again(tmp_path, tally, caplog):
    root = tmp_path / "root"
    root.mkdir()
    freeze(root, thaw=True)
    async with plant_under_load(tmp_path, root) as (edge, task):
        for _ in range(2):
            caplog.clear()
            try:
                await asyncio.to_thread(freeze, root)
                tally.faults += 1
                await until(lambda: "cannot be written to (Operation not permitted)" in caplog.text)
                await asyncio.sleep(2)
                assert not task.done()
            finally:
                await asyncio.to_thread(freeze, root, thaw=True)
            await until(lambda: "can be written to again" in caplog.text)
            await asyncio.sleep(1)
        produced = await everything(edge, root)
    tally.compare(produced, stored(root))
    assert "Traceback" not in caplog.text


def freeze(root: Path, *, thaw: bool = False) -> None:
    """Every file and folder immutable: also those the collector holds open for writing refuse it."""
    done = subprocess.run(["chattr", "-R", "-i" if thaw else "+i", str(root)], capture_output=True, check=False)
    if thaw and done.returncode:
        pytest.skip("this file system knows no immutable files: chattr on ext4, xfs or btrfs")


def test_a_collector_started_on_a_read_only_disk_says_so(tmp_path, disk, tally):
    plant = tmp_path / "plant.toml"
    plant.write_text(plant_toml(free_port(), 1))
    subprocess.run(["mount", "-o", "remount,ro", disk], check=True)
    tally.faults += 1
    command = [
        sys.executable,
        "-m",
        "pipelines.cli",
        "collect",
        "--plant",
        str(plant),
        "--root",
        str(disk),
        "--for",
        "1s",
    ]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "Traceback" not in done.stderr
    assert "Read-only file system; the disk is read only: give another --root" in done.stderr
