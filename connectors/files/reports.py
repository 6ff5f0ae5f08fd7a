"""Cells of a file to bronze.reports: what a machine did from when to when, with pieces."""

from __future__ import annotations

from datetime import datetime, timedelta

import polars as pl

from connectors import cells
from connectors.base import INSTANT
from connectors.files.readings import Origin, aside, bad_instant, quoted, unclear_instant
from connectors.files.sheet import POSITION
from connectors.screen import ANCIENT, FUTURE
from plant.config import Plant
from plant.sources.batch import FILE_COLUMNS, FilesSource
from plant.tables import table

REPORTS = table("bronze.reports")
REQUIRED = FILE_COLUMNS["reports"][0]
WORDS = ("order_id", "product", "operation", "operator")
COUNTS = ("good_pcs", "scrap_pcs", "rework_pcs")
BOOKED = ("broken_span", "span_mismatch")
_SPAN = r"^(\d{1,4}):([0-5]\d)$"


def reports(rows: pl.DataFrame, source: FilesSource, plant: Plant, where: Origin) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Split the rows of a sheet into bronze.reports and bronze.quarantine.

    Held back (booked = false): unknown_machine, unparseable_timestamp, ambiguous_timestamp,
    future_timestamp, ancient_timestamp, negative_interval, unknown_state, not_a_count and, for a source
    with `unique`, duplicate. Booked and reported: broken_span, span_mismatch. A count that is not mapped
    or left empty is 0 pieces reported.
    """
    read = _read(rows, source, plant)
    reason = pl.coalesce(_reason(plant, where.now), _repeats(source), pl.col("span_reason"))
    judged = read.with_columns(reason=reason).with_columns(
        booked=pl.col("reason").is_in(BOOKED), message=_message(source, plant)
    )
    out = judged.filter(pl.col("reason").is_null() | pl.col("booked"))
    good = out.with_columns(
        date=pl.col("end_at").dt.date(), received_at=pl.lit(where.now, dtype=INSTANT),
        source=pl.lit(source.name), segment=pl.lit(where.segment), seq=pl.col(POSITION),
    ).select(pl.col(name).cast(dtype) for name, dtype in REPORTS.schema.items())  # fmt: skip
    doubtful = judged.filter(pl.col("reason").is_not_null())
    return good, aside(rows, doubtful, source, where)


def _read(rows: pl.DataFrame, source: FilesSource, plant: Plant) -> pl.DataFrame:
    """The mapped cells read where they can be, `raw_*` what they said, `first_row` the row this one repeats."""
    at, blank = source.columns, pl.Series([None] * rows.height, dtype=pl.String)
    start, start_unclear = cells.instant(rows[at["start_at"]], source.timezone, source.timestamp_format)
    end, end_unclear = cells.instant(rows[at["end_at"]], source.timezone, source.timestamp_format)
    said = {name: cells.as_text(rows[at[name]]).str.strip_chars() for name in (*REQUIRED, *WORDS) if name in at}
    codes = plant.file.states.get(source.states or "", {})
    columns = {
        POSITION: rows[POSITION], "machine": said["machine"].replace(source.machines), "report": said["report"],
        "start_at": start, "end_at": end, "unclear": start_unclear | end_unclear,
        "raw_start_at": said["start_at"], "raw_end_at": said["end_at"], "raw_machine": said["machine"],
        "state": said["report"].replace_strict(codes, default=None, return_dtype=pl.String),
        **{name: said.get(name, blank) for name in WORDS}, **_counts(rows, source),
        **_spans(rows, source, end - start),
        "first_row": _first_rows(rows) if source.unique else rows[POSITION],
    }  # fmt: skip
    return pl.DataFrame([s.alias(name) for name, s in columns.items()])


def _first_rows(rows: pl.DataFrame) -> pl.Series:
    """Number of the first row with the same cells; its own number where there is none before."""
    cells_only = [c for c in rows.columns if c != POSITION]
    return rows.select(pl.col(POSITION).min().over(cells_only)).to_series()


def _counts(rows: pl.DataFrame, source: FilesSource) -> dict[str, pl.Series]:
    """Pieces as whole numbers; an empty or unmapped cell is 0, one that cannot be read stays null."""
    out: dict[str, pl.Series] = {}
    for name in COUNTS:
        if name not in source.columns:
            out[name] = pl.zeros(rows.height, pl.Int64, eager=True)
            out["raw_" + name] = pl.Series([None] * rows.height, dtype=pl.String)
            continue
        raw = cells.as_text(rows[source.columns[name]], decimal_comma=source.decimal_comma)
        value = cells.whole(rows[source.columns[name]], decimal_comma=source.decimal_comma)
        value = value.set((value < 0).fill_null(value=False), None)
        out[name] = value.set(raw.is_null(), 0)
        out["raw_" + name] = raw
    return out


def _reason(plant: Plant, now: datetime) -> pl.Expr:
    """What makes a row impossible to book; null when nothing does."""
    late, early = pl.lit(now + FUTURE, dtype=INSTANT), pl.lit(ANCIENT, dtype=INSTANT)
    broken = pl.col("start_at").is_null() | pl.col("end_at").is_null()
    known = pl.col("machine").is_in(list(plant.machines)).fill_null(value=False)
    return (
        pl.when(~known).then(pl.lit("unknown_machine"))
        .when(pl.col("unclear")).then(pl.lit("ambiguous_timestamp"))
        .when(broken).then(pl.lit("unparseable_timestamp"))
        .when(pl.max_horizontal("start_at", "end_at") > late).then(pl.lit("future_timestamp"))
        .when(pl.min_horizontal("start_at", "end_at") < early).then(pl.lit("ancient_timestamp"))
        .when(pl.col("end_at") < pl.col("start_at")).then(pl.lit("negative_interval"))
        .when(pl.col("state").is_null()).then(pl.lit("unknown_state"))
        .when(pl.any_horizontal(pl.col(c).is_null() for c in COUNTS)).then(pl.lit("not_a_count"))
    )  # fmt: skip


def _repeats(source: FilesSource) -> pl.Expr:
    if not source.unique:
        return pl.lit(None, dtype=pl.String)
    return pl.when(pl.col("first_row") != pl.col(POSITION)).then(pl.lit("duplicate"))


def _spans(rows: pl.DataFrame, source: FilesSource, length: pl.Series) -> dict[str, pl.Series]:
    """Written durations against the interval, to the minute they are written in: the first that is off."""
    out = pl.DataFrame({"length": length}).with_columns(
        span=pl.lit(None, pl.String), span_reason=pl.lit(None, pl.String)
    )
    for column in source.checks:
        said = out.with_columns(cells.as_text(rows[column]).alias("said")).with_columns(
            written=pl.duration(
                minutes=pl.col("said").str.extract(_SPAN, 1).cast(pl.Int64) * 60
                + pl.col("said").str.extract(_SPAN, 2).cast(pl.Int64)
            )
        )
        off = pl.col("length") - pl.col("written")
        found = (
            pl.when(pl.col("written").is_null()).then(pl.lit("broken_span"))
            .when(off.abs() >= timedelta(minutes=1)).then(pl.lit("span_mismatch"))
        )  # fmt: skip
        out = said.select(
            "length",
            span=pl.when(pl.col("span_reason").is_null()).then("said").otherwise("span"),
            span_reason=pl.coalesce("span_reason", found),
        )
    return {name: out[name] for name in ("span", "span_reason")}


def _message(source: FilesSource, plant: Plant) -> pl.Expr:
    """What was found, what is valid, what to do, per reason."""
    said, reason = source.columns, pl.col("reason")
    shape = source.timestamp_format or "ISO 8601, as in 2026-11-15T05:00:00Z"
    codes = ", ".join(plant.file.states.get(source.states or "", {})) or "none: set `states`"
    start_is_bad = pl.col("start_at").is_null()
    which = ((said["start_at"], "raw_start_at"), (said["end_at"], "raw_end_at"))
    unread = [bad_instant(column, raw, shape) for column, raw in which]
    unclear = [unclear_instant(column, raw, source.timezone) for column, raw in which]
    by_reason = {
        "unknown_machine": pl.format(
            f"'{{}}' in column {quoted(said['machine'])} is no machine of plant.toml: add it, "
            f"or map it under `machines` of source {quoted(source.name)}",
            pl.col("raw_machine").fill_null(""),
        ),
        "unparseable_timestamp": pl.when(start_is_bad).then(unread[0]).otherwise(unread[1]),
        "ambiguous_timestamp": pl.when(start_is_bad).then(unclear[0]).otherwise(unclear[1]),
        "unknown_state": pl.format(
            f"report type '{{}}' in column {quoted(said['report'])} has no state; mapped are {quoted(codes)}: "
            f"add it to [states.{source.states or '...'}]",
            pl.col("report").fill_null(""),
        ),
        "not_a_count": _counts_message(source),
        "duplicate": pl.format("repeats row {} cell by cell: not booked a second time", "first_row"),
        "broken_span": pl.format("span '{}' is not HHH:MM: booked by its start and end", pl.col("span").fill_null("")),
        "span_mismatch": pl.format(
            "span {} differs from end - start ({} min): booked by its start and end",
            "span",
            (pl.col("end_at") - pl.col("start_at")).dt.total_minutes(),
        ),
    }
    interval = pl.format("interval {} to {}: the start must not be after the end, the end not in the future, "
                         "the start not before 2000", "raw_start_at", "raw_end_at")  # fmt: skip
    message = interval
    for code, text in by_reason.items():
        message = pl.when(reason == code).then(text).otherwise(message)
    return pl.when(reason.is_not_null()).then(message)


def _counts_message(source: FilesSource) -> pl.Expr:
    found = [
        pl.when(pl.col(c).is_null()).then(
            pl.format(f"'{{}}' in column {quoted(source.columns.get(c, c))}", pl.col("raw_" + c).fill_null(""))
        )
        for c in COUNTS
    ]
    return pl.concat_str(
        pl.concat_str(found, separator=", ", ignore_nulls=True),
        pl.lit(" is not a count of pieces; valid is a whole number from 0"),
    )
