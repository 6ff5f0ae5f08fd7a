"""The only room that knows Delta and DuckDB: the lake, the shop window, the shelf of models.

Rows come in through `Lake` (contract checked, exactly once), people look through `connect` and the
file of `publish`. What dashboards ask is in `warehouse.marts`.
"""

from __future__ import annotations

from warehouse.connect import Window, connect
from warehouse.lake import Lake, Written
from warehouse.publish import export_copy, publish
from warehouse.revisions.as_of import as_of
from warehouse.revisions.changes import why
from warehouse.revisions.notifications import refresh_changes
from warehouse.revisions.signoffs import SignoffError, sign_off
from warehouse.shelf import Shelf
from warehouse.state import CheckResult, Receipt, State

__all__ = [
    "CheckResult",
    "Lake",
    "Receipt",
    "Shelf",
    "SignoffError",
    "State",
    "Window",
    "Written",
    "as_of",
    "connect",
    "export_copy",
    "publish",
    "refresh_changes",
    "sign_off",
    "why",
]
