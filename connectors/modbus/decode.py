"""From the bytes of a round of answers to numbers, in columns: one pass for each type, whatever the byte orders.

The byte orders cost nothing: they are folded into the positions that are gathered.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from connectors.modbus.plan import Block, Item

WIRE = {
    "int16": ">i2", "uint16": ">u2", "int32": ">i4", "uint32": ">u4", "float32": ">f4",
    "int64": ">i8", "uint64": ">u8", "float64": ">f8",
}  # fmt: skip
"""A type, most significant byte first."""


@dataclass(frozen=True)
class _Group:
    """Items of one type: their positions among all items, and where their bytes stand, highest first."""

    dtype: str
    at: np.ndarray
    bytes_at: np.ndarray


class Layout:
    """Where the values of the blocks of a unit stand in the bytes of one round of answers.

    `items` are those of the blocks, block after block; every array here has their order.
    """

    def __init__(self, blocks: Sequence[Block]) -> None:
        self.blocks = tuple(blocks)
        self.items = [item for block in blocks for item in block.items]
        self.tags = [item.tag for item in self.items]
        self.block_of = np.repeat(np.arange(len(blocks)), [len(b.items) for b in blocks])
        sizes = [_size(block) for block in blocks]
        self.starts = np.concatenate(([0], np.cumsum(sizes))).astype(np.int64)
        self.size = int(self.starts[-1])
        self._first = [self._byte_of(n) for n in range(len(self.items))]
        self._groups = [self._group(kind) for kind in WIRE if self._of(kind)]
        self._bits = self._bit_group()
        self._fields = self._field_group()
        self.texts = [n for n, item in enumerate(self.items) if item.type == "string"]
        self._scale = np.array([item.scale for item in self.items])
        self._offset = np.array([item.offset for item in self.items])
        self._scaled = bool((self._scale != 1).any() or self._offset.any())

    def numbers(self, raw: bytes | bytearray) -> np.ndarray:
        """The numbers of all items as float64 (bits as 0 and 1, NaN for texts), scaled.

        `raw` is `size` bytes: the data of each block from its place in `starts`. Integers above 2**53 lose their
        last digits.
        """
        whole = np.frombuffer(raw, dtype=np.uint8)
        out = np.full(len(self.items), np.nan)
        for group in self._groups:
            out[group.at] = whole[group.bytes_at].view(group.dtype)[:, 0]
        if self._bits is not None:
            at, bytes_at, shifts = self._bits
            out[at] = whole[bytes_at] >> shifts & 1
        if self._fields is not None:
            at, bytes_at, shifts, masks = self._fields
            out[at] = whole[bytes_at].view(">u2")[:, 0] >> shifts & masks
        return out * self._scale + self._offset if self._scaled else out

    def text(self, raw: bytes | bytearray, n: int) -> str:
        """The text of item n: to the first NUL, without blanks behind; UTF-8, else Latin-1."""
        item = self.items[n]
        start = self._first[n]
        cells = bytes(raw[start : start + 2 * item.place.count])
        if item.byte_order == "little":
            cells = np.frombuffer(cells, dtype=np.uint16).byteswap().tobytes()
        cut = cells.split(b"\0", 1)[0].rstrip()
        try:
            return cut.decode()
        except UnicodeDecodeError:
            return cut.decode("latin-1")

    def bytes_of(self, raw: bytes | bytearray, n: int) -> bytes:
        """The bytes of item n as they came."""
        start = self._first[n]
        return bytes(raw[start : start + 2 * self.items[n].place.count])

    def _byte_of(self, n: int) -> int:
        nth = int(self.block_of[n])
        block = self.blocks[nth]
        return int(self.starts[nth]) + 2 * (self.items[n].place.start - block.start)

    def _of(self, kind: str) -> list[int]:
        whole = (n for n, item in enumerate(self.items) if item.type == kind)
        return [n for n in whole if self.items[n].place.bit is None]

    def _group(self, kind: str) -> _Group:
        at = self._of(kind)
        places = [[self._first[n] + k for k in significant_first(self.items[n])] for n in at]
        return _Group(WIRE[kind], np.array(at), np.array(places))

    def _bit_group(self) -> tuple[np.ndarray, np.ndarray, np.ndarray] | None:
        """Coils, discrete inputs and single bits of registers."""
        at = [n for n, item in enumerate(self.items) if item.type == "bool"]
        if not at:
            return None
        places = np.array([self._bit_of(n) for n in at])
        return np.array(at), places[:, 0], places[:, 1].astype(np.uint8)

    def _bit_of(self, n: int) -> tuple[int, int]:
        """Byte, and bit in it."""
        place, block = self.items[n].place, self.blocks[self.block_of[n]]
        if place.table in {"coil", "discrete"}:
            nth = place.start - block.start
            return int(self.starts[self.block_of[n]]) + nth // 8, nth % 8
        bit = (place.bit or 0) ^ (8 if self.items[n].byte_order == "little" else 0)
        return self._first[n] + (bit < 8), bit % 8

    def _field_group(self) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray] | None:
        """Fields of several bits in a register."""
        at = [n for n, item in enumerate(self.items) if item.place.bit is not None and item.type == "uint16"]
        if not at:
            return None
        places = [[self._first[n] + k for k in significant_first(self.items[n])] for n in at]
        shifts = [self.items[n].place.bit or 0 for n in at]
        masks = [2 ** self.items[n].place.bits - 1 for n in at]
        return np.array(at), np.array(places), np.array(shifts, np.uint16), np.array(masks, np.uint16)


def significant_first(item: Item) -> list[int]:
    """Positions of the bytes of a value, the most significant first.

    >>> from connectors.modbus.plan import Place
    >>> significant_first(Item("a", Place(1, "holding", 0, 2), "float32", word_order="little"))
    [2, 3, 0, 1]
    """
    words = range(item.place.count) if item.word_order == "big" else reversed(range(item.place.count))
    swap = item.byte_order == "little"
    return [2 * word + (byte ^ swap) for word in words for byte in (0, 1)]


def _size(block: Block) -> int:
    """Bytes of a block's answer, made even."""
    return (block.count + 15) // 16 * 2 if block.table in {"coil", "discrete"} else 2 * block.count
