"""The state machine of a proposal: which step follows which, who may not take it, and where it stands after it."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Literal

from plant.proposals.chain import Entry, Event
from plant.proposals.content import Content, Kind, ProposalError, content
from plant.proposals.rights import SYSTEM, RightError, person

State = Literal["draft", "submitted", "approved", "rejected", "expired", "exporting", "exported", "confirmed"]
NEEDS: Mapping[Event, tuple[State, ...]] = {
    "edit": ("draft", "submitted", "rejected"), "submit": ("draft",), "approve": ("submitted",),
    "reject": ("submitted", "approved"), "expire": ("draft", "submitted", "approved"), "claim": ("approved",),
    "fail": ("exporting",), "export": ("exporting",), "reconcile": ("exported",), "confirm": ("exported",),
}  # fmt: skip
AFTER: Mapping[Event, State] = {
    "draft": "draft", "edit": "draft", "submit": "submitted", "approve": "approved", "reject": "rejected",
    "expire": "expired", "claim": "exporting", "fail": "approved", "export": "exported", "reconcile": "exported",
    "confirm": "confirmed",
}  # fmt: skip
PERISHABLE: tuple[State, ...] = NEEDS["expire"]
OPEN: tuple[State, ...] = ("draft", "submitted", "approved", "exporting", "exported")
"""States in which a need is being taken care of."""


@dataclass(frozen=True)
class Standing:
    """Where a proposal stands: state, content, and who did what last. Null: it has not come to that."""

    key: str
    kind: Kind
    state: State
    content: Content
    seq: int
    edited_by: str
    edited_at: datetime
    expires_at: datetime | None = None
    submitted_by: str | None = None
    decided_by: str | None = None
    decided_at: datetime | None = None
    comment: str | None = None
    target: str | None = None
    claimed_at: datetime | None = None
    reference: str | None = None
    finding: str | None = None

    def expired(self, now: datetime) -> bool:
        """True when its time is up and nobody has handed it over."""
        return self.state in PERISHABLE and self.expires_at is not None and self.expires_at <= now


def after(standing: Standing | None, entry: Entry) -> Standing:
    """Where a proposal stands after one more step.

    Raises:
        ProposalError: the step does not follow.
        RightError: four eyes: who submitted or last edited it may not approve it.
    """
    if entry.event == "draft":
        if standing is not None:
            raise ProposalError(f"{entry.key} is there already and is {standing.state}")
        return Standing(
            entry.key, entry.kind, "draft", content(entry.body), entry.seq, entry.acted_by, entry.acted_at,
            entry.expires_at, comment=entry.comment,
        )  # fmt: skip
    if standing is None:
        raise ProposalError(f"there is no proposal {entry.key}")
    allowed(standing, entry.event, entry.acted_by, entry.acted_at)
    held = replace(standing, state=AFTER[entry.event], seq=entry.seq, comment=entry.comment)
    return replace(held, **_changes(entry))


def allowed(standing: Standing, event: Event, by: str, at: datetime) -> None:
    """Refuse a step that does not follow, comes too late, or is taken by the wrong pair of eyes."""
    if standing.state not in NEEDS[event]:
        who = f" by {standing.decided_by}" if standing.state in ("approved", "rejected") else ""
        raise ProposalError(
            f"{standing.key} is {standing.state}{who}: to {event} it has to be {' or '.join(NEEDS[event])}"
        )
    if event != "expire" and event != "edit" and standing.expired(at):
        raise ProposalError(f"{standing.key} expired at {standing.expires_at:%Y-%m-%d %H:%M} UTC: make a new one")
    if event == "expire" and not standing.expired(at):
        raise ProposalError(f"{standing.key} has not run out: it expires at {standing.expires_at}")
    if event == "approve":
        _four_eyes(standing, by)


def _four_eyes(standing: Standing, by: str) -> None:
    if person(by) == SYSTEM:
        raise RightError(f"{standing.key} needs a person to approve it")
    for did, who in (("submitted", standing.submitted_by), ("edited", standing.edited_by)):
        if who is not None and person(who) == person(by):
            raise RightError(f"{by} {did} {standing.key} and may not approve it: it needs a second person")


def _changes(entry: Entry) -> dict[str, Any]:
    """What a step sets besides state and comment."""
    told = json.loads(entry.body)
    if entry.event == "edit":
        edited = {"content": content(entry.body), "edited_by": entry.acted_by, "edited_at": entry.acted_at}
        return edited | {"expires_at": entry.expires_at, "submitted_by": None, "decided_by": None, "decided_at": None}
    if entry.event == "submit":
        return {"submitted_by": entry.acted_by, "expires_at": entry.expires_at}
    if entry.event in ("approve", "reject"):
        return {"decided_by": entry.acted_by, "decided_at": entry.acted_at}
    if entry.event == "claim":
        return {"target": told["target"], "reference": told.get("batch"), "claimed_at": entry.acted_at}
    if entry.event == "fail":
        return {"target": None, "reference": None, "finding": entry.comment}
    if entry.event == "export":
        return {"reference": told["reference"], "finding": None}
    return {"finding": told["finding"]} if entry.event in ("reconcile", "confirm") else {}


def replayed(
    entries: Iterable[Entry], since: Mapping[str, Standing] | None = None
) -> tuple[dict[str, Standing], list[str]]:
    """Every proposal as it stands by its entries, and each entry that the machine would have refused, in words.

    `since` is how they stood before the first of these entries; None: there were none.
    """
    found = dict(since or {})
    wrong: list[str] = []
    for entry in entries:
        try:
            found[entry.key] = after(found.get(entry.key), entry)
        except (ProposalError, ValueError, KeyError) as error:
            wrong.append(f"entry {entry.seq} ({entry.event} of {entry.key} by {entry.acted_by}) cannot be: {error}")
    return found, wrong
