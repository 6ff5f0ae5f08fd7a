"""What is remembered of a relational table between two readings, so that an idle one costs next to nothing.

A mark describes the state of the lake after one landing, and is worth nothing after another: the `Memory`
hands it out only while the lake holds exactly that landing as its last. Without a mark the table is read
whole and compared with what the lake holds, so losing one costs a reading and never a row.
"""

from __future__ import annotations

import base64
import hashlib
import json
import zlib
from array import array
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Protocol

import polars as pl

from plant.sources.batch import SqlSource, SqlTable
from plant.units import duration

KNOWN_SCHEMA = {"record_key": pl.String(), "row_hash": pl.String(), "watermark": pl.String(), "segment": pl.String()}


class Memory(Protocol):
    """What a reader asks of the lake and its state."""

    def known(self, record_set: str, keys: pl.Series | None = None) -> pl.DataFrame:
        """Latest version of every record, or of those with these keys: `KNOWN_SCHEMA`, maybe more columns."""

    def landed(self, record_set: str) -> int:
        """Version of the last landing; -1 before the first."""

    def mark(self, record_set: str) -> tuple[str | None, bool]:
        """The text last kept, and whether nothing has landed since."""

    def keep(self, record_set: str, mark: str) -> None:
        """Keep a text that describes what has landed."""


@dataclass(frozen=True)
class Mark:
    """State of a table as it was taken in.

    `settings`: hash of how it is read. `types`: word for each column's type. `token`: cheap sign of the database
    that nothing was written. `count`: rows it had. `high`: highest watermark. `bits`, `packed`: fingerprints
    of the key space, 2^bits cells (SQLite: of pages; `bits` says of which table), '' without; they may be older than
    the rest. `whole_at`: when every row was compared. `cycles`: changes since rows that vanished were looked for.
    `tail`: fingerprint of the rows read again. `horizon`: PostgreSQL: what transactions had ended, '' without.
    """

    settings: str
    types: dict[str, str]
    count: int = 0
    high: str | None = None
    token: str | None = None
    bits: int = 0
    packed: str = ""
    whole_at: str = ""
    cycles: int = 0
    tail: str = ""
    horizon: str = ""

    def text(self) -> str:
        """As JSON."""
        return json.dumps(asdict(self))

    @classmethod
    def of(cls, text: str | None) -> Mark | None:
        """From JSON; None for what this version cannot read."""
        try:
            return cls(**json.loads(text or "null"))
        except (TypeError, ValueError):
            return None

    def due(self, reconcile: str, now: datetime) -> bool:
        """Whether every row is to be compared again."""
        if reconcile == "never":
            return False
        return not self.whole_at or now - datetime.fromisoformat(self.whole_at) >= duration(reconcile)


def settings_of(source: SqlSource, one: SqlTable) -> str:
    """Hash of every setting that says what is read and how it is spelled."""
    how = one.model_dump(mode="json", exclude={"deletes", "reconcile", "overlap", "retyped"})
    told = [how, source.db_schema, source.timezone, "2"]
    return hashlib.sha256(json.dumps(told, sort_keys=True).encode()).hexdigest()[:16]


def pack(cells: Mapping[int, int]) -> str:
    """Fingerprints by cell as text; never '', which stands for no fingerprint: an empty table has one."""
    numbers = array("q", [n for pair in sorted(cells.items()) for n in pair])
    return base64.b85encode(zlib.compress(numbers.tobytes(), 1)).decode()


def unpack(packed: str) -> dict[int, int]:
    """Fingerprints by cell."""
    numbers = array("q", zlib.decompress(base64.b85decode(packed)) if packed else b"")
    return dict(zip(numbers[::2], numbers[1::2], strict=True))


class Forgetful:
    """A `Memory` of known rows without marks: every reading compares whole."""

    def __init__(self, known: pl.DataFrame | None = None) -> None:
        self._known = pl.DataFrame(schema=KNOWN_SCHEMA) if known is None else known

    def known(self, record_set: str, keys: pl.Series | None = None) -> pl.DataFrame:
        """The rows given."""
        return self._known if keys is None else self._known.filter(pl.col("record_key").is_in(keys.implode()))

    def landed(self, record_set: str) -> int:
        """-1."""
        return -1

    def mark(self, record_set: str) -> tuple[str | None, bool]:
        """None."""
        return None, False

    def keep(self, record_set: str, mark: str) -> None:
        """Forget it."""
