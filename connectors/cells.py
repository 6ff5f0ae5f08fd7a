"""Cells as they came (text, numbers, instants of any kind) read into what the lake stores.

Every function takes a whole column and answers a whole column: a cell it cannot read becomes null,
never a guess, and the caller says so in quarantine. No clock, no files.
"""

from __future__ import annotations

import re

import polars as pl

from connectors.base import INSTANT

EPOCHS = {"epoch_s": 1_000_000, "epoch_ms": 1_000, "epoch_us": 1}
STATUS_WORDS = {"good": 0, "uncertain": 0x40000000, "bad": 0x80000000}
_OFFSET = r"(Z|z|[+-]\d{2}:?\d{2})$"
_CLASSIC = r"(?i)opc.{0,3}(da\b|classic|quality)"
_CLASSIC_BITS = {0: STATUS_WORDS["bad"], 1: STATUS_WORDS["uncertain"], 3: STATUS_WORDS["good"]}


def as_text(column: pl.Series, *, decimal_comma: bool = False) -> pl.Series:
    """The column as the text a CSV file would have held: ISO instants, NaN and inf as words."""
    if column.dtype.is_temporal() and column.dtype != pl.Duration:
        zoned = isinstance(column.dtype, pl.Datetime) and column.dtype.time_zone is not None
        utc = column.dt.convert_time_zone("UTC") if zoned else column
        return utc.dt.to_string("iso:strict")
    if column.dtype == pl.Binary:
        return column.bin.encode("base64")
    if column.dtype.is_nested():
        return pl.Series(column.name, [None if v is None else str(v) for v in column.to_list()], dtype=pl.String)
    text = column.cast(pl.String)
    return text.str.replace(".", ",", literal=True) if decimal_comma and column.dtype.is_float() else text


def number(column: pl.Series, *, decimal_comma: bool = False, thousands: str = "") -> pl.Series:
    """Float64; NaN and infinities are read as such. Text with a dot but no comma is null under decimal_comma.

    `thousands` is taken out where it stands between groups of three digits (a blank: also the narrow and the
    unbreakable one). Text that groups otherwise is null: 1.23 is no number where a dot groups.
    """
    if column.dtype == pl.String:
        text = _ungrouped(column.str.strip_chars(), thousands) if thousands else column.str.strip_chars()
        return _comma(text) if decimal_comma else text.cast(pl.Float64, strict=False)
    if column.dtype.is_numeric() or column.dtype in {pl.Boolean(), pl.Null()}:
        return column.cast(pl.Float64)
    return pl.Series(column.name, [None] * column.len(), dtype=pl.Float64)


def _ungrouped(text: pl.Series, mark: str) -> pl.Series:
    marks = "[ \u00a0\u202f]" if mark == " " else re.escape(mark)
    has = text.str.contains(marks).fill_null(value=False)
    grouped = text.str.contains(rf"^[+-]?\d{{1,3}}({marks}\d{{3}})+([^\d].*)?$").fill_null(value=False)
    return text.str.replace_all(marks, "").zip_with(~has | grouped, text.clear().extend_constant(None, text.len()))


def _comma(text: pl.Series) -> pl.Series:
    """1.234,5 is 1234.5. A dot alone may be either: 1.234 is not read."""
    has = text.str.contains(",", literal=True)
    swapped = text.str.replace_all(".", "", literal=True).str.replace(",", ".", literal=True)
    plain = text.set(text.str.contains(".", literal=True), None)
    return swapped.zip_with(has.fill_null(value=False), plain).cast(pl.Float64, strict=False)


def whole(column: pl.Series, *, decimal_comma: bool = False) -> pl.Series:
    """Int64; null where the number has a fraction, is not finite or is beyond 2**53."""
    value = number(column, decimal_comma=decimal_comma)
    exact = (value.is_finite() & (value == value.floor()) & (value.abs() <= 2.0**53)).fill_null(value=False)
    return value.set(~exact, None).cast(pl.Int64, strict=False)


def instant(column: pl.Series, zone: str, pattern: str | None = None) -> tuple[pl.Series, pl.Series]:
    """UTC instants, and a mask of local times that the clock change skips or repeats (null there).

    Text with Z or an offset and zoned columns are exact; everything else is local time in `zone`.
    Without `pattern` text is ISO 8601; whole numbers need the pattern epoch_s, epoch_ms or epoch_us.
    """
    nothing = pl.Series(column.name, [None] * column.len(), dtype=INSTANT)
    if pattern in EPOCHS:
        ticks = whole(column) * EPOCHS[pattern]
        return ticks.cast(INSTANT), ticks.is_null() & False
    if column.dtype == pl.String:
        exact, naive = _text_instants(column.str.strip_chars(), pattern)
    elif isinstance(column.dtype, pl.Datetime) and column.dtype.time_zone is not None:
        exact, naive = column.dt.convert_time_zone("UTC").cast(INSTANT), nothing.dt.replace_time_zone(None)
    elif column.dtype == pl.Datetime or column.dtype == pl.Date:
        exact, naive = nothing, column.cast(pl.Datetime("us"))
    else:
        return nothing, nothing.is_not_null()
    local = naive.dt.replace_time_zone(zone, ambiguous="null", non_existent="null").dt.convert_time_zone("UTC")
    return exact.zip_with(exact.is_not_null(), local), naive.is_not_null() & local.is_null()


def _text_instants(text: pl.Series, pattern: str | None) -> tuple[pl.Series, pl.Series]:
    """Exact UTC instants and naive local times of a text column; each cell is in at most one of them."""
    empty = pl.Series(text.name, [None] * text.len(), dtype=INSTANT)
    if pattern:
        read = text.str.to_datetime(pattern.replace(".%f", "%.f"), strict=False, time_unit="us")
        zoned = "%z" in pattern or "%:z" in pattern
        utc = read.dt.convert_time_zone("UTC") if zoned else empty
        return (utc, empty.dt.replace_time_zone(None)) if zoned else (empty, read)
    fast = text.str.to_datetime("%Y-%m-%dT%H:%M:%S%.fZ", strict=False, time_unit="us").dt.replace_time_zone("UTC")
    if fast.null_count() == text.null_count():
        return fast, empty.dt.replace_time_zone(None)
    plain = text.str.to_datetime("%Y-%m-%d %H:%M:%S%.f", strict=False, time_unit="us")
    return (empty, plain) if plain.null_count() == text.null_count() else _iso(text)


def _iso(text: pl.Series) -> tuple[pl.Series, pl.Series]:
    """ISO 8601 of any common spelling: T or blank, with or without seconds, fraction and offset."""
    offset = text.str.extract(_OFFSET, 1).str.to_uppercase().str.replace("Z", "+00:00", literal=True)
    offset = offset.str.replace(r"^([+-]\d{2})(\d{2})$", "${1}:${2}")
    body = text.str.replace(_OFFSET, "").str.strip_chars().str.replace(r"^(\d{4}-\d{2}-\d{2})[Tt]", "${1} ")
    frame = pl.DataFrame({"body": body, "offset": offset}).select(
        local=pl.coalesce(
            pl.col("body").str.to_datetime("%Y-%m-%d %H:%M:%S%.f", strict=False, time_unit="us"),
            pl.col("body").str.to_datetime("%Y-%m-%d %H:%M", strict=False, time_unit="us"),
            pl.col("body").str.to_date("%Y-%m-%d", strict=False).cast(pl.Datetime("us")),
        ),
        ahead=pl.duration(
            hours=pl.col("offset").str.slice(0, 3).cast(pl.Int64, strict=False),
            minutes=(pl.col("offset").str.slice(0, 1) + pl.col("offset").str.slice(4, 2)).cast(pl.Int64, strict=False),
        ),
        zoned=pl.col("offset").is_not_null(),
    )
    split = frame.select(
        exact=pl.when("zoned").then(pl.col("local") - pl.col("ahead")).dt.replace_time_zone("UTC"),
        naive=pl.when(~pl.col("zoned")).then("local"),
    )
    return split["exact"].alias(text.name), split["naive"].alias(text.name)


def status(column: pl.Series) -> pl.Series:
    """OPC UA StatusCode (Int64) of a quality column; null for a word or number that is none.

    Read are Good, Uncertain, Bad, whole numbers and 0x text. Numbers are OPC UA StatusCodes, unless the
    header says OPC Quality, OPC DA or OPC classic: then 192 is good, 64 uncertain and 0 bad.
    """
    text = column.cast(pl.String) if column.dtype.is_integer() else as_text(column)
    text = text.str.strip_chars().str.to_lowercase()
    code = text.str.replace(r"^(\d+)\.0$", "${1}").cast(pl.Int64, strict=False)
    if text.str.starts_with("0x").any():
        hexed = text.str.strip_prefix("0x").str.to_integer(base=16, strict=False)
        code = hexed.cast(pl.Int64).zip_with(text.str.starts_with("0x").fill_null(value=False), code)
    if pl.Series([column.name]).str.contains(_CLASSIC)[0]:
        code = ((code // 64) % 4).replace_strict(_CLASSIC_BITS, default=None, return_dtype=pl.Int64)
    code = code.zip_with((code >= 0).fill_null(value=True), code + 2**32)  # signed 32-bit spelling
    words = text.replace_strict(STATUS_WORDS, default=None, return_dtype=pl.Int64)
    code = words.zip_with(words.is_not_null(), code)
    return code.set(~code.is_between(0, 2**32 - 1).fill_null(value=True), None)
