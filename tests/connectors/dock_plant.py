"""A small plant on free ports, and an intake in memory: what the dock tests share."""

from __future__ import annotations

import asyncio
import functools
import socket
from datetime import UTC, datetime

import polars as pl

from connectors.intake import ROWS
from plant.config import Plant, load

TOML = """
schema = 1
[plant]
name = "dock"
[[site]]
name = "s"
timezone = "UTC"
[[area]]
name = "a"
site = "s"
[[line]]
name = "l"
area = "a"
[states.codes]
0 = "off"
1 = "producing"
[[source]]
name = "ua"
kind = "opcua"
endpoint = "opc.tcp://127.0.0.1:{opcua}/x"
security = "none"
publish = "100ms"
sampling = "50ms"
[[source]]
name = "mb"
kind = "modbus"
host = "127.0.0.1"
port = {modbus}
poll = "100ms"
timeout = "500ms"
[[source]]
name = "sp"
kind = "sparkplug"
host = "127.0.0.1"
port = {mqtt}
group = "g"
[[machine]]
name = "m1"
line = "l"
kind = "cnc"
tags = [
  {{ name = "state", role = "state", source = "ua", address = "ns=2;s=m1.state", type = "uint16", states = "codes" }},
  {{ name = "good", role = "good_count", source = "ua", address = "ns=2;s=m1.good", type = "uint32", unit = "pcs" }},
  {{ name = "power", role = "power", source = "ua", address = "ns=2;s=m1.power", type = "float32", unit = "kW" }},
]
[[machine]]
name = "m2"
line = "l"
kind = "press"
tags = [
  {{ name = "state", role = "state", source = "mb", address = "holding:0", type = "uint16", states = "codes" }},
  {{ name = "good", role = "good_count", source = "mb", address = "holding:2", type = "uint32", unit = "pcs" }},
  {{ name = "power", role = "power", source = "mb", address = "holding:4", type = "float32", word_order = "little" }},
  {{ name = "alarm", role = "alarm", source = "mb", address = "holding:100:3", type = "bool" }},
]
[[machine]]
name = "m3"
line = "l"
kind = "packaging"
tags = [
  {{ name = "state", role = "state", source = "sp", address = "g/e1/m3/state", type = "uint16", states = "codes" }},
  {{ name = "good", role = "good_count", source = "sp", address = "g/e1/m3/good", type = "uint32", unit = "pcs" }},
  {{ name = "temp", role = "temperature", source = "sp", address = "g/e1/m3/temp", type = "int16", unit = "degC" }},
]
"""


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def make_plant(folder, edit=lambda text: text) -> Plant:
    text = TOML.format(opcua=free_port(), modbus=free_port(), mqtt=free_port())
    path = folder / "plant.toml"
    path.write_text(edit(text))
    return load(path)


def utc(offset_s: float = 0.0) -> datetime:
    now = datetime.now(UTC).timestamp() + offset_s
    return datetime.fromtimestamp(round(now, 3), UTC)


class MemoryIntake:
    """Keeps rows; calls `done` at once unless told to hold it."""

    every_s = 0.2

    def __init__(self) -> None:
        self.open = asyncio.Event()
        self.open.set()
        self.frames: list[pl.DataFrame] = []
        self.reports: list[pl.DataFrame] = []
        self.hold_done = False
        self.held: list = []

    async def put(self, rows, done=None) -> None:
        await self.open.wait()
        self.frames.append(rows.cast(ROWS))  # words again where they came as codes
        if done and self.hold_done:
            self.held.append(done)
        elif done:
            done()

    def report(self, quarantine) -> None:
        self.reports.append(quarantine)

    def rows(self, tag=None) -> pl.DataFrame:
        rows = pl.concat([pl.DataFrame(schema=ROWS), *self.frames])
        return rows.filter(pl.col("tag") == tag) if tag else rows


def in_loop(test):
    """Run an async test in its own event loop."""

    @functools.wraps(test)
    def run(*args, **kwargs):
        return asyncio.run(test(*args, **kwargs))

    return run


async def until(check, seconds=60.0) -> None:
    async with asyncio.timeout(seconds):
        while not check():  # noqa: ASYNC110  what is waited for has no event
            await asyncio.sleep(0.02)
