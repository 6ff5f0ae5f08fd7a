"""Lots in the cellar: an index of all lot links for fast walks, the rows a recall needs, and gold.lot_trace in SQL."""

from __future__ import annotations

from warehouse.lineage.index import LotIndex, UnknownLotError, lot_index
from warehouse.lineage.rows import Rows, rows_of

__all__ = ["LotIndex", "Rows", "UnknownLotError", "lot_index", "rows_of"]
