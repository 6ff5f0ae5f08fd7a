"""Approved forecasts as files for planning and purchasing. Frame in, bytes out."""

from __future__ import annotations

from io import BytesIO

import polars as pl

XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
COLUMNS = (
    "item",
    "period",
    "period_start",
    "decided_quantity",
    "approved_by",
    "approved_at",
    "comment",
    "model_version",
)


def _plain(rows: pl.DataFrame) -> pl.DataFrame:
    """The columns that leave the house; instants as ISO text in UTC, which every program reads alike."""
    stamp = pl.col("approved_at").dt.strftime("%Y-%m-%dT%H:%M:%SZ")
    return rows.with_columns(approved_at=stamp).select(*COLUMNS).rename({"decided_quantity": "quantity"})


def csv(rows: pl.DataFrame) -> bytes:
    """Rows of `data.forecast` as CSV with a header, UTF-8, comma, decimal point."""
    return _plain(rows).write_csv().encode()


def excel(rows: pl.DataFrame) -> bytes:
    """Rows of `data.forecast` as one Excel sheet."""
    book = BytesIO()
    _plain(rows).write_excel(book, worksheet="forecast")
    return book.getvalue()
