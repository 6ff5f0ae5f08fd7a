"""Modbus on the wire: one TCP connection, requests of several units on the way at once, answers as raw bytes.

Framing `tcp` numbers its requests, so that a late answer is known and dropped. Framing `rtu` (serial frames sent over
TCP) does not: one request at a time, and after a silence the connection is opened anew, since what comes late could
pass for the next answer.
"""

from __future__ import annotations

import asyncio
import ssl
import struct
from dataclasses import dataclass
from typing import Literal

from plant.errors import SourceDownError, TransientError
from plant.sources.registers import Table

FUNCTIONS: dict[Table, int] = {"coil": 1, "discrete": 2, "holding": 3, "input": 4}
LONGEST_FRAME = 260
CONNECT_S = 5.0
EXCEPTIONS = {
    1: "illegal function", 2: "illegal data address", 3: "illegal data value", 4: "device failure", 5: "acknowledge",
    6: "device busy", 8: "memory parity error", 10: "gateway path unavailable", 11: "gateway target did not respond",
}  # fmt: skip


class SilentError(TransientError):
    """No answer within the time given."""


class RefusedError(TransientError):
    """An exception reply, or a reply of another length than asked for (`code` None)."""

    def __init__(self, code: int | None, found: str = "") -> None:
        self.code = code
        super().__init__(found or f"exception {code} ({EXCEPTIONS.get(code or 0, 'unknown')})")


@dataclass(frozen=True)
class Request:
    """`count` registers or bits of a table of a unit, from `start` counted from 0."""

    unit: int
    table: Table
    start: int
    count: int

    @property
    def pdu(self) -> bytes:
        """Function code and its data."""
        return struct.pack(">BHH", FUNCTIONS[self.table], self.start, self.count)

    @property
    def bytes_expected(self) -> int:
        """Data bytes of a whole answer."""
        return (self.count + 7) // 8 if self.table in {"coil", "discrete"} else 2 * self.count


class Wire:
    """A connection to a device or gateway; `open` it first. One `read` a unit at a time."""

    def __init__(
        self,
        host: str,
        port: int,
        *,
        framing: Literal["tcp", "rtu"] = "tcp",
        in_flight: int = 1,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        self.host, self.port, self.framing, self._tls = host, port, framing, tls
        self._slots = asyncio.Semaphore(1 if framing == "rtu" else in_flight)
        self._waiting: dict[int, asyncio.Future[tuple[int, bytes]]] = {}
        self._number = 0
        self._writer: asyncio.StreamWriter | None = None
        self._reader: asyncio.StreamReader | None = None
        self._listening: asyncio.Task[None] | None = None
        self._lost: Exception | None = None

    async def open(self) -> None:
        """Connect.

        Raises:
            SourceDownError: no connection, or TLS that does not hold; the message says which.
        """
        try:
            async with asyncio.timeout(CONNECT_S):
                self._reader, self._writer = await asyncio.open_connection(self.host, self.port, ssl=self._tls)
        except ssl.SSLError as error:
            raise SourceDownError(f"TLS failed: {error.reason or error}; check ca, client_cert and the name") from error
        except (OSError, TimeoutError) as error:
            raise SourceDownError(f"does not accept a connection ({error or 'no answer'})") from error
        self._lost = None
        if self.framing == "tcp":
            self._listening = asyncio.create_task(self._listen(self._reader))

    def close(self) -> None:
        """Close the connection; requests on the way end with SourceDownError."""
        if self._listening:
            self._listening.cancel()
        if self._writer:
            self._writer.transport.abort()
        self._end(ConnectionError("closed"))

    async def read(self, request: Request, timeout_s: float) -> bytes:
        """The data bytes of an answer, `request.bytes_expected` long.

        Raises:
            SilentError: no answer in time. RefusedError: an exception reply, or one of another length.
            SourceDownError: the connection is lost, or what answers does not speak Modbus.
        """
        async with self._slots:
            try:
                async with asyncio.timeout(timeout_s):
                    ask = self._ask_rtu if self.framing == "rtu" else self._ask_tcp
                    return _data_of(request, *await ask(request))
            except TimeoutError as error:
                if self.framing == "rtu":
                    self._end(error)
                raise SilentError(f"no answer within {timeout_s:g} s") from error
            except (OSError, EOFError) as error:
                self._end(error)
                raise SourceDownError(f"connection lost ({error or 'closed by the device'})") from error

    async def _ask_tcp(self, request: Request) -> tuple[int, bytes]:
        if self._lost or self._writer is None:
            raise ConnectionError(str(self._lost or "not open"))
        self._number = (self._number + 1) % 65536
        number, pdu = self._number, request.pdu
        answer = asyncio.get_running_loop().create_future()
        self._waiting[number] = answer
        try:
            self._writer.write(struct.pack(">HHHB", number, 0, len(pdu) + 1, request.unit) + pdu)
            unit, body = await answer
        finally:
            self._waiting.pop(number, None)
        return unit, body

    async def _listen(self, reader: asyncio.StreamReader) -> None:
        """Hand every answer to the request of its number; one nobody waits for came too late."""
        try:
            while True:
                number, protocol, length, unit = struct.unpack(">HHHB", await reader.readexactly(7))
                if protocol != 0 or not 2 <= length <= LONGEST_FRAME:
                    raise ConnectionError("what answers does not speak Modbus TCP: check port and framing")
                body = await reader.readexactly(length - 1)
                if (waiting := self._waiting.get(number)) and not waiting.done():
                    waiting.set_result((unit, body))
        except (OSError, EOFError) as error:
            self._end(error)

    def _end(self, error: BaseException) -> None:
        self._lost = ConnectionError(str(error) or "closed by the device")
        for waiting in self._waiting.values():
            if not waiting.done():
                waiting.set_exception(self._lost)
        self._waiting.clear()

    async def _ask_rtu(self, request: Request) -> tuple[int, bytes]:
        if self._lost:
            if self._writer:
                self._writer.transport.abort()
            await self.open()
        if self._writer is None or self._reader is None:
            raise ConnectionError("not open")
        self._writer.write(_checked(bytes([request.unit]) + request.pdu))
        frame = await self._reader.readexactly(3)
        rest = 2 if frame[1] & 0x80 else frame[2] + 2
        frame += await self._reader.readexactly(rest)
        if _checked(frame[:-2]) != frame:
            raise ConnectionError("checksum of an answer is wrong: check framing and the serial line")
        return frame[0], frame[1:-2]


def _data_of(request: Request, unit: int, body: bytes) -> bytes:
    """The data of an answer to a request.

    Raises:
        RefusedError: an exception, fewer or more registers than asked for. ConnectionError: another unit or function.
    """
    if unit != request.unit or (body[0] & 0x7F) != request.pdu[0]:
        raise ConnectionError(f"unit {unit} answered function {body[0] & 0x7F}, asked was unit {request.unit}")
    if body[0] & 0x80:
        raise RefusedError(body[1] if len(body) > 1 else 0)
    if len(body) < 2 or len(body) - 2 != request.bytes_expected or body[1] != request.bytes_expected:
        found = f"a reply with {max(len(body) - 2, 0)} of {request.bytes_expected} bytes"
        raise RefusedError(None, found)
    return body[2:]


def _table() -> list[int]:
    rows = []
    for byte in range(256):
        crc = byte
        for _ in range(8):
            crc = crc >> 1 ^ 0xA001 if crc & 1 else crc >> 1
        rows.append(crc)
    return rows


_CRC = _table()


def _checked(frame: bytes) -> bytes:
    """A serial frame with its checksum (CRC-16/MODBUS, low byte first).

    >>> _checked(bytes([1, 3, 0, 0, 0, 1])).hex()
    '010300000001840a'
    """
    crc = 0xFFFF
    for byte in frame:
        crc = crc >> 8 ^ _CRC[(crc ^ byte) & 0xFF]
    return frame + struct.pack("<H", crc)
