"""Durable store between a source and the lake: append-only segments of framed Arrow IPC.

A frame is magic, length and CRC-32 (little endian), then one complete IPC stream (lz4). A segment is
a file of frames; it is open (`.open`, the highest number, appended to) or sealed (`.seg`, never
written again). A segment is named by (spool uuid, n): the pair the lake's exactly-once append is
keyed by. The open segment is never deleted and has the highest number, so no n is ever used twice.

A segment the lake refuses for what is in it becomes `.poison`, with the reason beside it, and is tried
again under a new number when the spool is opened the next time.

Policy on disk: the spool never deletes what the lake does not have. Above `max_bytes` it is `full`;
its owner then stops reading its sources (back-pressure) until segments are committed and deleted.
Nothing here knows a protocol or the lake. One process owns a spool folder, by a lock file.
"""

from __future__ import annotations

import contextlib
import fcntl
import io
import logging
import os
import struct
import uuid
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import polars as pl

from plant.errors import TerminalError

logger = logging.getLogger(__name__)

MAGIC = b"SFS1"
HEADER = struct.Struct("<4sII")
DEFAULT_MAX_BYTES = 2 << 30


class SpoolLockedError(TerminalError):
    """Another process owns the spool folder."""


@dataclass(frozen=True)
class Segment:
    """A sealed segment: its place in the exactly-once order and its file."""

    app: str
    n: int
    path: Path

    @property
    def name(self) -> str:
        """Name kept in bronze as `segment`."""
        return f"{self.app}/{self.n}"


def encode_frame(rows: pl.DataFrame) -> bytes:
    """One frame: header and the rows as an lz4 IPC stream."""
    body = io.BytesIO()
    rows.write_ipc_stream(body, compression="lz4")
    payload = body.getvalue()
    return HEADER.pack(MAGIC, len(payload), zlib.crc32(payload)) + payload


def scan_frames(data: bytes) -> Iterator[tuple[int, bytes]]:
    """Good frames from the start: (offset behind the frame, IPC stream). Stops at the first bad one."""
    at = 0
    while len(data) - at >= HEADER.size:
        magic, length, crc = HEADER.unpack_from(data, at)
        payload = data[at + HEADER.size : at + HEADER.size + length]
        if magic != MAGIC or len(payload) < length or zlib.crc32(payload) != crc:
            return
        at += HEADER.size + length
        yield at, payload


class Spool:
    """The segments of one folder. Not safe for several threads at a time; one writer calls it.

    Args:
        folder: where segments live; created.
        max_bytes: above it the spool is `full`.

    Raises:
        SpoolLockedError: another process has the folder open.
    """

    def __init__(self, folder: Path, max_bytes: int = DEFAULT_MAX_BYTES) -> None:
        self.folder = folder
        self.max_bytes = max_bytes
        folder.mkdir(parents=True, exist_ok=True)
        self._lock = self._take_lock()
        self.app = self._identity()
        self._recover()

    @property
    def segment(self) -> str:
        """Name of the open segment, as kept in bronze."""
        return f"{self.app}/{self.n}"

    @property
    def bytes_used(self) -> int:
        """Bytes of all segments on disk."""
        return sum(p.stat().st_size for p in self.folder.iterdir() if p.suffix in {".open", ".seg"})

    @property
    def full(self) -> bool:
        """True at or above max_bytes: stop reading until the lake has caught up."""
        return self.bytes_used >= self.max_bytes

    def append(self, rows: pl.DataFrame) -> None:
        """Write one frame and make it durable (fdatasync). Empty frames are not written.

        Raises:
            OSError: it could not be written, e.g. the disk is full. Nothing of the frame is kept.
        """
        if rows.is_empty():
            return
        if self._torn:
            self._mend()
        frame = encode_frame(rows)
        self._torn = True
        try:
            self._write(frame)
        except OSError:
            with contextlib.suppress(OSError):  # what was in the way of the write may be in the way of this
                self._mend()
            raise
        self._torn = False
        self._end += len(frame)
        self.rows += rows.height

    def _write(self, frame: bytes) -> None:
        left = memoryview(frame)
        while left:
            left = left[os.write(self._fd, left) :]
        os.fdatasync(self._fd)

    def _mend(self) -> None:
        """Cut a torn frame off; where that fails, leave the segment and open the next: nothing goes behind it."""
        try:
            os.ftruncate(self._fd, self._end)
            os.fdatasync(self._fd)
        except OSError as error:
            logger.warning("spool %s: a torn frame cannot be cut off (%s): going on in a new file", self.segment, error)
            self._next()
        self._torn = False

    def seal(self) -> None:
        """Close the open segment for ever and open the next; nothing happens to an empty one."""
        if self.rows == 0:
            return
        if self._torn:
            self._mend()
        if self.rows:
            self._next()

    def _next(self) -> None:
        old_fd = self._fd
        self._open(self.n + 1)
        os.close(old_fd)
        self._settle()

    def _settle(self) -> None:
        """Seal every file but the open one, also those an error left behind: no number is sealed before a lower one."""
        for n in self._numbers("open"):
            if n < self.n:
                self._path(n, "open").rename(self._path(n, "seg"))
        self._sync_folder()

    def sealed(self) -> list[Segment]:
        """Sealed segments not yet deleted, oldest first."""
        return [Segment(self.app, n, self._path(n, "seg")) for n in self._numbers("seg")]

    def read(self, segment: Segment) -> pl.DataFrame | None:
        """All good rows of a segment in order; None when there is not one.

        A sealed segment that was damaged since is copied to `.bad` for a person to look at, and logged.
        """
        data = segment.path.read_bytes()
        good, frames = 0, []
        for end, body in scan_frames(data):
            good = end
            frames.append(pl.read_ipc_stream(io.BytesIO(body)))
        if good < len(data):
            aside = segment.path.with_suffix(".bad")
            aside.write_bytes(data)
            logger.error(
                "spool segment %s is damaged behind byte %d of %d: what is readable is kept, the file is saved as %s",
                segment.name, good, len(data), aside,
            )  # fmt: skip
        return pl.concat(frames) if frames else None

    def delete(self, segment: Segment) -> None:
        """Forget a segment; call only after the lake has committed it."""
        segment.path.unlink(missing_ok=True)

    def poison(self, segment: Segment, reason: str) -> Path:
        """Set a segment aside that the lake will not take; returns its file. `.poison.txt` beside it says why."""
        aside = segment.path.with_suffix(".poison")
        aside.with_suffix(".poison.txt").write_text(f"{reason}\n", encoding="utf8")
        segment.path.rename(aside)
        self._sync_folder()
        return aside

    def close(self) -> None:
        """Release file and lock. The open segment stays open for the next owner."""
        os.close(self._fd)
        os.close(self._lock)

    def _take_lock(self) -> int:
        lock = os.open(self.folder / "lock", os.O_RDWR | os.O_CREAT, 0o644)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            os.close(lock)
            raise SpoolLockedError(
                f"spool {self.folder} is in use by another collector: stop that one, or give this one another --root"
            ) from error
        return lock

    def _identity(self) -> str:
        path = self.folder / "uuid"
        if path.exists() and (text := path.read_text().strip()):
            return text
        fresh = str(uuid.uuid4())
        aside = self.folder / "uuid.new"
        aside.write_text(fresh)
        with aside.open("rb+") as handle:
            os.fsync(handle.fileno())
        aside.rename(path)
        self._sync_folder()
        return fresh

    def _recover(self) -> None:
        """Cut torn tails, seal what was left open, open a segment behind all others.

        Poisoned segments come back under new numbers: the lake takes no number below one it has.
        """
        last = max([0, *self._numbers("seg"), *self._numbers("poison")])
        for n in self._numbers("open"):
            path = self._path(n, "open")
            last = max(last, n)
            if self._cut_tail(path):
                path.rename(self._path(n, "seg"))
        for n in self._numbers("poison"):
            last += 1
            self._path(n, "poison").rename(self._path(last, "seg"))
            self._path(n, "poison.txt").unlink(missing_ok=True)
        reuse = self._path(last, "open").exists()
        self._open(last if reuse else last + 1)
        self._settle()

    def _cut_tail(self, path: Path) -> int:
        """Truncate to the end of the last good frame; returns the length kept."""
        data = path.read_bytes()
        good = 0
        for end, _ in scan_frames(data):
            good = end
        if good < len(data):
            logger.warning("spool %s: cut %d bytes of a torn frame at its end", path.name, len(data) - good)
            os.truncate(path, good)
        return good

    def _open(self, n: int) -> None:
        self._fd = os.open(self._path(n, "open"), os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
        self.n = n
        self.rows = self._end = 0
        self._torn = False
        self._sync_folder()

    def _sync_folder(self) -> None:
        handle = os.open(self.folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)

    def _numbers(self, kind: str) -> list[int]:
        return sorted(int(p.stem) for p in self.folder.glob(f"*.{kind}"))

    def _path(self, n: int, kind: str) -> Path:
        return self.folder / f"{n:010d}.{kind}"
