"""Serve the plant in a box over its real protocols, at wall-clock speed from now on.

Replays the samples of a simulated run: those before now are the values the machines start with, those
after now are delivered when their time has come. What was delivered is kept for the verification.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import socket
from collections import defaultdict
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Protocol

import polars as pl

from plant.config import Plant
from plant.sources.live import ModbusSource, OpcUaSource, SparkplugSource
from simulator.run import Run
from simulator.servers.books import books_kept
from simulator.servers.broker import broker
from simulator.servers.delivered import Delivered, PortInUseError, Sample, tags_of
from simulator.servers.modbus import modbus_plant
from simulator.servers.opcua import address_of, check_free, opcua_plant
from simulator.servers.sparkplug import sparkplug_plant

logger = logging.getLogger(__name__)

TICK_S = 0.1
WRITE_EVERY_S = 10.0
_SERVERS: dict[type, Any] = {OpcUaSource: opcua_plant, ModbusSource: modbus_plant, SparkplugSource: sparkplug_plant}


class HasSamples(Protocol):
    """What is needed of a simulated run: samples (tag, ts, value, status) sorted by ts."""

    @property
    def samples(self) -> pl.DataFrame:
        """One row a sample; ts in UTC, value null without signal."""
        ...


class _Served(Protocol):
    async def deliver(self, samples: Sequence[Sample]) -> None: ...


async def serve(
    run: HasSamples,
    plant: Plant,
    root: Path,
    database_url: str | None = None,
    speed: float = 1.0,
    until: datetime | None = None,
    *,
    since: datetime | None = None,
    delivered: Delivered | None = None,
    ready: asyncio.Event | None = None,
) -> None:
    """Serve every live source of the plant until cancelled, or until `until`.

    Args:
        run: a simulated run; a full one (simulator.run.Run) also keeps the database at the state of now.
        plant: says which sources there are and where; a test gives one with free ports.
        root: --root; what was delivered goes to root/truth/live.
        database_url: the plant's database; root/plant/erp.sqlite when None.
        speed: samples are compressed in time around now by this factor, time stamps as well.
        until: stop at this instant.
        since: the machines have been on since then: history servers and edge nodes hold the samples from
            it to now. None: each holds its last value only.
        delivered: a log to fill; tests read it.
        ready: set once everything listens.

    Raises:
        PortInUseError: a port of plant.toml is taken; the message names port, key and what to do.
    """
    started = datetime.now(UTC)
    delivered = delivered or Delivered()
    sources = [s for s in plant.sources.values() if type(s) in _SERVERS]
    brokers = await asyncio.to_thread(_brokers_needed, sources)
    past, coming = _split(run.samples, started, since or started, speed)
    async with contextlib.AsyncExitStack() as stack:
        for source in brokers:
            await stack.enter_async_context(broker(source.host, source.port, source.name))
        served = await _open(stack, plant, [s.name for s in sources], past, delivered, root / "plant" / "pki")
        if isinstance(run, Run):
            await stack.enter_async_context(books_kept(run, root, database_url, since or started))
        stack.callback(delivered.write, root, started)
        if ready:
            ready.set()
        await _replay(coming, served, delivered, root, started, until)


def _split(
    samples: pl.DataFrame, now: datetime, since: datetime, speed: float
) -> tuple[dict[str, list[Sample]], pl.DataFrame]:
    """By tag the last sample until `since` and all after it until now; and what comes, its time compressed."""
    at, from_ = (pl.lit(t, dtype=pl.Datetime("us", "UTC")) for t in (now, since))
    ordered = samples.select("tag", "ts", "value", "status").sort("ts", maintain_order=True)
    before = ordered.filter(pl.col("ts") <= from_).group_by("tag", maintain_order=True).last()
    recent = ordered.filter(pl.col("ts").is_between(from_, at, closed="right"))
    past: dict[str, list[Sample]] = defaultdict(list)
    for row in pl.concat([before.select(ordered.columns), recent]).iter_rows():
        past[row[0]].append(Sample(*row))
    coming = ordered.filter(pl.col("ts") > at)
    if speed != 1.0:
        coming = coming.with_columns(ts=at + ((pl.col("ts") - at) / speed).cast(pl.Duration("us")))
    return past, coming


async def _open(
    stack: contextlib.AsyncExitStack,
    plant: Plant,
    names: Sequence[str],
    past: dict[str, list[Sample]],
    delivered: Delivered,
    keys: Path,
) -> dict[str, _Served]:
    """Start every server; returns them by tag. `keys` is the folder of their key pairs."""
    by_tag: dict[str, _Served] = {}
    for name in names:
        tags = tags_of(plant, name)
        initial = sorted((s for tag in tags for s in past.get(tag, [])), key=lambda s: s.ts)
        more = {"keys": keys} if isinstance(plant.sources[name], OpcUaSource) else {}
        server = _SERVERS[type(plant.sources[name])](plant, name, delivered, initial, **more)
        by_tag |= dict.fromkeys(tags, await stack.enter_async_context(server))
        logger.info("plant in a box: %s served, %d tags", name, len(tags))
    return by_tag


async def _replay(
    coming: pl.DataFrame,
    served: dict[str, _Served],
    delivered: Delivered,
    root: Path,
    started: datetime,
    until: datetime | None,
) -> None:
    at, times, written = 0, coming["ts"], started
    while until is None or datetime.now(UTC) < until:
        now = datetime.now(UTC)
        end = int(times.search_sorted(now, side="right"))
        if end > at:
            await _deliver([Sample(*row) for row in coming[at:end].iter_rows()], served)
            at = end
        if now - written > timedelta(seconds=WRITE_EVERY_S):
            written = now
            await asyncio.to_thread(delivered.write, root, started)
        await asyncio.sleep(TICK_S)


async def _deliver(samples: Sequence[Sample], served: dict[str, _Served]) -> None:
    """Hand samples to their servers; tags of no live source are nobody's."""
    groups: dict[int, list[Sample]] = defaultdict(list)
    servers = {id(server): server for server in served.values()}
    for sample in samples:
        if sample.tag in served:
            groups[id(served[sample.tag])].append(sample)
    for key, mine in groups.items():
        await servers[key].deliver(mine)


def _brokers_needed(sources: Sequence[Any]) -> list[SparkplugSource]:
    """Sources whose broker is not there yet, one a port. Checks every port before anything is started.

    Raises:
        PortInUseError: a port is taken, and not by an MQTT broker where one is wanted.
    """
    needed: dict[tuple[str, int], SparkplugSource] = {}
    for source in sources:
        if isinstance(source, OpcUaSource):
            check_free(*address_of(source.endpoint), source.name, "endpoint")
            continue
        try:
            check_free(source.host, source.port, source.name, "port")
        except PortInUseError:
            if not (isinstance(source, SparkplugSource) and _answers_mqtt(source.host, source.port)):
                raise
        else:
            if isinstance(source, SparkplugSource):
                needed[source.host, source.port] = source
    return list(needed.values())


def _answers_mqtt(host: str, port: int) -> bool:
    """Send a CONNECT (3.1.1, clean session, anonymous); a broker answers CONNACK."""
    variable = b"\x00\x04MQTT\x04\x02\x00\x05" + b"\x00\x05probe"
    connect = b"\x10" + bytes([len(variable)]) + variable
    try:
        with socket.create_connection((host, port), timeout=2) as link:
            link.sendall(connect)
            return link.recv(1) == b"\x20"
    except OSError:
        return False
