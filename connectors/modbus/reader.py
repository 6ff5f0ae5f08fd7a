"""Modbus TCP: blocks of registers polled at a steady pace; a row when a value changed.

The device has no clock, so a value's source time is when its block was received. A value that does
not change is repeated every minute, so that silence is told from standstill. When the device stops
answering, each tag gets one row without value, status Bad.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Sequence
from datetime import UTC, datetime

import numpy as np
import polars as pl
from pymodbus.client import AsyncModbusTcpClient
from pymodbus.constants import ExcCodes
from pymodbus.exceptions import ModbusException
from pymodbus.pdu import ModbusPDU

from connectors.base import one_aside
from connectors.intake import ROWS, Intake, as_instant, now_us
from connectors.modbus.plan import AddressError, Block, Item, decode, halves, item_of, plan
from connectors.retry import Health
from plant.errors import SourceDownError
from plant.sources.live import ModbusSource
from plant.sources.tags import Tag
from plant.states import BAD_NO_COMMUNICATION
from plant.units import duration

logger = logging.getLogger(__name__)
logging.getLogger("pymodbus.logging").setLevel(logging.CRITICAL)  # it dumps packets at every failure; we report once

REPEAT_S = 60.0
ALWAYS = frozenset({"state", "good_count", "scrap_count", "rework_count", "alarm"})
"""Roles whose every change is kept, whatever the deadband."""
_ILLEGAL = (ExcCodes.ILLEGAL_ADDRESS, ExcCodes.ILLEGAL_VALUE)


class ModbusReader:
    """Polls one Modbus device until cancelled.

    Args:
        source: its section of plant.toml.
        tags: (tag id, tag) pairs of the source.
        intake: where rows go.
        health: told about connection and values.
    """

    def __init__(self, source: ModbusSource, tags: Sequence[tuple[str, Tag]], intake: Intake, health: Health) -> None:
        self.source, self.intake, self.health = source, intake, health
        self.items, self._wrong = _items_of(tags)
        self.bad = dict(self._wrong)
        self._told: set[str] = set()
        self.changes = Changes({name: 0.0 if tag.role in ALWAYS else tag.deadband for name, tag in tags})

    async def run(self) -> None:
        """Connect and poll until cancelled.

        Raises:
            SourceDownError: the device does not answer.
        """
        timeout_s = duration(self.source.timeout).total_seconds()
        client = AsyncModbusTcpClient(
            self.source.host, port=self.source.port, timeout=timeout_s, retries=1, reconnect_delay=0
        )
        try:
            if not await client.connect():
                raise SourceDownError(self._words("does not accept a connection"))
            blocks = await self._probe(client)
            self.health.up(f"{len(self.bad)} address(es) refused: {', '.join(self.bad)}" if self.bad else "")
            await self._poll(client, blocks)
        except ModbusException as error:
            await self._lost()
            raise SourceDownError(self._words(str(error))) from error
        except SourceDownError:
            await self._lost()
            raise
        finally:
            client.close()

    async def _probe(self, client: AsyncModbusTcpClient) -> list[Block]:
        """The plan, with what the device refuses split off; single refused addresses are reported."""
        good: list[Block] = []
        self.bad = dict(self._wrong)  # what the device refused before it may have by now
        todo = plan(self.items, self.source.max_block)
        while todo:
            block = todo.pop(0)
            answer = await self._read(client, block)
            if not answer.isError():
                good.append(block)
            elif answer.exception_code not in _ILLEGAL:
                raise SourceDownError(self._words(f"answers with exception {answer.exception_code}"))
            elif parts := halves(block):
                todo = parts + todo
            else:
                self.bad[block.items[0].tag] = f"{block.space}:{block.start} is not in the device's register map"
        self._report()
        return good

    async def _poll(self, client: AsyncModbusTcpClient, blocks: list[Block]) -> None:
        period_s = duration(self.source.poll).total_seconds()
        due = time.monotonic()
        while True:
            await self.intake.open.wait()
            for block in blocks:
                answer = await self._read(client, block)
                if answer.isError():
                    raise SourceDownError(self._words(f"answers with exception {answer.exception_code}"))
                await self._take(block, answer)
            due = max(due + period_s, time.monotonic())
            await asyncio.sleep(due - time.monotonic())

    async def _take(self, block: Block, answer: ModbusPDU) -> None:
        at = now_us()
        words = answer.bits if block.space in {"coil", "discrete"} else answer.registers
        values = decode(block, words)
        changed = self.changes.pick([i.tag for i in block.items], values, at)
        self.health.saw(len(changed), datetime.now(UTC))
        if changed:
            await self.intake.put(self._rows(changed, at, 0))

    async def _read(self, client: AsyncModbusTcpClient, block: Block) -> ModbusPDU:
        calls = {
            "holding": client.read_holding_registers,
            "input": client.read_input_registers,
            "coil": client.read_coils,
            "discrete": client.read_discrete_inputs,
        }
        return await calls[block.space](block.start, count=block.count, device_id=self.source.unit_id)

    async def _lost(self) -> None:
        """One Bad row a tag that had a value; the first values after the outage are all kept."""
        tags = self.changes.forget()
        if tags:
            await self.intake.put(self._rows([(tag, None) for tag in tags], now_us(), BAD_NO_COMMUNICATION))

    def _rows(self, values: list[tuple[str, float | None]], at: int, status: int) -> pl.DataFrame:
        frame = pl.DataFrame(values, schema={"tag": pl.String(), "value": pl.Float64()}, orient="row")
        instant = pl.lit(as_instant([at])[0], dtype=ROWS["ts"])
        return frame.with_columns(
            ts=instant,
            text=pl.lit(None, dtype=pl.String),
            status=pl.lit(status, dtype=pl.Int64),
            server_at=pl.lit(None, dtype=ROWS["server_at"]),
            received_at=instant,
            source=pl.lit(self.source.name),
        ).select(*ROWS)

    def _report(self) -> None:
        for tag in self.bad.keys() - self._told:
            found = f"{self.bad[tag]}: put the right address in plant.toml; the other tags are read"
            logger.error("source %s, tag %s: %s", self.source.name, tag, found)
            now = datetime.now(UTC)
            aside = one_aside("bad_address", found, source=self.source.name, origin=tag, segment="live", now=now)
            self.intake.report(aside)
        self._told = set(self.bad)

    def _words(self, found: str) -> str:
        where = f"{self.source.host}:{self.source.port} unit {self.source.unit_id}"
        return f"Modbus device {where}: {found}; check that it is on, and host, port and unit_id in plant.toml"


def _items_of(tags: Sequence[tuple[str, Tag]]) -> tuple[list[Item], dict[str, str]]:
    """What can be read, and what is wrong with the addresses of the other tags."""
    items: list[Item] = []
    wrong: dict[str, str] = {}
    for name, tag in tags:
        try:
            items.append(item_of(name, tag))
        except AddressError as error:
            wrong[name] = str(error)
    return items, wrong


class Changes:
    """Which values are worth a row: changed beyond the deadband, or not told for `REPEAT_S`."""

    def __init__(self, deadband: dict[str, float]) -> None:
        self._deadband = deadband
        self._last: dict[str, tuple[float, int]] = {}

    def pick(self, tags: Sequence[str], values: np.ndarray, at_us: int) -> list[tuple[str, float | None]]:
        """The (tag, value) pairs to keep of one block received at `at_us`."""
        kept: list[tuple[str, float | None]] = []
        for tag, value in zip(tags, values.tolist(), strict=True):
            last = self._last.get(tag)
            if last is None or at_us - last[1] >= REPEAT_S * 1e6 or self._moved(tag, last[0], value):
                self._last[tag] = (value, at_us)
                kept.append((tag, value))
        return kept

    def _moved(self, tag: str, last: float, value: float) -> bool:
        if last != last or value != value:  # NaN: moved when only one of them is
            return (last != last) != (value != value)
        return abs(value - last) > self._deadband[tag] if last != value else False

    def forget(self) -> list[str]:
        """Start over; returns the tags that had a value."""
        tags, self._last = list(self._last), {}
        return tags
