"""From tag addresses to read requests, and from registers to numbers. Pure: no network here.

Addresses: `holding:0`, `input:20`, `coil:3`, `discrete:7` (first register or bit, counted from 0 as
on the wire), `holding:100:3` for bit 3 of a register.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Literal, get_args

import numpy as np

from plant.errors import TerminalError
from plant.sources.tags import Tag

Space = Literal["holding", "input", "coil", "discrete"]
REGISTERS: dict[str, int] = {
    "bool": 1, "int16": 1, "uint16": 1, "int32": 2, "uint32": 2, "int64": 4, "float32": 2, "float64": 4,
}  # fmt: skip
"""Registers (16 bit) a type takes."""
MAX_BITS = 2000
MAX_GAP = 8
"""Unused registers read along rather than asking twice."""
_WIRE = {
    "int16": ">i2",
    "uint16": ">u2",
    "int32": ">i4",
    "uint32": ">u4",
    "int64": ">i8",
    "float32": ">f4",
    "float64": ">f8",
}
_ADDRESS = re.compile(r"^(holding|input|coil|discrete):(\d{1,5})(?::(\d{1,2}))?$")


class AddressError(TerminalError):
    """A Modbus address of plant.toml cannot be read."""


@dataclass(frozen=True)
class Item:
    """One tag in the register map."""

    tag: str
    space: Space
    start: int
    count: int
    type: str
    word_order: Literal["big", "little"]
    bit: int | None


@dataclass(frozen=True)
class Block:
    """One read request: `count` registers or bits from `start`, and the items inside."""

    space: Space
    start: int
    count: int
    items: tuple[Item, ...]

    @cached_property
    def groups(self) -> tuple[tuple[str, str, np.ndarray, np.ndarray], ...]:
        """Items of one type and word order together: type, order, positions, register indices."""
        keys = dict.fromkeys((i.type, i.word_order) for i in self.items)
        out = []
        for kind, order in keys:
            at = [n for n, i in enumerate(self.items) if (i.type, i.word_order) == (kind, order)]
            first = np.array([self.items[n].start - self.start for n in at])
            out.append((kind, order, np.array(at), first[:, None] + np.arange(self.items[at[0]].count)))
        return tuple(out)


def item_of(tag_id: str, tag: Tag) -> Item:
    """Read the address of a tag.

    Raises:
        AddressError: not an address, a type Modbus has not, a bit that is not bool, or a range outside 0..65535.
    """
    match = _ADDRESS.match(tag.address)
    if not match or tag.type not in REGISTERS:
        what = f"type {tag.type!r}" if match else f"address {tag.address!r}"
        raise AddressError(
            f"tag {tag_id}: {what} cannot be read over Modbus; valid are {', '.join(get_args(Space))} with a number, "
            f"as in holding:0 or holding:100:3 for a bit, and types {', '.join(REGISTERS)}"
        )
    space, start, bit = match[1], int(match[2]), match[3]
    if tag.type != "bool" and (bit is not None or space in {"coil", "discrete"}):
        raise AddressError(f'tag {tag_id}: {tag.address!r} is one bit, its type is {tag.type!r}: write type = "bool"')
    count = REGISTERS[tag.type]
    if start + count > 65536 or (bit is not None and int(bit) > 15):
        raise AddressError(f"tag {tag_id}: address {tag.address!r} is outside registers 0..65535 or bits 0..15")
    return Item(tag_id, space, start, count, tag.type, tag.word_order, None if bit is None else int(bit))


def plan(items: Sequence[Item], max_block: int = 125, max_gap: int = MAX_GAP) -> list[Block]:
    """Blocks that cover every item: split at holes over `max_gap` and at `max_block` registers.

    >>> far = [Item("a", "holding", 0, 2, "uint32", "big", None), Item("b", "holding", 300, 1, "int16", "big", None)]
    >>> [(block.start, block.count) for block in plan(far)]
    [(0, 2), (300, 1)]
    """
    blocks: list[Block] = []
    for item in sorted(items, key=lambda i: (i.space, i.start)):
        limit = MAX_BITS if item.space in {"coil", "discrete"} else max_block
        last = blocks[-1] if blocks else None
        end = item.start + item.count
        near = last and last.space == item.space and item.start <= last.start + last.count + max_gap
        if last and near and end - last.start <= limit:
            count = max(last.count, end - last.start)
            blocks[-1] = Block(last.space, last.start, count, (*last.items, item))
        else:
            blocks.append(Block(item.space, item.start, item.count, (item,)))
    return blocks


def halves(block: Block) -> list[Block]:
    """A refused block in two, without the hole between them; empty when it is a single item."""
    if len(block.items) < 2:
        return []
    middle = len(block.items) // 2
    return [_tight(block.space, part) for part in (block.items[:middle], block.items[middle:])]


def _tight(space: Space, items: tuple[Item, ...]) -> Block:
    start = min(i.start for i in items)
    return Block(space, start, max(i.start + i.count for i in items) - start, items)


def decode(block: Block, words: Sequence[int] | Sequence[bool]) -> np.ndarray:
    """Numbers of the block's items, in their order, as float64 (bits as 0 and 1).

    Integers above 2**53 lose their last digits. Word order `little`: least significant register first.
    """
    registers = np.asarray(words[: block.count], dtype=">u2")
    out = np.full(len(block.items), np.nan)
    for kind, order, positions, index in block.groups:
        cells = registers[index]
        if order == "little":
            cells = cells[:, ::-1]
        if kind == "bool":
            shifts = np.array([block.items[n].bit or 0 for n in positions])
            out[positions] = (cells[:, 0] >> shifts) & 1 if block.space in {"holding", "input"} else cells[:, 0] != 0
            continue
        out[positions] = np.ascontiguousarray(cells).view(_WIRE[kind])[:, 0]
    return out
