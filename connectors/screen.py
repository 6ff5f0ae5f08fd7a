"""The gate every reading passes before bronze, whatever protocol it came by.

Held back are readings nobody can place: a time stamp in the future or before 2000, a tag that is in
no plant.toml. A NaN, an infinite number, and text where a number is due are kept as they came (bronze
is as it came) and reported.
"""

from __future__ import annotations

import math
from datetime import UTC, datetime, timedelta
from typing import cast

import numpy as np
import polars as pl

from connectors.base import INSTANT, no_quarantine, set_aside
from connectors.intake import WORDS

FUTURE = timedelta(minutes=10)
ANCIENT = datetime(2000, 1, 1, tzinfo=UTC)
NUMBERS = (
    "good_count", "scrap_count", "rework_count", "energy", "power", "temperature", "vibration", "pressure", "flow",
    "speed",
)  # fmt: skip
"""Roles whose values are numbers."""
KEPT = ("not_finite", "not_a_number")
"""Reasons of rows that are taken in all the same."""
_PAYLOAD = ("ts", "tag", "value", "text", "status", "server_at", "received_at")


def reason_of(known_tags: pl.Series, now: datetime, numbers: pl.Series | None = None) -> pl.Expr:
    """The reason code of a bronze.readings-shaped row, null when there is nothing to say about it.

    `numbers` are the tags whose values are to be numbers.
    """
    numbers = pl.Series(dtype=pl.String) if numbers is None else numbers
    return (
        pl.when(~pl.col("tag").is_in(known_tags.implode()).fill_null(value=False))
        .then(pl.lit("unknown_tag"))
        .when(pl.col("ts").is_null())
        .then(pl.lit("unparseable_timestamp"))
        .when(pl.col("ts") > pl.lit(now + FUTURE, dtype=INSTANT))
        .then(pl.lit("future_timestamp"))
        .when(pl.col("ts") < pl.lit(ANCIENT, dtype=INSTANT))
        .then(pl.lit("ancient_timestamp"))
        .when(pl.col("value").is_nan() | pl.col("value").is_infinite())
        .then(pl.lit("not_finite"))
        .when(_is_text() & pl.col("tag").is_in(numbers.implode()))
        .then(pl.lit("not_a_number"))
    )


def _is_text() -> pl.Expr:
    """A text (also an array, a time) with a Good status where there is no number."""
    return pl.col("value").is_null() & pl.col("text").is_not_null() & (pl.col("status") < 2**30)


def message_of(now: datetime) -> pl.Expr:
    """What was found, what is valid, what to do, from columns reason, tag, ts, value."""
    limit = (now + FUTURE).isoformat(timespec="seconds")
    ts = pl.col("ts").dt.to_string("iso:strict")
    return (
        pl.when(pl.col("reason") == "unknown_tag")
        .then(
            pl.format("tag {} is in no machine of plant.toml: add the tag, then replay", pl.col("tag").fill_null("''"))
        )
        .when(pl.col("reason") == "unparseable_timestamp")
        .then(pl.lit("no time stamp; valid is the source's own time in UTC: set it at the source"))
        .when(pl.col("reason") == "future_timestamp")
        .then(pl.format("time stamp {} is later than {}: set the clock of the source right", ts, pl.lit(limit)))
        .when(pl.col("reason") == "ancient_timestamp")
        .then(pl.format("time stamp {} is before 2000-01-01: set the clock of the source right", ts))
        .when(pl.col("reason") == "not_a_number")
        .then(
            pl.format(
                "{} is text, an array or a time where the role of tag {} needs a number: the node holds another type "
                "than configured, or changed it; correct `address` or `role`, or the source. Kept as it came, not used",
                pl.col("text").str.slice(0, 80),
                pl.col("tag"),
            )
        )
        .otherwise(pl.format("value {} is not a finite number: kept as it came, not used in sums", "value"))
    )


def screen(rows: pl.DataFrame, tags: pl.DataFrame, now: datetime, origin: str) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Split bronze.readings-shaped rows into those to append and the bronze.quarantine rows about them.

    `tags` is `plant.dimensions.tags_frame`, `now` aware UTC. Rows of `KEPT` reasons are in both
    (booked = true); every other quarantined row is held back (booked = false).
    """
    numbers = _numbers_of(tags)
    if _plain(rows, tags["tag"], now, numbers):
        return rows, no_quarantine()
    judged = rows.with_columns(pl.col("tag", "source", "segment").cast(pl.String)).with_columns(
        reason=reason_of(tags["tag"], now, numbers)
    )
    if judged["reason"].null_count() == judged.height:
        return rows, no_quarantine()
    good = judged.filter(pl.col("reason").is_null() | pl.col("reason").is_in(KEPT)).select(rows.columns)
    doubtful = judged.filter(pl.col("reason").is_not_null())
    aside = doubtful.select(
        "source",
        "segment",
        pl.col("seq").alias("position"),
        "reason",
        message_of(now).alias("message"),
        pl.struct(_as_text(c) for c in _PAYLOAD).struct.json_encode().alias("payload"),
        pl.col("reason").is_in(KEPT).alias("booked"),
    )
    return good.cast(rows.schema), set_aside(aside, source="", origin=origin, segment="", now=now)


_asked: tuple[pl.DataFrame | None, pl.Series] = (None, pl.Series(dtype=pl.String))
"""The tags asked about last, and which of them are numbers: a plant's tags are the same for hours."""
_codes: tuple[pl.Series | None, np.ndarray] = (None, np.zeros(0, "?"))
"""The known tags asked about last, and by the code of a tag whether it is one of them."""


def _numbers_of(tags: pl.DataFrame) -> pl.Series:
    global _asked
    asked = _asked
    if asked[0] is not tags:
        asked = _asked = (tags, tags.filter(pl.col("role").is_in(NUMBERS))["tag"])
    return asked[1]


def _all_known(tags: pl.Series, known: pl.Series) -> bool:
    """Whether every tag is a known one: of codes a look each, of words a look for each different one."""
    if tags.dtype != WORDS or tags.null_count():
        return bool(tags.unique().cast(pl.String).is_in(known.implode()).fill_null(value=False).all())
    global _codes
    asked, codes = _codes, tags.to_physical()
    if asked[0] is not known and (asked[0] is None or not asked[0].equals(known)):
        places = known.cast(WORDS).to_physical().to_numpy()
        mask = np.zeros(int(places.max(initial=0)) + 1, "?")
        mask[places] = True
        asked = _codes = (known, mask)
    return cast("int", codes.max() or 0) < len(asked[1]) and bool(np.take(asked[1], codes.to_numpy()).all())


def _plain(rows: pl.DataFrame, known_tags: pl.Series, now: datetime, numbers: pl.Series) -> bool:
    """Whether there is nothing to say about any row, found from the extremes: a tenth of the cost of asking each.

    A sum is finite only where every number is; one too large for a sum has each row asked, no more.
    """
    ts = rows["ts"]
    if rows.is_empty() or ts.null_count() or not math.isfinite(rows["value"].sum()):
        return False
    if cast("datetime", ts.min()) < ANCIENT or cast("datetime", ts.max()) > now + FUTURE:
        return False
    if rows["text"].null_count() < rows.height:
        texts = rows.filter(_is_text())["tag"]
        if texts.unique().cast(pl.String).is_in(numbers.implode()).any():
            return False
    return _all_known(rows["tag"], known_tags)


def _as_text(column: str) -> pl.Expr:
    """JSON has no NaN and no instants: those go as text."""
    if column in {"ts", "server_at", "received_at"}:
        return pl.col(column).dt.to_string("iso:strict").alias(column)
    return pl.col(column).cast(pl.String).alias(column) if column == "value" else pl.col(column)
