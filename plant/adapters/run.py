"""What it means to run the SELECT of a mapping: what it is given, what it answers, how it fails."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

import polars as pl

from plant.adapters.model import Adapter, Mapped
from plant.errors import TerminalError

RECORD, REJECT = "_record", "_reject"
"""Result columns that are no values: the record a row is made of, and why a row is to be rejected."""
Newest = Callable[[str], pl.DataFrame]
"""Newest versions of the rows of a source table by its name (all of them of `<table>_history`): record_set, record_key,
payload, ingested_at, segment, seq."""


class MappingError(TerminalError):
    """The SELECT cannot run on these tables: the message says why, with the nearest names."""


class EmptyStarError(MappingError):
    """The SELECT cannot run while tables it may take all columns of (`*`) have no row: `empty`."""

    def __init__(self, message: str, empty: tuple[str, ...]) -> None:
        super().__init__(message)
        self.empty = empty


class BoundError(TerminalError):
    """The SELECT ran into its bounds (time, memory, rows); what it would have given is not known."""


@dataclass(frozen=True)
class Answer:
    """What a SELECT gave.

    `rows` has the result columns as text (instants ISO 8601 UTC, null stays null), then `_record_set`, `_record_key`,
    `_payload`, `_ingested_at`, `_segment`, `_seq` of the record a row is made of (null where the SELECT does not name
    it). `unread` has those and `message`: source rows left out because a declared value cannot be read. `reads` are
    the tables it reads, `empty` those never taken in.
    """

    rows: pl.DataFrame
    unread: pl.DataFrame
    reads: tuple[str, ...]
    empty: tuple[str, ...]


class Run(Protocol):
    """Runs the SELECT of a mapping; tables without an offset in their times are local in `zone`."""

    def __call__(self, adapter: Adapter, mapped: Mapped, newest: Newest, zone: str) -> Answer:
        """The answer.

        Raises:
            MappingError: it cannot run on these tables.
            BoundError: it ran into its bounds.
        """
        ...
