"""The order in which rows are written, and how rows get into it: words by their ranks, instants by their runs."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import polars as pl

from plant.tables import Table

FEW_WORDS = 20_000
FIRST_ROWS = 32_768
"""Rows looked at first for the words of a column: a batch of a few seconds says all of them again and again."""


def ordered(table: Table, frame: pl.DataFrame) -> pl.DataFrame:
    """Rows in the order they are written: partition, the contract's sort, the key, then revisions; nulls first."""
    revisions = ("revision",) if table.history else ()
    names = dict.fromkeys((*([table.partition] if table.partition else []), *table.sort, *table.key, *revisions))
    by = [name for name in names if not _constant(frame[name])]
    while by and _rises(frame[by[-1]]):  # the sort is stable: what is in order stays so among equals
        by.pop()
    if not by:
        return frame
    if (order := _order([frame[name] for name in by])) is not None:
        return _taken(frame, order)
    return frame.sort([_sort_key(frame[name]) for name in by], nulls_last=False, maintain_order=True)


def _rises(column: pl.Series) -> bool:
    """Whether a column is in order; of categories nobody asks, they would be sorted as words for it."""
    return not isinstance(column.dtype, (pl.Categorical, pl.Enum)) and column.is_sorted()


def _order(columns: Sequence[pl.Series]) -> np.ndarray | None:
    """The order of rows by words and whole numbers, by a stable sort of each from the last; None for other columns.

    Words are a radix sort of their ranks, instants that are nearly in order a merge of runs.
    """
    keys = [_key(c) for c in columns]
    order: np.ndarray | None = None
    for key in reversed(keys):
        if key is None:
            return None
        order = np.argsort(key, kind="stable") if order is None else order[np.argsort(key[order], kind="stable")]
    return order


def _key(column: pl.Series) -> np.ndarray | None:
    if column.null_count() or not (column.dtype.is_integer() or column.dtype.is_temporal()):
        return _ranks(column)
    return column.to_physical().to_numpy()


def _taken(frame: pl.DataFrame, order: np.ndarray) -> pl.DataFrame:
    """Rows in another order; columns that say the same in every row need none."""
    moved = frame.select(c.name for c in frame if not _constant(c))[order]
    return frame.with_columns(moved.get_columns())


def _constant(column: pl.Series) -> bool:
    if column.is_empty() or column.null_count():
        return column.null_count() == len(column)
    column = column.to_physical()
    return column[0] == column[-1] and bool((column == column[0]).all())


def _ranks(words: pl.Series) -> np.ndarray | None:
    """The rank of each word in text order, 16 bits wide; None where there are nulls or too many words."""
    if not isinstance(words.dtype, (pl.String, pl.Categorical, pl.Enum)) or words.null_count():
        return None
    known = distinct(words)
    if len(known) > FEW_WORDS:
        return None
    if words.dtype == pl.String():
        return words.cast(pl.Enum(known.sort())).to_physical().to_numpy().astype("u2")
    codes: np.ndarray = words.to_physical().to_numpy()
    known = known.to_frame().sort(pl.first().cast(pl.String)).to_series()
    ranks = np.zeros(int(codes.max(initial=0)) + 1, "u2")
    ranks[known.to_physical().to_numpy()] = np.arange(len(known))
    return np.take(ranks, codes)


def _sort_key(column: pl.Series) -> pl.Expr:
    """Words that repeat sort three times faster by their rank (an Enum in text order)."""
    if isinstance(column.dtype, (pl.Categorical, pl.Enum)):
        return pl.col(column.name).cast(pl.String)
    if column.dtype != pl.String() or column.to_frame().select(pl.first().approx_n_unique()).item() > FEW_WORDS:
        return pl.col(column.name)
    return pl.col(column.name).cast(pl.Enum(column.unique().drop_nulls().sort()))


def distinct(words: pl.Series) -> pl.Series:
    """Each word once, in any order; of categories without nulls at a tenth of the cost, by counting their codes."""
    if not isinstance(words.dtype, (pl.Categorical, pl.Enum)) or words.null_count():
        return words.unique()
    codes = words.to_physical().to_numpy()
    first = np.full(int(codes.max(initial=0)) + 1, -1)
    at = _telling(codes)
    first[codes[at]] = at
    return words[first[first >= 0]]


def _telling(codes: np.ndarray) -> np.ndarray:
    """Rows that hold every code: the heads of runs, the first rows, or all."""
    heads = np.flatnonzero(codes[1:] != codes[:-1]) + 1
    if len(heads) < len(codes) // 8:
        return np.append(0, heads)[: len(codes)]
    met = np.zeros(int(codes.max(initial=0)) + 1, "?")
    met[codes[:FIRST_ROWS]] = True
    return np.arange(min(len(codes), FIRST_ROWS) if np.take(met, codes).all() else len(codes))
