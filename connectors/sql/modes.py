"""The ways to find what changed in a table. Each yields landings and ends by keeping a mark of what was landed.

A mark is kept only when the caller asks for more after the last landing, that is, when all of them went in.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Generator, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

import polars as pl
import sqlalchemy as sa

from connectors.base import Landing
from connectors.sql import prints
from connectors.sql.batches import Landings, batch_of, key_texts, live, news, tombstones
from connectors.sql.logical import Feed, typed
from connectors.sql.marks import Mark, Memory, pack, unpack
from connectors.sql.read import Target
from connectors.sql.select import after, all_keys, higher, pieces, row_count, rows_of, since

MANY = 5000
"""With more unseen keys than this, reading the table whole is cheaper."""

LOGGED_MANY = 100_000
"""With more changed keys than this in a slot, reading the table whole is cheaper."""

LARGE_SHARE = 0.3
"""With more changed cells than this, reading the table whole is cheaper."""


@dataclass(frozen=True)
class Reading:
    """One reading of one table. `mark`: what is remembered, usable; None: nothing is. `fresh`: the mark to fill in."""

    connection: sa.Connection
    at: Target
    memory: Memory
    mark: Mark | None
    fresh: Mark
    now: datetime
    out: Landings
    feed: Feed | None = None

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
    count = 0
    for rows in pieces(reading.connection, at):
        batch = batch_of(at, rows)
        seen.append(batch.seen["record_key"].drop_nulls())
        high = higher(high, batch.seen["watermark"])
        count += len(rows)
        yield from out.of(batch, news(batch, versions))
    if at.table.deletes != "never" and at.table.reading != "append_only":
        yield from _gone(reading, live(known)["record_key"], seen)
    cells: dict[int, int] = {}
    bits = 0
    if at.table.reading in {"snapshot", "watermark"} and prints.possible(reading.connection, at):
        bits = prints.bits_for(reading.connection, at, count)
        cells = (prints.cells(reading.connection, at, bits) or ({}, 0))[0]
    high = high if reading.feed is None else str(reading.feed.upto)
    reading.keep(count=count, high=high, bits=bits, packed=pack(cells), whole_at=reading.now.isoformat())


def _gone(reading: Reading, known_keys: pl.Series, seen: Sequence[pl.Series]) -> Iterator[Landing]:
    """Tombstones of known keys that are not among those seen."""
    there = pl.concat([pl.Series("record_key", [], dtype=pl.String), *seen])
    lost = known_keys.to_frame().join(there.to_frame(), on="record_key", how="anti")["record_key"]
    if lost.len():
        yield from reading.out.of(None, tombstones(lost))


def by_cells(reading: Reading) -> Iterator[Landing]:
    """Only the rows of those parts of the table whose fingerprint differs from the last reading."""
    mark, at, connection = reading.mark, reading.at, reading.connection
    found = None if mark is None or not mark.packed else prints.cells(connection, at, mark.bits)
    if mark is None or found is None:
        yield from whole(reading)
        return
    (cells, count), before = found, unpack(mark.packed)
    changed = sorted(c for c, h in cells.items() if before.get(c) != h)
    lost = [c for c in before if c not in cells]
    if len(changed) > max(1, LARGE_SHARE * len(cells)):
        yield from whole(reading)
        return
    inserted, high = 0, mark.high
    if changed:
        for rows in pieces(connection, at, prints.inside(connection, at, mark.bits, changed)):
            batch = batch_of(at, rows)
            known = live(reading.known(batch.seen["record_key"].drop_nulls()))
            fresh = news(batch, known)
            inserted += fresh.join(known, on="record_key", how="anti").height
            high = higher(high, batch.seen["watermark"])
            yield from reading.out.of(batch, fresh)
    if reading.look_for_deletes and (lost or count != mark.count + inserted or mark.cycles):
        yield from _vanished(reading)
    reading.keep(
        count=count, high=high, bits=mark.bits, packed=pack(cells), whole_at=mark.whole_at,
        cycles=reading.cycles if changed or lost else mark.cycles,
    )  # fmt: skip


def _vanished(reading: Reading) -> Iterator[Landing]:
    """Tombstones of every known record whose key is not in the table."""
    there = [key_texts(reading.at, part) for part in all_keys(reading.connection, reading.at)]
    yield from _gone(reading, live(reading.known())["record_key"], there)


def by_watermark(reading: Reading) -> Iterator[Landing]:
    """By fingerprints where the database can make them; else, and between looks for deletes, by window."""
    every_time = not isinstance(reading.at.table.deletes, int) or reading.look_for_deletes
    if reading.mark is not None and reading.mark.packed and every_time:
        yield from by_cells(reading)
    else:
        yield from by_window(reading)


def by_window(reading: Reading) -> Iterator[Landing]:
    """Rows from the watermark less the overlap; where something is new or the count differs, all keys are compared."""
    mark, at = reading.mark, reading.at
    if mark is None or mark.high is None:
        yield from whole(reading)
        return
    high: str | None = mark.high
    inserted, changed, read = 0, False, []
    for rows in pieces(reading.connection, at, since(at, mark.high)):
        batch = batch_of(at, rows)
        known = reading.known(batch.seen["record_key"].drop_nulls())
        fresh = news(batch, known)
        inserted += fresh.join(live(known), on="record_key", how="anti").height
        changed, high = changed or bool(fresh.height), higher(high, batch.seen["watermark"])
        read.append(batch.seen["record_key"].drop_nulls())
        yield from reading.out.of(batch, fresh)
    count = row_count(reading.connection, at)
    compare = reading.look_for_deletes and (changed or count != mark.count or bool(mark.cycles))
    if compare:
        too_many = yield from _compared(reading, read)
        if too_many:
            yield from whole(reading)
            return
    cycles = 0 if compare else mark.cycles + (changed or count != mark.count)
    reading.keep(count=count, high=high, bits=mark.bits, packed=mark.packed, whole_at=mark.whole_at, cycles=cycles)


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
    "snapshot": by_cells,
    "watermark": by_watermark,
    "append_only": append_only,
    "logical": by_log,
}
