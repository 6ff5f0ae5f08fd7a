"""The proxy itself: what it is told to break is broken, and nothing else."""

from __future__ import annotations

import asyncio
import contextlib
import time

import pytest
from dock_plant import in_loop
from proxy import Proxy

OPENED: list[asyncio.StreamWriter] = []


@contextlib.asynccontextmanager
async def echo_behind():
    async def echo(reader, writer):
        with contextlib.suppress(OSError):
            while data := await reader.read(1000):
                writer.write(data)
                await writer.drain()
        writer.transport.abort()

    server = await asyncio.start_server(echo, "127.0.0.1", 0)
    async with server, Proxy(server.sockets[0].getsockname()[1]) as proxy:
        yield proxy
        for writer in OPENED:
            writer.transport.abort()
        OPENED.clear()


async def asked(proxy, data=b"hi"):
    reader, writer = await asyncio.open_connection("127.0.0.1", proxy.port)
    OPENED.append(writer)
    writer.write(data)
    return reader, writer


@in_loop
async def test_it_passes_cuts_and_passes_again():
    async with echo_behind() as proxy:
        reader, _ = await asked(proxy)
        assert await reader.readexactly(2) == b"hi"
        await proxy.cut()
        with pytest.raises(ConnectionResetError):
            await reader.read(1)
        reader, _ = await asked(proxy)
        assert await reader.readexactly(2) == b"hi"
        assert (proxy.faults, proxy.connections) == (1, 2)


@in_loop
async def test_a_black_hole_is_silent_and_gives_back_what_it_held():
    async with echo_behind() as proxy:
        reader, writer = await asked(proxy)
        assert await reader.readexactly(2) == b"hi"
        proxy.black_hole()
        writer.write(b"xy")
        late, _ = await asked(proxy)
        for silent in (reader, late):
            with pytest.raises(TimeoutError):
                await asyncio.wait_for(silent.readexactly(2), 0.2)
        await proxy.heal()
        assert (await reader.readexactly(2), await late.readexactly(2)) == (b"xy", b"hi")


@in_loop
async def test_it_delays_and_trickles():
    async with echo_behind() as proxy:
        for slow, least in ((lambda: proxy.delay(0.1), 0.2), (lambda: proxy.trickle(200), 0.4)):
            slow()
            began = time.monotonic()
            reader, _ = await asked(proxy, b"d" * 100)
            await reader.readexactly(100)
            assert time.monotonic() - began >= least
            await proxy.heal()


@in_loop
async def test_it_refuses_until_it_is_healed():
    async with echo_behind() as proxy:
        await proxy.refuse()
        with pytest.raises(ConnectionRefusedError):
            await asked(proxy)
        await proxy.heal()
        reader, _ = await asked(proxy)
        assert await reader.readexactly(2) == b"hi"
