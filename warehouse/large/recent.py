"""The newest rows of a large table without reading it: files are taken by what the log says they reach to."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime
from urllib.parse import unquote

import polars as pl

from plant.tables import table
from warehouse.lake import Lake
from warehouse.snapshot import read

INSTANT = pl.Datetime("us", "UTC")
UNKNOWN = datetime(9999, 12, 31, tzinfo=UTC)
"""Reach of a file without statistics: it is always read."""


def newest_first(lake: Lake, name: str, column: str, since: date) -> list[tuple[datetime, str]]:
    """Data files of the days from `since` on, with the highest value of an instant column, highest first.

    A file whose reach the log does not know comes first. Empty when there is no table.
    """
    if not lake.exists(name):
        return []
    contract, folder = table(name), lake.path(name)
    actions = pl.DataFrame(lake.ensured(contract).get_add_actions(flatten=True))
    if actions.is_empty():
        return []
    high = pl.col(f"max.{column}") if f"max.{column}" in actions.columns else pl.lit(None)
    day = pl.col(f"partition.{contract.partition}").cast(pl.String).str.to_date()
    found = actions.filter(day >= since).select(high.cast(INSTANT).fill_null(UNKNOWN).alias("high"), "path")
    return [(at, str(folder / unquote(path))) for at, path in found.sort("high", descending=True).iter_rows()]


def last_of(lake: Lake, name: str, column: str, mine: pl.Expr, files: list[tuple[datetime, str]]) -> datetime | None:
    """The highest value of an instant column in the rows of `mine`; None without one. Reads no more than it must."""
    top: datetime | None = None
    for high, rows in _each(lake, name, files):
        if top is not None and high <= top:
            break
        at = rows.filter(mine).select(pl.col(column).max()).collect(engine="streaming").item()
        top = at if top is None or (at is not None and at > top) else top
    return top


def rows_since(
    lake: Lake, name: str, column: str, mine: pl.Expr, at: datetime, files: list[tuple[datetime, str]]
) -> pl.LazyFrame:
    """The rows of `mine` whose instant is `at` or later."""
    snap = lake.snapshot(name)
    reach = [path for high, path in files if high >= at]
    if snap is None or not reach:
        return table(name).empty().lazy()
    return read(snap, reach).filter(mine, pl.col(column) >= at)


def newest_of(
    lake: Lake, name: str, key: str, mine: pl.Expr, wanted: set[str], files: list[tuple[datetime, str]]
) -> pl.DataFrame:
    """The rows of `mine` with the highest `ts` of each wanted value of `key`. `files` are by `ts`.

    Values that are nowhere cost a look through every file.
    """
    found: dict[str, datetime] = {}
    seen: list[str] = []
    for (high, rows), (_, path) in zip(_each(lake, name, files), files, strict=False):
        if found.keys() >= wanted and high < min(found.values()):
            break
        last = rows.filter(mine, pl.col(key).is_in(list(wanted))).group_by(key).agg(pl.col("ts").max())
        for value, at in last.collect(engine="streaming").iter_rows():
            found[value] = max(found.get(value, at), at)
        seen.append(path)
    snap = lake.snapshot(name)
    if snap is None or not found:
        return table(name).empty()
    tops = pl.LazyFrame({key: list(found), "ts": list(found.values())}, schema={key: pl.String(), "ts": INSTANT})
    rows = read(snap, seen).filter(mine, pl.col("ts") >= min(found.values()))
    return rows.join(tops, on=[key, "ts"], how="semi").collect(engine="streaming")


def _each(lake: Lake, name: str, files: list[tuple[datetime, str]]) -> Iterator[tuple[datetime, pl.LazyFrame]]:
    snap = lake.snapshot(name)
    if snap is not None:
        yield from ((high, read(snap, [path])) for high, path in files)
