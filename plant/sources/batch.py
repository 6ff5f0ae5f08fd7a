"""Sources a build reads when it runs: files and relational databases."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, model_validator

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


SqlMode = Literal["watermark", "append_only", "snapshot", "logical"]


class SqlTable(Strict):
    """A relational table to take in. Names are quoted as they are: any name a database allows is one."""

    name: Name = Field(description="name of the record set, and of the table where `table` is not given")
    table: str | None = Field(default=None, min_length=1, description="its name in the database, where it is another")
    mode: SqlMode | None = Field(
        default=None,
        description="watermark (default where one is given), append_only, snapshot (default) or logical (PostgreSQL)",
    )
    key: tuple[str, ...] = Field(default=("id",), min_length=1)
    watermark: str | tuple[str, ...] | None = Field(
        default=None, description="column that grows with every change; of several the first that is not null counts"
    )
    overlap: Duration = "10min"
    deletes: Literal["compare", "never"] | Annotated[int, Field(ge=1)] = Field(
        default="compare", description="look for vanished rows whenever the table changed, never, or every N changes"
    )
    reconcile: Duration | Literal["never"] = Field(
        default="24h", description="every row is compared again after this long, whatever the cheap signs say"
    )
    exclude: tuple[str, ...] = Field(default=(), description="columns left out, e.g. printed documents")
    retyped: tuple[str, ...] = Field(default=(), description="columns whose change of type is accepted")
    query: str | None = Field(default=None, description="one SELECT to use instead of the whole table")

    @property
    def watermarks(self) -> tuple[str, ...]:
        """Columns of the watermark, the one that counts first; empty without one."""
        return (self.watermark,) if isinstance(self.watermark, str) else self.watermark or ()

    @property
    def reading(self) -> SqlMode:
        """How changes are found."""
        return self.mode or ("watermark" if self.watermark else "snapshot")

    @model_validator(mode="after")
    def _possible(self) -> SqlTable:
        if self.mode == "watermark" and not self.watermarks:
            raise ValueError(f'table {self.name!r}: mode = "watermark" needs `watermark`; valid without it: snapshot')
        if self.query and self.mode == "logical":
            raise ValueError(
                f'table {self.name!r}: mode = "logical" follows a table; a `query` can be read as snapshot'
            )
        if unkept := [c for c in (*self.key, *self.watermarks) if c in self.exclude]:
            raise ValueError(f"table {self.name!r}: {', '.join(unkept)} is key or watermark and cannot be in `exclude`")
        return self


class SqlSource(Strict):
    """A relational database, read only. The URL comes from url_env where set."""

    kind: Literal["sql"]
    name: Name
    url: str = Field(description="SQLAlchemy URL; {root} is --root; no password here")
    url_env: str | None = None
    db_schema: str | None = None
    timezone: str = "UTC"
    slot: str | None = Field(
        default=None, pattern=r"^[a-z0-9_]{1,63}$", description='replication slot of mode = "logical"; one a source'
    )
    adapter: str | None = Field(
        default=None, description="shipped adapter, or a file relative to plant.toml: what to take in, and into what"
    )
    without: tuple[str, ...] = Field(default=(), description="tables of the adapter that are not taken in")
    tables: tuple[SqlTable, ...] = ()
    on_start: Literal["error", "retry", "ignore"] = "retry"
