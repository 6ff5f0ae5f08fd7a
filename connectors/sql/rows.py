"""Database values in one canonical spelling, and rows of them as JSON text with key and hash.

The same row read from SQLite and from PostgreSQL has the same payload and the same hash: instants are
UTC text, decimals text with their declared scale, bytes base64, everything else its JSON self.
"""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from typing import Any

import polars as pl

from connectors import cells

INSTANT_TEXT = "%Y-%m-%dT%H:%M:%S%.6fZ"
_ESCAPED = r'["\\\x00-\x1f]'


DAMAGED = "\ufffd"
"""What stands for bytes that are no UTF-8."""


@dataclass(frozen=True)
class Declared:
    """A column as the database declares it: Python type (None: unknown, decided by the values) and scale.

    `encoded`: the driver hands JSON out as text. `zoned`: its instants carry their zone.
    """

    name: str
    kind: type | None = None
    scale: int | None = None
    encoded: bool = False
    zoned: bool = False

    @property
    def word(self) -> str:
        """Its type in a word, after a colon its scale; '' where the database declares no type."""
        if self.kind is None:
            return ""
        scale = "" if self.scale is None else f":{self.scale}"
        return f"{self.kind.__name__}{' with zone' if self.zoned else ''}{scale}"


@dataclass(frozen=True)
class Rows:
    """Canonical columns of fetched rows; `raw` ones hold JSON already.

    Row numbers by column: `unread` of instants nobody can read, `damaged` of text that was no UTF-8.
    """

    frame: pl.DataFrame
    unread: dict[str, list[int]]
    damaged: dict[str, list[int]]
    raw: frozenset[str] = frozenset()


def canonical(rows: Sequence[Sequence[Any]], columns: Sequence[Declared], zone: str) -> Rows:
    """Fetched rows as canonical columns. Naive instants are local time in `zone`.

    A cell is spelled by its own value and its column's declaration, never by its neighbours: the same row
    has the same payload in whatever company it is read.
    """
    cut = list(zip(*rows, strict=True)) if rows else [()] * len(columns)
    unread: dict[str, list[int]] = {}
    damaged: dict[str, list[int]] = {}
    raw: set[str] = set()
    out = []
    for column, values in zip(columns, cut, strict=True):
        series, is_raw = _column(column, values, zone)
        if column.kind is datetime and series.null_count():
            lost = [i for i, (v, s) in enumerate(zip(values, series, strict=True)) if s is None and v is not None]
            if lost:
                unread[column.name] = lost
                series = series.scatter(lost, [str(values[i]) for i in lost])
        if series.dtype == pl.String and (bad := series.str.contains(DAMAGED, literal=True)).any():
            damaged[column.name] = bad.arg_true().to_list()
        raw |= {column.name} if is_raw else set()
        out.append(series.alias(column.name))
    return Rows(pl.DataFrame(out), unread, damaged, frozenset(raw))


def _column(column: Declared, values: Sequence[Any], zone: str) -> tuple[pl.Series, bool]:
    """The cells as one canonical column, and whether they are JSON already."""
    found = {type(v) for v in values} - {type(None)}
    if column.kind is datetime and found <= {str, datetime}:
        same = [v.isoformat() if isinstance(v, datetime) else v for v in values] if len(found) == 2 else values
        return (_spelled(pl.Series(same, dtype=pl.String), zone) if str in found else _one(found, values, zone)), False
    if column.kind is Decimal:
        return _texts(values, lambda v: _decimal(v, column.scale)), False
    if column.kind is bool and found <= {int, bool}:
        return pl.Series(values, dtype=pl.Int64).cast(pl.Boolean), False
    if column.kind is timedelta:
        return _texts(values, _seconds), False
    if column.kind is dict:
        return _texts(values, _decoded if column.encoded else _document), False
    if column.kind is float and found <= {int, float}:
        return pl.Series([None if v is None else float(v) for v in values], dtype=pl.Float64), False
    if len(found) > 1 or (found == {int} and not _fits(values)):
        return _mixed(values), True
    return _one(found, values, zone), False


def _one(found: set[type], values: Sequence[Any], zone: str) -> pl.Series:
    return _one_type(next(iter(found)), values, zone) if found else pl.Series(values, dtype=pl.Null)


def _one_type(kind: type, values: Sequence[Any], zone: str) -> pl.Series:
    if kind is int:
        return pl.Series(values, dtype=pl.Int64)
    if kind in {float, bool, str}:
        return pl.Series(values, dtype={float: pl.Float64(), bool: pl.Boolean(), str: pl.String()}[kind])
    if kind is datetime:
        aware = any(v.tzinfo is not None for v in values if v is not None)
        at = pl.Series(values, dtype=pl.Datetime("us", "UTC") if aware else pl.Datetime("us"))
        return _spelled(at, zone)
    return _texts(values, _plain)


def _spelled(column: pl.Series, zone: str) -> pl.Series:
    return cells.instant(column, zone)[0].dt.strftime(INSTANT_TEXT)


def _texts(values: Sequence[Any], spell: Callable[[Any], str]) -> pl.Series:
    return pl.Series([None if v is None else spell(v) for v in values], dtype=pl.String)


def _decimal(value: Any, scale: int | None) -> str:
    """Money to the cent. SQLite hands out floats, integers or even bytes for a NUMERIC column."""
    text = value.decode("ascii", "replace") if isinstance(value, bytes) else str(value)
    try:
        exact = Decimal(text)
        return format(exact if scale is None or not exact.is_finite() else round(exact, scale), "f")
    except ArithmeticError:
        return text


def _plain(value: Any) -> str:
    """Text for what JSON has no word for."""
    if isinstance(value, bytes | bytearray | memoryview):
        return base64.b64encode(bytes(value)).decode()
    if isinstance(value, Decimal):
        return format(value, "f")
    if isinstance(value, date | time):
        return value.isoformat()
    if isinstance(value, timedelta):
        return f"{value / timedelta(seconds=1):f}"
    if isinstance(value, dict | list | tuple):
        return json.dumps(value, sort_keys=True, default=_plain, ensure_ascii=False)
    return str(value)


def _seconds(value: Any) -> str:
    """A duration in seconds: SQLite holds a number for what PostgreSQL calls an interval."""
    if isinstance(value, timedelta):
        return f"{value / timedelta(seconds=1):f}"
    return f"{value:f}" if isinstance(value, int | float) else str(value)


def _document(value: Any) -> str:
    """A JSON document, its fields by name."""
    return json.dumps(value, sort_keys=True, default=_plain, ensure_ascii=False)


def _decoded(value: Any) -> str:
    try:
        return _document(json.loads(value))
    except ValueError:
        return _plain(value)


def _fits(values: Sequence[Any]) -> bool:
    return all(v is None or -(2**63) <= v < 2**63 for v in values)


def _mixed(values: Sequence[Any]) -> pl.Series:
    """Cells of several types, or whole numbers beyond 64 bits: each as JSON by its own type."""
    floats = pl.Series([v if isinstance(v, float) else None for v in values], dtype=pl.Float64)
    return _texts(values, _cell).zip_with(floats.is_null(), _json(floats))


def _cell(value: Any) -> str:
    told = value if isinstance(value, bool | int | str) else _plain(value)
    return json.dumps(told, ensure_ascii=False)


def payloads(rows: Rows) -> pl.Series:
    """Each row as a JSON object, fields by name in alphabetical order so that column order is no change."""
    frame = rows.frame
    if not frame.height:
        return pl.Series([], dtype=pl.String)
    parts: list[pl.Expr | pl.Series] = []
    for n, name in enumerate(sorted(frame.columns)):
        cells_of = frame[name].fill_null("null") if name in rows.raw else _json(frame[name])
        parts += [pl.lit(("," if n else "{") + json.dumps(name, ensure_ascii=False) + ":"), pl.lit(cells_of)]
    return frame.select(pl.concat_str(*parts, pl.lit("}"))).to_series()


def keys(rows: Rows, key: Sequence[str]) -> pl.Series:
    """Each row's key as a JSON array; null where a key column is null."""
    frame = rows.frame
    if not frame.height:
        return pl.Series([], dtype=pl.String)
    parts: list[pl.Expr] = []
    for n, name in enumerate(key):
        cells_of = frame[name] if name in rows.raw else _json(frame[name])
        parts += [pl.lit("," if n else "["), pl.lit(cells_of)]
    whole = pl.all_horizontal(pl.col(k).is_not_null() for k in key)
    return frame.select(pl.when(whole).then(pl.concat_str(*parts, pl.lit("]")))).to_series()


def hashes(texts: pl.Series) -> pl.Series:
    """Stable 128-bit hash of each text."""
    return texts.map_elements(
        lambda text: hashlib.blake2b(text.encode(), digest_size=16).hexdigest(), return_dtype=pl.String
    )


def _json(column: pl.Series) -> pl.Series:
    """Each cell as JSON; NaN and infinities, which JSON does not have, as text."""
    name = column.name
    if column.dtype == pl.String:
        if column.str.contains(_ESCAPED).any():
            whole = column.to_frame("c").select(pl.struct("c").struct.json_encode()).to_series()
            return whole.str.slice(5).str.strip_suffix("}").alias(name)
        return ('"' + column + '"').fill_null("null").alias(name)
    text = column.cast(pl.String)
    if column.dtype.is_float() and not column.is_finite().all():
        text = text.zip_with(column.is_finite().fill_null(value=True), '"' + text + '"')
    return text.fill_null("null").alias(name)
