"""One unit behind a connection: what of its map it has, round after round, and its own patience with it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from connectors.intake import now_us
from connectors.modbus.decode import Layout
from connectors.modbus.orders import Orders
from connectors.modbus.plan import Block, Item, halves, merge, plan
from connectors.modbus.wire import RefusedError, Request, SilentError, Wire

ATTEMPTS = 2
SPLIT = frozenset({None, 1, 2, 3, 4})
"""Answers that can be about a single register: a short reply, illegal function, address or value, device failure."""
RETRIED_AT_ONCE = 4
"""Refused addresses that are tried again in one round at most."""


class AwayError(SilentError):
    """The unit does not answer, or only that it cannot."""


@dataclass
class Round:
    """One round of answers: numbers of all items (NaN where not read or text), and when each came (us, 0: not read)."""

    layout: Layout
    orders: Orders
    raw: bytearray
    numbers: np.ndarray
    read: np.ndarray
    at_us: np.ndarray


@dataclass
class Unit:
    """One unit id. `refused` says of its tags that the device does not have why not."""

    number: int
    items: Sequence[Item]
    timeout_s: float
    max_block: int
    refused: dict[str, str] = field(default_factory=dict)
    layout: Layout = field(default_factory=lambda: Layout([]))
    orders: Orders = field(default_factory=lambda: Orders(Layout([])))

    async def learn(self, wire: Wire) -> None:
        """Find out which blocks the unit answers: what it refuses is halved until the address stands alone.

        Raises:
            AwayError: it does not answer. SourceDownError: the connection is lost.
        """
        self.refused = {}
        blocks = await self._split(wire, plan(self.items, self.max_block))
        if self.refused and blocks:
            blocks = await self._knit(wire, blocks)
        self._lay(blocks)

    async def round(self, wire: Wire) -> Round:
        """Read every block once; one that is refused by now is split, and read from the next round on.

        Raises:
            AwayError: it stopped answering. SourceDownError: the connection is lost.
        """
        layout = self.layout
        raw = bytearray(layout.size)
        at_us = np.zeros(len(layout.blocks), dtype=np.int64)
        lost: list[Block] = []
        for n, block in enumerate(layout.blocks):
            try:
                data = await self._ask(wire, block)
            except RefusedError as error:
                self._raise_unless_split(error)
                lost.append(block)
                continue
            start = int(layout.starts[n])
            raw[start : start + len(data)] = data
            at_us[n] = now_us()
        times = at_us[layout.block_of] if layout.items else np.zeros(0, dtype=np.int64)
        done = Round(layout, self.orders, raw, layout.numbers(raw), times > 0, times)
        if lost:
            found = await self._split(wire, lost)
            kept = [b for b in layout.blocks if b not in lost]
            self._lay(sorted(kept + found, key=lambda b: (b.table, b.start)))
        return done

    async def retry(self, wire: Wire) -> bool:
        """Try some refused addresses again; True when one is there now, and the blocks were learnt anew.

        Raises:
            AwayError: it stopped answering. SourceDownError: the connection is lost.
        """
        again = [item for item in self.items if item.tag in self.refused][:RETRIED_AT_ONCE]
        for item in again:
            (block,) = plan([item], self.max_block)
            try:
                await self._ask(wire, block)
            except RefusedError as error:
                self._raise_unless_split(error)
                self.refused[item.tag] = self.refused.pop(item.tag)  # to the end of the queue
            else:
                await self.learn(wire)
                return True
        return False

    def _lay(self, blocks: Sequence[Block]) -> None:
        self.layout = Layout(blocks)
        self.orders = Orders(self.layout)

    async def _split(self, wire: Wire, todo: list[Block]) -> list[Block]:
        """The blocks the unit answers; single refused items go to `refused`."""
        good: list[Block] = []
        failure: RefusedError | None = None
        todo = list(todo)
        while todo:
            block = todo.pop(0)
            try:
                await self._ask(wire, block)
                good.append(block)
            except RefusedError as error:
                self._raise_unless_split(error)
                failure = error if error.code == 4 else failure
                parts = [] if error.code == 1 else halves(block)  # of a table it has not, every part is refused
                if not parts:
                    self._refuse(block, error)
                todo = parts + todo
        if failure and not good and len(self.refused) == len(self.items):
            raise AwayError(f"answers with {failure}")
        return good

    async def _knit(self, wire: Wire, blocks: list[Block]) -> list[Block]:
        """Join neighbours again where the unit answers both together: few requests, round after round."""
        out = blocks[:1]
        for block in blocks[1:]:
            joined = merge(out[-1], block, self.max_block)
            if joined:
                try:
                    await self._ask(wire, joined)
                    out[-1] = joined
                    continue
                except RefusedError as error:
                    self._raise_unless_split(error)
            out.append(block)
        return out

    async def _ask(self, wire: Wire, block: Block) -> bytes:
        request = Request(self.number, block.table, block.start, block.count)
        for attempt in range(ATTEMPTS):
            try:
                return await wire.read(request, self.timeout_s)
            except SilentError as error:
                if attempt == ATTEMPTS - 1:
                    raise AwayError(f"{error}, {ATTEMPTS} times") from error
        raise AssertionError("unreachable")

    def _raise_unless_split(self, error: RefusedError) -> None:
        if error.code not in SPLIT:
            raise AwayError(f"answers with {error}") from error

    def _refuse(self, block: Block, error: RefusedError) -> None:
        for item in block.items:
            where = f"{item.place.table}:{item.place.start}"
            self.refused[item.tag] = f"{where} is not in the device's register map: unit {self.number} gave {error}"
