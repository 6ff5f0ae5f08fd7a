"""What each simulated source delivered, for the verification to compare with what was stored.

Kept in memory (tests read it) and written to root/truth/live as Parquet. Never read by the pipeline.
"""

from __future__ import annotations

import struct
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import polars as pl

from plant.config import Plant, tag_id
from plant.errors import TerminalError
from plant.sources.tags import Tag

SCHEMA: dict[str, pl.DataType] = {
    "source": pl.String(),
    "tag": pl.String(),
    "ts": pl.Datetime("us", "UTC"),
    "value": pl.Float64(),
    "status": pl.Int64(),
}


class PortInUseError(TerminalError):
    """A port of plant.toml is taken by another program."""

    def __init__(self, port: int, source: str, key: str) -> None:
        super().__init__(
            f"port {port} is in use: source {source!r} ({key} in plant.toml) cannot be served; "
            f"stop the program that listens there, or write another port at {key}"
        )


@dataclass(frozen=True)
class Sample:
    """One sample a source is to deliver: value null means no signal, status says why."""

    tag: str
    ts: datetime
    value: float | None
    status: int


class Delivered:
    """Samples by source, in the order they were delivered."""

    def __init__(self) -> None:
        self._rows: dict[str, list[tuple[str, str, datetime, float | None, int]]] = defaultdict(list)

    def add(self, source: str, samples: Sequence[Sample], tags: dict[str, Tag]) -> None:
        """Note samples as delivered, with the value as it is after the type of its tag."""
        self._rows[source] += [(source, s.tag, s.ts, as_sent(s.value, tags[s.tag].type), s.status) for s in samples]

    def frame(self, source: str | None = None) -> pl.DataFrame:
        """All samples delivered, or those of one source."""
        rows = self._rows[source] if source else [r for rows in self._rows.values() for r in rows]
        return pl.DataFrame(rows, schema=SCHEMA, orient="row")

    def write(self, root: Path, started_at: datetime) -> None:
        """Write root/truth/live/<source>-<start>.parquet, replacing what an earlier call wrote."""
        folder = root / "truth" / "live"
        folder.mkdir(parents=True, exist_ok=True)
        for source in list(self._rows):
            path = folder / f"{source}-{started_at:%Y%m%dT%H%M%S}.parquet"
            aside = path.with_suffix(".new")
            self.frame(source).write_parquet(aside)
            aside.rename(path)


def as_sent(value: float | None, kind: str) -> float | None:
    """A value as a tag of that type can carry it: whole numbers for integers, 24 bits for float32."""
    if value is None or kind == "string":
        return value
    if kind == "float32":
        return struct.unpack("<f", struct.pack("<f", value))[0]
    if kind == "bool":
        return float(bool(value))
    return value if kind == "float64" else float(int(value))


def tags_of(plant: Plant, source: str) -> dict[str, Tag]:
    """Tags of a source by tag id."""
    return {tag_id(machine, tag): tag for machine, tag in plant.tags(source)}
