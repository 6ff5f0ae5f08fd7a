"""Sparkplug B: CPU seconds per million values, from the bytes of a message to rows on disk in the spool."""

from __future__ import annotations

import asyncio
import random
import tempfile
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

from benchmarks.figure import Figure, own_cpu_s
from connectors.health import Health
from connectors.intake import Seen
from connectors.mqtt.link import Message
from connectors.sparkplug.host import SparkplugReader
from connectors.sparkplug.link import HostLink
from connectors.sparkplug.sparkplug_pb2 import Payload
from pipelines.spooling import SpoolIntake
from plant.config import Plant, load, tag_id
from plant.sources.live import SparkplugSource
from warehouse.lake import Lake

METRICS = 100
MESSAGES = 4_000
FLUSH_EVERY = 200
"""Messages between two flushes: as much as 20,000 values a second bring in a second."""
LIMIT = 3.5
HEAD = """
schema = 1
[plant]
name = "bench"
[[site]]
name = "s"
timezone = "UTC"
[[area]]
name = "a"
site = "s"
[[line]]
name = "l"
area = "a"
[[source]]
name = "edge"
kind = "sparkplug"
host = "127.0.0.1"
group = "g"
[[machine]]
name = "m"
line = "l"
kind = "press"
tags = [
"""
FIELDS = ("double_value", "int_value", "long_value", "boolean_value", "float_value")
DATATYPES = (10, 3, 8, 11, 9)


def figures(_data: Path) -> Iterator[Figure]:
    """Mixed types (double, Int32, UInt64, Boolean, float), by alias, 100 metrics a message."""
    with tempfile.TemporaryDirectory() as folder:
        used_s, values = asyncio.run(_run(Path(folder)))
    cost = used_s / values * 1e6
    note = f"{METRICS} metrics a message, {values:,} values: protobuf, state machine, screening, spool with fdatasync"
    yield Figure("sparkplug.cpu_s_per_million", cost, "CPU s", f"limit: {LIMIT}", cost / LIMIT, note)


async def _run(root: Path) -> tuple[float, int]:
    """CPU seconds and how many values they were spent on."""
    plant = _plant(root)
    source = plant.sources["edge"]
    assert isinstance(source, SparkplugSource)
    tags = [(tag_id(machine, tag), tag) for machine, tag in plant.tags("edge")]
    intake = SpoolIntake(plant, root, Lake(root))
    reader = SparkplugReader(source, tags, intake, Health("edge", "sparkplug"), Seen(), root)
    link = HostLink(source, reader.arrived, root)
    link.at_us = 0  # not its first minute: no comparison with the past
    start_ms = int(datetime.now(UTC).timestamp() * 1000) - MESSAGES
    birth, *data = [_message(n, start_ms) for n in range(MESSAGES + 1)]
    reader._queue.put_nowait(birth)
    await reader._work(link)
    values, began = 0, own_cpu_s()
    for n in range(0, MESSAGES, FLUSH_EVERY):
        for message in data[n : n + FLUSH_EVERY]:
            reader._queue.put_nowait(message)
        while await reader._work(link):
            await intake.flush()
    used_s = own_cpu_s() - began
    values = reader.health.values - METRICS
    if values != MESSAGES * METRICS:
        raise AssertionError(f"{values} of {MESSAGES * METRICS} values were read")
    await intake.close()
    return used_s, values


def _plant(root: Path) -> Plant:
    lines = [
        f'  {{ name = "t{n}", role = "other", source = "edge", address = "g/e//t{n}" }},\n' for n in range(METRICS)
    ]
    path = root / "plant.toml"
    path.write_text(HEAD + "".join(lines) + "]\n")
    return load(path)


def _message(n: int, start_ms: int) -> Message:
    """The birth (n = 0) or the n-th data message."""
    rng = random.Random(n)
    payload = Payload(timestamp=start_ms + n, seq=n % 256)
    for alias in range(METRICS):
        metric = payload.metrics.add(alias=alias + 1, timestamp=start_ms + n)
        field = FIELDS[alias % len(FIELDS)]
        value = rng.random() * 400
        setattr(metric, field, value if field in {"double_value", "float_value"} else int(value) % 2)
        if n == 0:
            metric.name, metric.datatype = f"t{alias}", DATATYPES[alias % len(FIELDS)]
    kind = "NDATA" if n else "NBIRTH"
    return Message(f"spBv1.0/g/{kind}/e", payload.SerializeToString(), 0, 0, (start_ms + n) * 1000)
