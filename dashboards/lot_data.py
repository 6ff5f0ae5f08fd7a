"""What the page of batches reads: traces over the lot index, kept until a table of lots has a new Delta version.

The part of `dashboards.data` for lots. The walk and the report are the pure functions of `assets.kernels.lineage`, so
that a page and `shopfloor recall` say the same; everything that is read comes from the warehouse.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import polars as pl
import streamlit as st

from assets.kernels.lineage.flow import trace
from assets.kernels.lineage.graph import Direction
from assets.kernels.lineage.recall import Report, report
from assets.kernels.lineage.sheets import json_text, workbook
from assets.kernels.lineage.tree import Leaf, tree
from dashboards.data import root
from plant.errors import MissingTableError
from warehouse import Lake
from warehouse.lineage import UnknownLotError, lot_index, rows_of
from warehouse.lineage.rows import BOOKS, fingerprint

__all__ = ["Leaf", "Report", "UnknownLotError", "json_text", "tree", "workbook"]  # the page takes them from here

LATEST = 300


@dataclass(frozen=True)
class Latest:
    """The lots made or received last, newest first: lot, material, created_at; and how many lots there are."""

    lots: pl.DataFrame
    count: int


@st.cache_resource(show_spinner=False)
def _lake(at: str) -> Lake:
    return Lake(Path(at))


def _versions(lake: Lake) -> tuple[int | None, ...]:
    return tuple(lake.version(name) for name in BOOKS)


def latest() -> Latest:
    """The newest lots, for the picker."""
    at = str(root())
    return _latest(at, _versions(_lake(at)))


@st.cache_data(max_entries=4, show_spinner=False)
def _latest(at: str, versions: tuple[int | None, ...]) -> Latest:
    rows = _lake(at).scan("silver.lots")
    newest = rows.sort("created_at", "lot", descending=True, nulls_last=True).head(LATEST)
    count = int(rows.select(pl.len()).collect().item())
    return Latest(newest.select("lot", "material", "created_at").collect(), count)


def recall(*, lot: str, direction: Direction) -> Report | None:
    """The recall report of a lot without the floor; None when there are no lot links.

    Raises:
        UnknownLotError: there is no such lot; says which are nearest.
    """
    at = str(root())
    return _recall(at, lot, direction, _versions(_lake(at)))


@st.cache_data(max_entries=20, show_spinner="Tracing")
def _recall(at: str, lot: str, direction: Direction, versions: tuple[int | None, ...]) -> Report | None:
    lake = _lake(at)
    try:
        index = lot_index(lake)
    except MissingTableError:
        return None
    traced = trace(index.arrays, index.numbers([lot]), direction)
    names = index.names(traced.reached.lots)
    given = rows_of(lake, names)
    return report(lot, traced, names, given, fingerprint(given), index.versions)
