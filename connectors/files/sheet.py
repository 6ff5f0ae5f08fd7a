"""Cells of a file in rows, and what is said of a file that has none."""

from __future__ import annotations

from dataclasses import dataclass

import polars as pl

from plant.errors import TerminalError

POSITION = "\x00row"
"""Name of the row number column of a `Sheet`; no file can have a column of that name."""
ASIDE: dict[str, pl.DataType] = {POSITION: pl.Int64(), "line": pl.String(), "found": pl.Int64(), "valid": pl.Int64()}


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


def no_broken() -> pl.DataFrame:
    """No lines with a wrong number of fields."""
    return pl.DataFrame(schema=ASIDE)
