"""What live sources hand on: rows shaped like bronze.readings, and where they put them.

Also what has been stored already, so that a source that repeats itself (HistoryRead overlap, initial
values, replays) is kept once. Nothing here reads a protocol.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Protocol, cast

import numpy as np
import polars as pl

from plant.contracts.bronze import READINGS

ROWS: dict[str, pl.DataType] = {k: v for k, v in READINGS.schema.items() if k not in {"date", "segment", "seq"}}
"""Columns of a batch on its way in; date, segment and seq are given where it is spooled. `tag` and `source` may be
codes (`WORDS`)."""

WORDS = pl.Categorical(pl.Categories("shopfloor.readings"))
"""Tags and sources as codes, from the source to the data file: a quarter of the bytes, sorted and written as codes."""
_WORDS_LIVE = pl.Series([""], dtype=WORDS)
"""Keeps the codes: without a series of them anywhere Polars forgets them all, and gives them out anew."""
IDENTITY = ["tag", "ts", "value", "text", "status"]
WINDOW = timedelta(seconds=120)
RECENT_ROWS = 500_000
BEHIND_ROWS = 500_000
NEVER_US = np.iinfo("i8").min
_NONE = np.empty(0, "i8")


class Intake(Protocol):
    """Where sources put rows. Backed by the spool."""

    @property
    def open(self) -> asyncio.Event:
        """Clear while the spool is full: stop reading the source until it is set (back-pressure)."""
        ...

    @property
    def every_s(self) -> float:
        """Seconds between two writes to disk: rows handed over more often cost more and are not safe sooner."""
        ...

    async def put(self, rows: pl.DataFrame, done: Callable[[], None] | None = None) -> None:
        """Hand over rows (`ROWS`); `done` is called on the loop once they are durable."""
        ...

    def report(self, quarantine: pl.DataFrame) -> None:
        """Hand over bronze.quarantine rows about something that is not a reading."""
        ...


def now_us() -> int:
    """Microseconds since 1970, UTC."""
    return int(datetime.now(UTC).timestamp() * 1_000_000)


def as_instant(us: pl.Series | list[int | None]) -> pl.Series:
    """Microseconds since 1970 as an instant (UTC)."""
    return pl.Series(us, dtype=pl.Int64).cast(pl.Datetime("us")).dt.replace_time_zone("UTC")


def coded(rows: pl.DataFrame) -> pl.DataFrame:
    """`rows` with tag and source as codes (`WORDS`); nothing is done where they are."""
    words = [n for n in ("tag", "source") if n in rows.columns and rows.schema[n] != WORDS]
    return rows.with_columns(_as_codes(rows[n]) for n in words) if words else rows


def _as_codes(words: pl.Series) -> pl.Series:
    """The usual one word in all rows is looked up once."""
    same = len(words) > 0 and not words.null_count() and bool((words == words[0]).all())
    return words[:1].cast(WORDS).new_from_index(0, len(words)) if same else words.cast(WORDS)


class Seen:
    """Rows of one source known to be stored: the last per tag, and all of the last `WINDOW`.

    `fresh` removes exact repeats of those (tag, ts, value, text, status). It never removes a row for
    being older than another one: a clock set back at the source must not cost readings. Rows ahead of all that
    is stored of their tag cost next to nothing; only the others are compared. Every row received since `reach`
    is known.
    """

    def __init__(self, stored: pl.DataFrame | None = None) -> None:
        self._last = coded(pl.DataFrame(schema={k: ROWS[k] for k in IDENTITY}))
        self._newest_us = np.empty(0, "i8")  # by the code of the tag
        self._placed: tuple[pl.DataFrame | None, tuple[np.ndarray, np.ndarray]] = (None, (_NONE, _NONE))
        self._rounds: tuple[pl.DataFrame | None, int] = (None, 0)
        nothing = pl.DataFrame()
        self._given = (nothing, nothing)
        self._behind: list[pl.DataFrame] = []
        self._behind_codes = _NONE
        self._behind_rows = 0
        self._recent: deque[tuple[datetime, pl.DataFrame]] = deque()
        self._recent_rows = 0
        self.reach = datetime.now(UTC)
        if stored is not None and not stored.is_empty():
            edge = cast("datetime", stored["received_at"].max()) - WINDOW
            self.remember(stored.filter(pl.col("received_at") >= edge))
            self.advance(stored)
            self.reach = edge

    @property
    def last(self) -> pl.DataFrame:
        """The rows with the newest source time, per tag."""
        return self._newest().cast({"tag": pl.String})

    def _newest(self) -> pl.DataFrame:
        if self._behind:
            rows = pl.concat([self._last, *self._behind])
            codes, us = self._places(rows)
            self._last = rows.filter(pl.Series(us == self._newest_us[codes], dtype=pl.Boolean)).unique(IDENTITY)
            self._behind, self._behind_codes, self._behind_rows = [], _NONE, 0
        return self._last

    def since(self) -> dict[str, datetime]:
        """Source time of the newest stored row per tag."""
        return dict(self.last.select("tag", "ts").iter_rows())

    def advance(self, rows: pl.DataFrame) -> None:
        """Take rows as stored, keeping only the newest per tag."""
        rows = self._coded(rows)
        self._advance(rows, rows[IDENTITY])

    def _advance(self, rows: pl.DataFrame, known: pl.DataFrame) -> None:
        codes, us = self._places(rows)
        tags = self._rounds[1] if rows is self._rounds[0] else 0
        last = len(codes) - tags if tags else 0  # the last round has the newest of each
        np.maximum.at(self._newest_us, codes[last:], us[last:])
        self._put_behind(known[last:], codes[last:] if tags else _NONE)
        if self._behind_rows > BEHIND_ROWS:
            self._newest()

    def _put_behind(self, known: pl.DataFrame, codes: np.ndarray) -> None:
        """Rows among which a newest one may be; a round of the same tags as the one before (`codes`) replaces it."""
        if self._behind and len(codes) and np.array_equal(codes, self._behind_codes):
            self._behind[-1] = known
            return
        self._behind.append(known)
        self._behind_codes, self._behind_rows = codes, self._behind_rows + known.height

    def remember(self, rows: pl.DataFrame) -> None:
        """Take rows as stored, keeping all of them for a while."""
        if rows.is_empty():
            return
        rows, now = self._coded(rows), datetime.now(UTC)
        known = rows[IDENTITY]
        self._recent.append((now, known))
        self._recent_rows += rows.height
        while now - self._recent[0][0] > WINDOW or (self._recent_rows > RECENT_ROWS and len(self._recent) > 1):
            self.reach, forgotten = self._recent.popleft()
            self._recent_rows -= forgotten.height
        self._advance(rows, known)

    def fresh(self, rows: pl.DataFrame) -> pl.DataFrame:
        """The rows that are no exact repeat of a stored one, nor of an earlier row of the batch."""
        mine = self._coded(rows)
        places = self._places(mine)
        if tags := _in_rounds(*places, self._newest_us):
            self._rounds = (mine, tags)
            return rows
        doubtful = _not_ahead(*places, self._newest_us)
        if not doubtful.any():
            return rows
        part = mine.with_row_index("_row").filter(pl.Series(doubtful))
        once = part.unique(IDENTITY, keep="first", maintain_order=True)
        kept = once.join(self._known(part), on=IDENTITY, how="anti", nulls_equal=True)
        doubtful[kept["_row"].to_numpy()] = False
        return rows.filter(pl.Series(~doubtful))

    def _known(self, part: pl.DataFrame) -> pl.DataFrame:
        """What is stored of the tags and times of these rows."""
        mine = pl.col("tag").is_in(part["tag"].unique().implode()) & pl.col("ts").is_between(
            part["ts"].min(), part["ts"].max()
        )
        return pl.concat([frame.filter(mine) for frame in (self._newest(), *(frame for _, frame in self._recent))])

    def _coded(self, rows: pl.DataFrame) -> pl.DataFrame:
        """The rows with codes. Asked whether they are fresh, then remembered: the same frame comes twice."""
        if rows is not self._given[0]:
            self._given = (rows, coded(rows))
        return self._given[1]

    def _places(self, rows: pl.DataFrame) -> tuple[np.ndarray, np.ndarray]:
        """Codes of the tags and source times (us since 1970) of rows; room is made for new tags."""
        if rows is self._placed[0]:  # asked whether it is fresh, then remembered: the same frame twice
            return self._placed[1]
        codes = _filled(rows["tag"], 0)
        lacking = (int(codes.max()) + 1 if len(codes) else 0) - len(self._newest_us)
        if lacking > 0:
            self._newest_us = np.append(self._newest_us, np.full(lacking, NEVER_US))
        self._placed = (rows, (codes, _filled(rows["ts"], NEVER_US)))
        return self._placed[1]


def _filled(values: pl.Series, empty: int) -> np.ndarray:
    """The integers behind values. Checked first: filling costs more than all the rest of a batch."""
    if values.null_count():
        values = values.to_physical().fill_null(empty)
    elif values.dtype.is_temporal():
        return values.to_numpy().view("i8")
    found: np.ndarray = values.to_physical().to_numpy()
    return found


def _in_rounds(codes: np.ndarray, us: np.ndarray, newest_us: np.ndarray) -> int:
    """Tags of a round, where rows are rounds of the same tags, each later than the one before and than what is known.

    0 where they are not. What a server sends that samples all its nodes at once is told by it without being sorted.
    """
    if not len(codes):
        return 0
    again = np.flatnonzero(codes[1:] == codes[0])
    tags = int(again[0]) + 1 if len(again) else len(codes)
    if not (np.array_equal(codes[tags:], codes[:-tags]) and (us[tags:] > us[:-tags]).all()):
        return 0
    first, met = codes[:tags], np.zeros(len(newest_us), "?")
    met[first] = True
    return tags if np.count_nonzero(met) == tags and (us[:tags] > newest_us[first]).all() else 0


def _not_ahead(codes: np.ndarray, us: np.ndarray, newest_us: np.ndarray) -> np.ndarray:
    """Rows of tags of which some row is not later than the one before it, or than the newest known."""
    order = np.argsort(codes.astype("u2") if len(newest_us) <= 1 << 16 else codes, kind="stable")
    tag, at = codes[order], us[order]
    begins = np.append(True, tag[1:] != tag[:-1])[: len(tag)]
    before = np.where(begins, newest_us[tag], np.roll(at, 1))
    odd: np.ndarray = np.zeros(len(newest_us), "?")
    odd[tag[at <= before]] = True
    return np.take(odd, codes)
