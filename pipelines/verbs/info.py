"""`shopfloor info`: tables, versions, rows, freshness, source health, quarantine counts."""

from __future__ import annotations

import json
from pathlib import Path

from rich.console import Console
from rich.table import Table as RichTable

from pipelines.place import lake_place

SHOWN = {
    "Tables": "SELECT table_name, row_count, delta_version, files, bytes, written_at FROM meta.tables "
    "WHERE delta_version IS NOT NULL ORDER BY table_name",
    "Freshness": "SELECT table_name, latest_at, lag_s FROM meta.freshness WHERE latest_at IS NOT NULL ORDER BY 1",
    "Sources": "SELECT source, kind, state, last_at, values, message FROM meta.sources ORDER BY source",
    "Quarantine": "SELECT source, origin, reason, rows, open_rows, example FROM meta.quarantine ORDER BY rows DESC",
    "Failed checks": "SELECT table_name, check_name, severity, unexpected FROM meta.checks WHERE NOT passed",
}

_PIPED = 220
"""Characters a line where no terminal says how many fit: nothing is cut in a pipe or a log."""


def info_command(root: Path | None, *, as_json: bool) -> int:
    """The verb: what is in the published file, as tables or as JSON."""
    sections = read(root)
    console = Console(highlight=False)
    if not console.is_terminal:
        console.width = _PIPED
    if as_json:
        console.file.write(json.dumps(sections, default=str, indent=1) + "\n")
        return 0
    for title, rows in sections.items():
        console.print(_table(title, rows) if rows else f"{title}: none")
    return 0


def _table(title: str, rows: list[dict[str, object]]) -> RichTable:
    shown = RichTable(title=title, title_justify="left")
    for name in rows[0]:
        shown.add_column(name, no_wrap=name in ("table_name", "source"))
    for row in rows:
        shown.add_row(*("" if v is None else str(v)[:90] for v in row.values()))
    return shown


def read(root: Path | None) -> dict[str, list[dict[str, object]]]:
    """The sections as rows, from the live lake."""
    from warehouse.connect import connect

    where = lake_place(root)
    con = connect(where.root)
    return {title: con.sql(sql).pl().to_dicts() for title, sql in SHOWN.items()}
