"""An append to a Delta table as Parquet files that Arrow writes: a third of the CPU time of delta-rs' own writer.

delta-rs takes words as words and hashes every one of them again; Arrow writes a dictionary column as the codes it is.
The commit itself is delta-rs', with the same transaction marks, so exactly-once and conflicts are as before.
"""

from __future__ import annotations

import json
import math
import time
import uuid
from collections.abc import Iterator
from datetime import date, datetime
from pathlib import Path
from typing import Any
from urllib.parse import quote, unquote, urlsplit

import numpy as np
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
from deltalake import CommitProperties, DeltaTable
from deltalake.transaction import AddAction, RemoveAction

from plant.errors import TransientError
from plant.tables import DTYPES, Table
from warehouse.large.order import distinct

LONGEST = 256
"""Characters of a word in the log's statistics; a column with a longer extreme has none."""


def append(delta: DeltaTable, contract: Table, rows: pl.DataFrame, marks: CommitProperties, group_rows: int) -> None:
    """Write rows as one file a partition and commit them with this very handle.

    Args:
        delta: the table, with all columns of the contract.
        contract: what the rows conform to; words may be categories.
        rows: ordered; not empty.
        marks: the transaction that makes the append happen once.
        group_rows: most rows of a row group.

    Raises:
        CommitFailedError: another writer was faster; the files stay behind unused, until the table is tidied.
        TransientError: a file could not be written, e.g. the disk is full.
    """
    path = Path(unquote(urlsplit(delta.table_uri).path))
    parts = _parts(contract, rows)
    actions: list[AddAction | RemoveAction] = [_added(contract, path, *part, group_rows) for part in parts]
    split = [contract.partition] if contract.partition else None
    delta.create_write_transaction(actions, "append", delta.schema(), split, commit_properties=marks)
    delta.update_incremental()  # unlike a write, this leaves the handle at the version it was at


def _parts(contract: Table, rows: pl.DataFrame) -> Iterator[tuple[str | None, pl.DataFrame]]:
    """Partition value as the log writes it, and its rows; in order, so each is a slice."""
    if contract.partition is None:
        yield None, rows
        return
    begin = 0
    for value, count in zip(*(rows[contract.partition].rle().struct.field(f) for f in ("value", "len")), strict=True):
        yield value.isoformat() if isinstance(value, date) else str(value), rows[begin : begin + count]
        begin += count


def _added(contract: Table, path: Path, value: str | None, rows: pl.DataFrame, group_rows: int) -> AddAction:
    """Write the file of one partition; returns what the log says of it."""
    folder = "" if value is None else f"{contract.partition}={quote(value, safe='')}/"
    name = f"{folder}part-00000-{uuid.uuid4()}-c000.zstd.parquet"
    data = _arrow(contract, rows.drop(contract.partition or []))
    try:
        (path / name).parent.mkdir(exist_ok=True)
        _write(data, path / name, contract, group_rows)
        size = (path / name).stat().st_size
    except OSError as error:
        raise TransientError(f"{contract.name}: {path / name} could not be written: {error}") from error
    stats = {"numRecords": rows.height} | _statistics(rows)
    split = {} if contract.partition is None else {contract.partition: value}
    return AddAction(name, size, split, time.time_ns() // 1_000_000, data_change=True, stats=json.dumps(stats))


def _write(data: pa.Table, file: Path, contract: Table, group_rows: int) -> None:
    packed = [name for name in data.column_names if _packed(contract, name)]
    words = [f.name for f in data.schema if f.name not in packed and f.type != pa.float64()]
    with pq.ParquetWriter(
        file,
        data.schema,
        compression="zstd",
        compression_level=3,
        use_dictionary=words,
        write_statistics=[f.name for f in data.schema if f.name in contract.sort or not _worded(f.type)],
        column_encoding=dict.fromkeys(packed, "DELTA_BINARY_PACKED") or None,
        store_schema=False,  # else readers take the codes' type for the column's
    ) as writer:
        writer.write_table(data, group_rows)


def _packed(contract: Table, name: str) -> bool:
    """Instants and positions: sorted or nearly so, a third smaller as differences."""
    return contract.schema[name] == DTYPES["instant"] or name == "seq"


def _worded(kind: pa.DataType) -> bool:
    """Words: their extremes cost as much as writing them, and only those sorted by can leave a row group out."""
    return bool(pa.types.is_dictionary(kind) or pa.types.is_large_string(kind))


def _arrow(contract: Table, rows: pl.DataFrame) -> pa.Table:
    """The columns as Arrow; one word in all rows as one entry of a dictionary, only nulls as nothing at all.

    Columns the contract has no nulls in say so: a sixth of the cost of writing them.
    """
    columns = [_column(c) for c in rows]
    fields = [pa.field(n, c.type, nullable=contract.column(n).null) for n, c in zip(rows.columns, columns, strict=True)]
    return pa.Table.from_arrays(columns, schema=pa.schema(fields))


def _column(column: pl.Series) -> pa.Array:
    if isinstance(column.dtype, (pl.Categorical, pl.Enum)) and not column.null_count():
        return _codes(column)
    if column.dtype == pl.String() and column.null_count() == len(column):
        return pa.nulls(len(column), pa.large_string())
    return _one(column, len(column)) if _single(column) else column.to_arrow(compat_level=pl.CompatLevel.oldest())


def _codes(column: pl.Series) -> pa.Array:
    """Categories as a dictionary of the words that are there, a third of the cost of having Polars make it."""
    known, codes = distinct(column), column.to_physical().to_numpy()
    place = np.zeros(int(codes.max(initial=0)) + 1, "i4")
    place[known.to_physical().to_numpy()] = np.arange(len(known))
    if len(known) == 1:
        return _one(column.head(1).cast(pl.String), len(column))
    words = known.cast(pl.String).to_arrow(compat_level=pl.CompatLevel.oldest())
    return pa.DictionaryArray.from_arrays(pl.Series(np.take(place, codes)).to_arrow(), words, safe=False)


def _single(column: pl.Series) -> bool:
    return column.dtype == pl.String() and column.null_count() == 0 and bool((column == column[0]).all())


def _one(word: pl.Series, rows: int) -> pa.Array:
    codes = pl.repeat(0, rows, dtype=pl.Int8, eager=True).to_arrow()
    return pa.DictionaryArray.from_arrays(codes, word[:1].to_arrow(compat_level=pl.CompatLevel.oldest()))


def _statistics(rows: pl.DataFrame) -> dict[str, dict[str, Any]]:
    """minValues, maxValues and nullCount of the rows; no extremes of a column that has none the log can say."""
    least: dict[str, Any] = {}
    most: dict[str, Any] = {}
    for column in rows:
        told = distinct(column).cast(pl.String) if isinstance(column.dtype, (pl.Categorical, pl.Enum)) else column
        low, high = _logged(told.min()), _logged(told.max())
        if low is not None and high is not None:
            least[column.name], most[column.name] = low, high
    return {"minValues": least, "maxValues": most, "nullCount": {c.name: c.null_count() for c in rows}}


def _logged(value: Any) -> Any:
    """A value as the log writes it; None for what JSON cannot say or nobody looks for."""
    if isinstance(value, datetime):
        return value.strftime("%Y-%m-%dT%H:%M:%S.%fZ")
    if isinstance(value, date):
        return value.isoformat()
    if (isinstance(value, float) and not math.isfinite(value)) or isinstance(value, bytes):
        return None
    return None if isinstance(value, str) and len(value) > LONGEST else value
