"""The book of proposals: all entries checked and replayed, and the one way of appending to it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import polars as pl

from plant.errors import TerminalError, TransientError
from plant.proposals.chain import Entry, Event, breaks, sealed
from plant.proposals.content import Content, Kind, ProposalError, canonical
from plant.proposals.states import Standing, after, replayed
from plant.tables import table
from warehouse.lake import Lake

NAME, APP = "bronze.proposals", "proposals"
ATTEMPTS = 50
CLOCK_OFF = timedelta(seconds=1)
"""A clock that is behind the last entry by more is noted in the entry."""
Root = Path | str | Lake


class TamperedError(TerminalError):
    """The audit trail was changed from outside: nothing is recorded and nothing leaves until it is put right."""


@dataclass(frozen=True)
class Step:
    """One step to be recorded: what, by whom, why."""

    key: str
    kind: Kind
    event: Event
    by: str
    comment: str | None = None
    told: Content | dict[str, Any] | None = None
    expires_at: datetime | None = None


@dataclass(frozen=True)
class Book:
    """All proposals as they stand. `now` never lies before the last entry, whatever the clock says."""

    entries: tuple[Entry, ...]
    standings: dict[str, Standing]
    now: datetime
    clock: datetime

    def standing(self, key: str) -> Standing:
        """Where a proposal stands; ProposalError names near keys when there is none."""
        if key in self.standings:
            return self.standings[key]
        from difflib import get_close_matches

        near = ", ".join(get_close_matches(key, self.standings, 3)) or "see `shopfloor proposals list`"
        raise ProposalError(f"there is no proposal {key!r}; nearest: {near}")


def lake_of(root: Root) -> Lake:
    """The lake of a root, or the lake itself."""
    return root if isinstance(root, Lake) else Lake(root)


def read(lake: Lake) -> tuple[pl.DataFrame, int | None]:
    """All rows by `seq`, and how many were ever appended by the house (None: no table yet)."""
    for _ in range(ATTEMPTS):
        version = lake.version(NAME)
        rows = lake.scan(NAME).drop("date").sort("seq", "key").collect()
        last = lake.transaction_version(NAME, APP)
        if lake.version(NAME) == version:  # else another process recorded a step between the two looks
            return rows, last
    raise TransientError(f"{NAME}: others recorded steps {ATTEMPTS} times in a row; try again")


def entries_of(rows: pl.DataFrame) -> tuple[Entry, ...]:
    """Rows as entries."""
    return tuple(Entry(**row) for row in rows.iter_rows(named=True))


@dataclass(frozen=True)
class _Checked:
    """Rows this process has checked and replayed before: the same rows in front of new ones need no second look."""

    rows: pl.DataFrame
    entries: tuple[Entry, ...] = ()
    standings: dict[str, Standing] = field(default_factory=dict)


_CHECKED: dict[Path, _Checked] = {}


def book(root: Root, now: datetime | None = None) -> Book:
    """Read, check and replay the whole trail.

    Raises:
        TamperedError: the chain is broken, or holds a step nobody was allowed to take; names the entries.
    """
    lake, clock = lake_of(root), now or datetime.now(UTC)
    rows, last = read(lake)
    known = _CHECKED.get(lake.root, _Checked(rows.clear()))
    if not rows.head(known.rows.height).equals(known.rows):
        known = _Checked(rows.clear())
    added = entries_of(rows.slice(known.rows.height))
    if found := list(breaks(added, last, known.entries[-1] if known.entries else None)):
        raise TamperedError(f"{NAME} was changed from outside: {'; '.join(found[:5])}. {REMEDY}")
    standings, wrong = replayed(added, known.standings)
    if wrong:
        raise TamperedError(f"{NAME} holds what cannot be: {'; '.join(wrong[:5])}. {REMEDY}")
    entries = (*known.entries, *added)
    _CHECKED[lake.root] = _Checked(rows, entries, standings)
    return Book(entries, standings, max([clock, *(e.acted_at for e in entries[-1:])]), clock)


REMEDY = (
    "Nothing is recorded or exported until the table is put back as it was: `shopfloor verify` lists every finding, "
    "docs/proposals.md says how"
)


def record(root: Root, decide: Callable[[Book], Sequence[Step]], now: datetime | None = None) -> Book:
    """Append the steps that `decide` makes of the book as it is, all of them or none.

    Somebody else's step in between makes it look, and decide, again.

    Returns:
        The book afterwards.
    """
    lake = lake_of(root)
    for _ in range(ATTEMPTS):
        held = book(lake, now)
        steps = decide(held)
        if not steps:
            return held
        added, standings = _sealed(held, steps)
        told = [asdict(e) | {"date": e.acted_at.astimezone(UTC).date()} for e in added]
        rows = pl.DataFrame(told, schema=table(NAME).schema, orient="row")
        if lake.append_once(NAME, rows, APP, len(held.entries) + len(added)):
            return replace(held, entries=(*held.entries, *added), standings=standings)
    raise TransientError(f"{NAME}: others recorded steps {ATTEMPTS} times in a row; try again")


def _sealed(held: Book, steps: Sequence[Step]) -> tuple[list[Entry], dict[str, Standing]]:
    added: list[Entry] = []
    standings = dict(held.standings)
    last = held.entries[-1] if held.entries else None
    for step in steps:
        entry = Entry(0, step.key, step.kind, step.event, step.by.strip(), held.now, step.comment,
                      _body(held, step), step.expires_at)  # fmt: skip
        last = sealed(entry, last)
        standings[step.key] = after(standings.get(step.key), last)
        added.append(last)
    return added, standings


def _body(held: Book, step: Step) -> str:
    if isinstance(step.told, Content):
        return canonical(step.told.model_dump(mode="json"))
    told = dict(step.told or {})
    if held.now - held.clock > CLOCK_OFF:
        told["clock"] = held.clock.isoformat(timespec="seconds")
    return canonical(told)


def history(root: Root, key: str) -> tuple[Entry, ...]:
    """The entries of one proposal, oldest first. Raises ProposalError when there is none such."""
    held = book(root)
    held.standing(key)
    return tuple(e for e in held.entries if e.key == key)
