"""Between the spool and the lake: a segment in, once; a refused one aside; what is stored already.

Each function is one step on one thread; their order is pipelines.spooling's.
"""

from __future__ import annotations

import hashlib
import json
import logging
from datetime import UTC, datetime, timedelta
from pathlib import Path

import polars as pl

from connectors.base import one_aside
from connectors.intake import IDENTITY, WINDOW
from connectors.quarantine import pending, settled_segment
from connectors.spool import Segment, Spool
from plant.contracts.bronze import QUARANTINE, READINGS, REPLAYS
from plant.errors import ContractError
from warehouse.lake import Lake
from warehouse.large.recent import last_of, newest_first, newest_of, rows_since

logger = logging.getLogger(__name__)

LOOK_BACK = timedelta(days=8)


def append(lake: Lake, spool: Spool, segment: Segment, name: str) -> None:
    """Append a sealed segment to a table unless it is in already; a notice about it as poison is closed.

    Raises:
        ContractError: the lake refuses what is in it.
        TransientError, OSError: the lake cannot take it now.
    """
    rows = spool.read(segment)
    if rows is not None:
        lake.append_once(name, rows, app=segment.app, version=segment.n)
    if segment.refused:
        _settle(lake, segment)


def _settle(lake: Lake, segment: Segment) -> None:
    held = pending(lake.scan(QUARANTINE.name), lake.scan(REPLAYS.name))
    closed = settled_segment(held, _sha256(segment.path), datetime.now(UTC))
    lake.append_once(REPLAYS.name, closed, f"settled:{segment.app}", segment.n)


def poison(aside: Spool, spool: Spool, segment: Segment, error: ContractError) -> None:
    """Set a segment aside that breaks its contract, so that it stops none behind it; the report is safe first.

    Args:
        aside: the spool of bronze.quarantine rows.
        spool: the segment's.
        segment: what the lake refused.
        error: why.
    """
    file = segment.path.with_suffix(".poison")
    found = (
        f"spool segment {segment.name} breaks the contract of its table and is kept as {file}: {error}; "
        "it is tried again when the collector starts: correct what is named (or update Shopfloor), then restart it"
    )
    logger.error(found)
    report = one_aside(
        "poison_segment", found, source="collector", origin=spool.folder.name, segment=segment.name,
        now=datetime.now(UTC), payload=json.dumps({"sha256": _sha256(segment.path)}),
    )  # fmt: skip
    aside.append(report.select(*QUARANTINE.schema))
    spool.poison(segment, found)


def stored(lake: Lake, spool: Spool, source: str, tags: list[str]) -> pl.DataFrame:
    """What is stored of a source: the newest rows of each tag by source time, and all received in its last minutes.

    The spool is read before the lake: a segment that is committed and deleted meanwhile is found there. However
    large the lake is, only the files that reach far enough are read; a tag that is nowhere costs a look at
    `LOOK_BACK`.
    """
    found = [_spooled(spool, source)]
    since = datetime.now(UTC).date() - LOOK_BACK
    mine = pl.col("source") == source
    received, name = newest_first(lake, READINGS.name, "received_at", since), READINGS.name
    last = last_of(lake, name, "received_at", mine, received)
    if last is not None:
        found.append(_kept(rows_since(lake, name, "received_at", mine, last - WINDOW, received).collect()))
    missing = set(tags) - set(found[0]["tag"])
    if missing and last is not None:
        by_time = newest_first(lake, name, "ts", since)
        found.append(_kept(newest_of(lake, name, "tag", mine, missing, by_time)))
    return pl.concat(found).unique()


def _spooled(spool: Spool, source: str) -> pl.DataFrame:
    """Of the spool's sealed segments, one at a time from the last: the newest rows of each tag, the last minutes."""
    found = [_kept(READINGS.empty())]
    edge: datetime | None = None
    for segment in reversed(spool.sealed()):
        rows = spool.read(segment)
        if rows is None or (mine := rows.filter(pl.col("source") == source)).is_empty():
            continue
        edge = edge or mine.select(pl.col("received_at").max() - WINDOW).item()
        newest = pl.col("ts") == pl.col("ts").max().over("tag")
        found.append(_kept(mine.filter(newest | (pl.col("received_at") >= edge))))
    return pl.concat(found)


def _kept(rows: pl.DataFrame) -> pl.DataFrame:
    return rows.select(pl.col("tag").cast(pl.String), *IDENTITY[1:], "received_at")


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
