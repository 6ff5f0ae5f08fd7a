"""OPC UA servers of two makes behind a network that cuts, delays, trickles, goes silent and refuses.

Every tag of the server counts up; afterwards Delta holds each number once. node-opcua's server keeps history, and
takes three items and two histories a call only.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import signal
from datetime import UTC, datetime

import polars as pl
from asyncua import Client
from dock_plant import free_port, in_loop, make_plant, until, utc
from node_peers import node_peer
from proxy import Proxy
from running import collecting, connected, stored

from simulator.servers.delivered import Delivered, Sample
from simulator.servers.opcua import opcua_plant

SUITE = "opcua"
TAGS = 4
START = datetime(2020, 1, 1, tzinfo=UTC)
FAULTS = (
    ("cut", (), 0.0), ("cut", (), 3.0), ("delay", (0.3,), 3.0), ("trickle", (4000,), 2.0), ("black_hole", (), 1.0),
    ("black_hole", (), 15.0), ("refuse", (), 3.0), ("cut", (), 0.0), ("refuse", (), 6.0),
)  # fmt: skip


def only_opcua(text: str, port: int) -> str:
    """The plant with an OPC UA source alone, at another port."""
    head = text.split("[[source]]", maxsplit=1)[0]
    tags = ",\n".join(
        f'  {{ name = "t{n}", role = "other", source = "ua", address = "ns=1;s=t{n}" }}' for n in range(TAGS)
    )
    return f"""{head}[[source]]
name = "ua"
kind = "opcua"
endpoint = "opc.tcp://127.0.0.1:{port}/x"
publish = "200ms"
sampling = "20ms"
security = "none"
queue = 1000
[[machine]]
name = "m1"
line = "l"
kind = "cnc"
tags = [
{tags}
]
"""


async def newest(root) -> float:
    lake = root / "lake" / "bronze" / "readings"
    if not lake.exists():
        return 0.0
    rows = await asyncio.to_thread(stored, root)
    return rows["value"].max() or 0.0


async def reached(root, value: float) -> None:
    """Wait until a value of at least this is stored."""
    async with asyncio.timeout(90):
        while await newest(root) < value:  # noqa: ASYNC110  what is waited for has no event
            await asyncio.sleep(0.3)


async def break_all(proxy, root, tally) -> None:
    for fault, words, seconds in FAULTS:
        done = getattr(proxy, fault)(*words)
        if done is not None:
            await done
        await asyncio.sleep(seconds)
        await proxy.heal()
        await reached(root, await newest(root) + 10)
    tally.faults += proxy.faults


@in_loop
async def test_node_opcua_loses_nothing_by_any_fault(tmp_path, tally):
    port = free_port()
    (tmp_path / "peer").mkdir()
    async with node_peer(tmp_path / "peer", "opcua_server.js", "node-opcua", port) as server, Proxy(port) as proxy:
        plant = make_plant(tmp_path, lambda text: only_opcua(text, proxy.port))
        async with collecting(plant.path, tmp_path):
            await until(lambda: connected(tmp_path, "ua"))
            await asyncio.sleep(1)
            server.send_signal(signal.SIGUSR1)
            await break_all(proxy, tmp_path, tally)
            server.send_signal(signal.SIGUSR2)
            count = (await told(server))["count"]
            await reached(tmp_path, count)
            await asyncio.sleep(2)
        sent = await history_of(port)
    assert set(sent["value"]) == {float(i) for i in range(1, count + 1)}
    rows = stored(tmp_path).filter(pl.col("value") > 0)
    lost = sent.join(rows, on=["tag", "ts", "value"], how="anti")
    if lost.height:
        tally.notes.append(f"lost of {lost['tag'].n_unique()} tags: {sorted(set(lost['value']))}")
    tally.compare(sent, rows)


async def history_of(port) -> pl.DataFrame:
    """What the server itself has recorded of every tag, asked for past the proxy by asyncua's own decoder."""
    rows = []
    async with Client(f"opc.tcp://127.0.0.1:{port}/x") as client:
        for n in range(TAGS):
            values = await client.get_node(f"ns=1;s=t{n}").read_raw_history(START, datetime.now(UTC), 0)
            rows += [(f"m1.t{n}", v.SourceTimestamp, v.Value.Value, v.StatusCode.value) for v in values]
    schema = {"tag": pl.String(), "ts": pl.Datetime("us", "UTC"), "value": pl.Float64(), "status": pl.Int64()}
    return pl.DataFrame(rows, schema=schema, orient="row").filter(pl.col("value") > 0)


async def told(server) -> dict:
    """The line a peer prints about what it produced."""
    while line := await server.stdout.readline():
        with contextlib.suppress(json.JSONDecodeError):
            return json.loads(line)
    raise RuntimeError("the peer ended without a word")


@in_loop
async def test_asyncua_loses_nothing_by_any_fault(tmp_path, tally):
    log = Delivered()
    port = free_port()
    (tmp_path / "server").mkdir()
    behind = make_plant(tmp_path / "server", lambda text: only_opcua(text, port))
    async with opcua_plant(behind, "ua", log) as server, Proxy(port) as proxy:
        plant = make_plant(tmp_path, lambda text: only_opcua(text, proxy.port))
        async with collecting(plant.path, tmp_path):
            await until(lambda: connected(tmp_path, "ua"))
            counting = asyncio.create_task(count_up(server))
            await break_all(proxy, tmp_path, tally)
            counting.cancel()
            await asyncio.sleep(3)
    sent = log.frame().filter(pl.col("value").is_not_null())
    tally.compare(sent, stored(tmp_path))


async def count_up(server) -> None:
    """Each tag one higher each 50 ms, at one source time."""
    for value in range(1, 1_000_000):
        await server.deliver([Sample(f"m1.t{n}", utc(), float(value), 0) for n in range(TAGS)])
        await asyncio.sleep(0.05)
