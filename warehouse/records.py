"""silver.record_history: what every relational record said from when to when, a DuckDB view over bronze.records."""

from __future__ import annotations

from collections.abc import Iterator

import duckdb

from warehouse.snapshot import literal

COMMENTS = {
    "": "Every seen version of every relational record. One row: record x version. As of an instant t: valid_from_at "
    "<= t AND (valid_to_at IS NULL OR valid_to_at > t) AND NOT deleted. Versions between two readings were not seen.",
    "record_set": "source.table, e.g. erp.work_orders", "record_key": "key of the record, JSON array of its columns",
    "valid_from_at": "when this version was first read", "valid_to_at": "when the next one was read; null: it holds",
    "version": "1 for the first of a record, and so on", "deleted": "the record was gone from valid_from_at on",
    "payload": "the row as a JSON object; of a deleted one the last there was; null: none was ever seen",
    "watermark": "value of the watermark column", "row_hash": "hash of the payload; gone: a tombstone",
    "segment": "ingestion batch", "seq": "position inside the batch",
}  # fmt: skip

_VIEW = """
SELECT record_set, record_key, ingested_at AS valid_from_at, lead(ingested_at) OVER so_far AS valid_to_at,
    row_number() OVER so_far AS version, deleted,
    CASE WHEN deleted THEN last_value(CASE WHEN NOT deleted THEN payload END IGNORE NULLS) OVER so_far ELSE payload END
        AS payload,
    watermark, row_hash, segment, seq
FROM (FROM bronze.records
    QUALIFY row_number() OVER (PARTITION BY record_set, record_key, ingested_at ORDER BY segment DESC, seq DESC) = 1)
WINDOW so_far AS (PARTITION BY record_set, record_key ORDER BY ingested_at)"""


def create_record_history(con: duckdb.DuckDBPyConnection) -> None:
    """Create or replace silver.record_history over the bronze.records a connection shows."""
    con.execute(f"CREATE OR REPLACE VIEW silver.record_history AS {_VIEW}")


def comment_record_history() -> Iterator[str]:
    """COMMENT statements of the view and its columns."""
    for column, words in COMMENTS.items():
        of = f"COLUMN silver.record_history.{column}" if column else "VIEW silver.record_history"
        yield f"COMMENT ON {of} IS {literal(words)}"
