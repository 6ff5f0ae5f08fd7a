"""Which edits of people still hold: an edit may be reverted, and a revert reverted again."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime


def reverted(reverts: Iterable[tuple[datetime, str, str]]) -> set[str]:
    """Ids that no longer hold, out of reverts as (edited_at, edit_id, id it takes back).

    >>> from datetime import UTC, datetime
    >>> at = [datetime(2026, 1, n, tzinfo=UTC) for n in (1, 2, 3)]
    >>> sorted(reverted([(at[0], "r1", "edit"), (at[1], "r2", "r1")]))
    ['r1']
    """
    gone: set[str] = set()
    # The latest first: whether a revert holds is known before what it takes back is looked at.
    for _, edit_id, taken in sorted(reverts, reverse=True):
        if edit_id not in gone:
            gone.add(taken)
    return gone
