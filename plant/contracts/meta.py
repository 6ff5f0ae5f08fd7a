"""Meta: what the lake knows about itself. Filled at publication, read by the trust page and by analysts."""

from __future__ import annotations

from plant.tables import Column as C
from plant.tables import Table


def _meta(name: str, doc: str, key: tuple[str, ...], *columns: C) -> Table:
    return Table(name=f"meta.{name}", doc=doc, grain=" x ".join(key), key=key, write="replace", columns=columns)


TABLES = _meta(
    "tables", "Every table with its grain, version and size.", ("table_name",),
    C("table_name", "str", "schema.table"), C("doc", "str", "what it holds"), C("grain", "str", "one row is"),
    C("delta_version", "i64", "version shown; null: not written yet", null=True),
    C("row_count", "i64", "rows", null=True), C("files", "i64", "data files", null=True),
    C("bytes", "i64", "size of the data files", null=True), C("written_at", "instant", "last commit", null=True),
)  # fmt: skip

FRESHNESS = _meta(
    "freshness", "How far the data of each table reach.", ("table_name",),
    C("table_name", "str", "schema.table"), C("latest_at", "instant", "latest instant in the data", null=True),
    C("written_at", "instant", "last commit", null=True), C("lag_s", "f64", "published_at minus latest_at", null=True),
    C("published_at", "instant", "when this file was published"),
)  # fmt: skip

QUARANTINE = _meta(
    "quarantine", "Rejected and doubtful rows by source and reason.", ("source", "origin", "reason"),
    C("source", "str", "source"), C("origin", "str", "file, table or tag"), C("reason", "str", "reason code"),
    C("booked", "bool", "true: only reported; false: held back"), C("rows", "i64", "rows"),
    C("open_rows", "i64", "rows held back and not yet replayed"),
    C("first_at", "instant", "first"), C("last_at", "instant", "last"), C("example", "str", "message of one row"),
)  # fmt: skip

RECEIPTS = _meta(
    "receipts", "From each built day to the inputs it was built from.", ("table_name", "production_day"),
    C("table_name", "str", "schema.table"), C("production_day", "day", "day", null=True),
    C("inputs_hash", "str", "hash of the bronze files, orders, calendar and code it was built from"),
    C("content_hash", "str", "hash of the rows"), C("built_at", "instant", "when"), C("rows", "i64", "rows"),
)  # fmt: skip

SOURCES = _meta(
    "sources", "Health of each source.", ("source",),
    C("source", "str", "source"), C("kind", "str", "protocol"), C("state", "str", "connected, down, never seen, idle"),
    C("last_at", "instant", "last value or row", null=True), C("values", "i64", "values or rows taken in", null=True),
    C("message", "str", "last error or remark", null=True), C("since_at", "instant", "in this state since", null=True),
    C("last_value_at", "instant", "newest source time taken in", null=True),
    C("values_per_s", "f64", "values taken in a second, smoothed over 10 s", null=True),
    C("errors", "i64", "failed attempts to read since the collector started", null=True),
    C("reconnects", "i64", "connections after the first since the collector started", null=True),
    C("skew_s", "f64", "our clock minus the source's; null: it sends no time of its own", null=True),
    C("gaps", "i64", "tags times gaps recorded since the collector started", null=True),
)  # fmt: skip

CHECKS = _meta(
    "checks", "Last result of every data check.", ("table_name", "check_name"),
    C("table_name", "str", "schema.table"), C("check_name", "str", "expectation"), C("passed", "bool", "passed"),
    C("severity", "str", "blocking or warning"), C("unexpected", "i64", "rows against it", null=True),
    C("observed", "str", "observed value", null=True), C("checked_at", "instant", "when"),
)  # fmt: skip

META = (TABLES, FRESHNESS, QUARANTINE, RECEIPTS, SOURCES, CHECKS)
