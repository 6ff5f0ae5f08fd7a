"""A dropped file as tables of cells, a bounded piece at a time: CSV, Parquet, Excel; long or wide.

CSV cells stay text; Parquet and Excel cells keep their types. Nothing is interpreted here.
"""

from __future__ import annotations

import csv
import zipfile
from collections.abc import Iterator
from difflib import get_close_matches
from pathlib import Path
from typing import Any

import polars as pl

from connectors.files.sheet import POSITION, Sheet, UnreadableFileError, no_broken
from connectors.files.text import sheets as csv_sheets
from connectors.files.wide import longer
from plant.sources.batch import FilesSource

SUFFIXES = {
    ".csv": "csv", ".txt": "csv", ".tsv": "csv", ".parquet": "parquet", ".pq": "parquet",
    ".xlsx": "excel", ".xlsm": "excel", ".xlsb": "excel", ".xls": "excel",
}  # fmt: skip
PIECE_ROWS = 1_000_000
"""Rows of a Parquet file held in memory at a time."""
EXCEL_BYTES = 1 << 30
"""Most bytes of a part of an Excel file, unpacked: a sheet of all 1,048,576 rows and four columns has a quarter."""
EVERY_SHEET = "*"


def pieces(path: Path, source: FilesSource) -> Iterator[Sheet]:
    """Read a file, a bounded piece at a time: CSV and Parquet by size, Excel by sheet; each with the mapped columns.

    Files of reports come whole: `unique` looks over all of their rows.

    Raises:
        UnreadableFileError: unknown suffix, undecodable text, truncated or damaged file, no header, a missing column.
    """
    kind = _kind(path, source)
    read = {"csv": csv_sheets, "parquet": _parquet, "excel": _excel}[kind](path, source)
    while True:
        try:
            sheet = next(read, None)
        except (pl.exceptions.PolarsError, OSError, ValueError, csv.Error) as error:
            raise _unreadable(path, kind, error) from error
        except Exception as error:  # fastexcel and the Parquet reader raise types of their own
            if type(error).__module__.split(".")[0] not in {"fastexcel", "_fastexcel", "polars"}:
                raise
            raise _unreadable(path, kind, error) from error
        if sheet is None:
            return
        require(sheet, source, path)
        yield longer(sheet, source) if source.layout == "wide" else sheet


def _unreadable(path: Path, kind: str, error: Exception) -> UnreadableFileError:
    found = f"{path}: cannot be read as {kind} ({_first_line(error)}): send the file again"
    return UnreadableFileError("unreadable_file", found)


def _kind(path: Path, source: FilesSource) -> str:
    kind = SUFFIXES.get(path.suffix.lower(), "") if source.format == "auto" else source.format
    if not kind:
        raise UnreadableFileError(
            "unknown_format",
            f"{path}: suffix {path.suffix!r} is none of {', '.join(sorted(SUFFIXES))}: rename it or set `format`",
        )
    return kind


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


def _parquet(path: Path, source: FilesSource) -> Iterator[Sheet]:
    rows = pl.scan_parquet(path)
    height = rows.select(pl.len()).collect().item()
    for start in range(0, max(height, 1), PIECE_ROWS):
        yield Sheet(_numbered(rows.slice(start, PIECE_ROWS).collect(), start), no_broken())


def _excel(path: Path, source: FilesSource) -> Iterator[Sheet]:
    """The sheets asked for, one in memory at a time.

    All rows decide a column's type, so that one word in a number column makes it text.
    """
    _refuse_bomb(path)
    settings: dict[str, Any] = {"infer_schema_length": None, "drop_empty_rows": False, "raise_if_empty": False}
    before = 0
    for name in _sheet_names(path, source):
        sheet = pl.read_excel(path, sheet_name=name, **settings)
        rows = _numbered(sheet, before)
        before += sheet.height
        if sheet.width or not source.sheets:  # an empty sheet beside others is nothing
            filled = ~pl.all_horizontal(pl.exclude(POSITION).is_null())
            yield Sheet(rows.filter(filled) if sheet.width else rows, no_broken())


def _sheet_names(path: Path, source: FilesSource) -> list[str | None]:
    """Those the source asks for; None is the first.

    Raises:
        UnreadableFileError: reason missing_sheet.
    """
    if not source.sheets:
        return [None]
    import fastexcel  # late: a quarter of a second, and few sources need it

    every = fastexcel.read_excel(path).sheet_names
    wanted = every if source.sheets == (EVERY_SHEET,) else list(source.sheets)
    if missing := [name for name in wanted if name not in every]:
        raise UnreadableFileError(
            "missing_sheet",
            f"{path}: no sheet {', '.join(map(repr, missing))}; found: {', '.join(map(repr, every))}. Correct "
            f"`sheets` of source {source.name!r} in plant.toml, or send the file with that sheet",
        )
    return list(wanted)


def _refuse_bomb(path: Path) -> None:
    """An Excel file is packed, and a sheet is read whole: refuse one that would not fit before it is unpacked.

    Raises:
        UnreadableFileError: reason unreadable_file.
    """
    if not zipfile.is_zipfile(path):  # .xls is not packed; what is none at all is told by who reads it
        return
    with zipfile.ZipFile(path) as packed:
        largest = max((part.file_size for part in packed.infolist()), default=0)
    if largest > EXCEL_BYTES:
        raise UnreadableFileError(
            "unreadable_file",
            f"{path}: a sheet of {largest} bytes unpacked, at most {EXCEL_BYTES} are read: send it as CSV or Parquet, "
            "which are read a piece at a time",
        )


def _numbered(rows: pl.DataFrame, before: int) -> pl.DataFrame:
    numbers = pl.int_range(before + 1, before + rows.height + 1, dtype=pl.Int64, eager=True)
    return rows.with_columns(numbers.alias(POSITION))


def _first_line(error: BaseException) -> str:
    return (str(error) or type(error).__name__).splitlines()[0][:200]
