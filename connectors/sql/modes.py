"""The ways to find what changed in a table. Each yields landings and ends by keeping a mark of what was landed.

A mark is kept only when the caller asks for more after the last landing, that is, when all of them went in.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Generator, Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

import polars as pl
import sqlalchemy as sa

from connectors.base import Landing
from connectors.sql import prints
from connectors.sql.batches import Landings, batch_of, key_texts, lacking, live, news, tombstones
from connectors.sql.logical import Feed, typed
from connectors.sql.marks import Mark, Memory, pack, unpack
from connectors.sql.read import Target
from connectors.sql.select import (
    PARTS,
    after,
    all_keys,
    by_number,
    higher,
    key_counts,
    keys_of_parts,
    newer,
    pieces,
    row_count,
    rows_of,
    since,
)

MANY = 5000
"""With more unseen keys than this, reading the table whole is cheaper."""

LOGGED_MANY = 100_000
"""With more changed keys than this in a slot, reading the table whole is cheaper."""

LARGE_SHARE = 0.5
"""With more changed cells than this, reading the table whole is cheaper."""


@dataclass(frozen=True)
class Reading:
    """One reading of one table. `mark`: what is remembered, usable; None: nothing is. `fresh`: the mark to fill in.

    `since`: PostgreSQL's first transaction whose rows may be new; None where rows cannot be told apart by it.
    """

    connection: sa.Connection
    at: Target
    memory: Memory
    mark: Mark | None
    fresh: Mark
    now: datetime
    out: Landings
    feed: Feed | None = None
    since: int | None = None

    def known(self, keys: pl.Series | None = None) -> pl.DataFrame:
        """Latest versions, of all records or of those with these keys."""
        return self.memory.known(self.at.record_set, keys)

    def keep(self, **found: Any) -> None:
        """Keep the mark of this reading."""
        self.memory.keep(self.at.record_set, replace(self.fresh, **found).text())

    @property
    def look_for_deletes(self) -> bool:
        """Whether rows that vanished are to be looked for in this reading, which found a change."""
        every = self.at.table.deletes
        cycles = 0 if self.mark is None else self.mark.cycles
        return every == "compare" or (isinstance(every, int) and cycles + 1 >= every)

    @property
    def cycles(self) -> int:
        """Changes since vanished rows were looked for, this one counted."""
        return 0 if self.look_for_deletes or self.mark is None else self.mark.cycles + 1


def whole(reading: Reading) -> Iterator[Landing]:
    """Every row, in pieces, compared with every known record: finds everything."""
    at, out = reading.at, reading.out
    known = reading.known()
    versions, high, seen = known.select("record_key", "row_hash"), None, []
    count, bits, packed = 0, 0, ""
    for rows in pieces(reading.connection, at):
        batch = batch_of(at, rows)
        seen.append(batch.seen["record_key"].drop_nulls())
        high = higher(high, batch.seen["watermark"])
        count += len(rows)
        yield from out.of(batch, news(batch, versions))
    if at.table.deletes != "never" and at.table.reading != "append_only":
        yield from _gone(reading, live(known)["record_key"], seen)
    if at.table.reading in {"snapshot", "watermark"} and prints.possible(reading.connection, at):
        bits = prints.bits_for(reading.connection, at, count)
        made = prints.cells(reading.connection, at, bits)
        packed = "" if made is None else pack(made[0])
    high = high if reading.feed is None else str(reading.feed.upto)
    reading.keep(count=count, high=high, bits=bits, packed=packed, whole_at=reading.now.isoformat())


def _gone(reading: Reading, known_keys: pl.Series, seen: Sequence[pl.Series]) -> Iterator[Landing]:
    """Tombstones of known keys that are not among those seen."""
    there = pl.concat([pl.Series("record_key", [], dtype=pl.String), *seen])
    lost = known_keys.to_frame().join(there.to_frame(), on="record_key", how="anti")["record_key"]
    if lost.len():
        yield from reading.out.of(None, tombstones(lost))


@dataclass
class Found:
    """What came of the rows read so far. `keyless`: some have no key."""

    high: str | None
    inserted: int = 0
    changed: bool = False
    keyless: bool = False
    keys: list[pl.Series] = field(default_factory=list)


def _read(reading: Reading, where: sa.ColumnElement[bool], found: Found) -> Iterator[Landing]:
    """Land what is new among some rows."""
    for rows in pieces(reading.connection, reading.at, where):
        batch = batch_of(reading.at, rows)
        keys = batch.seen["record_key"].drop_nulls()
        known = reading.known(keys)
        fresh = news(batch, known)
        found.inserted += fresh.join(live(known), on="record_key", how="anti").height
        found.changed, found.high = found.changed or bool(fresh.height), higher(found.high, batch.seen["watermark"])
        found.keyless = found.keyless or len(keys) < len(rows)
        found.keys.append(keys)
        yield from reading.out.of(batch, fresh)


def _ended(reading: Reading, mark: Mark, found: Found, count: int, *, gone: bool, **more: Any) -> Iterator[Landing]:
    """Look for rows that are gone where some may be, and keep the mark. `more`: what of the mark is another way."""
    look = reading.look_for_deletes
    if look and (gone or mark.cycles):
        if "horizon" not in more and by_number(reading.at):
            yield from _buried(reading)
        elif (yield from _compared(reading, found.keys)):
            yield from whole(reading)
            return
    cycles = 0 if look else mark.cycles + (gone or found.changed)
    kept = {"bits": mark.bits, "packed": mark.packed} | more
    reading.keep(count=count, high=found.high, whole_at=mark.whole_at, cycles=cycles, **kept)


def _may_be_gone(reading: Reading, mark: Mark, found: Found, count: int) -> bool:
    """Whether the number of rows does not prove that none is gone; every row that changed has been read."""
    proves_nothing = bool(found.keys) and (found.keyless or not reading.at.unique)
    return proves_nothing or count != mark.count + found.inserted


def by_change(reading: Reading) -> Iterator[Landing]:
    """By transaction or by fingerprint, where the database has one of them; else every row."""
    mark = reading.mark
    if mark is not None and reading.since is not None and reading.at.unique:
        yield from by_transaction(reading, mark, reading.since)
    elif mark is not None and mark.packed:
        yield from by_cells(reading, mark)
    else:
        yield from whole(reading)


def by_transaction(reading: Reading, mark: Mark, since: int) -> Iterator[Landing]:
    """PostgreSQL: the rows written by transactions that had not ended when the table was read last.

    Fingerprints stay as they are: against older ones more cells differ, which costs reading and loses nothing.
    """
    found = Found(mark.high)
    yield from _read(reading, newer(since), found)
    count = row_count(reading.connection, reading.at)
    yield from _ended(reading, mark, found, count, gone=_may_be_gone(reading, mark, found, count))


def by_cells(reading: Reading, mark: Mark) -> Iterator[Landing]:
    """Only the rows of those parts of the table whose fingerprint differs from the last reading."""
    at, connection = reading.at, reading.connection
    made = prints.cells(connection, at, mark.bits)
    if made is None:
        yield from whole(reading)
        return
    cells, count = made
    changed = prints.differing(connection, cells, unpack(mark.packed))
    # of a key that may name several rows all must be seen together, and SQLite's pages know nothing of keys
    scattered = bool(changed) and not at.unique and connection.dialect.name == "sqlite"
    # cells made for a few rows hold too many by now
    coarse = bool(changed) and prints.bits_for(connection, at, count) > mark.bits + 2
    if scattered or coarse or len(changed) > max(1, LARGE_SHARE * len(cells)):
        yield from whole(reading)
        return
    found = Found(mark.high)
    if changed:
        yield from _read(reading, prints.inside(connection, at, mark.bits, changed), found)
    gone = _may_be_gone(reading, mark, found, count)
    yield from _ended(reading, mark, found, count, gone=gone, packed=pack(cells))


def by_watermark(reading: Reading) -> Iterator[Landing]:
    """By transaction or fingerprint where the database has one; else, and between looks for deletes, by window."""
    mark = reading.mark
    told_apart = reading.since is not None and reading.at.unique
    every_time = not isinstance(reading.at.table.deletes, int) or reading.look_for_deletes
    if mark is not None and (told_apart or (mark.packed and every_time)):
        yield from by_change(reading)
    else:
        yield from by_window(reading)


def by_window(reading: Reading) -> Iterator[Landing]:
    """Rows from the watermark less the overlap; where something is new or the count differs, all keys are compared."""
    mark, at = reading.mark, reading.at
    if mark is None or mark.high is None:
        yield from whole(reading)
        return
    found = Found(mark.high)
    yield from _read(reading, since(at, mark.high), found)
    count = row_count(reading.connection, at)
    # rows behind the window were not seen: neither their number nor their transactions tell of them from here on
    yield from _ended(reading, mark, found, count, gone=found.changed or count != mark.count, horizon="")


def _compared(reading: Reading, read: Sequence[pl.Series]) -> Generator[Landing, None, bool]:
    """Compare every key with the known ones: late rows are fetched, vanished ones buried. True: too many for that."""
    found = list(all_keys(reading.connection, reading.at))
    there = [key_texts(reading.at, part) for part in found]
    known = live(reading.known())["record_key"]
    seen = pl.concat([known, *read])
    unseen = [t.is_not_null() & ~t.is_in(seen.implode()) for t in there]
    if sum(int(u.sum()) for u in unseen) > MANY:
        return True
    late = [part[i] for part, which in zip(found, unseen, strict=True) for i in which.arg_true()]
    if late:
        batch = batch_of(reading.at, rows_of(reading.connection, reading.at, late))
        yield from reading.out.of(batch, news(batch, reading.known(batch.seen["record_key"])))
    yield from _gone(reading, known, there)
    return False


def _buried(reading: Reading) -> Iterator[Landing]:
    """Tombstones where every row there is is known and its key a number: only parts that lack rows are read."""
    known = live(reading.known())["record_key"]
    suspected = lacking(known, key_counts(reading.connection, reading.at), PARTS)
    found = keys_of_parts(reading.connection, reading.at, suspected["part"].unique().to_list())
    yield from _gone(reading, suspected["record_key"], [key_texts(reading.at, part) for part in found])


def append_only(reading: Reading) -> Iterator[Landing]:
    """Rows above the highest number known, and a thousand below it again: finds new rows and nothing else."""
    mark, at = reading.mark, reading.at
    if mark is None or mark.high is None:
        yield from whole(reading)
        return
    high: str | None = mark.high
    tail = hashlib.sha256()
    for rows in pieces(reading.connection, at, after(at, mark.high)):
        batch = batch_of(at, rows)
        tail.update("".join(batch.seen["row_hash"].sort()).encode())
        if tail.hexdigest() != mark.tail:
            known = reading.known(batch.seen["record_key"].drop_nulls())
            fresh = batch.seen.join(known, on="record_key", how="anti")
            yield from reading.out.of(batch, news(batch, known).join(fresh, on="record_key", how="semi"))
        high = higher(high, batch.seen["watermark"])
    reading.keep(count=mark.count + reading.out.new, high=high, tail=tail.hexdigest(), whole_at=mark.whole_at)


def by_log(reading: Reading) -> Iterator[Landing]:
    """The rows whose keys a replication slot told; those that are not there any more are gone."""
    mark, at, feed = reading.mark, reading.at, reading.feed
    name = at.table.table or at.table.name
    if mark is None or feed is None or name in feed.unsure or len(feed.changed.get(name, ())) > LOGGED_MANY:
        yield from whole(reading)
        return
    kinds = [at.declared(k).kind for k in at.table.key]
    wanted = [tuple(map(typed, kinds, key)) for key in sorted(feed.changed.get(name, ()))]
    for n in range(0, len(wanted), MANY):
        part = wanted[n : n + MANY]
        batch = batch_of(at, rows_of(reading.connection, at, part))
        keys = key_texts(at, part)
        known = reading.known(keys)
        yield from reading.out.of(batch, news(batch, known))
        if at.table.deletes != "never":
            known_keys = live(known)["record_key"]
            yield from _gone(reading, known_keys, [batch.seen["record_key"].drop_nulls()])
    reading.keep(count=mark.count, high=str(feed.upto), whole_at=mark.whole_at)


READERS: dict[str, Callable[[Reading], Iterator[Landing]]] = {
    "snapshot": by_change,
    "watermark": by_watermark,
    "append_only": append_only,
    "logical": by_log,
}
