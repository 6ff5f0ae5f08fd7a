"""The Modbus machines of the plant in a box: a real pymodbus server with registers by address."""

from __future__ import annotations

import contextlib
import logging
import struct
from collections.abc import AsyncIterator, Sequence

from pymodbus.server import ModbusTcpServer
from pymodbus.simulator import DataType, SimData, SimDevice

from plant.config import Plant
from plant.sources.live import ModbusSource
from plant.sources.registers import Place, place_of
from plant.sources.tags import Tag
from simulator.servers.delivered import Delivered, Sample, tags_of
from simulator.servers.opcua import check_free

logging.getLogger("pymodbus.logging").setLevel(logging.CRITICAL)  # it dumps packets whenever a client leaves
_PACK = {
    "int16": ">h", "uint16": ">H", "int32": ">i", "uint32": ">I", "int64": ">q", "uint64": ">Q",
    "float32": ">f", "float64": ">d",
}  # fmt: skip
FILL_GAP = 8
"""Holes up to this many registers exist and read 0, as in most devices; larger ones are refused."""


class ModbusPlant:
    """One Modbus device, served. Build it with `modbus_plant`."""

    def __init__(self, source: ModbusSource, tags: dict[str, Tag], delivered: Delivered) -> None:
        self.source, self.tags, self.delivered = source, tags, delivered
        self.places = {name: place_of(tag.address, tag.type) for name, tag in tags.items()}
        self._bits: dict[tuple[int, int], int] = {}
        self._server: ModbusTcpServer | None = None

    async def start(self, initial: Sequence[Sample] = ()) -> None:
        """Take the initial values, then listen.

        Raises:
            PortInUseError: the port is taken.
        """
        check_free(self.source.host, self.source.port, self.source.name, "port")
        units = sorted({self.unit_of(place) for place in self.places.values()} or {self.source.unit_id})
        device = [SimDevice(id=unit, simdata=self._registers(unit)) for unit in units]
        self._server = ModbusTcpServer(device, address=(self.source.host, self.source.port))
        await self.deliver(initial)
        await self._server.serve_forever(background=True)

    async def deliver(self, samples: Sequence[Sample]) -> None:
        """Put values into their registers; a sample without value changes nothing."""
        for sample in samples:
            if sample.value is not None:
                place = self.places[sample.tag]
                await self._server.context.async_setValues(
                    self.unit_of(place), 16, place.start, self._words(sample.tag, sample.value)
                )
        self.delivered.add(self.source.name, samples, self.tags)

    def unit_of(self, place: Place) -> int:
        """The unit an address is of."""
        return self.source.unit_id if place.unit is None else place.unit

    def _registers(self, unit: int) -> list[SimData]:
        spans = [(p.start, p.count) for p in self.places.values() if self.unit_of(p) == unit]
        return [SimData(s, count=c, values=0, datatype=DataType.REGISTERS) for s, c in merge(spans)]

    def _words(self, name: str, value: float) -> list[int]:
        tag, place = self.tags[name], self.places[name]
        raw = (value - tag.offset) / tag.scale
        if place.bit is not None or tag.type == "bool":
            return [self._field(place, int(raw))]
        raw = raw if tag.type.startswith("float") else int(round(raw, 6))
        cells = struct.pack(_PACK[tag.type], raw)
        words = list(struct.unpack(f"{'>' if tag.byte_order == 'big' else '<'}{len(cells) // 2}H", cells))
        return words[::-1] if tag.word_order == "little" else words

    def _field(self, place: Place, value: int) -> int:
        """The register with a bit, or a field of bits, set to a value."""
        at = self.unit_of(place), place.start
        mask = (2**place.bits - 1) << (place.bit or 0)
        self._bits[at] = self._bits.get(at, 0) & ~mask | (value << (place.bit or 0)) & mask
        return self._bits[at]

    async def stop(self) -> None:
        """Stop listening."""
        if self._server is not None:
            await self._server.shutdown()


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
