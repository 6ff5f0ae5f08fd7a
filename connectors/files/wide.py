"""Wide exports, one column per tag, as the long rows every other file has."""

from __future__ import annotations

import polars as pl

from connectors import cells
from connectors.files.sheet import POSITION, Sheet
from plant.sources.batch import FilesSource

TAG, VALUE = "tag", "value"
"""Columns of the long rows a wide sheet becomes; beside them the time stamp under its own name."""


def as_long(source: FilesSource) -> FilesSource:
    """The source as its long rows are read: `columns` maps tag and value as `longer` names them."""
    if source.layout == "long":
        return source
    shared = {ours: theirs for ours, theirs in source.columns.items() if ours in {"ts", "server_at", "status"}}
    return source.model_copy(update={"columns": shared | {"tag": TAG, "value": VALUE}})


def longer(sheet: Sheet, source: FilesSource) -> Sheet:
    """One row per filled cell. Empty cells are no samples; the others of their row are.

    The tag is what `tags` says of the column's header; without `tags` every other column is one, by its header.
    Row numbers are line times number of columns plus column, so each cell has its own.
    """
    own = set(source.columns.values())
    headers = [c for c in sheet.rows.columns if c != POSITION and c not in own]
    taken = [h for h in headers if h in source.tags] if source.tags else headers
    words = {h: cells.as_text(sheet.rows[h], decimal_comma=source.decimal_comma) for h in taken}
    kept = sheet.rows.select(POSITION, *own).with_columns(**words)
    rows = kept.unpivot(taken, index=[POSITION, *own], variable_name=TAG, value_name=VALUE)
    filled = rows.filter(pl.col(VALUE).str.strip_chars() != "")
    place = pl.col(TAG).replace_strict({h: n for n, h in enumerate(taken)}, return_dtype=pl.Int64)
    numbered = filled.with_columns((pl.col(POSITION) * len(taken) + place).alias(POSITION))
    named = numbered.with_columns(pl.col(TAG).replace(source.tags)) if source.tags else numbered
    return Sheet(named.sort(POSITION), sheet.broken)
