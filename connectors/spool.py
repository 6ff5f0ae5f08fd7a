"""Durable store between a source and the lake: append-only segments of framed rows (connectors.frames).

A segment is a file of frames; it is open (`.open`, the highest number, appended to) or sealed (`.seg`, never
written again). A segment is named by (spool uuid, n): the pair the lake's exactly-once append is keyed by. The
open segment is never deleted and has the highest number, so no n is ever used twice. It is sealed by its owner,
or by itself at `SEGMENT_ROWS` or `SEGMENT_BYTES`: one transaction of the lake stays bounded however long the lake
was away.

A segment the lake refuses for what is in it becomes `.poison`, with the reason beside it, and is tried
again under a new number when the spool is opened the next time.

Policy on disk: the spool never deletes what the lake does not have. Its owner looks at `bytes_used` and stops
reading its sources at a limit (back-pressure) until segments are committed and deleted.
Nothing here knows a protocol or the lake. One process owns a spool folder, by a lock file.
"""

from __future__ import annotations

import contextlib
import fcntl
import logging
import os
import shutil
import uuid
from dataclasses import dataclass
from pathlib import Path

import polars as pl

from connectors.frames import Kept, Packer, cut_tail, decode_frame, encode_frame, mapped, scan_frames
from plant.errors import TerminalError

logger = logging.getLogger(__name__)

SEGMENT_ROWS = 1_000_000
"""Ten seconds of 100,000 values a second: about 0.5 GB in memory while the lake takes it."""
SEGMENT_BYTES = 64 << 20
SEALED, OPEN, POISON = "seg", "open", "poison"


class SpoolLockedError(TerminalError):
    """Another process owns the spool folder."""


@dataclass(frozen=True)
class Segment:
    """A sealed segment: its place in the exactly-once order and its file."""

    app: str
    n: int
    path: Path

    @property
    def refused(self) -> bool:
        """True when the lake refused it before: it was poison, and is tried again."""
        return self.path.with_suffix(".again").exists()

    @property
    def name(self) -> str:
        """Name kept in bronze as `segment`."""
        return f"{self.app}/{self.n}"


class Spool:
    """The segments of one folder. Not safe for several threads at a time; one writer calls it.

    Args:
        folder: where segments live; created.

    Raises:
        SpoolLockedError: another process has the folder open.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir(parents=True, exist_ok=True)
        _sync(folder.parent)
        self._lock = self._take_lock()
        self.app = self._identity()
        self._torn = self._unsettled = False
        self._kept, self._packer = Kept(), Packer()
        self._recover()

    @property
    def segment(self) -> str:
        """Name of the open segment, as kept in bronze."""
        return f"{self.app}/{self.n}"

    @property
    def bytes_used(self) -> int:
        """Bytes of all segments on disk, those set aside (`.poison`, `.bad`) as well. Another thread may ask."""
        return sum(_size(p) for p in self.folder.iterdir())

    @property
    def aside(self) -> list[Path]:
        """Files set aside for a person: segments the lake refused and damaged ones."""
        return sorted(p for p in self.folder.iterdir() if p.suffix in {f".{POISON}", ".bad"})

    def append(self, rows: pl.DataFrame) -> None:
        """Write one frame and make it durable (fdatasync); a large segment is sealed. Empty frames are not written.

        Raises:
            OSError: it could not be written, e.g. the disk is full. Nothing of the frame is kept.
        """
        if rows.is_empty():
            return
        if self._torn:
            self._mend()
        frame = encode_frame(rows, self._packer)
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
        self._kept.add(self.n, rows)
        if self.rows >= SEGMENT_ROWS or self._end >= SEGMENT_BYTES:
            with contextlib.suppress(OSError):  # the frame is durable all the same; the next call tries again
                self._next()

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
        if self.rows and self._torn:
            self._mend()
        if self.rows:
            self._next()
        elif self._unsettled:
            self._settle()

    def _next(self) -> None:
        old_fd = self._fd
        self._kept.seal(old_fd)
        try:
            self._open(self.n + 1)
        finally:
            if self._fd != old_fd:
                os.close(old_fd)
        self._settle()

    def _settle(self) -> None:
        """Seal every file but the open one, also those an error left behind: no number is sealed before a lower one."""
        self._unsettled = True
        for n in self._numbers(OPEN):
            if n < self.n:
                self._path(n, OPEN).rename(self._path(n, SEALED))
        _sync(self.folder)
        self._unsettled = False

    def sealed(self) -> list[Segment]:
        """Sealed segments not yet deleted, oldest first."""
        return [Segment(self.app, n, self._path(n, SEALED)) for n in self._numbers(SEALED)]

    def read(self, segment: Segment) -> pl.DataFrame | None:
        """All good rows of a segment in order; None when there is not one, or it was deleted meanwhile.

        A sealed segment that was damaged since loses its damaged frames only. The file is copied to `.bad` for
        a person to look at, and logged. Any thread may read.
        """
        if (kept := self._kept.rows_of(segment.n, segment.path)) is not None:
            return kept
        frames, read = [], 0
        try:
            with mapped(segment.path) as data:
                for at, end, body in scan_frames(data):
                    read += end - at
                    frames.append(decode_frame(body))
                damaged = len(data) - read
        except FileNotFoundError:
            return None
        if damaged:
            self._keep_damaged(segment, damaged)
        return pl.concat(frames, how="vertical_relaxed", rechunk=True) if frames else None

    @staticmethod
    def _keep_damaged(segment: Segment, lost: int) -> None:
        aside = segment.path.with_suffix(".bad")
        if not aside.exists():  # else read before, while the lake was away
            shutil.copyfile(segment.path, aside)
            found = "spool segment %s is damaged: all but %d bytes is kept, the file is saved as %s"
            logger.error(found, segment.name, lost, aside)

    def delete(self, segment: Segment) -> None:
        """Forget a segment; call only after the lake has committed it."""
        segment.path.unlink(missing_ok=True)
        segment.path.with_suffix(".again").unlink(missing_ok=True)
        self._kept.forget(segment.n)

    def poison(self, segment: Segment, reason: str) -> Path:
        """Set a segment aside that the lake will not take; returns its file. `.poison.txt` beside it says why."""
        aside = segment.path.with_suffix(f".{POISON}")
        aside.with_suffix(".poison.txt").write_text(f"{reason}\n", encoding="utf8")
        segment.path.rename(aside)
        segment.path.with_suffix(".again").unlink(missing_ok=True)
        _sync(self.folder)
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
        _sync(self.folder)
        return fresh

    def _recover(self) -> None:
        """Cut torn tails, seal what was left open, open a segment behind all others."""
        last = max([0, *self._numbers(SEALED), *self._numbers(POISON)])
        for n in self._numbers(OPEN):
            path = self._path(n, OPEN)
            last = max(last, n)
            if cut_tail(path):
                path.rename(self._path(n, SEALED))
        last = self._try_again(last)
        reuse = self._path(last, OPEN).exists()
        self._open(last if reuse else last + 1)
        self._settle()

    def _try_again(self, last: int) -> int:
        """Poisoned segments come back under new numbers: the lake takes no number below one it has."""
        for n in self._numbers(POISON):
            last += 1
            self._path(last, "again").touch()
            self._path(n, POISON).rename(self._path(last, SEALED))
            self._path(n, "poison.txt").unlink(missing_ok=True)
        return last

    def _open(self, n: int) -> None:
        self._fd = os.open(self._path(n, OPEN), os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
        self.n = n
        self.rows = self._end = 0
        self._torn = False
        _sync(self.folder)

    def _numbers(self, kind: str) -> list[int]:
        return sorted(int(p.stem) for p in self.folder.glob(f"*.{kind}"))

    def _path(self, n: int, kind: str) -> Path:
        return self.folder / f"{n:010d}.{kind}"


def _sync(folder: Path) -> None:
    """Make names in a folder durable: a file that is synced can still be lost with its name."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except FileNotFoundError:  # committed and deleted meanwhile
        return 0
