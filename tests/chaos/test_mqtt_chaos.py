"""Sparkplug with QoS 1 and a persistent session: the broker restarted, the way to it cut, delayed, silent, refused.

The broker keeps what is not acknowledged, so every value it took must be stored, once.
"""

from __future__ import annotations

import asyncio
import contextlib

import pytest
from dock_plant import free_port, in_loop, until
from edge import Edge, plant_toml
from mosquitto import MOSQUITTO, mosquitto
from proxy import Proxy
from running import collecting, connected, lacking, stored

SUITE = "mqtt"
MACHINES, RATE = 10, 10.0
pytestmark = pytest.mark.skipif(MOSQUITTO is None, reason="needs mosquitto: apt-get install mosquitto")


@contextlib.asynccontextmanager
async def under_load(tmp_path):
    """Broker, edge node at the broker, collector behind a proxy."""
    port = free_port()
    async with mosquitto(port, tmp_path / "broker") as broker, Proxy(port) as proxy:
        plant = tmp_path / "plant.toml"
        plant.write_text(plant_toml(proxy.port, MACHINES))
        async with collecting(plant, tmp_path):
            await until(lambda: connected(tmp_path, "sp"))
            edge = Edge(port, MACHINES, RATE)
            edge.start()
            try:
                await flowing(tmp_path)
                yield broker, proxy, edge
            finally:
                await asyncio.to_thread(edge.stop)


async def flowing(root):
    """Wait until new values arrive in Delta."""
    lake = root / "lake" / "bronze" / "readings"
    await until(lake.exists)
    before = stored(root).height
    await until(lambda: stored(root).height > before)


async def settle(edge, root, tally):
    """Compare what was produced with what is stored, when all of it is there or time is up."""
    await asyncio.to_thread(edge.stop)
    produced = edge.produced()
    with contextlib.suppress(TimeoutError):
        await until(lambda: not lacking(produced, root), 90)
    tally.compare(produced, stored(root))


@in_loop
async def test_the_broker_is_restarted(tmp_path, tally):
    async with under_load(tmp_path) as (broker, _, edge):
        for down_s in (0.2, 1.0, 4.0):
            await broker.stop()
            tally.faults += 1
            await asyncio.sleep(down_s)
            await broker.start()
            await flowing(tmp_path)
        await settle(edge, tmp_path, tally)


@in_loop
async def test_the_way_to_the_broker_is_broken_in_every_manner(tmp_path, tally):
    async with under_load(tmp_path) as (_, proxy, edge):
        for fault in ("cut", "cut", "delay", "trickle", "black_hole", "refuse", "cut"):
            words = {"delay": (0.3,), "trickle": (20_000,)}.get(fault, ())
            done = getattr(proxy, fault)(*words)
            if done is not None:
                await done
            await asyncio.sleep(2.0)
            await proxy.heal()
            await flowing(tmp_path)
        tally.faults += proxy.faults
        await settle(edge, tmp_path, tally)


@in_loop
async def test_a_silence_longer_than_the_keep_alive_ends_in_a_new_connection(tmp_path, tally):
    async with under_load(tmp_path) as (_, proxy, edge):
        proxy.black_hole()
        tally.faults += 1
        await until(lambda: not connected(tmp_path, "sp"), 60)
        await proxy.heal()
        await flowing(tmp_path)
        await settle(edge, tmp_path, tally)
