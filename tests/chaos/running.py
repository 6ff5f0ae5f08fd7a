"""A collector in the test's own process, and what it has stored: shared by the suites that break its surroundings."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator
from pathlib import Path

import polars as pl

from pipelines.collect import collect
from plant.config import load
from warehouse.lake import Lake


@contextlib.asynccontextmanager
async def collecting(plant: Path, root: Path, commit_s: float = 0.3) -> AsyncIterator[asyncio.Task[None]]:
    """A collector of all live sources; at the end it is stopped properly. Gives its task."""
    stop = asyncio.Event()
    task = asyncio.create_task(collect(load(plant), root, stop, commit_s=commit_s))
    try:
        yield task
    finally:
        stop.set()
        await task


def stored(root: Path) -> pl.DataFrame:
    """Values in Delta; a birth before the first value and a row that opens a gap carry none."""
    return everything(root).filter(pl.col("value").is_not_null())


def everything(root: Path) -> pl.DataFrame:
    """Every row in Delta."""
    return Lake(root).scan("bronze.readings").collect()


def connected(root: Path, source: str) -> bool:
    """Whether the collector says that a source is connected."""
    path = root / "spool" / "health" / f"{source}.json"
    return path.exists() and json.loads(path.read_text())["state"] == "connected"


def lacking(produced: pl.DataFrame, root: Path) -> int:
    """Produced values that are not stored yet."""
    key = ["tag", "ts", "value"]
    return produced.select(key).join(stored(root).select(key), on=key, how="anti").height
