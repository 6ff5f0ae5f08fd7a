"""The collector killed with -9 while it reads a long history back beside live values: each value is stored once.

`CHAOS_HISTORY_KILLS` sets how often (8).
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import random
import signal
import time
from datetime import timedelta

import polars as pl
import pytest
from asyncua import ua
from dock_plant import free_port, in_loop, make_plant, utc
from running import lacking, stored
from test_kill import Collectors
from test_opcua_chaos import TAGS, count_up, only_opcua

from simulator.servers.delivered import Delivered
from simulator.servers.opcua import opcua_plant

SUITE = "opcua history, kill -9"
KILLS = int(os.environ.get("CHAOS_HISTORY_KILLS", "8"))
BEFORE = 15_000
"""Values of each tag that only history has, 20 ms apart."""


def recorded(server) -> pl.DataFrame:
    """Fill the server's history up to five seconds from now; values below 0, so that live ones are others."""
    start = utc(-5) - timedelta(milliseconds=20 * BEFORE)
    rows = []
    for n in range(TAGS):
        for i in range(BEFORE):
            at, value = start + timedelta(milliseconds=20 * i), float(i - BEFORE)
            node = server._nodes[f"m1.t{n}"].nodeid
            server.history.add(node, ua.DataValue(ua.Variant(value, ua.VariantType.Double), SourceTimestamp=at))
            rows.append((f"m1.t{n}", at, value, 0))
    schema = {"tag": pl.String(), "ts": pl.Datetime("us", "UTC"), "value": pl.Float64(), "status": pl.Int64()}
    return pl.DataFrame(rows, schema=schema, orient="row")


async def killed(collectors: Collectors, after_s: float) -> None:
    process = collectors.next()
    await asyncio.sleep(after_s)
    process.send_signal(signal.SIGKILL)
    assert await asyncio.to_thread(process.wait) == -signal.SIGKILL


async def drained(collectors: Collectors, produced, counting) -> pl.DataFrame:
    """One last collector until all history is there, then until all live values are; it ends properly."""
    last, until = collectors.next(), time.monotonic() + 240
    while not counting.done() or await asyncio.to_thread(lacking, produced(), collectors.root):
        assert time.monotonic() < until
        await asyncio.sleep(1)
        if not await asyncio.to_thread(lacking, produced().filter(pl.col("value") < 0), collectors.root):
            counting.cancel()
    last.send_signal(signal.SIGTERM)
    assert await asyncio.to_thread(last.wait, 60) == 0
    return produced()


@pytest.mark.timeout(900)
@in_loop
async def test_a_kill_while_history_is_read_back_neither_loses_nor_doubles(tmp_path, tally):
    seed, log = int(os.environ.get("CHAOS_SEED", str(time.time_ns() % 2**32))), Delivered()
    dice = random.Random(seed)
    plant = make_plant(tmp_path, lambda text: only_opcua(text, free_port()))
    async with opcua_plant(plant, "ua", log) as server:
        old, collectors = recorded(server), Collectors(plant.path, tmp_path)
        counting = asyncio.create_task(count_up(server))

        def produced() -> pl.DataFrame:
            live = log.frame().filter(pl.col("value") > 0).select(old.columns)
            return pl.concat([old, live.cast(dict(old.schema))])

        try:
            middle = 0
            for _ in range(KILLS):
                await killed(collectors, dice.uniform(1.0, 5.0))
                middle += (tmp_path / "spool" / "holes" / "ua.json").exists()
            sent = await drained(collectors, produced, counting)
        finally:
            counting.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await counting
            collectors.close()
    tally.faults += KILLS
    tally.notes.append(f"seed {seed}; {middle} kills in the middle of a history")
    tally.compare(sent, stored(tmp_path).filter(pl.col("value") != 0))
    assert middle
