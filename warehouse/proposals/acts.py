"""What people do with proposals before they leave: draft, edit, submit, approve, reject; and what time does: expire.

Every step is recorded exactly once, by somebody with the right, or refused with a sentence and not recorded.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from typing import Any, Literal

from plant.config import Plant
from plant.proposals.chain import Event
from plant.proposals.content import Content, Kind, ProposalError, body, content, key_of
from plant.proposals.rights import SYSTEM, Right, granted, person
from plant.proposals.states import AFTER, Standing
from plant.units import duration
from warehouse.proposals.store import Book, Root, Step, record

MAX_COMMENT = 2000
RIGHT: Mapping[str, Right] = {"submit": "submit", "edit": "submit", "approve": "approve", "reject": "approve"}


def draft(
    root: Root, plant: Plant, given: Content | Mapping[str, Any], by: str, *,
    comment: str | None = None, salt: str = "", now: datetime | None = None,
) -> Standing:  # fmt: skip
    """Make a draft. The same content (and salt) is one proposal: a second time changes nothing.

    Raises:
        ProposalError: it is no proposal; RightError: the person may not submit this kind.
    """
    return draft_all(root, plant, [(given, salt)], by, comment=comment, now=now)[0]


def draft_all(
    root: Root, plant: Plant, given: Iterable[tuple[Content | Mapping[str, Any], str]], by: str, *,
    comment: str | None = None, now: datetime | None = None,
) -> list[Standing]:  # fmt: skip
    """Make several drafts, (content, salt) each, all of them or none, in one commit. `shopfloor` may draft only."""
    made = {
        key_of(c, salt): c for c, salt in ((one if isinstance(one, Content) else content(one), s) for one, s in given)
    }
    for one in made.values():
        if person(by) != SYSTEM:
            granted(plant.file.role, by, "submit", one.kind, one.value_cents)
    remark = checked(comment)

    def decide(held: Book) -> list[Step]:
        fresh = [(k, c) for k, c in made.items() if k not in held.standings]
        return [Step(k, c.kind, "draft", by, remark, c, expiry(plant, c.kind, held)) for k, c in fresh]

    held = record(root, decide, now)
    return [held.standing(key) for key in made]


def edit(
    root: Root, plant: Plant, key: str, given: Content | Mapping[str, Any], by: str, *,
    comment: str | None = None, seen: int | None = None, now: datetime | None = None,
) -> Standing:  # fmt: skip
    """Replace the content; it is a draft again, and whoever edits may not approve it. The kind stays."""
    new = given if isinstance(given, Content) else content(given)

    def steps(held: Book, old: Standing) -> list[Step]:
        if new.kind != old.kind:
            raise ProposalError(f"{key} is a {old.kind} proposal and stays one; make a new one for {new.kind}")
        granted(plant.file.role, by, "submit", new.kind, new.value_cents)
        if old.state == "draft" and body(new) == body(old.content):
            return []
        return [Step(key, new.kind, "edit", by, checked(comment), new, expiry(plant, new.kind, held))]

    return _one(root, key, steps, seen, now)


def submit(
    root: Root, plant: Plant, key: str, by: str, *,
    comment: str | None = None, seen: int | None = None, now: datetime | None = None,
) -> Standing:  # fmt: skip
    """Hand a draft in for approval; its time starts anew."""
    return _decide(root, plant, key, "submit", by, comment, seen, now)


def approve(
    root: Root, plant: Plant, key: str, by: str, *,
    comment: str | None = None, seen: int | None = None, now: datetime | None = None,
) -> Standing:  # fmt: skip
    """Approve what was submitted; never by who submitted or last edited it.

    Args:
        root: the state folder or its lake.
        plant: its roles say who may.
        key: the proposal.
        by: who approves.
        comment: why; kept with the step.
        seen: `seq` of the standing the person looked at; refused when it is another by now.
        now: the clock, for tests.
    """
    return _decide(root, plant, key, "approve", by, comment, seen, now)


def reject(
    root: Root, plant: Plant, key: str, by: str, *,
    comment: str | None = None, seen: int | None = None, now: datetime | None = None,
) -> Standing:  # fmt: skip
    """Reject what was submitted, or approved and not yet exported; needs a reason."""
    if not (comment or "").strip():
        raise ProposalError(f"to reject {key} needs a comment: say why, so that it can be put right")
    return _decide(root, plant, key, "reject", by, comment, seen, now)


def expire_due(root: Root, now: datetime | None = None) -> list[str]:
    """Record what ran out; the keys of those. Called before lists and exports; nothing else is automatic."""
    told: list[str] = []

    def decide(held: Book) -> list[Step]:
        told[:] = [s.key for s in held.standings.values() if s.expired(held.now)]
        return [Step(k, held.standings[k].kind, "expire", SYSTEM, "its time is up") for k in told]

    record(root, decide, now)
    return told


def _decide(
    root: Root, plant: Plant, key: str, event: Literal["submit", "approve", "reject"], by: str, comment: str | None,
    seen: int | None, now: datetime | None,
) -> Standing:  # fmt: skip
    def steps(held: Book, old: Standing) -> list[Step]:
        role = granted(plant.file.role, by, RIGHT[event], old.kind, old.content.value_cents)
        if _done(old, event, by):
            return []
        told = {"role": role.name, "limit_cents": role.limit_cents, "content": key_of(old.content)}
        until = expiry(plant, old.kind, held) if event == "submit" else None
        return [Step(key, old.kind, event, by, checked(comment), told, until)]

    return _one(root, key, steps, seen, now)


def _done(old: Standing, event: Event, by: str) -> bool:
    """True when this very step of this very person is the last one: a second click, a retry."""
    who = old.submitted_by if event == "submit" else old.decided_by
    return old.state == AFTER[event] and who is not None and person(who) == person(by)


def _one(
    root: Root, key: str, steps: Callable[[Book, Standing], list[Step]], seen: int | None, now: datetime | None
) -> Standing:
    def decide(held: Book) -> list[Step]:
        old = held.standing(key)
        wanted = steps(held, old)
        if wanted and seen is not None and old.seq != seen:
            raise ProposalError(f"{key} has changed since you looked; it is {old.state} now. Look at it again")
        return wanted

    return record(root, decide, now).standing(key)


def expiry(plant: Plant, kind: Kind, held: Book) -> datetime:
    """When a proposal of a kind expires if it is drafted or submitted now."""
    return held.now + duration(str(getattr(plant.file.proposal_expiry, kind)))


def checked(comment: str | None) -> str | None:
    """A comment as it is kept: stripped, null when empty, refused when too long or with control characters."""
    said = (comment or "").strip()
    if len(said) > MAX_COMMENT or any(ord(c) < 32 and c not in "\n\t" for c in said):
        raise ProposalError(
            f"the comment has {len(said)} characters; valid are {MAX_COMMENT}, none a control character"
        )
    return said or None
