"""The steps of a proposal on its way out: claimed for a target, exported or failed, reconciled or confirmed.

A claim is recorded before anything is sent. So what a killed export may have sent is known: it is taken up again by
key, cannot expire, be rejected or go to another target meanwhile.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Literal

from plant.config import Plant
from plant.proposals.content import ProposalError
from plant.proposals.rights import granted
from plant.proposals.states import Standing
from warehouse.proposals.acts import checked
from warehouse.proposals.store import Book, Root, Step, record

Finding = Literal["confirmed", "partial", "differs", "missing"]


def claim(
    root: Root, plant: Plant, keys: Sequence[str], target: str, by: str, *,
    batch: str | None = None, now: datetime | None = None,
) -> list[Standing]:  # fmt: skip
    """Take approved proposals for a target, all of them or none; those claimed for it already stay so.

    Raises:
        ProposalError: one is not approved, ran out, or is on its way to another target.
        RightError: the person may not export it.
    """

    def decide(held: Book) -> list[Step]:
        steps = []
        for old in map(held.standing, keys):
            role = granted(plant.file.role, by, "export", old.kind, old.content.value_cents)
            if old.state in ("exporting", "exported") and old.target == target:
                continue
            if old.state == "exporting":
                raise ProposalError(f"{old.key} is on its way to {old.target}; end that export first")
            told = {"target": target, "role": role.name} | ({"batch": batch} if batch else {})
            steps.append(Step(old.key, old.kind, "claim", by, None, told))
        return steps

    held = record(root, decide, now)
    return [held.standing(k) for k in keys]


def exported(
    root: Root, references: dict[str, str], by: str, now: datetime | None = None
) -> list[Standing]:  # fmt: skip
    """Record that claimed proposals arrived: key -> the target's own reference. A second time changes nothing."""

    def decide(held: Book) -> list[Step]:
        due = [held.standing(k) for k in references]
        return [
            Step(s.key, s.kind, "export", by, None, {"reference": references[s.key]})
            for s in due
            if s.state not in ("exported", "confirmed")
        ]

    held = record(root, decide, now)
    return [held.standing(k) for k in references]


def failed(root: Root, key: str, by: str, why: str, now: datetime | None = None) -> Standing:
    """Record that the target refused a claimed proposal and kept nothing of it: it is approved again."""
    return record(root, lambda held: [Step(key, held.standing(key).kind, "fail", by, why[:2000])], now).standing(key)


def reconciled(root: Root, key: str, finding: Finding, words: str, by: str, now: datetime | None = None) -> Standing:
    """Record what the target kept; `confirmed` ends the proposal, anything else leaves it exported with a finding."""

    def decide(held: Book) -> list[Step]:
        old = held.standing(key)
        if old.state == "confirmed" or (finding != "confirmed" and old.finding == finding and old.comment == words):
            return []
        event: Literal["confirm", "reconcile"] = "confirm" if finding == "confirmed" else "reconcile"
        return [Step(key, old.kind, event, by, words, {"finding": finding})]

    return record(root, decide, now).standing(key)


def confirmed(root: Root, plant: Plant, key: str, by: str, comment: str, now: datetime | None = None) -> Standing:
    """Confirm by hand what a target without an answer (a file) did; needs the right to export, and a remark."""
    if checked(comment) is None:
        raise ProposalError(f"to confirm {key} by hand needs a comment: say what was looked at")

    def decide(held: Book) -> list[Step]:
        old = held.standing(key)
        granted(plant.file.role, by, "export", old.kind, old.content.value_cents)
        done = old.state == "confirmed"
        return [] if done else [Step(key, old.kind, "confirm", by, checked(comment), {"finding": "confirmed"})]

    return record(root, decide, now).standing(key)
