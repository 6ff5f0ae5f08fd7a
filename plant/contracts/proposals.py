"""Bronze: the audit trail of proposals, one table for all kinds, each row chained to the one before by its hash."""

from __future__ import annotations

from plant.proposals.chain import EVENTS
from plant.proposals.content import KINDS
from plant.tables import Column as C
from plant.tables import Table

PROPOSALS = Table(
    name="bronze.proposals",
    doc="Every step of every proposal, append only, chained by hash: who drafted, submitted, approved, exported it.",
    grain="one step of one proposal",
    key=("seq",),
    write="append_once",
    partition="date",
    sort=("seq",),
    columns=(
        C("date", "day", "UTC day of acted_at; partition, not part of the hash"),
        C("seq", "i64", "place in the chain, from 0, over all proposals", low=0),
        C("key", "str", "the proposal; also its idempotency key in every system it is exported to"),
        C("kind", "str", "what is proposed", allowed=KINDS),
        C("event", "str", "the step", allowed=EVENTS),
        C("acted_by", "str", "who took it; shopfloor: automatic"),
        C("acted_at", "instant", "when; never before the entry before it, whatever the clock says"),
        C("comment", "str", "why", null=True),
        C("body", "str", "canonical JSON: the content (draft, edit), or what the step adds (role, target, reference)"),
        C("expires_at", "instant", "when it expires if nothing follows (draft, edit, submit)", null=True),
        C("previous", "str", "hash of the entry before; 64 zeros for the first"),
        C("hash", "str", "SHA-256 over the canonical JSON of everything in this row but date and itself"),
    ),
)  # fmt: skip
