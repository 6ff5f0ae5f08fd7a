"""Decoded columns of OPC UA as rows for the intake: ticks to instants, handles to tags."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import numpy as np
import polars as pl

from connectors.intake import ROWS, WORDS
from connectors.opcua.wire.columns import TICKS_1970, Columns, no_texts

CODED: dict[str, pl.DataType] = {n: WORDS if n in {"tag", "source"} else t for n, t in ROWS.items()}
_1970 = datetime(1970, 1, 1, tzinfo=UTC)


def rows_of(columns: Columns, received_us: int, tags: pl.Series, index: np.ndarray, source: str) -> pl.DataFrame:
    """Rows of `ROWS`, tag and source as codes; items of unknown handles are left out.

    `ts` is the source time; without it the server's counts, then `received_us` (us since 1970). `index` maps
    a handle to its place in `tags` (codes), -1 for none.
    """
    if not len(index):
        return pl.DataFrame(schema=CODED)
    handles, n = columns.handle, len(columns)
    inside = int(handles.max(initial=0)) < len(index)
    place = np.take(index, handles if inside else np.where(handles < len(index), handles, 0))
    if not inside:
        place[handles >= len(index)] = -1
    every = bool(place.min(initial=0) >= 0)
    made = {
        "ts": pl.Series(_times(columns, received_us)).cast(ROWS["ts"]),
        "tag": tags[pl.Series((place if every else np.maximum(place, 0)).view("u4"))],
        "value": _nullable(pl.Series(columns.value), columns.valid),
        "text": no_texts(n) if columns.text is None else columns.text,
        "status": pl.Series(columns.status),
        "server_at": _nullable(pl.Series(_unix_us(columns.server)).cast(ROWS["server_at"]), columns.server > 0),
        "received_at": pl.Series([received_us]).cast(ROWS["received_at"]).new_from_index(0, n),
        "source": _same(source, n, "source"),
    }
    frame = pl.DataFrame([made[name].alias(name) for name in CODED])
    return frame if every else frame.filter(pl.Series(place >= 0))


def _same(value: object, n: int, column: str) -> pl.Series:
    return pl.Series([value], dtype=CODED[column]).new_from_index(0, n)


def oldest_of(columns: Columns) -> datetime | None:
    """The oldest source time of the items, UTC; None where the server sent none."""
    given = columns.source[columns.source > 0]
    return _1970 + timedelta(microseconds=int(_unix_us(given.min()))) if len(given) else None


def _times(columns: Columns, received_us: int) -> np.ndarray:
    if (columns.source > 0).all():
        return _unix_us(columns.source)
    at = np.where(columns.source > 0, columns.source, columns.server)
    return np.where(at > 0, _unix_us(at), received_us)


def _nullable(values: pl.Series, valid: np.ndarray) -> pl.Series:
    return values if valid.all() else values.zip_with(pl.Series(valid), pl.Series([None], dtype=values.dtype))


def _unix_us(ticks: np.ndarray) -> np.ndarray:
    return (ticks - TICKS_1970) // 10
