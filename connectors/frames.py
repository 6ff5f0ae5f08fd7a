"""The format of a spool segment: frames, each a header and one batch of rows as Arrow IPC streams.

A header is magic (4 bytes), length and CRC-32 of what follows (each u32, little endian). A frame is good when its
magic, its length and its checksum are. Files are read by mapping them, a frame at a time.

The body is four streams, made for what machines send. Most columns of a batch hardly vary: one source, one segment,
status Good, positions that count. The first stream holds the first and the last row in full. The third (lz4) holds
the columns those two do not tell, the fourth (plain) those of them that are fractional numbers: compressing these
costs more than all the rest, and halves them at best. A column that neither has is the same in every row, or, where
first and last differ, counts from one to the other by ones. Where words are coded, the third has their places in the
second: a list that changes so seldom that its bytes are kept; a small batch holds its words itself. In front stand
the number of rows and the bytes of the first three (each u32, little endian).
A body that is one stream of all columns is read as well.
"""

from __future__ import annotations

import io
import itertools
import logging
import mmap
import os
import struct
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import polars as pl
import pyarrow as pa

logger = logging.getLogger(__name__)

MAGIC = b"SFS1"
HEADER = struct.Struct("<4sII")
_PARTS = struct.Struct("<IIII")
_WHOLE = b"\xff\xff\xff\xff"
"""What an IPC stream begins with; no frame has that many rows."""
_LZ4 = pa.ipc.IpcWriteOptions(compression="lz4", use_threads=False)

Buffer = bytes | mmap.mmap
KEPT_ROWS = 1_000_000
"""Rows of a segment kept in memory besides the disk: ten seconds of 100,000 values a second, 90 MB."""


def encode_frame(rows: pl.DataFrame, packer: Packer) -> bytes:
    """One frame: header and body. `rows` are not empty."""
    body = packer.pack(rows)
    return HEADER.pack(MAGIC, len(body), zlib.crc32(body)) + body


class Packer:
    """Makes bodies. Categories are to share one `pl.Categories`; each word met is kept, with its place, for ever."""

    def __init__(self) -> None:
        self._place = np.empty(0, "i4")
        self._words = pl.Series("words", [], dtype=pl.String)
        self._list = b""

    def pack(self, rows: pl.DataFrame) -> bytes:
        """The body of a batch that is not empty."""
        coded = {n: pl.String() for n, t in rows.schema.items() if isinstance(t, (pl.Categorical, pl.Enum))}
        ends = io.BytesIO()
        pl.DataFrame([rows.row(0), rows.row(-1)], rows.schema | coded, orient="row").write_ipc_stream(ends)
        varying = [c for c in rows if not _told(c)]
        listed = rows.height >= len(self._words)
        packed = _stream({c.name: self._arrow(c, listed) for c in varying if not c.dtype.is_float()}, _LZ4)
        plain = _stream({c.name: c.to_arrow() for c in varying if c.dtype.is_float()}, None)
        words = self._list if listed and any(c.name in coded for c in varying) else b""
        parts = [ends.getvalue(), words, packed, plain]
        return b"".join([_PARTS.pack(rows.height, *(len(part) for part in parts[:3])), *parts])

    def _arrow(self, column: pl.Series, listed: bool) -> pa.Array:  # noqa: FBT001
        if isinstance(column.dtype, pl.Categorical):
            column = self._places(column) if listed else column.cast(pl.String)
        return column.to_arrow()

    def _places(self, column: pl.Series) -> pl.Series:
        """Where the words of a column stand in the list; a null stays null."""
        bare = column.to_physical()
        codes = (bare.fill_null(0) if column.null_count() else bare).to_numpy()
        known = int(codes.max()) < len(self._place)
        places = np.take(self._place, codes) if known else codes
        if not known or int(places.min()) < 0:
            self._learn(column)
            places = np.take(self._place, codes)
        found = pl.Series(places)
        return found.set(column.is_null(), None) if column.null_count() else found

    def _learn(self, column: pl.Series) -> None:
        """New words go behind those that are in the list."""
        words = column.unique().drop_nulls()
        codes = words.to_physical().to_numpy()
        place = np.full(max(int(codes.max(initial=0)) + 1, len(self._place)), -1, "i4")
        place[: len(self._place)] = self._place
        new = np.flatnonzero(place[codes] < 0)
        place[codes[new]] = np.arange(len(self._words), len(self._words) + len(new))
        self._words = pl.concat([self._words, words.cast(pl.String).alias("words")[new.tolist()]])
        self._place = place
        self._list = _stream({"words": self._words.to_arrow()}, _LZ4)


def _stream(columns: dict[str, pa.Array], options: pa.ipc.IpcWriteOptions | None) -> bytes:
    if not columns:
        return b""
    batch = pa.record_batch(list(columns.values()), names=list(columns))
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, batch.schema, options=options) as writer:
        writer.write_batch(batch)
    return bytes(sink.getvalue())


def _told(column: pl.Series) -> bool:
    """Whether the first and the last value tell all of them."""
    if nulls := column.null_count():
        return nulls == len(column)
    kind, first, last = column.dtype, column[0], column[-1]
    if first != last:
        return kind.is_integer() and last - first == len(column) - 1 and bool((np.diff(column.to_numpy()) == 1).all())
    if isinstance(kind, pl.Enum) and len(kind.categories) == 1:
        return True
    if kind.is_numeric() or kind.is_temporal():
        bits = column.to_numpy().view(f"u{column.to_numpy().itemsize}")  # -0.0 is not 0.0, and a NaN is itself
        return bool((bits == bits[0]).all())
    bare = column.to_physical().to_numpy()
    return bool((bare == bare[0]).all())


def decode_frame(body: bytes) -> pl.DataFrame:
    """The rows of one frame's body; coded words are words again."""
    if body.startswith(_WHOLE):
        return pl.read_ipc_stream(io.BytesIO(body))
    height, *lengths = _PARTS.unpack_from(body)
    marks = [_PARTS.size, *(_PARTS.size + sum(lengths[: n + 1]) for n in range(len(lengths))), len(body)]
    ends, words, *varying = (_read(body[a:b]) for a, b in itertools.pairwise(marks))
    found = {column.name: column for part in varying for column in part}
    return pl.DataFrame([_column(end, found.get(end.name), words, height) for end in ends])


def _read(part: bytes) -> pl.DataFrame:
    return pl.read_ipc_stream(io.BytesIO(part)) if part else pl.DataFrame()


def _column(ends: pl.Series, varying: pl.Series | None, words: pl.DataFrame, height: int) -> pl.Series:
    if varying is None:
        return _between(ends, height)
    if ends.dtype == pl.String() and varying.dtype.is_integer():
        return words["words"].gather(varying).alias(ends.name)
    return varying


def _between(ends: pl.Series, height: int) -> pl.Series:
    """A column told by its first and last value; those of one that counts differ."""
    if ends.dtype.is_integer() and ends.null_count() == 0 and ends[0] != ends[1]:
        return pl.Series(ends.name, np.arange(ends[0], ends[0] + height), dtype=ends.dtype)
    return ends[:1].new_from_index(0, height)


def scan_frames(data: Buffer) -> Iterator[tuple[int, int, bytes]]:
    """Every good frame: (its offset, the offset behind it, its body).

    Damaged bytes are passed over: where a frame begins behind the end of the one before, or the last one ends
    before the data do, something is damaged there.
    """
    at = 0
    while (at := data.find(MAGIC, at)) >= 0:
        payload = _payload(data, at)
        if payload is None:
            at += 1
            continue
        end = at + HEADER.size + len(payload)
        yield at, end, payload
        at = end


def _payload(data: Buffer, at: int) -> bytes | None:
    """The body of the frame at an offset; None when there is no good one."""
    start = at + HEADER.size
    if start > len(data):
        return None
    _, length, crc = HEADER.unpack_from(data, at)
    if start + length > len(data):
        return None
    payload = data[start : start + length]
    return payload if zlib.crc32(payload) == crc else None


@contextmanager
def mapped(path: Path) -> Iterator[Buffer]:
    """A file's bytes without reading them into memory."""
    with path.open("rb") as file:
        if path.stat().st_size == 0:
            yield b""
            return
        with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
            yield data


def cut_tail(path: Path) -> int:
    """Truncate an open file to the end of its last good frame; returns the length kept.

    Only the last frame can be torn: damage before a good frame is left as it is, for the reader to pass over.
    """
    with mapped(path) as data:
        good, size = max((end for _, end, _ in scan_frames(data)), default=0), len(data)
    if good < size:
        logger.warning("spool %s: cut %d bytes of a torn frame at its end", path.name, size - good)
        os.truncate(path, good)
    return good


class Kept:
    """The rows of the open and of the last sealed segment, so that the lake need not read back what was just written.

    A segment with more than `KEPT_ROWS` rows is not kept. One thread writes; any thread may ask.
    """

    def __init__(self) -> None:
        self._open: tuple[int, list[pl.DataFrame] | None] = (0, [])
        self._sealed: dict[int, tuple[int, list[pl.DataFrame]]] = {}

    def add(self, n: int, rows: pl.DataFrame) -> None:
        """Rows that are durable as the next frame of segment `n`."""
        before = self._open[1] if self._open[0] == n else []
        frames = None if before is None else [*before, rows]
        small = frames is not None and sum(f.height for f in frames) <= KEPT_ROWS
        self._open = n, frames if small else None

    def seal(self, fd: int) -> None:
        """The open segment is written; `fd` is its file."""
        n, frames = self._open
        self._sealed = {n: (os.fstat(fd).st_mtime_ns, frames)} if frames else {}

    def rows_of(self, n: int, path: Path) -> pl.DataFrame | None:
        """All rows of a sealed segment whose file is as it was written; None when they are not at hand."""
        written_ns, frames = self._sealed.get(n, (0, []))
        if not frames or not path.exists() or path.stat().st_mtime_ns != written_ns:
            return None
        return pl.concat(frames, rechunk=True)

    def forget(self, n: int) -> None:
        """Drop a segment's rows: the lake has them."""
        self._sealed.pop(n, None)
