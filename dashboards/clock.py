"""Instants as the wall clock of a site shows them, for charts and tables. Everything stored is UTC."""

from __future__ import annotations

from datetime import datetime
from zoneinfo import ZoneInfo

import polars as pl


def local(frame: pl.DataFrame, zone: str) -> pl.DataFrame:
    """Every instant in the site's local time, without a zone: what a clock on the wall showed.

    In the hour that a clock change repeats, two instants read the same; charts use `wall` instead.
    """
    return frame.with_columns(
        pl.col(name).dt.convert_time_zone(zone).dt.replace_time_zone(None) for name in _instants(frame)
    )


def wall(frame: pl.DataFrame, zone: str, since: datetime) -> pl.DataFrame:
    """Every instant on one even axis: site time with the offset that held at `since`, without a zone.

    After a clock change inside the window the axis keeps the old offset, so that bars neither
    overlap nor leave a gap; `changes` says when to tell the reader.
    """
    offset = since.astimezone(ZoneInfo(zone)).utcoffset()
    return frame.with_columns(
        (pl.col(name) + pl.lit(offset)).dt.replace_time_zone(None) for name in _instants(frame)
    )  # fmt: skip


def changes(zone: str, since: datetime, until: datetime) -> bool:
    """True when the site's clocks change between two instants."""
    place = ZoneInfo(zone)
    return since.astimezone(place).utcoffset() != until.astimezone(place).utcoffset()


def _instants(frame: pl.DataFrame) -> list[str]:
    return [n for n, t in frame.schema.items() if isinstance(t, pl.Datetime) and t.time_zone is not None]
