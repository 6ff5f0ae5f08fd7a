"""From tag addresses to read requests. Pure: no network here, no decoding.

A block is read whole, so a value of 32 or 64 bits always comes out of one request.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from plant.sources.registers import ORDERS, Endian, Place, Table, place_of
from plant.sources.tags import Tag

MAX_BITS = 2000
MAX_GAP = 8
"""Unused registers read along rather than asking twice."""


@dataclass(frozen=True)
class Item:
    """One tag in the register map of its unit. `value = raw * scale + offset`."""

    tag: str
    place: Place
    type: str
    word_order: Endian = "big"
    byte_order: Endian = "big"
    scale: float = 1.0
    offset: float = 0.0
    range: tuple[float, float] | None = None

    @property
    def order(self) -> str:
        """Order of the bytes on the wire, A the most significant."""
        return next(name for name, both in ORDERS.items() if both == (self.word_order, self.byte_order))


@dataclass(frozen=True)
class Block:
    """One read request: `count` registers or bits from `start`, and the items inside."""

    table: Table
    start: int
    count: int
    items: tuple[Item, ...]

    @property
    def end(self) -> int:
        """First register behind it."""
        return self.start + self.count


def item_of(tag_id: str, tag: Tag) -> Item:
    """Read the address of a tag.

    Raises:
        AddressError: not an address, or none for its type.
    """
    place = place_of(tag.address, tag.type)
    return Item(tag_id, place, tag.type, tag.word_order, tag.byte_order, tag.scale, tag.offset, tag.range)


def plan(items: Iterable[Item], max_block: int = 125, max_gap: int = MAX_GAP) -> list[Block]:
    """Blocks that cover every item: split at holes over `max_gap` and at `max_block` registers.

    >>> at = [Item("a", Place(1, "holding", 0, 2), "uint32"), Item("b", Place(1, "holding", 300, 1), "int16")]
    >>> [(block.start, block.count) for block in plan(at)]
    [(0, 2), (300, 1)]
    """
    blocks: list[Block] = []
    for item in sorted(items, key=lambda i: (i.place.table, i.place.start)):
        place = item.place
        alone = Block(place.table, place.start, place.count, (item,))
        merged = merge(blocks[-1], alone, max_block, max_gap) if blocks else None
        if merged:
            blocks[-1] = merged
        else:
            blocks.append(alone)
    return blocks


def merge(left: Block, right: Block, max_block: int = 125, max_gap: int = MAX_GAP) -> Block | None:
    """Two neighbours as one block; None when they are too far apart or too long together."""
    limit = MAX_BITS if left.table in {"coil", "discrete"} else max_block
    count = max(left.count, right.end - left.start)
    if left.table != right.table or right.start > left.end + max_gap or count > limit:
        return None
    return Block(left.table, left.start, count, (*left.items, *right.items))


def halves(block: Block) -> list[Block]:
    """A refused block in two, without the hole between them; empty when it is a single item."""
    if len(block.items) < 2:
        return []
    middle = len(block.items) // 2
    return [_tight(block.table, part) for part in (block.items[:middle], block.items[middle:])]


def _tight(table: Table, items: Sequence[Item]) -> Block:
    start = min(i.place.start for i in items)
    return Block(table, start, max(i.place.start + i.place.count for i in items) - start, tuple(items))
