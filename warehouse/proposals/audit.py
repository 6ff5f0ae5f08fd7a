"""Is the trail as it was written? Every changed, removed, added or reordered entry, by name."""

from __future__ import annotations

import json
from dataclasses import dataclass

from plant.proposals.chain import START, breaks
from plant.proposals.states import replayed
from warehouse.proposals.store import Root, entries_of, lake_of, read


@dataclass(frozen=True)
class Audit:
    """What was looked at: entries, the last hash (note it elsewhere), findings, and remarks that are no fault."""

    entries: int
    head: str
    findings: tuple[str, ...]
    remarks: tuple[str, ...]


def audit(root: Root) -> Audit:
    """Check every hash, every link, the number of entries against Delta's own log, and every step's right to be.

    Who can write the lake can write a whole new chain: only a head noted elsewhere (an export names it, `verify` prints
    it) shows that.
    """
    rows, last = read(lake_of(root))
    entries = entries_of(rows)
    _, wrong = replayed(entries)
    head = entries[-1].hash if entries else START
    off = [(e.seq, json.loads(e.body).get("clock")) for e in entries if '"clock"' in e.body]
    remarks = [f"entry {seq}: the clock stood at {at}, before the entry in front of it" for seq, at in off if at]
    return Audit(len(entries), head, (*breaks(entries, last), *wrong), tuple(remarks))
