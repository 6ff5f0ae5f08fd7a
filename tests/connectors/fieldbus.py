"""A Modbus device that misbehaves on demand, on a real socket: written from the specification, not with our wire."""

from __future__ import annotations

import asyncio
import contextlib
import ssl
import struct
from collections import Counter
from dataclasses import dataclass, field

TABLES = {1: "coil", 2: "discrete", 3: "holding", 4: "input"}


def crc(data: bytes) -> bytes:
    value = 0xFFFF
    for byte in data:
        value ^= byte
        for _ in range(8):
            value = (value >> 1) ^ 0xA001 if value & 1 else value >> 1
    return value.to_bytes(2, "little")


@dataclass
class Device:
    """Register n holds n, bit n is n odd. `delays` are used up, answer by answer."""

    units: set[int] = field(default_factory=lambda: {1})
    framing: str = "tcp"
    tls: ssl.SSLContext | None = None
    tables: set[str] = field(default_factory=lambda: set(TABLES.values()))
    refused: dict[int, set[int]] = field(default_factory=dict)
    ends_at: dict[int, int] = field(default_factory=dict)
    silent: set[int] = field(default_factory=set)
    answers_with: dict[int, int] = field(default_factory=dict)
    delays: list[float] = field(default_factory=list)
    corrupt: int = 0
    port: int = 0
    asked: int = 0
    refusals: int = 0
    connections: int = 0
    rounds: Counter = field(default_factory=Counter)
    writers: set = field(default_factory=set)

    def __post_init__(self) -> None:
        self.registers = {unit: list(range(1000)) for unit in self.units}

    def put(self, unit, start, raw: bytes) -> None:
        words = struct.unpack(f">{len(raw) // 2}H", raw)
        self.registers[unit][start : start + len(words)] = words

    def answer(self, unit: int, function: int, start: int, count: int) -> bytes | None:
        """The PDU of an answer; None is silence."""
        self.asked += 1
        if unit in self.silent or unit not in self.units:
            return None
        self.rounds[unit] += 1
        code = self._refusal(unit, function, start, count)
        if code:
            self.refusals += 1
            return bytes([function | 0x80, code])
        end = min(start + count, self.ends_at.get(unit, 1000))
        if function in {1, 2}:
            bits = sum((n % 2) << (n - start) for n in range(start, end))
            data = bits.to_bytes((end - start + 7) // 8, "little")
        else:
            data = struct.pack(f">{max(end - start, 0)}H", *self.registers[unit][start:end])
        return bytes([function, len(data)]) + data

    def _refusal(self, unit, function, start, count) -> int:
        if unit in self.answers_with:
            return self.answers_with[unit]
        if TABLES[function] not in self.tables:
            return 1
        wanted = set(range(start, start + count))
        return 2 if wanted & self.refused.get(unit, set()) or start + count > 1000 else 0

    async def serve(self, reader, writer) -> None:
        self.connections += 1
        self.writers.add(writer)
        tasks = []
        with contextlib.suppress(OSError, EOFError):
            while True:
                tasks.append(asyncio.create_task(self._reply(writer, *await self._request(reader))))
                if self.framing == "rtu":
                    await tasks[-1]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        writer.transport.abort()
        self.writers.discard(writer)

    async def _request(self, reader):
        head = await reader.readexactly(6) if self.framing == "tcp" else b""
        unit, function, start, count = struct.unpack(">BBHH", await reader.readexactly(6))
        if self.framing == "rtu":
            await reader.readexactly(2)
        return head[:2], unit, function, start, count

    async def _reply(self, writer, number, unit, function, start, count) -> None:
        pdu = self.answer(unit, function, start, count)
        if self.delays:
            await asyncio.sleep(self.delays.pop(0))
        if pdu is None:
            return
        body = bytes([unit]) + pdu
        if self.framing == "rtu":
            check = crc(body)
            if self.corrupt:
                self.corrupt -= 1
                check = bytes([check[0] ^ 1, check[1]])
            writer.write(body + check)
        else:
            writer.write(number + struct.pack(">HH", 0, len(body)) + body)


@contextlib.asynccontextmanager
async def modbus_device(device: Device):
    """The device on a free port of 127.0.0.1 while the context is open."""
    server = await asyncio.start_server(device.serve, "127.0.0.1", 0, ssl=device.tls)
    device.port = server.sockets[0].getsockname()[1]
    try:
        yield device
    finally:
        server.close()
        for writer in list(device.writers):
            writer.transport.abort()
        while device.writers:  # noqa: ASYNC110  what is waited for has no event
            await asyncio.sleep(0.01)
