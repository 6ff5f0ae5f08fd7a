"""The pages of a SQLite file as a reading sees them: which of them hold rows of a table, and a hash of each.

SQLite has no hash function and no counter a table, but a row cannot change without a byte of its page: a table is
a tree of pages, its leaves hold the rows, long rows go on in overflow pages. Hashing pages costs a tenth of having SQL
put the rows into words. Format: https://www.sqlite.org/fileformat2.html, sections 1.6 and 4.

The pages are those of the transaction that is open. Without a write-ahead log its lock keeps the file as it is. With
one, frames of the log up to the end of the log that the transaction began with come before the file's pages; nothing
behind that end reaches the file while we read.
"""

from __future__ import annotations

import hashlib
import struct
import zlib
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from operator import itemgetter
from pathlib import Path
from typing import BinaryIO

import sqlalchemy as sa

from connectors.sql.sessions import begin

_INNER, _LEAF = 5, 13
_LOGGED = 2
_TRIES = 3
_LOG_HEAD, _FRAME_HEAD, _INDEX_HEAD = 32, 24, 48
_HELD = "sqlite pages"


@contextmanager
def opened(connection: sa.Connection) -> Iterator[None]:
    """Hold the pages of a SQLite file as long as its transaction reads; of other databases nothing.

    Files are closed after the last reading only: closing one ends the locks this process has on it (POSIX).
    """
    if connection.dialect.name != "sqlite":
        yield
        return
    with ExitStack() as files:
        connection.info[_HELD] = _as_seen(connection, files)
        yield  # a connection is made anew for each reading, and its `info` goes with it


@dataclass
class Pages:
    """Pages by number, the first is 1. `log`: where in the log the newest one of a number is."""

    file: BinaryIO
    size: int
    reserved: int
    log_file: BinaryIO | None = None
    log: dict[int, int] = field(default_factory=dict)

    def page(self, number: int) -> bytes:
        """One page.

        Raises:
            ValueError: there is no such page, whole.
        """
        place = self.log.get(number)
        source = self.file if place is None or self.log_file is None else self.log_file
        source.seek((number - 1) * self.size if place is None else place)
        found = source.read(self.size)
        if number < 1 or len(found) != self.size:
            raise ValueError(f"page {number} is not there")
        return found

    def leaves(self, number: int) -> Iterator[tuple[int, bytes]]:
        """Number and content of every page with rows, of the table whose tree begins at a page.

        Raises:
            ValueError: that is no table with row ids.
        """
        page = self.page(number)
        if page[0] == _LEAF:
            yield number, page
        elif page[0] == _INNER:
            for at in _pointers(page, 12):
                yield from self.leaves(int.from_bytes(page[at : at + 4], "big"))
            yield from self.leaves(int.from_bytes(page[8:12], "big"))
        else:
            raise ValueError(f"page {number} is of kind {page[0]}")

    def hashes(self, root: int) -> tuple[dict[int, int], int]:
        """Hash of each page with rows, the overflow of its rows included, and the number of rows.

        Raises:
            ValueError: that is no table with row ids.
        """
        out, rows = {}, 0
        for number, page in self.leaves(root):
            told = hashlib.sha256(page)
            pointers = _pointers(page, 8)
            rows += len(pointers)
            for at in _long(page, pointers):
                for part in self._overflow(page, at):
                    told.update(part)
            out[number] = int.from_bytes(told.digest()[:8], "big", signed=True)
        return out, rows

    def row_ids(self, numbers: Sequence[int]) -> list[int]:
        """Ids of the rows of some pages."""
        out = []
        for page in map(self.page, numbers):
            for at in _pointers(page, 8):
                _, behind = _number(page, at)
                value, _ = _number(page, behind)
                out.append(value - (1 << 64) if value >> 63 else value)
        return out

    def _overflow(self, page: bytes, at: int) -> Iterator[bytes]:
        """Pages on which a row of this page goes on."""
        length, behind = _number(page, at)
        _, begins = _number(page, behind)
        usable = self.size - self.reserved
        if length <= usable - 35:
            return
        least = (usable - 12) * 32 // 255 - 23
        fits = least + (length - least) % (usable - 4)
        here = fits if fits <= usable - 35 else least
        part, at = page, begins + here
        for _ in range(-((here - length) // (usable - 4))):
            part, at = self.page(int.from_bytes(part[at : at + 4], "big")), 0
            yield part


def _pointers(page: bytes, begins: int) -> tuple[int, ...]:
    """Where the cells of a page are."""
    count = int.from_bytes(page[3:5], "big")
    return struct.unpack_from(f">{count}H", page, begins)


def _long(page: bytes, pointers: tuple[int, ...]) -> tuple[int, ...]:
    """Those of rows of 128 bytes or more; nearly always one look at all first bytes says that there are none."""
    if len(pointers) > 1 and max(itemgetter(*pointers)(page)) < 128:
        return ()
    return tuple(at for at in pointers if page[at] >= 128)


def _number(page: bytes, at: int) -> tuple[int, int]:
    """A number of one to nine bytes, and where it ends."""
    value = 0
    for n in range(8):
        value = value << 7 | page[at + n] & 127
        if page[at + n] < 128:
            return value, at + n + 1
    return value << 8 | page[at + 8], at + 9


def tree_of(connection: sa.Connection, name: str) -> tuple[Pages, int, int] | None:
    """Pages, page at which a table's tree begins, and a number that another definition or page size changes.

    None where its pages cannot be read, or it has no row ids.
    """
    pages = connection.info.get(_HELD)
    asked = sa.text("SELECT rootpage, sql FROM main.sqlite_master WHERE type = 'table' AND lower(name) = lower(:name)")
    found = connection.execute(asked, {"name": name}).first()
    if not isinstance(pages, Pages) or found is None or not found[0]:
        return None
    if pages.page(found[0])[0] not in {_INNER, _LEAF}:
        return None
    return pages, int(found[0]), zlib.crc32(f"{pages.size} {found[1]}".encode("utf8", "replace"))


def _as_seen(connection: sa.Connection, files: ExitStack) -> Pages | None:
    """The pages of the transaction, which begins to see with the SELECT in here."""
    path = Path(str(next(row[2] for row in connection.exec_driver_sql("PRAGMA database_list") if row[1] == "main")))
    if not path.is_file():
        return None
    file = files.enter_context(path.open("rb", buffering=0))
    for _ in range(_TRIES):
        before = _index(path, files)
        connection.exec_driver_sql("SELECT count(*) FROM sqlite_master").scalar()
        file.seek(0)
        head = file.read(100)
        if len(head) < 100:
            return None
        size = int.from_bytes(head[16:18], "big")
        pages = Pages(file, 65536 if size == 1 else size, head[20])
        if head[19] != _LOGGED:
            return pages
        after = _index(path, files)
        if before is not None and after is not None and before[:_INDEX_HEAD] == after[:_INDEX_HEAD]:
            return _logged(pages, after, path, files)
        connection.rollback()  # somebody wrote just now, or the log was not open yet
        begin(connection)
    return None


def _index(path: Path, files: ExitStack) -> bytes | None:
    """The head of the log's index; None where there is none, or while it is written."""
    try:
        told = files.enter_context(path.with_name(path.name + "-shm").open("rb", buffering=0)).read(136)
    except OSError:
        return None
    whole = len(told) == 136 and told[:_INDEX_HEAD] == told[_INDEX_HEAD : 2 * _INDEX_HEAD]
    return told if whole else None


def _logged(pages: Pages, index: bytes, path: Path, files: ExitStack) -> Pages | None:
    """The same with the frames of the log that are not in the file yet."""
    (frames,) = struct.unpack_from("=I", index, 16)
    (copied,) = struct.unpack_from("=I", index, 2 * _INDEX_HEAD)
    if copied >= frames:
        return pages
    log = files.enter_context(path.with_name(path.name + "-wal").open("rb", buffering=0))
    for n in range(frames):
        place = _LOG_HEAD + n * (_FRAME_HEAD + pages.size)
        log.seek(place)
        head = log.read(_FRAME_HEAD)
        if len(head) < _FRAME_HEAD or head[8:16] != index[32:40]:
            return None
        pages.log[int.from_bytes(head[:4], "big")] = place + _FRAME_HEAD
    pages.log_file = log
    return pages
