"""Decoded columns of OPC UA as rows for the intake: ticks to instants, handles to tags."""

from __future__ import annotations

from datetime import datetime

import numpy as np
import polars as pl

from connectors.intake import ROWS, as_instant
from connectors.opcua.decode import TICKS_1970, Columns


def rows_of(columns: Columns, received_us: int, tags: pl.Series, index: np.ndarray, source: str) -> pl.DataFrame:
    """Rows of `ROWS`; items of unknown handles are left out.

    `ts` is the source time; without it the server's counts, then `received_us` (us since 1970). `index` maps
    a handle to its place in `tags`, -1 for none.
    """
    known = columns.handle < len(index)
    place = np.where(known, index[np.where(known, columns.handle, 0)], -1)
    at = np.where(columns.source > 0, columns.source, columns.server)
    text: list[str | None] = [None] * len(columns)
    for position, words in columns.text.items():
        text[position] = words
    frame = pl.DataFrame(
        {
            "ts": as_instant(pl.Series(np.where(at > 0, _unix_us(at), received_us))),
            "index": place,
            "value": columns.value,
            "valid": columns.valid,
            "text": pl.Series(text, dtype=pl.String),
            "status": columns.status,
            "server_at": as_instant(pl.Series(_unix_us(columns.server))),
            "has_server": columns.server > 0,
        }
    ).filter(pl.col("index") >= 0)
    return frame.with_columns(
        tag=tags.gather(frame["index"]),
        value=pl.when("valid").then("value"),
        server_at=pl.when("has_server").then("server_at"),
        received_at=as_instant([received_us])[0],
        source=pl.lit(source),
    ).select(pl.col(k).cast(v) for k, v in ROWS.items())


def oldest_of(columns: Columns) -> datetime | None:
    """The oldest source time of the items, UTC; None where the server sent none."""
    given = columns.source[columns.source > 0]
    return as_instant([int(_unix_us(given.min()))])[0] if len(given) else None


def _unix_us(ticks: np.ndarray) -> np.ndarray:
    return (ticks - TICKS_1970) // 10
