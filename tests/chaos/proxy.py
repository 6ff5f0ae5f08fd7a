"""A TCP proxy on loopback that misbehaves on demand: what stands between a client and its server in a plant.

    async with Proxy(server_port) as proxy:
        ...                       # the client connects to 127.0.0.1:proxy.port
        await proxy.cut()         # RST to both ends; new connections go through
        proxy.black_hole()        # accepted and open, but no byte passes until heal()
        proxy.delay(0.3)          # every piece of data arrives 0.3 s late, each way
        proxy.trickle(200)        # 200 bytes/s each way, in small pieces
        await proxy.refuse()      # RST, and nobody listens until heal()
        await proxy.heal()        # everything passes again, on the same port

Bytes held in a black hole are delivered after `heal()`, as TCP does it (retransmission): the proxy never loses or
alters a byte of a connection that lives. Only a reset does, as in a real network.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
import struct

RESET = struct.pack("ii", 1, 0)
"""SO_LINGER that turns a close into an RST."""
PIECE = 65_536
BACKLOG = 128


class Proxy:
    """Forwards a loopback port to a server; `faults` counts what was done to it, `connections` what it took.

    Args:
        target: port of the real server.
        host: host of the real server.
        port: port to listen on; 0 for a free one.
    """

    def __init__(self, target: int, host: str = "127.0.0.1", port: int = 0) -> None:
        self.target, self.host, self.port = target, host, port
        self.faults = self.connections = 0
        self._delay_s = 0.0
        self._rate: float | None = None
        self._passing = asyncio.Event()
        self._passing.set()
        self._server: asyncio.Server | None = None
        self._open: set[asyncio.StreamWriter] = set()
        self._tasks: set[asyncio.Task[None]] = set()

    async def __aenter__(self) -> Proxy:
        await self._listen()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._deafen()
        self._reset_all()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    @property
    def url(self) -> str:
        """`127.0.0.1:port`, for endpoints."""
        return f"127.0.0.1:{self.port}"

    async def cut(self) -> None:
        """Reset every connection at both ends. New ones go through at once."""
        self.faults += 1
        self._reset_all()
        await asyncio.sleep(0)

    async def refuse(self) -> None:
        """Reset every connection and refuse new ones until `heal`."""
        self.faults += 1
        await self._deafen()
        self._reset_all()

    def black_hole(self) -> None:
        """Nothing passes and nothing is closed until `heal`; new connections are accepted and stay silent."""
        self.faults += 1
        self._passing.clear()

    def delay(self, seconds: float) -> None:
        """Every piece of data comes this much later, each way."""
        self.faults += 1
        self._delay_s = seconds

    def trickle(self, bytes_per_s: float) -> None:
        """So few bytes a second each way, in pieces of a twentieth of a second."""
        self.faults += 1
        self._rate = bytes_per_s

    async def heal(self) -> None:
        """End every fault. What a black hole held is delivered; connections that were reset stay so."""
        self._delay_s, self._rate = 0.0, None
        self._passing.set()
        if self._server is None:
            await self._listen()

    async def _listen(self) -> None:
        self._server = await asyncio.start_server(self._take, "127.0.0.1", self.port, backlog=BACKLOG)
        self.port = self._server.sockets[0].getsockname()[1]

    async def _deafen(self) -> None:
        if self._server:
            self._server.close()
            self._server = None
            await asyncio.sleep(0)

    async def _take(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        self.connections += 1
        self._open.add(writer)
        try:
            await self._passing.wait()
            await self._join(reader, writer)
        except (OSError, asyncio.CancelledError):  # a connection that ends is the business of this class
            _reset(writer)
        finally:
            self._open.discard(writer)

    async def _join(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        back, forth = await asyncio.open_connection(self.host, self.target)
        self._open.add(forth)
        ways = [asyncio.create_task(self._pump(reader, forth)), asyncio.create_task(self._pump(back, writer))]
        try:
            await asyncio.gather(*ways)
        finally:
            self._open.discard(forth)
            for way in ways:
                way.cancel()
            await asyncio.gather(*ways, return_exceptions=True)
            for end in (forth, writer):
                _reset(end)

    async def _pump(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One way of a connection until its end, which is passed on."""
        while data := await reader.read(PIECE):
            await self._passing.wait()
            if self._delay_s:
                await asyncio.sleep(self._delay_s)
                await self._passing.wait()
            await self._send(data, writer)
        await self._passing.wait()
        with contextlib.suppress(OSError):
            writer.write_eof()

    async def _send(self, data: bytes, writer: asyncio.StreamWriter) -> None:
        while data:
            size = len(data) if self._rate is None else max(1, int(self._rate / 20))
            writer.write(data[:size])
            await writer.drain()
            data = data[size:]
            if self._rate is not None:
                await asyncio.sleep(0.05)
                await self._passing.wait()

    def _reset_all(self) -> None:
        for writer in list(self._open):
            _reset(writer)
        self._open.clear()


def _reset(writer: asyncio.StreamWriter) -> None:
    """Close with an RST instead of a FIN."""
    transport = writer.transport
    if transport.is_closing():
        return
    with contextlib.suppress(OSError):
        transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
    transport.abort()
