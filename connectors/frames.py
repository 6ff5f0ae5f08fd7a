"""The format of a spool segment: frames, each a header and one batch of rows as an Arrow IPC stream (lz4).

A header is magic (4 bytes), length and CRC-32 of what follows (each u32, little endian). A frame is good when its
magic, its length and its checksum are. Files are read by mapping them, a frame at a time.
"""

from __future__ import annotations

import io
import logging
import mmap
import os
import struct
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import polars as pl

logger = logging.getLogger(__name__)

MAGIC = b"SFS1"
HEADER = struct.Struct("<4sII")

Buffer = bytes | mmap.mmap
KEPT_ROWS = 1_000_000
"""Rows of a segment kept in memory besides the disk: ten seconds of 100,000 values a second, 90 MB."""


def encode_frame(rows: pl.DataFrame) -> bytes:
    """One frame: header and the rows as an lz4 IPC stream."""
    body = io.BytesIO()
    rows.write_ipc_stream(body, compression="lz4")
    payload = body.getvalue()
    return HEADER.pack(MAGIC, len(payload), zlib.crc32(payload)) + payload


def decode_frame(payload: bytes) -> pl.DataFrame:
    """The rows of one frame's IPC stream."""
    return pl.read_ipc_stream(io.BytesIO(payload))


def scan_frames(data: Buffer) -> Iterator[tuple[int, int, bytes]]:
    """Every good frame: (its offset, the offset behind it, its IPC stream).

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
    """The IPC stream of the frame at an offset; None when there is no good one."""
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
        return pl.concat(frames)

    def forget(self, n: int) -> None:
        """Drop a segment's rows: the lake has them."""
        self._sealed.pop(n, None)
