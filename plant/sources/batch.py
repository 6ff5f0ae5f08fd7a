"""Sources a build reads when it runs: files and relational databases."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from plant.shifts.sections import Duration, Name, Strict

FILE_COLUMNS: dict[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    "readings": (("tag", "ts", "value"), ("status", "server_at", "text", "machine", "unit")),
    "reports": (
        ("machine", "start_at", "end_at", "report"),
        ("order_id", "product", "operation", "operator", "good_pcs", "scrap_pcs", "rework_pcs"),
    ),
}
"""Our names in `columns` of a files source, by content: those that must be mapped, those that may be."""


class FilesSource(Strict):
    """Files dropped in a folder. `columns` maps our column names to theirs."""

    kind: Literal["files"]
    name: Name
    path: str = Field(description="folder or glob; relative to --root, or absolute")
    content: Literal["readings", "reports"] = "readings"
    format: Literal["auto", "csv", "parquet", "excel"] = "auto"
    layout: Literal["long", "wide"] = Field(default="long", description="wide: one column per tag, readings only")
    sheets: tuple[str, ...] = Field(default=(), description="sheets of Excel files; '*' is all; the first without")
    settle: Duration = Field(default="2s", description="a file changed less than this ago may still be written")
    columns: dict[str, str] = Field(description="our column -> their column")
    tags: dict[str, str] = Field(default={}, description="wide: their header -> our tag (machine.tag)")
    timezone: str = "UTC"
    timestamp_format: str | None = None
    decimal_comma: bool = False
    thousands: Literal["", ",", ".", " ", "'"] = Field(default="", description="between groups of three digits")
    separator: str = ","
    encoding: str = "utf8"
    states: Name | None = Field(default=None, description="mapping of report types, for content reports")
    machines: dict[str, Name] = Field(default={}, description="their machine name -> ours; others pass unchanged")
    unique: bool = Field(default=False, description="exact duplicate rows are quarantined, not booked")
    checks: dict[str, Literal["span"]] = Field(
        default={}, description="their column -> check; 'span' must read HHH:MM and equal end - start"
    )


class SqlTable(Strict):
    """A relational table to take in."""

    name: Name
    key: tuple[str, ...] = ("id",)
    watermark: str | None = None
    overlap: Duration = "10min"
    query: str | None = Field(default=None, description="SELECT to use instead of the whole table")


class SqlSource(Strict):
    """A relational database, read only. The URL comes from url_env where set."""

    kind: Literal["sql"]
    name: Name
    url: str = Field(description="SQLAlchemy URL; {root} is --root; no password here")
    url_env: str | None = None
    db_schema: str | None = None
    timezone: str = "UTC"
    tables: tuple[SqlTable, ...] = ()
    on_start: Literal["error", "retry", "ignore"] = "retry"
