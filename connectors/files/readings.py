"""Cells of a file to bronze.readings: tag, source time, value or text, status."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

import polars as pl

from connectors import cells
from connectors.base import INSTANT, set_aside
from connectors.files.sheet import POSITION
from connectors.screen import message_of, reason_of
from plant.config import Plant, tag_id
from plant.dimensions import tags_frame
from plant.sources.batch import FilesSource
from plant.states import UNCERTAIN, UNCERTAIN_UNIT
from plant.tables import table

READINGS = table("bronze.readings")
KEPT = ("not_finite", "unit_mismatch")
"""Reasons of rows that are taken in all the same."""


@dataclass(frozen=True)
class Origin:
    """Where rows come from and when they were taken in: stamped on every row, good or set aside."""

    origin: str
    segment: str
    now: datetime


def readings(rows: pl.DataFrame, source: FilesSource, plant: Plant, where: Origin) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Split the rows of a sheet into bronze.readings and bronze.quarantine.

    A row is held back (booked = false) for: unknown_tag, unparseable_timestamp, ambiguous_timestamp,
    not_a_number (also a missing value whose status is not Bad), unknown_status, future_timestamp,
    ancient_timestamp. Kept and reported (booked = true) are a NaN or an infinite value (not_finite) and a row that
    names another unit than its tag (unit_mismatch; its status becomes Uncertain).
    """
    judged = _judged(_read(rows, source, plant), source, plant, where.now)
    out = judged.filter(pl.col("reason").is_null() | pl.col("reason").is_in(KEPT))
    good = out.select(
        date=pl.col("ts").dt.date(), ts="ts", tag="tag", value="value", text="text", status="status",
        server_at="server_at", received_at=pl.lit(where.now, dtype=INSTANT), source=pl.lit(source.name),
        segment=pl.lit(where.segment), seq=POSITION,
    )  # fmt: skip
    doubtful = judged.filter(pl.col("reason").is_not_null())
    return good, aside(rows, doubtful, source, where)


def aside(rows: pl.DataFrame, doubtful: pl.DataFrame, source: FilesSource, where: Origin) -> pl.DataFrame:
    """bronze.quarantine for judged rows (POSITION, reason, message, booked), with the cells as they came."""
    raw = doubtful.select(POSITION, "reason", "message", "booked").join(rows, on=POSITION, how="left")
    cells_only = raw.drop(POSITION, "reason", "message", "booked")
    text = [cells.as_text(c, decimal_comma=source.decimal_comma) for c in cells_only]
    payload = pl.DataFrame(text).select(pl.struct(pl.all()).struct.json_encode().alias("payload")).to_series()
    held = raw.select(pl.col(POSITION).alias("position"), "reason", "message", "booked")
    held = held.with_columns(payload.alias("payload"))
    return set_aside(held, source=source.name, origin=where.origin, segment=where.segment, now=where.now)


def _read(rows: pl.DataFrame, source: FilesSource, plant: Plant) -> pl.DataFrame:
    """The mapped cells, read where they can be; `raw_*` is what they said."""
    at, zone, pattern = source.columns, source.timezone, source.timestamp_format
    blank = pl.Series([None] * rows.height, dtype=pl.String)
    ts, unclear = cells.instant(rows[at["ts"]], zone, pattern)
    server_at = cells.instant(rows[at["server_at"]] if "server_at" in at else blank, zone, pattern)[0]
    said = {name: cells.as_text(rows[at[name]]) if name in at else blank for name in ("ts", "text", "status")}
    columns = {
        POSITION: rows[POSITION], "tag": _tags(rows, source), "ts": ts, "unclear": unclear, "server_at": server_at,
        "value": cells.number(rows[at["value"]], decimal_comma=source.decimal_comma, thousands=source.thousands),
        "text": said["text"], "raw_unit": cells.as_text(rows[at["unit"]]) if "unit" in at else blank,
        "status": cells.status(rows[at["status"]]) if "status" in at else pl.zeros(rows.height, pl.Int64, eager=True),
        "raw_ts": said["ts"], "raw_status": said["status"],
        "raw_value": cells.as_text(rows[at["value"]], decimal_comma=source.decimal_comma),
    }  # fmt: skip
    frame = _measured(pl.DataFrame([s.alias(name) for name, s in columns.items()]), plant)
    words = pl.Series([tag_id(m, t) for m, t in plant.tags() if t.type == "string"], dtype=pl.String)
    spoken = pl.col("tag").is_in(words.implode())
    return frame.with_columns(
        text=pl.when(spoken).then(pl.coalesce("text", "raw_value")).otherwise("text"),
        value=pl.when(~spoken).then("value"),
    )


def _measured(frame: pl.DataFrame, plant: Plant) -> pl.DataFrame:
    """Add `unit` of the tag, and `odd_unit`: the row names another one; its value is then uncertain."""
    units = {tag_id(m, t): t.unit for m, t in plant.tags()}
    unit = pl.col("tag").replace_strict(units, default=None, return_dtype=pl.String)
    odd = (pl.col("raw_unit").str.strip_chars() != unit) & (pl.col("raw_unit").str.strip_chars() != "")
    marked = frame.with_columns(unit=unit, odd_unit=odd.fill_null(value=False))
    good = pl.col("odd_unit") & (pl.col("status") < UNCERTAIN)
    return marked.with_columns(status=pl.when(good).then(pl.lit(UNCERTAIN_UNIT)).otherwise("status"))


def _tags(rows: pl.DataFrame, source: FilesSource) -> pl.Series:
    """machine.tag; a file may have the machine in a column of its own, by a name of its own."""
    tag = cells.as_text(rows[source.columns["tag"]]).str.strip_chars()
    if "machine" not in source.columns:
        return tag.replace(source.machines) if source.machines else tag
    machine = cells.as_text(rows[source.columns["machine"]]).str.strip_chars().replace(source.machines)
    return machine + "." + tag


def _judged(frame: pl.DataFrame, source: FilesSource, plant: Plant, now: datetime) -> pl.DataFrame:
    """The first thing wrong with each row: `reason`, `message`, `booked`; null when nothing is."""
    bad = (pl.col("status") // 2**30) >= 2  # severity of a StatusCode; a bad sample may come without value
    own = (
        pl.when(pl.col("unclear")).then(pl.lit("ambiguous_timestamp"))
        .when(pl.col("ts").is_null()).then(pl.lit("unparseable_timestamp"))
        .when(pl.col("status").is_null()).then(pl.lit("unknown_status"))
        .when(pl.col("value").is_null() & pl.col("text").is_null() & (pl.col("raw_value").is_not_null() | ~bad))
        .then(pl.lit("not_a_number"))
    )  # fmt: skip
    gate = reason_of(tags_frame(plant)["tag"], now)
    unit = pl.when("odd_unit").then(pl.lit("unit_mismatch"))
    first = pl.when(gate == "unknown_tag").then(gate).otherwise(pl.coalesce(own, gate, unit))
    return frame.with_columns(reason=first).with_columns(
        message=pl.when(pl.col("reason").is_null()).then(None).otherwise(_message(source, now)),
        booked=pl.col("reason").is_in(KEPT),
    )


def _message(source: FilesSource, now: datetime) -> pl.Expr:
    said, reason = source.columns, pl.col("reason")
    comma = "with a decimal comma, as in 1,5" if source.decimal_comma else "with a decimal point, as in 1.5"
    shape = source.timestamp_format or "ISO 8601, as in 2026-11-15T05:00:00Z"
    return (
        pl.when(reason == "unparseable_timestamp")
        .then(bad_instant(said["ts"], "raw_ts", shape))
        .when(reason == "ambiguous_timestamp")
        .then(unclear_instant(said["ts"], "raw_ts", source.timezone))
        .when(reason == "unit_mismatch")
        .then(
            pl.format(
                "unit {} where tag {} has {}: kept, graded uncertain and not converted; correct the export or `unit`",
                pl.col("raw_unit"),
                pl.col("tag"),
                pl.col("unit"),
            )
        )
        .when(reason == "not_a_number")
        .then(
            pl.format(
                f"{{}} in column {quoted(said['value'])} is not a number; valid is a number {comma}", _said("raw_value")
            )
        )
        .when(reason == "unknown_status")
        .then(
            pl.format(
                f"{{}} in column {quoted(said.get('status', ''))} is no status; valid are Good, Uncertain, Bad "
                "or an OPC UA StatusCode",
                _said("raw_status"),
            )
        )
        .otherwise(message_of(now))
    )


def bad_instant(column: str, raw: str, shape: str) -> pl.Expr:
    """Message for a time stamp that cannot be read."""
    return pl.format(
        f"{{}} in column {quoted(column)} is not a time stamp; valid is {quoted(shape)}: "
        "set `timestamp_format` or correct the row",
        _said(raw),
    )


def unclear_instant(column: str, raw: str, zone: str) -> pl.Expr:
    """Message for a local time that the clock change skips or repeats."""
    return pl.format(
        f"{{}} in column {quoted(column)} is skipped or repeated by the clock change of {zone}; "
        "valid is UTC or a time with its offset: export it so",
        _said(raw),
    )


def quoted(text: str) -> str:
    """Text for a `pl.format` pattern: quoted, braces not read as place holders."""
    return repr(text).replace("{", "(").replace("}", ")")


def _said(raw: str) -> pl.Expr:
    return pl.when(pl.col(raw).is_null()).then(pl.lit("an empty cell")).otherwise(pl.format("'{}'", raw))
