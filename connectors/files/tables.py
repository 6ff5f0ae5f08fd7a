"""A dropped file as a table of cells: CSV, Parquet, Excel, and the rows that are not even rows.

CSV cells stay text; Parquet and Excel cells keep their types. Nothing is interpreted here.
"""

from __future__ import annotations

import csv
import io
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path

import polars as pl

from plant.errors import TerminalError
from plant.sources.batch import FilesSource

POSITION = "\x00row"
"""Name of the row number column of a `Sheet`; no file can have a column of that name."""

SUFFIXES = {
    ".csv": "csv", ".txt": "csv", ".tsv": "csv", ".parquet": "parquet", ".pq": "parquet",
    ".xlsx": "excel", ".xlsm": "excel", ".xlsb": "excel", ".xls": "excel",
}  # fmt: skip
_ASIDE = {POSITION: pl.Int64(), "line": pl.String(), "found": pl.Int64(), "valid": pl.Int64()}


class UnreadableFileError(TerminalError):
    """A file is refused as a whole; `reason` is the code written to quarantine."""

    def __init__(self, reason: str, message: str) -> None:
        self.reason = reason
        super().__init__(message)


@dataclass(frozen=True)
class Sheet:
    """Rows of a file (row number from 1 in `POSITION`), and lines with a wrong number of fields."""

    rows: pl.DataFrame
    broken: pl.DataFrame


def load(path: Path, source: FilesSource) -> Sheet:
    """Read a file whole.

    Raises:
        UnreadableFileError: unknown suffix, undecodable text, truncated or damaged file, no header.
    """
    kind = SUFFIXES.get(path.suffix.lower(), "") if source.format == "auto" else source.format
    if not kind:
        raise UnreadableFileError(
            "unknown_format",
            f"{path}: suffix {path.suffix!r} is none of {', '.join(sorted(SUFFIXES))}: rename it or set `format`",
        )
    try:
        return {"csv": _csv, "parquet": _parquet, "excel": _excel}[kind](path, source)
    except (pl.exceptions.PolarsError, OSError, ValueError, csv.Error) as error:
        raise UnreadableFileError(
            "unreadable_file", f"{path}: cannot be read as {kind} ({_first_line(error)}): send the file again"
        ) from error
    except Exception as error:  # fastexcel and the Parquet reader raise types of their own
        if type(error).__module__.split(".")[0] not in {"fastexcel", "_fastexcel", "polars"}:
            raise
        raise UnreadableFileError(
            "unreadable_file", f"{path}: cannot be read as {kind} ({_first_line(error)}): send the file again"
        ) from error


def require(sheet: Sheet, source: FilesSource, path: Path) -> None:
    """Refuse a file that lacks a mapped or checked column, naming the nearest ones.

    Raises:
        UnreadableFileError: reason missing_column.
    """
    found = [c for c in sheet.rows.columns if c != POSITION]
    wanted = dict.fromkeys([*source.columns.values(), *source.checks])
    missing = [c for c in wanted if c not in found]
    if not missing:
        return
    near = {c: get_close_matches(c, found, 1, 0.5) for c in missing}
    hints = ", ".join(f"{c!r} (nearest: {n[0]!r})" if n else repr(c) for c, n in near.items())
    raise UnreadableFileError(
        "missing_column",
        f"{path}: no column {hints}; found: {', '.join(map(repr, found))}. "
        f"Correct `columns` of source {source.name!r} in plant.toml, or send the file with that column",
    )


def _parquet(path: Path, source: FilesSource) -> Sheet:
    return Sheet(_numbered(pl.read_parquet(path)), _no_broken())


def _excel(path: Path, source: FilesSource) -> Sheet:
    """The first sheet. All rows decide a column's type, so that one word in a number column makes it text."""
    sheet = pl.read_excel(path, infer_schema_length=None, drop_empty_rows=False, raise_if_empty=False)
    rows = _numbered(sheet)
    return Sheet(rows.filter(~pl.all_horizontal(pl.exclude(POSITION).is_null())) if sheet.width else rows, _no_broken())


def _csv(path: Path, source: FilesSource) -> Sheet:
    """Lines are counted before they are split: a line with a wrong number of fields is set aside, not padded."""
    try:
        text = path.read_bytes().decode(source.encoding.replace("utf8", "utf-8-sig"))
    except (UnicodeDecodeError, LookupError) as error:
        raise UnreadableFileError(
            "undecodable", f"{path}: not {source.encoding} text ({error}): set `encoding` of source {source.name!r}"
        ) from error
    plain = text.replace("\r\n", "\n").replace("\r", "\n") if "\r" in text else text
    lines = pl.Series("line", plain.split("\n"), dtype=pl.String)
    lines = lines.filter(lines.str.strip_chars() != "")
    if lines.is_empty():
        raise UnreadableFileError("empty_file", f"{path}: no header line: send the file again")
    quoted = lines.str.contains('"', literal=True)
    if quoted.any() and (lines.str.count_matches('"', literal=True) % 2 == 1).any():
        return _by_hand(text, source)
    bare = lines.str.replace_all(r'"[^"]*"', "") if quoted.any() else lines
    return _split(lines, bare.str.count_matches(source.separator, literal=True), source)


def _split(lines: pl.Series, separators: pl.Series, source: FilesSource) -> Sheet:
    frame = pl.DataFrame({"line": lines, "found": separators.cast(pl.Int64) + 1}).with_row_index(POSITION)
    frame = frame.with_columns(pl.col(POSITION).cast(pl.Int64), valid=pl.col("found").first())
    whole = pl.col("found") == pl.col("valid")
    good = frame if frame.select(whole.all()).item() else frame.filter(whole)
    rows = pl.read_csv(
        io.BytesIO("\n".join(good["line"]).encode()),
        separator=source.separator, infer_schema=False,
    )  # fmt: skip
    rows = rows.with_columns(good[POSITION][1:])
    return Sheet(rows, frame.filter(~whole).select(*_ASIDE))


def _by_hand(text: str, source: FilesSource) -> Sheet:
    """Quoted fields with line breaks: the csv module reads what a line count cannot."""
    read = [r for r in csv.reader(io.StringIO(text, newline=""), delimiter=source.separator) if r]
    header, width = read[0], len(read[0])
    good = [(n, r) for n, r in enumerate(read[1:], 1) if len(r) == width]
    bad = [(n, source.separator.join(r), len(r), width) for n, r in enumerate(read[1:], 1) if len(r) != width]
    cells = {h: [r[i] or None for _, r in good] for i, h in enumerate(header)}
    rows = pl.DataFrame(cells, schema=dict.fromkeys(header, pl.String))
    return Sheet(
        rows.with_columns(pl.Series(POSITION, [n for n, _ in good], dtype=pl.Int64)),
        pl.DataFrame(bad, schema=_ASIDE, orient="row"),
    )


def _numbered(rows: pl.DataFrame) -> pl.DataFrame:
    return rows.with_columns(pl.int_range(1, rows.height + 1, dtype=pl.Int64, eager=True).alias(POSITION))


def _no_broken() -> pl.DataFrame:
    return pl.DataFrame(schema=_ASIDE)


def _first_line(error: BaseException) -> str:
    return (str(error) or type(error).__name__).splitlines()[0][:200]
