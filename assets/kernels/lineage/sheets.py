"""A recall report as JSON values and as an Excel workbook. Report in, values or bytes out."""

from __future__ import annotations

import json
from io import BytesIO
from typing import Any

import polars as pl

from assets.kernels.lineage.recall import Report
from plant.errors import PlantError

INSTANT = pl.Datetime("us", "UTC")
MOST_ROWS = 1_000_000
"""Rows of a section an Excel sheet has room for."""


def values(book: Report) -> dict[str, Any]:
    """The report as values for JSON; instants stay datetimes."""
    return _facts(book) | {name: frame.to_dicts() for name, frame in book.sections.items()}


def json_text(book: Report) -> str:
    """The report as JSON; instants as ISO text."""
    return json.dumps(values(book), indent=1, default=lambda at: at.isoformat()) + "\n"


def _facts(book: Report) -> dict[str, Any]:
    return {
        "title": book.title, "direction": book.direction, "starts": list(book.starts), "closes": book.closes,
        "inputs_sha256": book.inputs_sha256, "versions": dict(book.versions),
    }  # fmt: skip


def workbook(book: Report) -> bytes:
    """The report as one workbook: a sheet with the facts, then one a section; instants as ISO text in UTC.

    Raises:
        PlantError: a section has more rows than a sheet holds.
    """
    import xlsxwriter  # type: ignore[import-untyped]

    long = [name for name, frame in book.sections.items() if frame.height > MOST_ROWS]
    if long:
        raise PlantError(f"{', '.join(long)}: more than {MOST_ROWS:,} rows, which no Excel sheet holds; write JSON")
    made = BytesIO()
    facts = _facts(book)
    with xlsxwriter.Workbook(made, {"in_memory": True}) as file:
        told = pl.DataFrame({"fact": list(facts), "value": [str(v) for v in facts.values()]})
        told.write_excel(file, worksheet="facts", autofit=True)
        for name, frame in book.sections.items():
            plain = frame.with_columns(pl.col(INSTANT).dt.strftime("%Y-%m-%dT%H:%M:%SZ"))
            plain.write_excel(file, worksheet=name, autofit=True)
    return made.getvalue()
