"""Edits of people, append only in bronze.edits: another state, another reason, samples that do not count, reverts.

Nothing is overwritten: an edit lies over what was recorded, a revert takes it away again. The numbers follow with the
next build. Every mistake is said before anything is written.
"""

from __future__ import annotations

from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path
from typing import Any

import polars as pl

from plant.config import Plant, tag_id
from plant.edits import reverted
from plant.errors import PlantError
from plant.states import STATE_WORDS, LossClass
from plant.tables import table
from warehouse.lake import Lake

NAME = "bronze.edits"
CLASSES = tuple(c.value for c in LossClass)
Root = Path | str | Lake


class EditError(PlantError):
    """An edit that cannot be taken; says what was found, what is valid, what to do."""


def edit_state(
    root: Root, plant: Plant, machine: str, start_at: datetime, end_at: datetime, state: str, by: str, *,
    reason: str | None = None, reason_class: str | None = None, comment: str | None = None, now: datetime | None = None,
) -> str:  # fmt: skip
    """Say which state a machine was in from `start_at` (inclusive) to `end_at` (exclusive), with the reason if known.

    Returns:
        The id of the edit.

    Raises:
        EditError: unknown machine, state or class; empty or reversed stretch; nobody named.
    """
    if state not in STATE_WORDS:
        raise EditError(f"state {state!r} is not known; valid: {', '.join(STATE_WORDS)}")
    row = _stretch(plant, machine, start_at, end_at) | _why(reason, reason_class) | {"kind": "state", "state": state}
    return _append(root, [row], by, comment, now)[0]


def edit_reason(
    root: Root, plant: Plant, machine: str, start_at: datetime, end_at: datetime, reason: str, reason_class: str,
    by: str, *, comment: str | None = None, now: datetime | None = None,
) -> str:  # fmt: skip
    """Say why a machine did not produce in a stretch; the recorded state stays.

    Returns:
        The id of the edit.

    Raises:
        EditError: as `edit_state`; an empty reason.
    """
    row = _stretch(plant, machine, start_at, end_at) | _why(_said(reason, "reason"), reason_class) | {"kind": "reason"}
    return _append(root, [row], by, comment, now)[0]


def split(
    root: Root, plant: Plant, machine: str, start_at: datetime, at: datetime, end_at: datetime,
    first: tuple[str, str], second: tuple[str, str], by: str, *,
    comment: str | None = None, now: datetime | None = None,
) -> tuple[str, str]:  # fmt: skip
    """Split a stop at an instant: (reason, class) of the part before `at` and of the part from `at` on, in one commit.

    Returns:
        The ids of the two edits.

    Raises:
        EditError: as `edit_reason`; `at` is not inside the stop.
    """
    if not start_at < at < end_at:
        raise EditError(f"the stop is split at {at}; valid is an instant between {start_at} and {end_at}")
    parts = ((start_at, at, first), (at, end_at, second))
    rows = [
        _stretch(plant, machine, since, until) | _why(_said(why[0], "reason"), why[1]) | {"kind": "reason"}
        for since, until, why in parts
    ]
    before, after = _append(root, rows, by, comment, now)
    return before, after


def retract(
    root: Root, plant: Plant, tag: str, start_at: datetime, end_at: datetime, by: str, *,
    comment: str | None = None, now: datetime | None = None,
) -> str:  # fmt: skip
    """Say that the raw samples of a tag (machine.tag) in a stretch do not count; they stay in bronze.

    Returns:
        The id of the retraction.

    Raises:
        EditError: unknown tag; empty or reversed stretch; nobody named.
    """
    machines = {tag_id(m, t): m.name for m, t in plant.tags()}
    if tag not in machines:
        raise EditError(f"tag {tag!r} is not in {plant.path}; valid: {_near(tag, machines)}")
    row = _stretch(plant, machines[tag], start_at, end_at) | {"kind": "retract", "tag": tag}
    return _append(root, [row], by, comment, now)[0]


def revert(root: Root, edit_id: str, by: str, *, comment: str | None = None, now: datetime | None = None) -> str:
    """Take an edit back, or a revert: what it lay over holds again.

    Returns:
        The id of the revert.

    Raises:
        EditError: no such edit, or it was reverted already.
    """
    rows = _lake(root).scan(NAME).select("edit_id", "kind", "reverts", "edited_by", "edited_at").collect()
    if edit_id not in set(rows["edit_id"]):
        raise EditError(f"there is no edit {edit_id!r}; `shopfloor edit list` shows the {rows.height} there are")
    standing = _standing(rows)
    if edit_id not in standing:
        last = rows.filter(pl.col("reverts") == edit_id).sort("edited_at").row(-1, named=True)
        raise EditError(
            f"edit {edit_id!r} was reverted by {last['edited_by']} at {last['edited_at']}; "
            f"revert {last['edit_id']!r} to bring it back"
        )
    return _append(root, [{"kind": "revert", "reverts": edit_id}], by, comment, now)[0]


def edits(root: Root) -> pl.DataFrame:
    """Every row of bronze.edits with `holds`: false where it was reverted. Oldest first."""
    rows = _lake(root).scan(NAME).collect()
    holds = pl.col("edit_id").is_in(list(_standing(rows)))
    return rows.with_columns(holds=holds).sort("edited_at", "edit_id")


def _standing(rows: pl.DataFrame) -> set[str]:
    taken = rows.filter(pl.col("kind") == "revert").select("edited_at", "edit_id", "reverts").rows()
    return set(rows["edit_id"]) - reverted(taken)


def _lake(root: Root) -> Lake:
    return root if isinstance(root, Lake) else Lake(root)


def _stretch(plant: Plant, machine: str, start_at: datetime, end_at: datetime) -> dict[str, Any]:
    if machine not in plant.machines:
        raise EditError(f"machine {machine!r} is not in {plant.path}; valid: {_near(machine, plant.machines)}")
    for name, at in (("start", start_at), ("end", end_at)):
        if at.tzinfo is None:
            raise EditError(f"{name} {at} has no time zone; give an instant with one, e.g. {at.isoformat()}+00:00")
    if end_at <= start_at:
        what = "is empty" if end_at == start_at else "ends before it starts"
        raise EditError(f"the stretch {start_at} to {end_at} {what}; the end is exclusive and lies after the start")
    return {"machine": machine, "start_at": start_at, "end_at": end_at}


def _why(reason: str | None, reason_class: str | None) -> dict[str, Any]:
    if reason_class is not None and reason_class not in CLASSES:
        raise EditError(f"reason class {reason_class!r} is not known; valid: {', '.join(CLASSES)}")
    return {"reason": reason, "reason_class": reason_class}


def _said(text: str, what: str) -> str:
    if not text.strip():
        raise EditError(f"the {what} is empty; say it in words")
    return text.strip()


def _near(name: str, known: Any) -> str:
    from difflib import get_close_matches

    listed = sorted(known)
    return ", ".join(get_close_matches(name, listed, 3) or listed[:12])


def _append(root: Root, rows: list[dict[str, Any]], by: str, comment: str | None, now: datetime | None) -> list[str]:
    """Append edits of one person in one commit; the id is a hash of what is said, by whom and when."""
    schema, at = table(NAME).schema, now or datetime.now(UTC)
    by = _said(by, "name of who edits")
    ids = [sha256(repr((sorted(r.items()), by, at)).encode()).hexdigest()[:12] for r in rows]
    full = [
        dict.fromkeys(schema) | r | {"edit_id": i, "edited_by": by, "edited_at": at, "comment": comment}
        for i, r in zip(ids, rows, strict=True)
    ]
    frame = pl.DataFrame(full, schema=schema, orient="row")
    _lake(root).append_once(NAME, frame, f"edits:{'+'.join(ids)}", 0)
    return ids
