"""Proposals in the lake: `bronze.proposals`, appended by steps, read as books. The rules are in `plant.proposals`."""

from __future__ import annotations

from warehouse.proposals.acts import approve, draft, edit, expire_due, reject, submit
from warehouse.proposals.audit import Audit, audit
from warehouse.proposals.drafts import drafts
from warehouse.proposals.handover import claim, confirmed, exported, failed, reconciled
from warehouse.proposals.store import Book, TamperedError, book, history

__all__ = [
    "Audit",
    "Book",
    "TamperedError",
    "approve",
    "audit",
    "book",
    "claim",
    "confirmed",
    "draft",
    "drafts",
    "edit",
    "expire_due",
    "exported",
    "failed",
    "history",
    "reconciled",
    "reject",
    "submit",
]
