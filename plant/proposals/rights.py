"""Who may do what: roles of plant.toml. Without a role that says so there is no right."""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from typing import Annotated, Literal, get_args

from pydantic import Field, field_validator

from plant.proposals.content import KINDS, Kind, ProposalError
from plant.shifts.sections import Duration, Strict

Right = Literal["submit", "approve", "export"]
RIGHTS: tuple[Right, ...] = get_args(Right)
SYSTEM = "shopfloor"
"""Who makes automatic drafts and records what ran out: never a person, never with a right."""


class RightError(ProposalError):
    """The person has no right to do this; nothing was recorded."""


class Role(Strict):
    """People and what they may do with proposals of some kinds, up to a value."""

    name: Annotated[str, Field(min_length=1, max_length=80, description="name of the role, e.g. 'plant manager'")]
    people: tuple[str, ...] = Field(min_length=1, description="names as people sign with them")
    may: tuple[Right, ...] = Field(min_length=1, description="submit (drafts too), approve (reject too), export")
    kinds: tuple[Kind, ...] = Field(default=KINDS, description="kinds of proposals it holds for")
    value_limit: float | None = Field(
        default=None, ge=0, le=1e13, description="currency units a proposal may be worth; none: no limit"
    )

    @field_validator("people")
    @classmethod
    def _persons(cls, people: tuple[str, ...]) -> tuple[str, ...]:
        if any(not person(p) or person(p) == SYSTEM for p in people):
            raise ValueError(f"names of people, none empty and none {SYSTEM!r}")
        return people

    @property
    def limit_cents(self) -> int | None:
        """The limit in minor currency units; None: none."""
        return None if self.value_limit is None else round(self.value_limit * 100)


class Expiry(Strict):
    """How long a proposal of each kind waits, from its draft and again from its submission, before it expires."""

    forecast: Duration = Field(default="7d", description="e.g. '7d'")
    purchase: Duration = Field(default="3d", description="e.g. '3d'")
    production: Duration = Field(default="2d", description="e.g. '2d'")
    maintenance: Duration = Field(default="2d", description="e.g. '2d'")
    stock_move: Duration = Field(default="1d", description="e.g. '24h'")


def person(name: str) -> str:
    """One writing of a name, so that nobody becomes two people by a capital, a blank or a compatibility form.

    >>> person("  Ada  LOVELACE "), person("Ａda Lovelace")
    ('ada lovelace', 'ada lovelace')
    """
    return " ".join(unicodedata.normalize("NFKC", name).split()).casefold()


def granted(roles: Sequence[Role], name: str, right: Right, kind: Kind, value_cents: int | None) -> Role:
    """The role that lets a person do this.

    An unknown value (None) is above every limit.

    Raises:
        RightError: no role does; says what is missing.
    """
    if not person(name):
        raise RightError(f"to {right} needs a name: say who you are")
    mine = [r for r in roles if person(name) in map(person, r.people)]
    fitting = [r for r in mine if right in r.may and kind in r.kinds]
    for role in fitting:
        limit = role.limit_cents
        if limit is None or (value_cents is not None and value_cents <= limit):
            return role
    raise RightError(_why_not(name, right, kind, value_cents, mine, fitting, named=bool(roles)))


def _why_not(
    name: str, right: Right, kind: Kind, value_cents: int | None, mine: Sequence[Role], fitting: Sequence[Role],
    *, named: bool,
) -> str:  # fmt: skip
    if not named:
        return f"nobody may {right}: the plant has no [[role]]; add one to plant.toml (docs/proposals.md)"
    if not mine:
        return f"{name} has no role and so no right to {right}; add the name to a [[role]] of plant.toml"
    if not fitting:
        held = "; ".join(f"{r.name}: {', '.join(r.may)} of {', '.join(r.kinds)}" for r in mine)
        return f"{name} may not {right} a {kind} proposal ({held})"
    most = max(r.limit_cents or 0 for r in fitting) / 100
    worth = "is not known" if value_cents is None else f"is {value_cents / 100:,.2f}"
    return f"{name} may {right} a {kind} proposal up to {most:,.2f}; its value {worth}. Ask for a higher limit"
