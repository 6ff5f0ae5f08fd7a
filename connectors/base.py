"""What the dock hands to the writing door, and what it needs from its caller.

Every connector, whatever it reads, ends in a `Landing`: rows for one bronze table that are to be
appended exactly once, and the rows it set aside. Nothing here reads a protocol and nothing writes.
"""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Protocol

import polars as pl

from plant.errors import PlantError, SourceDownError
from plant.tables import table

log = logging.getLogger(__name__)

QUARANTINE = table("bronze.quarantine")
INSTANT = pl.Datetime("us", "UTC")


def no_quarantine() -> pl.DataFrame:
    """bronze.quarantine without rows."""
    return QUARANTINE.empty()


@dataclass(frozen=True)
class Ingested:
    """A file taken in. The writing door hands it to `Dock.record` after the append, never before."""

    identity: str  # what `Dock.seen` is asked with; opaque
    source: str
    origin: str
    rows: int
    held: int


@dataclass(frozen=True)
class Landing:
    """Rows for one bronze table, appended exactly once under (`app`, `version`).

    `frame` conforms to the contract of `table`, `quarantine` to bronze.quarantine; either may be empty.
    `ingested` is set for files: the door records it once frame and quarantine are written.
    """

    table: str
    app: str
    version: int
    frame: pl.DataFrame
    quarantine: pl.DataFrame = field(default_factory=no_quarantine)
    ingested: Ingested | None = None


class Landings:
    """Landings that are read as they are asked for, so that only one is in memory; asked again, read again."""

    def __init__(self, read: Callable[[], Iterator[Landing]]) -> None:
        self._read = read

    def __iter__(self) -> Iterator[Landing]:
        """Read them."""
        return self._read()


class Dock(Protocol):
    """What bronze assets get from their caller (Dagster resource `dock`)."""

    @property
    def root(self) -> Path:
        """The --root folder."""
        ...

    def seen(self, identity: str) -> bool:
        """Whether an `Ingested.identity` was recorded before."""
        ...

    def record(self, ingested: Ingested) -> None:
        """Remember a file as taken in; called by the writing door after the append."""
        ...

    def now(self) -> datetime:
        """The time of this run, aware, UTC."""
        ...

    def known(self, record_set: str, keys: pl.Series | None = None) -> pl.DataFrame:
        """Latest version per record of bronze.records, all or with these keys: record_key, row_hash, watermark."""
        ...

    def landed(self, record_set: str) -> int:
        """Version of the last landing of a record set; -1 before the first."""
        ...

    def mark(self, record_set: str) -> tuple[str | None, bool]:
        """What `keep` was last told of a record set, and whether nothing has landed in it since."""
        ...

    def keep(self, record_set: str, mark: str) -> None:
        """Remember a text that describes what has landed; called when every landing was appended."""
        ...


Seen = Callable[[str], bool]


def nothing_seen(identity: str) -> bool:
    """A `Seen` for a first run: nothing was taken in before."""
    return False


def set_aside(rows: pl.DataFrame, *, source: str, origin: str, segment: str, now: datetime) -> pl.DataFrame:
    """bronze.quarantine from rows with position (i64), reason, message, payload (str) and booked (bool).

    A column `source`, `origin` or `segment` in `rows` wins over the argument. The id is the hash of
    source, origin, position, reason and payload: the same row set aside twice has the same id.
    """
    given = {"source": source, "origin": origin, "segment": segment}
    filled = rows.with_columns(pl.lit(v).alias(k) for k, v in given.items() if k not in rows.columns)
    at = pl.lit(now, dtype=INSTANT)
    named = filled.with_columns(
        id=pl.concat_str("source", "origin", "position", "reason", "payload", separator="\x1f").map_elements(
            _short_hash, return_dtype=pl.String
        ),
        quarantined_at=at,
        date=at.dt.date(),
    )
    return named.select(pl.col(name).cast(dtype) for name, dtype in QUARANTINE.schema.items())


def one_aside(
    reason: str, message: str, *, source: str, origin: str, segment: str, now: datetime, payload: str = "{}"
) -> pl.DataFrame:
    """A single quarantine row about a whole file, table or source (position 0, not booked)."""
    row = {"position": [0], "reason": [reason], "message": [message], "payload": [payload], "booked": [False]}
    return set_aside(pl.DataFrame(row), source=source, origin=origin, segment=segment, now=now)


def failure(name: str, origin: str, error: Exception, now: datetime, *, source: str | None = None) -> Landing:
    """A source or a part of one that could not be read, as a landing of table `name` without rows.

    Its quarantine row has reason source_down, refused or, for an error nobody foresaw, source_failed (the log
    has the traceback). It comes once an hour however often it is tried.
    """
    reason, message = _told(origin, error)
    log.error("%s: %s: %s", origin, reason, message, exc_info=error if reason == "source_failed" else None)
    hour = now.strftime("%Y-%m-%dT%H")
    app = f"{reason}:{name}:{origin}:{_short_hash(message)[:8]}:{hour}"
    held = one_aside(
        reason, message, source=source or origin, origin=origin, segment=app, now=now, payload=f'{{"hour":"{hour}"}}'
    )
    return Landing(name, app, 0, table(name).empty(), held)


def _told(origin: str, error: Exception) -> tuple[str, str]:
    """Reason code and message of a failure."""
    if isinstance(error, PlantError):
        return "source_down" if isinstance(error, SourceDownError) else "refused", str(error)
    return "source_failed", (
        f"{origin}: {type(error).__name__}: {error}; nobody foresaw this and the rest was read without it: "
        "run `shopfloor check` and correct what it says; else report it with the log. It is tried again at the next run"
    )


def _short_hash(text: str) -> str:
    return hashlib.blake2b(text.encode(), digest_size=16).hexdigest()
