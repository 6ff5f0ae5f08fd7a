"""What live sources hand on: rows shaped like bronze.readings, and where they put them.

Also what has been stored already, so that a source that repeats itself (HistoryRead overlap, initial
values, replays) is kept once. Nothing here reads a protocol.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Protocol

import polars as pl

from plant.contracts.bronze import READINGS

ROWS: dict[str, pl.DataType] = {k: v for k, v in READINGS.schema.items() if k not in {"date", "segment", "seq"}}
"""Columns of a batch on its way in; date, segment and seq are given where it is spooled."""

IDENTITY = ["tag", "ts", "value", "text", "status"]
WINDOW = timedelta(seconds=120)
RECENT_ROWS = 500_000
BEHIND_ROWS = 200_000


class Intake(Protocol):
    """Where sources put rows. Backed by the spool."""

    @property
    def open(self) -> asyncio.Event:
        """Clear while the spool is full: stop reading the source until it is set (back-pressure)."""
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


class Seen:
    """Rows of one source known to be stored: the last per tag, and all of the last `WINDOW`.

    `fresh` removes exact repeats of those (tag, ts, value, text, status). It never removes a row for
    being older than another one: a clock set back at the source must not cost readings.
    """

    def __init__(self, stored: pl.DataFrame | None = None) -> None:
        self._last = pl.DataFrame(schema={k: ROWS[k] for k in IDENTITY})
        self._behind: list[pl.DataFrame] = []
        self._behind_rows = 0
        self._recent: deque[tuple[datetime, pl.DataFrame]] = deque()
        self._recent_rows = 0
        if stored is not None and not stored.is_empty():
            edge = stored["received_at"].max() - WINDOW
            self.remember(stored.filter(pl.col("received_at") >= edge))
            self.advance(stored)

    @property
    def last(self) -> pl.DataFrame:
        """The rows with the newest source time, per tag."""
        if self._behind:
            rows = pl.concat([self._last, *self._behind])
            newest = rows.filter(pl.col("ts") == pl.col("ts").max().over("tag"))
            self._last = newest.unique(IDENTITY)
            self._behind, self._behind_rows = [], 0
        return self._last

    def since(self) -> dict[str, datetime]:
        """Source time of the newest stored row per tag."""
        return dict(self.last.select("tag", "ts").iter_rows())

    def advance(self, rows: pl.DataFrame) -> None:
        """Take rows as stored, keeping only the newest per tag."""
        self._behind.append(rows.select(IDENTITY))
        self._behind_rows += rows.height
        if self._behind_rows > BEHIND_ROWS:
            _ = self.last

    def remember(self, rows: pl.DataFrame) -> None:
        """Take rows as stored, keeping all of them for a while."""
        now = datetime.now(UTC)
        self._recent.append((now, rows.select(IDENTITY)))
        self._recent_rows += rows.height
        while now - self._recent[0][0] > WINDOW or (self._recent_rows > RECENT_ROWS and len(self._recent) > 1):
            self._recent_rows -= self._recent.popleft()[1].height
        self.advance(rows)

    def fresh(self, rows: pl.DataFrame) -> pl.DataFrame:
        """The rows that are no exact repeat of a stored one, nor of an earlier row of the batch."""
        known = pl.concat([self.last, *(frame for _, frame in self._recent)])
        once = rows.unique(IDENTITY, keep="first", maintain_order=True)
        return once.join(known, on=IDENTITY, how="anti", nulls_equal=True, maintain_order="left")
