"""Replay of rows that were held back: the same parser and gate again, with the present plant.toml."""

from __future__ import annotations

import hashlib
import json
from datetime import datetime

import polars as pl

from connectors import cells
from connectors.base import INSTANT, Landing
from connectors.files.drop import interpret
from connectors.files.readings import READINGS, Origin
from connectors.files.tables import POSITION
from connectors.screen import screen
from plant.config import Plant
from plant.dimensions import tags_frame
from plant.model import FilesSource
from plant.tables import table

REPLAYS = table("bronze.replays")
_READING = {"ts", "tag", "value", "text", "status", "server_at", "received_at"}
_INSTANTS = ("ts", "server_at", "received_at")


def pending(quarantine: pl.LazyFrame, replays: pl.LazyFrame) -> pl.DataFrame:
    """Rows of bronze.quarantine that are held back and were not accepted by an earlier replay, each id once."""
    accepted = replays.filter(pl.col("result") == "accepted").select("id")
    held = quarantine.filter(~pl.col("booked")).unique("id", keep="first", maintain_order=True)
    return held.join(accepted, on="id", how="anti").collect()


def replay(rows: pl.DataFrame, plant: Plant, now: datetime) -> tuple[list[Landing], pl.DataFrame]:
    """Try held-back rows again; rows with booked = true are left out, they are in already.

    Returns one landing per source and the bronze.replays row of every row tried. Rows of files go through
    the source's parser as it is configured now, readings of protocols through `screen`; whatever names a
    whole file, table or source, and broken lines, stays rejected (their source is read again by itself).
    A landing's app is the hash of its rows' ids: the same replay twice is appended once.
    """
    held = rows.filter(~pl.col("booked"))
    fresh = held.filter((pl.col("reason") != "duplicate") | ~pl.col("source").is_in(_unique(plant)))
    landings: list[Landing] = []
    accepted: set[str] = set()
    for (name,), part in fresh.group_by(["source"], maintain_order=True):
        source = plant.sources.get(str(name))
        for group in _alike(part):
            landing, ids = _again(group, source if isinstance(source, FilesSource) else None, plant, now)
            landings += [landing] if landing is not None else []
            accepted |= ids
    result = pl.when(pl.col("id").is_in(list(accepted))).then(pl.lit("accepted")).otherwise(pl.lit("rejected"))
    tried = held.select("id", replayed_at=pl.lit(now, dtype=INSTANT), result=result)
    return landings, tried.select(pl.col(n).cast(d) for n, d in REPLAYS.schema.items())


def _unique(plant: Plant) -> list[str]:
    """Sources that still book a row once: their duplicates stay out, alone they would look like a first."""
    return [s.name for s in plant.file.source if isinstance(s, FilesSource) and s.unique]


def _alike(part: pl.DataFrame) -> list[pl.DataFrame]:
    """Rows with the same fields: a source's files need not all have the same columns."""
    fields = [json.dumps(sorted(json.loads(p))) for p in part["payload"]]
    return part.with_columns(pl.Series("fields", fields, dtype=pl.String)).partition_by("fields", maintain_order=True)


def _again(
    part: pl.DataFrame, source: FilesSource | None, plant: Plant, now: datetime
) -> tuple[Landing | None, set[str]]:
    """One group of rows: its landing and the ids that are in it."""
    part = part.with_row_index(POSITION).with_columns(pl.col(POSITION).cast(pl.Int64))
    payloads = [json.loads(p) for p in part["payload"]]
    names = list(payloads[0])
    raw = pl.DataFrame([part[POSITION], *(_texts(n, payloads) for n in names)])
    where = Origin("replay", "replay:pending", now)
    if source is not None and {*source.columns.values(), *source.checks} <= set(names):
        good, told = interpret(raw, source, plant, where)
        name = f"bronze.{source.content}"
    elif set(names) >= _READING:
        good, told = screen(_readings(raw, part), tags_frame(plant), now, "replay")
        name = READINGS.name
    else:
        return None, set()
    ids = set(part.filter(pl.col(POSITION).is_in(good["seq"].implode()))["id"])
    if not ids:
        return None, ids
    app = "replay:" + hashlib.sha256("".join(sorted(ids)).encode()).hexdigest()[:16]
    segment = pl.lit(app).alias("segment")
    reported = told.filter(pl.col("booked")).with_columns(segment)
    return Landing(name, app, 0, good.with_columns(segment), reported), ids


def _texts(name: str, payloads: list[dict[str, object]]) -> pl.Series:
    values = [p.get(name) for p in payloads]
    return pl.Series(name, [None if v is None else str(v) for v in values], dtype=pl.String)


def _readings(raw: pl.DataFrame, part: pl.DataFrame) -> pl.DataFrame:
    """Readings as `screen` writes them into a payload, typed again."""
    at = {name: cells.instant(raw[name], "UTC")[0].alias(name) for name in _INSTANTS}
    typed = raw.with_columns(*at.values(), cells.number(raw["value"]), raw["status"].cast(pl.Int64))
    stamped = typed.with_columns(
        part["source"], date=pl.col("ts").dt.date(), segment=pl.lit("replay"), seq=pl.col(POSITION)
    )
    return stamped.select(pl.col(n).cast(d) for n, d in READINGS.schema.items())
