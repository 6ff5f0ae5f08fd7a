"""Proposals as CSV, Excel or JSON: one file a batch, put in place whole, the same name when it is written again."""

from __future__ import annotations

import csv
import json
import os
from collections.abc import Iterator, Sequence
from io import BytesIO, StringIO
from pathlib import Path
from typing import Any

from connectors.erp.target import Delivered, Kept, Outgoing
from plant.errors import TerminalError

SUFFIX = {"csv": "csv", "excel": "xlsx", "json": "json"}
COLUMNS = ("key", "line", "kind", "title", "item", "quantity", "unit", "price_cents", "currency", "start_on", "due_on",
           "from_location", "to_location", "task", "partner", "reason", "approved_by", "approved_at")  # fmt: skip
"""One row a line; instants are ISO text in UTC, money minor currency units."""
_FORMULA = ("=", "+", "-", "@", "\t", "\r")


class FileTarget:
    """Writes batches into a folder. It cannot tell what became of them: a person confirms."""

    answers = False

    def __init__(self, form: str, folder: Path) -> None:
        if form not in SUFFIX:
            raise TerminalError(f"{form!r} is no file format; valid: {', '.join(SUFFIX)}")
        self.name = form
        self._folder = folder

    def ready(self) -> None:
        """Make the folder."""
        self._folder.mkdir(parents=True, exist_ok=True)

    def deliver(self, outgoing: Sequence[Outgoing], batch: str) -> Iterator[Delivered]:
        """Write all of a batch; the file is there whole, or not at all."""
        path = self._folder / batch
        rows = [row for one in sorted(outgoing, key=lambda o: o.key) for row in rows_of(one)]
        written = {"csv": _csv, "excel": _excel, "json": _json}[self.name](rows)
        _in_place(path, written)
        yield Delivered(arrived={one.key: batch for one in outgoing})

    def kept(self, outgoing: Sequence[Outgoing]) -> dict[str, Kept]:
        """Nothing: a file does not answer."""
        return {}


def rows_of(out: Outgoing) -> Iterator[dict[str, Any]]:
    """The lines of a proposal as flat rows."""
    for n, line in enumerate(out.content.lines, 1):
        head = {"key": out.key, "line": n, "kind": out.content.kind, "title": out.content.title}
        tail = {"partner": out.content.partner, "reason": out.content.reason, "currency": out.currency,
                "approved_by": out.approved_by, "approved_at": f"{out.approved_at:%Y-%m-%dT%H:%M:%SZ}"}  # fmt: skip
        row = head | line.model_dump(mode="json") | tail
        yield {name: row[name] for name in COLUMNS}


def _in_place(path: Path, content: bytes) -> None:
    aside = path.with_name(f".{path.name}.{os.getpid()}")
    with aside.open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    aside.replace(path)


def _csv(rows: Sequence[dict[str, Any]]) -> bytes:
    """UTF-8, comma, decimal point. A text that a spreadsheet would run as a formula gets a quote in front."""
    out = StringIO()
    writer = csv.DictWriter(out, COLUMNS, lineterminator="\n")
    writer.writeheader()
    writer.writerows({k: _tame(v) for k, v in row.items()} for row in rows)
    return out.getvalue().encode()


def _tame(value: object) -> object:
    return f"'{value}" if isinstance(value, str) and value.startswith(_FORMULA) else value


def _json(rows: Sequence[dict[str, Any]]) -> bytes:
    return json.dumps(rows, ensure_ascii=False, indent=1).encode()


def _excel(rows: Sequence[dict[str, Any]]) -> bytes:
    import xlsxwriter  # type: ignore[import-untyped]

    out = BytesIO()
    options = {"in_memory": True, "strings_to_formulas": False, "strings_to_urls": False}
    with xlsxwriter.Workbook(out, options) as book:
        sheet = book.add_worksheet("proposals")
        sheet.write_row(0, 0, COLUMNS)
        for n, row in enumerate(rows, 1):
            for column, name in enumerate(COLUMNS):
                if row[name] is not None:
                    sheet.write(n, column, row[name])
    return out.getvalue()
