"""Modbus: registers of one or more units polled at a steady pace; a row when a value changed.

The device has no clock, so a value's source time is when its block was received. When a unit stops answering, a gap
opens for its tags at the last moment they were read; other units behind the same connection go on.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import polars as pl

from connectors.base import one_aside
from connectors.gaps import Gap, gap_rows
from connectors.health import Health
from connectors.intake import ROWS, Intake, as_instant
from connectors.modbus.changes import Changes
from connectors.modbus.plan import Item, item_of
from connectors.modbus.unit import AwayError, Round, Unit
from connectors.modbus.wire import Wire
from connectors.retry import Backoff
from connectors.tls import context_of
from plant.errors import SourceDownError
from plant.sources.live import ModbusSource
from plant.sources.registers import AddressError
from plant.sources.tags import Tag
from plant.states import GapReason
from plant.units import duration

logger = logging.getLogger(__name__)

ALWAYS = frozenset({"state", "good_count", "scrap_count", "rework_count", "alarm"})
"""Roles whose every change is kept, whatever the deadband."""
LATE_S = 2.0
"""Not asking for so long, and for three polls, is a gap, whoever is to blame."""
AWAY_CAP_S = 30.0
"""A unit that does not answer is asked again this often at the least."""


class ModbusReader:
    """Polls the units of one Modbus device or gateway until cancelled.

    Args:
        source: its section of plant.toml.
        tags: (tag id, tag) pairs of the source.
        intake: where rows go.
        health: told about connection and values.
        root: --root, for the files of TLS.
    """

    def __init__(
        self,
        source: ModbusSource,
        tags: Sequence[tuple[str, Tag]],
        intake: Intake,
        health: Health,
        root: Path = Path(),
    ) -> None:
        self.source, self.intake, self.health, self.root = source, intake, health, root
        items, self._wrong = _items_of(tags)
        self._order = {item.tag: n for n, item in enumerate(items)}
        self._names = pl.Series("tag", [item.tag for item in items], dtype=pl.String())
        roles = dict(tags)
        self._changes = Changes([0.0 if roles[i.tag].role in ALWAYS else roles[i.tag].deadband for i in items])
        self._read_at = np.zeros(len(items), dtype=np.int64)
        self.units = _units_of(source, items)
        self._away: dict[int, str] = {}
        self._told: set[str] = set()
        self._period_s = duration(source.poll).total_seconds()
        self._retry_s = duration(source.retry_refused).total_seconds()

    async def run(self) -> None:
        """Connect and poll until cancelled.

        Raises:
            SourceDownError: the device does not answer, none of its units does. TerminalError: TLS files are wrong.
        """
        wire = Wire(
            self.source.host,
            self.source.port,
            framing=self.source.framing,
            in_flight=self.source.in_flight,
            tls=context_of(self.source, self.root),
        )
        self._away = {}
        tasks: list[asyncio.Task[None]] = []
        try:
            await wire.open()
            await self._after_a_stop()
            tasks = [asyncio.create_task(self._keep_polling(wire, unit)) for unit in self.units]
            self._report()
            await asyncio.gather(*tasks)
            await asyncio.Event().wait()  # nothing to read: every address is wrong, and told
        except SourceDownError as error:
            await self._gap(range(len(self._names)), "disconnected")
            raise SourceDownError(self._words(str(error))) from error
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            wire.close()

    async def _after_a_stop(self) -> None:
        """Nobody polled while no collector ran: that time is a gap."""
        away, self.health.away_since = self.health.away_since, None
        if away is not None and len(self._names):
            begin_us = int(away.timestamp() * 1e6)
            tags = tuple(self._names)
            await self.intake.put(gap_rows(Gap(self.source.name, tags, begin_us, None, "collector_stopped")))

    async def _keep_polling(self, wire: Wire, unit: Unit) -> None:
        """Poll one unit for ever; its silences are its own, unless every unit is silent."""
        patience = Backoff(max(self._period_s, 0.5), 2.0, AWAY_CAP_S)
        known = False
        while True:
            try:
                if not known:
                    await unit.learn(wire)
                    known = True
                self._answers(unit)
                await self._poll(wire, unit, patience)
            except AwayError as error:
                known = False  # what it refused before it may have when it is back
                await self._silent(unit, str(error))
                await asyncio.sleep(patience.next_s())

    async def _poll(self, wire: Wire, unit: Unit, patience: Backoff) -> None:
        due = time.monotonic()
        retry_at = due + self._retry_s
        read = due
        while True:
            await self.intake.open.wait()
            if time.monotonic() - read > max(LATE_S, 3 * self._period_s):  # the spool was full, or the disk
                await self._gap([self._order[item.tag] for item in unit.items], "collector_stopped")
            refused = dict(unit.refused)
            done = await unit.round(wire)
            read = time.monotonic()
            await self._take(done)
            patience.reset()
            if unit.refused and time.monotonic() > retry_at:
                retry_at = time.monotonic() + self._retry_s
                await unit.retry(wire)
            if unit.refused != refused:
                await self._gap([self._order[tag] for tag in unit.refused.keys() - refused.keys()], "refused")
                self._answers(unit)
            due = max(due + self._period_s, time.monotonic())
            await asyncio.sleep(due - time.monotonic())

    async def _take(self, done: Round) -> None:
        """Rows of what is worth one; findings about orders."""
        layout = done.layout
        if not done.read.any():
            return
        which = np.array([self._order[tag] for tag in layout.tags], dtype=np.int64)
        self._read_at[which[done.read]] = done.at_us[done.read]
        numeric = done.read.copy()
        numeric[layout.texts] = False
        keep = self._changes.pick(which[numeric], done.numbers[numeric], done.at_us[numeric])
        at, values = which[numeric][keep], done.numbers[numeric][keep]
        texts = [(n, layout.text(done.raw, n)) for n in layout.texts if done.read[n]]
        new = self._changes.changed_text
        said = [(which[n], t, done.at_us[n]) for n, t in texts if new(int(which[n]), t, int(done.at_us[n]))]
        rows = self._rows(at, values, None, done.at_us[numeric][keep])
        if said:
            more = self._rows(np.array([n for n, _, _ in said]), None, [t for _, t, _ in said], [a for *_, a in said])
            rows = pl.concat([rows, more])
        self.health.saw(rows.height, datetime.now(UTC))
        if not rows.is_empty():
            await self.intake.put(rows)
        for tag, found in done.orders.look(done.raw, done.numbers, done.read):
            self._aside("swapped_words", tag, found)

    def _rows(
        self, which: np.ndarray, values: np.ndarray | None, texts: list[str] | None, at_us: np.ndarray | list[int]
    ) -> pl.DataFrame:
        instants = as_instant(pl.Series(at_us, dtype=pl.Int64))
        frame = pl.DataFrame({"tag": self._names.gather(which), "ts": instants, "received_at": instants})
        return frame.with_columns(
            value=pl.lit(None, pl.Float64) if values is None else pl.Series(values, dtype=pl.Float64),
            text=pl.lit(None, pl.String) if texts is None else pl.Series(texts, dtype=pl.String),
            status=pl.lit(0, pl.Int64),
            server_at=pl.lit(None, dtype=ROWS["server_at"]),
            source=pl.lit(self.source.name),
        ).select(*ROWS)

    def _answers(self, unit: Unit) -> None:
        """The unit is there: say so, and what it refuses."""
        if self._away.pop(unit.number, None):
            logger.warning("source %s: unit %d answers again", self.source.name, unit.number)
        self._report()
        self.health.up(self._state())

    async def _silent(self, unit: Unit, found: str) -> None:
        """The unit is away. When every unit is, the source is down."""
        await self._gap([self._order[item.tag] for item in unit.items], "disconnected")
        if unit.number not in self._away and len(self.units) > 1:
            logger.error("source %s: unit %d %s; the other units are read", self.source.name, unit.number, found)
        self._away[unit.number] = found
        if len(self._away) == len(self.units):
            raise SourceDownError(f"unit {', '.join(map(str, self._away))}: {found}")
        if self.health.state == "connected":
            self.health.up(self._state())

    async def _gap(self, which: Sequence[int], reason: GapReason) -> None:
        """Open a gap for tags that had a value, each at the last moment it was read; the next value is kept."""
        had = self._changes.forget(which)
        for at in sorted({int(self._read_at[n]) for n in had}):
            tags = tuple(self._names[n] for n in had if self._read_at[n] == at)
            await self.intake.put(gap_rows(Gap(self.source.name, tags, at, None, reason)))

    def _state(self) -> str:
        refused = [*self._wrong, *(tag for unit in self.units for tag in unit.refused)]
        words = [f"{len(refused)} address(es) refused: {', '.join(refused)}"] if refused else []
        words += [f"unit {number} is away: {found}" for number, found in self._away.items()]
        return "; ".join(words)

    def _report(self) -> None:
        """Report, once each, the addresses that are refused."""
        refused = self._wrong | {tag: why for unit in self.units for tag, why in unit.refused.items()}
        for tag in sorted(refused.keys() - self._told):
            self._aside("bad_address", tag, f"{refused[tag]}: put the right address in plant.toml or the register map")
        self._told = set(refused)

    def _aside(self, reason: str, tag: str, found: str) -> None:
        logger.error("source %s, tag %s: %s", self.source.name, tag, found)
        now = datetime.now(UTC)
        aside = one_aside(reason, found, source=self.source.name, origin=tag, segment="live", now=now)
        self.intake.report(aside.with_columns(booked=pl.lit(reason == "swapped_words")))  # its value is kept

    def _words(self, found: str) -> str:
        where = f"{self.source.host}:{self.source.port} unit {', '.join(str(u.number) for u in self.units)}"
        return f"Modbus device {where}: {found}; check that it is on, and host, port and unit_id in plant.toml"


def _items_of(tags: Sequence[tuple[str, Tag]]) -> tuple[list[Item], dict[str, str]]:
    """What can be read, and what is wrong with the addresses of the other tags."""
    items: list[Item] = []
    wrong: dict[str, str] = {}
    for name, tag in tags:
        try:
            items.append(item_of(name, tag))
        except AddressError as error:
            wrong[name] = f"tag {name}: {error}"
    return items, wrong


def _units_of(source: ModbusSource, items: Sequence[Item]) -> list[Unit]:
    """The units behind the connection, each with its items and its own timeout."""
    of: dict[int, list[Item]] = {}
    for item in items:
        of.setdefault(source.unit_id if item.place.unit is None else item.place.unit, []).append(item)
    timeouts = {n: duration(source.unit_timeouts.get(str(n), source.timeout)).total_seconds() for n in of}
    return [Unit(number, held, timeouts[number], source.max_block) for number, held in of.items()]
