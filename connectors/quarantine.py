"""Rows that were held back: which are open, which can be replayed, what an ingestion settles by itself.

A replay sends rows through the same parser and gate again, with the present plant.toml.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from datetime import datetime

import polars as pl

from connectors import cells
from connectors.base import INSTANT, Landing
from connectors.files.drop import interpret
from connectors.files.readings import READINGS, Origin
from connectors.files.sheet import POSITION
from connectors.screen import screen
from plant.config import Plant
from plant.dimensions import tags_frame
from plant.model import Source
from plant.sources.batch import FilesSource
from plant.tables import table

REPLAYS = table("bronze.replays")
_READING = {"ts", "tag", "value", "text", "status", "server_at", "received_at"}
_INSTANTS = ("ts", "server_at", "received_at")

FAILURES = ("source_down", "refused", "source_failed")
"""Reasons of a source, table or file that is tried at every ingestion, and reported again while it fails."""

REFUSALS = ("unknown_format", "unreadable_file", "undecodable", "empty_file", "missing_column", "missing_sheet")
"""Reasons of a file that was refused whole."""

WHY_NOT = {
    **dict.fromkeys(FAILURES, "no row: it is tried at every ingestion, and settled when it was read"),
    **dict.fromkeys(REFUSALS, "no row: the file is read again when it or the settings of its source change"),
    "poison_segment": "the collector tries the segment again when it starts",
    "broken_row": "the fields of the line cannot be told apart: correct it and send the file again",
    "bad_node": "no value: correct the address of the tag in plant.toml; a running collector takes it up",
    "bad_address": "no value: correct the address of the tag in plant.toml; a running collector takes it up",
    "unknown_metric": "no value: correct the address of the tag in plant.toml; a running collector takes it up",
    "unknown_alias": "the name of the value is not known: it cannot be placed",
    "bad_payload": "nobody can read the payload",
    "payload_too_large": "only the beginning of the payload was kept",
    "wrong_type": "the message is not decoded again: correct the path or the type, later messages are read",
    "bad_timestamp": "nobody knows when the value was true",
    "foreign_state": "no value: give every Sparkplug host an id of its own",
    "message_failed": "the message failed in a way nobody foresaw: report it with the log",
    "null_key": "the table is read again at every ingestion: correct `key`, or the row at its source",
    "duplicate_key": "the table is read again at every ingestion: correct `key`, or the row at its source",
}
"""Why a row of this reason cannot be replayed, and what brings it in instead."""


def pending(quarantine: pl.LazyFrame, replays: pl.LazyFrame) -> pl.DataFrame:
    """Rows of bronze.quarantine that are open, each id once: held back, not accepted by a replay, not settled since."""
    accepted = replays.filter(pl.col("result") == "accepted").select("id")
    settled_at = pl.col("replayed_at").max().alias("settled_at")
    closed = replays.filter(pl.col("result") == "settled").group_by("id").agg(settled_at)
    held = quarantine.filter(~pl.col("booked")).sort("quarantined_at").unique("id", keep="last", maintain_order=True)
    still = held.join(accepted, on="id", how="anti").join(closed, on="id", how="left")
    reported_since = pl.col("settled_at").is_null() | (pl.col("quarantined_at") > pl.col("settled_at"))
    return still.filter(reported_since).drop("settled_at").sort("quarantined_at", "origin", "position").collect()


def settled(rows: pl.DataFrame, name: str, landings: Sequence[Landing], now: datetime) -> pl.DataFrame:
    """bronze.replays rows (result settled) of the open `rows` that one ingestion of table `name` has made void.

    A failure is settled when this ingestion, which tries every source, no longer reports it; not within the
    hour of its report, because it would not be reported a second time in that hour. A refused file is
    settled when a file of its place was taken in. Held rows are never settled: only a replay brings them in.
    """
    aside = pl.concat([rows.clear(), *(x.quarantine.select(rows.columns) for x in landings)])
    failing = aside.filter(pl.col("reason").is_in(FAILURES)).select("source", "origin").unique()
    whole = failing.filter(pl.col("origin") == pl.col("source")).select("source")
    hour = pl.lit(now.replace(minute=0, second=0, microsecond=0), dtype=INSTANT)
    failed = rows.filter(
        pl.col("reason").is_in(FAILURES)
        & pl.col("segment").str.starts_with(pl.format("{}:{}:", "reason", pl.lit(name)))
        & (pl.col("quarantined_at") < hour)
    )
    over = failed.join(failing, on=["source", "origin"], how="anti").join(whole, on="source", how="anti")
    refused = set(aside.filter(pl.col("reason").is_in(REFUSALS))["segment"])
    taken = [
        {"source": x.ingested.source, "origin": x.ingested.origin}
        for x in landings
        if x.ingested is not None and refused.isdisjoint(x.quarantine["segment"])
    ]
    read = pl.DataFrame(taken, schema={"source": pl.String(), "origin": pl.String()}).unique()
    again = rows.filter(pl.col("reason").is_in(REFUSALS)).join(read, on=["source", "origin"], how="semi")
    return _results(pl.concat([over, again]), pl.lit("settled"), now)


def settled_segment(rows: pl.DataFrame, sha256: str, now: datetime) -> pl.DataFrame:
    """bronze.replays rows (result settled) of the open `rows` about a spool segment the lake has taken since.

    A notice `poison_segment` names the segment's content by its SHA-256, because its file and number change.
    """
    same = pl.col("payload").str.json_path_match("$.sha256") == sha256
    return _results(rows.filter((pl.col("reason") == "poison_segment") & same), pl.lit("settled"), now)


def split(rows: pl.DataFrame, plant: Plant) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Held-back rows that a replay can try, and the others with a column `why` that says why not."""
    judged = rows.with_columns(
        why=pl.Series([_why_not(r, plant.sources.get(r["source"])) for r in rows.to_dicts()], dtype=pl.String)
    )
    return judged.filter(pl.col("why").is_null()).drop("why"), judged.filter(pl.col("why").is_not_null())


def _why_not(row: dict[str, str], source: Source | None) -> str | None:
    if row["reason"] == "duplicate" and isinstance(source, FilesSource) and source.unique:
        return "stays out while `unique` is set"  # alone it would look like a first
    if row["reason"] not in WHY_NOT and _reader(source, set(json.loads(row["payload"]))):
        return None
    return WHY_NOT.get(row["reason"], "the row lacks a column that `columns` of its source maps now, or has no source")


def _reader(source: Source | None, fields: set[str]) -> str | None:
    """The table that rows with these fields are read for, None when nothing can read them."""
    if isinstance(source, FilesSource) and {*source.columns.values(), *source.checks} <= fields:
        return f"bronze.{source.content}"
    return READINGS.name if fields >= _READING else None


def replay(rows: pl.DataFrame, plant: Plant, now: datetime) -> tuple[list[Landing], pl.DataFrame]:
    """Try held-back rows again; rows with booked = true are left out, they are in already.

    Returns one landing per source and the bronze.replays row of every row tried. Rows of files go through
    the source's parser as it is configured now, readings of protocols through `screen`; what `split` does
    not let through stays rejected. A landing's app is the hash of its rows' ids: the same replay twice is
    appended once. Its quarantine holds what is reported (booked) about rows that are accepted.
    """
    held = rows.filter(~pl.col("booked"))
    landings: list[Landing] = []
    accepted: set[str] = set()
    for (name,), part in split(held, plant)[0].group_by(["source"], maintain_order=True):
        for group in _alike(part):
            landing, ids = _again(group, plant.sources.get(str(name)), plant, now)
            landings += [landing] if landing is not None else []
            accepted |= ids
    result = pl.when(pl.col("id").is_in(list(accepted))).then(pl.lit("accepted")).otherwise(pl.lit("rejected"))
    return landings, _results(held, result, now)


def _results(rows: pl.DataFrame, result: pl.Expr, now: datetime) -> pl.DataFrame:
    tried = rows.select("id", replayed_at=pl.lit(now, dtype=INSTANT), result=result)
    return tried.select(pl.col(n).cast(d) for n, d in REPLAYS.schema.items())


def _alike(part: pl.DataFrame) -> list[pl.DataFrame]:
    """Rows with the same fields: a source's files need not all have the same columns."""
    fields = [json.dumps(sorted(json.loads(p))) for p in part["payload"]]
    return part.with_columns(pl.Series("fields", fields, dtype=pl.String)).partition_by("fields", maintain_order=True)


def _again(part: pl.DataFrame, source: Source | None, plant: Plant, now: datetime) -> tuple[Landing | None, set[str]]:
    """One group of rows: its landing and the ids that are in it."""
    part = part.with_row_index(POSITION).with_columns(pl.col(POSITION).cast(pl.Int64))
    payloads = [json.loads(p) for p in part["payload"]]
    names = list(payloads[0])
    raw = pl.DataFrame([part[POSITION], *(_texts(n, payloads) for n in names)])
    where = Origin("replay", "replay:pending", now)
    if isinstance(source, FilesSource) and {*source.columns.values(), *source.checks} <= set(names):
        good, told = interpret(raw, source, plant, where)
        name = f"bronze.{source.content}"
    else:
        good, told = screen(_readings(raw, part), tags_frame(plant), now, "replay")
        name = READINGS.name
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
