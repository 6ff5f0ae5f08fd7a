"""Fetched rows as rows of bronze.records: what is new of them, what is gone, what has to be set aside."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import polars as pl

from connectors.base import INSTANT, Landing, no_quarantine, set_aside
from connectors.sql.read import Target
from connectors.sql.rows import Rows, canonical, hashes, keys, payloads
from plant.tables import table

RECORDS = table("bronze.records")
GONE = "gone"
"""row_hash of a tombstone."""


@dataclass(frozen=True)
class Batch:
    """Rows as fetched, spelled, and what bronze.records will say of them.

    `seen` has place and position (row numbers), record_key, row_hash, payload, watermark, deleted.
    """

    rows: Sequence[Sequence[Any]]
    spelled: Rows
    seen: pl.DataFrame


def batch_of(at: Target, rows: Sequence[Sequence[Any]]) -> Batch:
    """Spell rows. Of several of a key the first in `seen` is the one to take."""
    spelled = canonical(rows, at.columns, at.source.timezone)
    payload = payloads(spelled)
    seen = pl.DataFrame(
        {"record_key": keys(spelled, at.table.key), "row_hash": hashes(payload), "payload": payload}
    ).with_columns(watermark=_watermark(at, spelled, rows), deleted=pl.lit(value=False))
    seen = seen.with_row_index("place")
    if seen["record_key"].is_duplicated().any():
        seen = _newest_first(seen)
    return Batch(rows, spelled, seen.with_row_index("position"))


def key_texts(at: Target, found: Sequence[Sequence[Any]]) -> pl.Series:
    """Fetched keys as they are spelled in bronze.records."""
    return keys(canonical(found, [at.declared(k) for k in at.table.key], at.source.timezone), at.table.key)


def _watermark(at: Target, spelled: Rows, rows: Sequence[Sequence[Any]]) -> pl.Expr | pl.Series:
    if not at.marks or not rows:
        return pl.lit(None, dtype=pl.String)
    marks = [spelled.frame[w].cast(pl.String) for w in at.marks]
    return pl.DataFrame({str(n): m for n, m in enumerate(marks)}).select(pl.coalesce(pl.all())).to_series()


def _newest_first(seen: pl.DataFrame) -> pl.DataFrame:
    """Rows by key, the one to take first: the highest watermark, among equals the first payload.

    A database hands rows out in any order; which of several rows of a key is taken must not follow it.
    """
    by_number = seen["watermark"].cast(pl.Float64, strict=False).alias("number")
    order = {"record_key": False, "number": True, "watermark": True, "payload": False}
    ranked = seen.with_columns(by_number).sort(list(order), descending=list(order.values()), nulls_last=True)
    return ranked.drop("number")


def news(batch: Batch, known: pl.DataFrame) -> pl.DataFrame:
    """Rows with a usable key that are not known as they are."""
    usable = batch.seen.filter(pl.col("record_key").is_not_null() & pl.col("record_key").is_first_distinct())
    return usable.join(known.select("record_key", "row_hash"), on=["record_key", "row_hash"], how="anti")


def live(known: pl.DataFrame) -> pl.DataFrame:
    """Known records that are no tombstones."""
    return known.filter(pl.col("row_hash") != GONE)


def lacking(known: pl.Series, counts: Sequence[tuple[int, int]], parts: int) -> pl.DataFrame:
    """Keys (`record_key`, one whole number each) of parts that have another number of rows; `part`: its last bits."""
    number = pl.col("record_key").str.slice(1).str.strip_suffix("]").cast(pl.Int64, strict=False)
    keys_of = known.to_frame("record_key").with_columns(part=number & (parts - 1))
    there = pl.DataFrame(counts, {"part": pl.Int64, "there": pl.Int64}, orient="row")
    sizes = keys_of.group_by("part").len().join(there, on="part", how="left")
    return keys_of.join(sizes.filter(pl.col("len") != pl.col("there").fill_null(0)), on="part", how="semi")


def tombstones(record_keys: pl.Series) -> pl.DataFrame:
    """What is landed for records that are gone."""
    return pl.DataFrame({"record_key": record_keys}).select(
        "record_key",
        payload=pl.lit("{}"),
        row_hash=pl.lit(GONE),
        watermark=pl.lit(None, dtype=pl.String),
        deleted=pl.lit(value=True),
    )


class Landings:
    """The landings of one reading of one table, numbered: each is appended once, a repeated one not at all."""

    def __init__(self, at: Target, now: datetime, landed: int, told: pl.DataFrame) -> None:
        """`landed`: version of the last landing there was; a clock set back must not make a new one look old."""
        self._at, self._now = at, now
        self._told = [told] if told.height else []
        self._version, self._seq = max(utc_us(now), landed + 1), 0
        self.new = self.gone = self.held = 0

    @property
    def segment(self) -> str:
        """Ingestion batch."""
        return f"sql:{self._at.record_set}:{self._at.shape}:{utc_us(self._now)}"

    def of(self, batch: Batch | None, fresh: pl.DataFrame | None = None) -> list[Landing]:
        """A landing of fresh rows or tombstones, with what of the batch is set aside; none where both are empty."""
        held = pl.concat([*self._told, no_quarantine() if batch is None else self._aside(batch)])
        self._told = []
        rows = pl.DataFrame() if fresh is None else fresh.drop("place", "position", strict=False)
        if not rows.height and not held.height:
            return []
        if not rows.height:  # doubtful rows are read again with every overlap: reported once
            ids = hashlib.sha256("".join(sorted(held["id"])).encode()).hexdigest()[:16]
            self.held += held.height
            return [Landing(RECORDS.name, f"sql:{self._at.record_set}:aside:{ids}", 0, RECORDS.empty(), held)]
        frame = rows.with_row_index("seq", offset=self._seq).with_columns(
            record_set=pl.lit(self._at.record_set),
            ingested_at=pl.lit(self._now, dtype=INSTANT),
            segment=pl.lit(self.segment),
        )
        version = self._version
        self._version, self._seq = version + 1, self._seq + frame.height
        gone = int(frame["deleted"].sum())
        self.new, self.gone, self.held = self.new + frame.height - gone, self.gone + gone, self.held + held.height
        records = frame.select(pl.col(name).cast(dtype) for name, dtype in RECORDS.schema.items())
        return [Landing(RECORDS.name, f"sql:{self._at.record_set}", version, records, held)]

    def _aside(self, batch: Batch) -> pl.DataFrame:
        """Rows without a usable key (held back), and rows with a cell that cannot be read (booked)."""
        key, no_key = ", ".join(self._at.table.key), pl.col("record_key").is_null()
        taken = "the one with the highest watermark is taken, among equals the first by content"
        mend = "correct `key` in plant.toml or the adapter"
        told = [
            (no_key, "null_key", f"key {key} is null; valid is a key that names one row: {mend}"),
            (
                ~no_key & ~pl.col("record_key").is_first_distinct(),
                "duplicate_key",
                f"key {key} names several rows; {taken}: {mend}",
            ),
        ]
        for column, places in batch.spelled.unread.items():
            said = f"column {column} is no instant; taken in as the text it is: correct it at the source"
            told.append((pl.col("place").is_in(places), "unparseable_timestamp", said))
        for column, places in batch.spelled.damaged.items():
            said = f"column {column} is no UTF-8; taken in with U+FFFD for each bad byte: correct it at the source"
            told.append((pl.col("place").is_in(places), "invalid_text", said))
        doubtful = pl.concat(
            batch.seen.filter(which).with_columns(reason=pl.lit(reason), message=pl.lit(message))
            for which, reason, message in told
        ).with_columns(
            pl.col("position").cast(pl.Int64), booked=pl.col("reason").is_in(["unparseable_timestamp", "invalid_text"])
        )
        if not doubtful.height:
            return no_quarantine()
        name = self._at.record_set
        return set_aside(doubtful, source=self._at.source.name, origin=name, segment=self.segment, now=self._now)


def new_columns(at: Target, names: Sequence[str], now: datetime) -> pl.DataFrame:
    """bronze.quarantine rows (booked) that tell of columns a table did not have before."""
    rows = pl.DataFrame(
        {
            "position": list(range(len(names))),
            "payload": [json.dumps({"column": n, "type": at.types[n]}) for n in names],
            "message": [
                f"column {n!r} is new; it is taken in for every row: nothing to do, or `exclude` it" for n in names
            ],
        },
        schema={"position": pl.Int64, "payload": pl.String, "message": pl.String},
    ).with_columns(reason=pl.lit("new_column"), booked=pl.lit(value=True))
    segment = f"sql:{at.record_set}:{at.shape}:{utc_us(now)}"
    return set_aside(rows, source=at.source.name, origin=at.record_set, segment=segment, now=now)


def utc_us(now: datetime) -> int:
    """Microseconds since 1970: the version of a batch."""
    return (now.astimezone(UTC) - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(microseconds=1)
