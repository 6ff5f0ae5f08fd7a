"""Hashes of what a day is built from. Equal hash: nothing to do; so a build is a function of the data."""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterable
from datetime import date
from functools import cache
from pathlib import Path

import polars as pl

from warehouse.snapshot import Snapshot, lost_of


def digest(*parts: object) -> str:
    """Short stable hash of the text of the parts."""
    joined = "\x1f".join(str(p) for p in parts)
    return hashlib.sha256(joined.encode()).hexdigest()[:24]


def frame_hash(frame: pl.DataFrame) -> str:
    """Hash of the rows of a frame, independent of their order and of the polars version's own hash."""
    if frame.is_empty():
        return digest(frame.columns)
    lines = frame.select(pl.struct(pl.all()).struct.json_encode().alias("row"))["row"].sort()
    return digest(frame.columns, hashlib.sha256("\n".join(lines).encode()).hexdigest())


def content_hash(frame: pl.DataFrame) -> str:
    """Hash of the rows sorted by all columns, in Arrow's own layout: one row changed, another hash."""
    if frame.is_empty():
        return digest(frame.columns)
    buffer = frame.sort(frame.columns, nulls_last=True).write_ipc(None, compression="uncompressed")
    return hashlib.sha256(buffer.getvalue()).hexdigest()[:24]


@cache
def code_hash(*rooms: str) -> str:
    """Hash of the sources of some rooms: changed code rebuilds what it made."""
    here = Path(__file__).parents[2]
    files = sorted(p for room in rooms for p in (here / room).rglob("*.py"))
    return digest(*(p.read_text(encoding="utf8") for p in files))


def combine(parts: Iterable[tuple[str, str]]) -> str:
    """Hash of named hashes."""
    return digest(*(f"{name}={value}" for name, value in sorted(parts)))


def fingerprints(snapshot: Snapshot | None, days: Collection[date] | None = None) -> dict[str, str]:
    """Hash of the live files of each partition of a table (of some days), by the partition's text.

    A partition has none where a file is gone from disk.
    """
    if snapshot is None:
        return {}
    lost = lost_of(snapshot) if days is None else set()
    wanted = snapshot.by_partition.items() if days is None else [(d, snapshot.paths([d])) for d in days]
    files = ((part, paths) for part, paths in wanted if part is not None and paths and part not in lost)
    return {str(part): digest(*sorted(p.rpartition("/")[2] for p in paths)) for part, paths in files}
