"""The audit trail: entries chained by hash, and what a changed, removed or reordered one looks like."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from hashlib import sha256
from typing import Literal, get_args

from plant.proposals.content import Kind, canonical

Event = Literal[
    "draft", "edit", "submit", "approve", "reject", "expire", "claim", "fail", "export", "reconcile", "confirm"
]
EVENTS: tuple[Event, ...] = get_args(Event)
START = "0" * 64
"""What the first entry gives as the hash before it."""


@dataclass(frozen=True)
class Entry:
    """One step of one proposal. `body` is canonical JSON; `previous` the hash of the entry before, of any proposal."""

    seq: int
    key: str
    kind: Kind
    event: Event
    acted_by: str
    acted_at: datetime
    comment: str | None = None
    body: str = "{}"
    expires_at: datetime | None = None
    previous: str = START
    hash: str = ""


def digest(entry: Entry) -> str:
    """SHA-256 over the canonical JSON of everything an entry says, the hash before it included."""
    return sha256(
        canonical(
            [entry.seq, entry.key, entry.kind, entry.event, entry.acted_by, _text(entry.acted_at), entry.comment,
             entry.body, _text(entry.expires_at), entry.previous]
        ).encode()
    ).hexdigest()  # fmt: skip


def _text(at: datetime | None) -> str | None:
    return None if at is None else at.astimezone(UTC).isoformat(timespec="microseconds")


def sealed(entry: Entry, before: Entry | None) -> Entry:
    """The entry with its place, the hash before it, and its own."""
    placed = replace(entry, seq=before.seq + 1 if before else 0, previous=before.hash if before else START)
    return replace(placed, hash=digest(placed))


def breaks(entries: Sequence[Entry], expected: int | None = None, before: Entry | None = None) -> Iterator[str]:
    """Every break of the chain in words that name the entry; nothing when it is whole.

    Args:
        entries: all there are, by `seq`.
        expected: how many were ever written, known from elsewhere: only that shows a cut-off end.
        before: the last of those in front of them, checked already; None: `entries` begin the chain.
    """
    first = before.seq + 1 if before else 0
    for n, entry in enumerate(entries, first):
        yield from _break(entry, before, n)
        before = entry
    if expected is not None and expected > (held := before.seq + 1 if before else 0):
        gone = f"entry {held}" if expected == held + 1 else f"entries {held} to {expected - 1}"
        yield f"{gone} removed from the end: {expected} were written, {held} are left"
    elif expected is not None and expected < (found := first + len(entries)):
        yield f"{found - expected} entries added past the house: {expected} were written, {found} found"


def _break(entry: Entry, before: Entry | None, n: int) -> Iterator[str]:
    due, said = before.seq + 1 if before else 0, f"entry {entry.seq} ({entry.event} of {entry.key})"
    if entry.hash != digest(entry):
        yield f"{said} was changed, or put in another place: its content does not give its hash"
    if entry.seq > due:
        gone = f"entry {due}" if entry.seq == due + 1 else f"entries {due} to {entry.seq - 1}"
        yield f"{gone} removed before {said}"
    elif entry.seq < due:
        yield f"{said} stands twice"
    elif entry.previous != (before.hash if before else START):
        yield f"{said} does not follow the entry before it (position {n})"
