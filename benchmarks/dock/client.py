"""A client of the loaded server in a process of its own, and what it costs: asyncua's stock handler, or our decoding.

`python -m benchmarks.dock.client stock|ours ENDPOINT TAGS VALUES` prints {"values", "cpu_s"}: CPU seconds of this
process from the first value on, connecting and creating items not included.
"""

from __future__ import annotations

import asyncio
import json
import logging
import sys
from collections.abc import Callable

from asyncua import Client

from benchmarks.figure import own_cpu_s
from connectors.opcua.live import Live
from connectors.opcua.session import GapClient, GapSubscription
from connectors.opcua.session_items import Wish

PUBLISH_MS, EVERY_S = 100.0, 0.2
IDLE_S = 3.0
"""So long without a value ends the measurement."""

_decoding: set[asyncio.Task[None]] = set()


class Count:
    """Values since the measurement began, and the CPU seconds up to the last one."""

    def __init__(self) -> None:
        self.values = self.all = 0
        self.begun_s = self.ended_s = 0.0

    def saw(self, values: int) -> None:
        """Take values in; the clock starts with `begin`."""
        self.all += values
        if self.begun_s:
            self.values += values
            self.ended_s = own_cpu_s()

    def begin(self) -> None:
        """Start the clock."""
        self.begun_s = self.ended_s = own_cpu_s()


class Stock:
    """asyncua's handler: one call a value."""

    def __init__(self, count: Count) -> None:
        self._count = count

    def datachange_notification(self, node: object, value: object, data: object) -> None:
        """One value."""
        self._count.all += 1
        self._count.values += 1 if self._count.begun_s else 0


async def measure(kind: str, endpoint: str, tags: int, values: int) -> dict[str, float]:
    """Subscribe, then count until `values` came or nothing does any more."""
    count = Count()
    nodes = [f"ns=2;s=t{n}" for n in range(tags)]
    client = await (_stock if kind == "stock" else _ours)(endpoint, nodes, count)
    await _until(lambda: count.all >= tags)  # the initial values
    count.begin()
    before, idle = -1, 0.0
    while count.values < values and idle < IDLE_S:
        idle = idle + 0.1 if count.values == before else 0.0
        before = count.values
        await asyncio.sleep(0.1)
    cpu_s = own_cpu_s() - count.begun_s
    await client.disconnect()
    return {"values": count.values, "cpu_s": cpu_s}


async def _stock(endpoint: str, nodes: list[str], count: Count) -> Client:
    client = Client(endpoint, timeout=30, watchdog_intervall=60)
    await client.connect()
    subscription = await client.create_subscription(PUBLISH_MS, Stock(count))
    for at in range(0, len(nodes), 1000):
        await subscription.subscribe_data_change([client.get_node(n) for n in nodes[at : at + 1000]], queuesize=1000)
    return client


async def _ours(endpoint: str, nodes: list[str], count: Count) -> Client:
    client = GapClient(endpoint, timeout_s=30)
    await client.connect()

    live = Live(lambda _: None, lambda _: None)
    subscription = await GapSubscription.open(client, PUBLISH_MS, live.take, lambda _: None)
    await subscription.add([Wish(client.get_node(n), 50.0, 1000) for n in nodes])
    _decoding.add(asyncio.create_task(_decode(live, count)))
    return client


async def _decode(live: Live, count: Count) -> None:
    """As the collector does with `spool_every` as it is by default."""
    while True:
        await asyncio.sleep(EVERY_S)
        live.decode()
        if (given := live.given()) is not None:
            count.saw(len(given[1]))


async def _until(check: Callable[[], bool]) -> None:
    async with asyncio.timeout(60):
        while not check():  # noqa: ASYNC110  asyncua has no event for it
            await asyncio.sleep(0.05)


def main(kind: str, endpoint: str, tags: str, values: str) -> None:
    """Measure and print one JSON line."""
    logging.disable(logging.ERROR)
    sys.stdout.write(json.dumps(asyncio.run(measure(kind, endpoint, int(tags), int(values)))) + "\n")


if __name__ == "__main__":
    main(*sys.argv[1:])
