"""Times that came as text without an offset: local time of their source."""

from __future__ import annotations

from collections.abc import Sequence

import polars as pl

from assets.kernels.enterprise.records import raw_of
from plant.tables import Column

_OFFSET = r"T.*([zZ]|[+-]\d\d:?\d\d)$"
_NAIVE = "%Y-%m-%dT%H:%M:%S%.f"


def in_zone(rows: pl.LazyFrame, columns: Sequence[Column], zone: str) -> pl.LazyFrame:
    """The text of each instant (`raw_<column>`) with an offset; text that has one, or is no time, as it is.

    A local time the clocks show twice is the second one, one they skip is an hour later, as function `instant` of the
    SELECTs has it. A day is its midnight.
    """
    if zone == "UTC":
        return rows
    return rows.with_columns(_told(raw_of(c), zone) for c in columns if c.kind == "instant")


def _told(name: str, zone: str) -> pl.Expr:
    text = pl.col(name).str.strip_chars().str.replace(" ", "T", literal=True)
    whole = pl.when(text.str.contains("T", literal=True)).then(text).otherwise(text + "T00:00:00")
    naive = whole.str.to_datetime(_NAIVE, time_unit="us", strict=False)
    placed, moved = (
        at.dt.replace_time_zone(zone, ambiguous="latest", non_existent="null")
        for at in (naive, naive + pl.duration(hours=1))
    )
    said = pl.coalesce(placed, moved).dt.convert_time_zone("UTC").dt.strftime("%Y-%m-%dT%H:%M:%S%.6f+00:00")
    return pl.when(text.str.contains(_OFFSET)).then(pl.col(name)).otherwise(pl.coalesce(said, name)).alias(name)
