"""The Modbus machines of the plant in a box: a real pymodbus server with registers by address."""

from __future__ import annotations

import contextlib
import struct
from collections.abc import AsyncIterator, Sequence

from pymodbus.server import ModbusTcpServer
from pymodbus.simulator import DataType, SimData, SimDevice

from plant.config import Plant
from plant.sources.live import ModbusSource
from plant.sources.tags import Tag
from simulator.servers.delivered import Delivered, Sample, tags_of
from simulator.servers.opcua import check_free

_PACK = {"int16": ">h", "uint16": ">H", "int32": ">i", "uint32": ">I", "int64": ">q", "float32": ">f", "float64": ">d"}
FILL_GAP = 8
"""Holes up to this many registers exist and read 0, as in most devices; larger ones are refused."""


class ModbusPlant:
    """One Modbus device, served. Build it with `modbus_plant`."""

    def __init__(self, source: ModbusSource, tags: dict[str, Tag], delivered: Delivered) -> None:
        self.source, self.tags, self.delivered = source, tags, delivered
        self.places = {name: place_of(tag) for name, tag in tags.items()}
        self._bits: dict[int, int] = {}
        self._server: ModbusTcpServer | None = None

    async def start(self, initial: Sequence[Sample] = ()) -> None:
        """Take the initial values, then listen.

        Raises:
            PortInUseError: the port is taken.
        """
        check_free(self.source.host, self.source.port, self.source.name, "port")
        spans = [(start, words_of(self.tags[n].type)) for n, (_, start, _) in self.places.items()]
        registers = [SimData(s, count=c, values=0, datatype=DataType.REGISTERS) for s, c in merge(spans)]
        device = SimDevice(id=self.source.unit_id, simdata=registers)
        self._server = ModbusTcpServer(device, address=(self.source.host, self.source.port))
        await self.deliver(initial)
        await self._server.serve_forever(background=True)

    async def deliver(self, samples: Sequence[Sample]) -> None:
        """Put values into their registers; a sample without value changes nothing."""
        for sample in samples:
            if sample.value is not None:
                _, start, words = self._words(sample)
                await self._server.context.async_setValues(self.source.unit_id, 16, start, words)
        self.delivered.add(self.source.name, samples, self.tags)

    def _words(self, sample: Sample) -> tuple[str, int, list[int]]:
        tag = self.tags[sample.tag]
        space, start, bit = self.places[sample.tag]
        if tag.type == "bool":
            held = self._bits.get(start, 0)
            mask = 1 << (bit or 0)
            self._bits[start] = held | mask if sample.value else held & ~mask
            return space, start, [self._bits[start]]
        number = sample.value if tag.type.startswith("float") else int(sample.value)
        raw = struct.pack(_PACK[tag.type], number)
        words = list(struct.unpack(f">{len(raw) // 2}H", raw))
        return space, start, words[::-1] if tag.word_order == "little" else words

    async def stop(self) -> None:
        """Stop listening."""
        if self._server is not None:
            await self._server.shutdown()


def place_of(tag: Tag) -> tuple[str, int, int | None]:
    """Table, first register and bit of an address such as holding:100:3."""
    space, start, *bit = tag.address.split(":")
    return space, int(start), int(bit[0]) if bit else None


def words_of(kind: str) -> int:
    """Registers a type takes."""
    return 1 if kind == "bool" else struct.calcsize(_PACK[kind]) // 2


def merge(spans: Sequence[tuple[int, int]]) -> list[tuple[int, int]]:
    """(start, count) ranges without overlap, small holes filled.

    >>> merge([(0, 1), (2, 2), (100, 1)])
    [(0, 4), (100, 1)]
    """
    out: list[tuple[int, int]] = []
    for start, count in sorted(spans):
        if out and start <= sum(out[-1]) + FILL_GAP:
            first, held = out[-1]
            out[-1] = (first, max(held, start + count - first))
        else:
            out.append((start, count))
    return out


@contextlib.asynccontextmanager
async def modbus_plant(
    plant: Plant, name: str, delivered: Delivered, initial: Sequence[Sample] = ()
) -> AsyncIterator[ModbusPlant]:
    """Serve one Modbus source of the plant while the context is open."""
    source = plant.sources[name]
    if not isinstance(source, ModbusSource):
        raise TypeError(f"{name} is of kind {source.kind}, not modbus")
    served = ModbusPlant(source, tags_of(plant, name), delivered)
    await served.start(initial)
    try:
        yield served
    finally:
        await served.stop()
