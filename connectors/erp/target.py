"""What every target of an export can do, what it is given, and what it tells of what it kept."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from math import isclose
from typing import Literal, Protocol

from plant.errors import TerminalError
from plant.proposals.content import Content
from plant.units import price

Result = Literal["confirmed", "partial", "differs", "missing", "waiting"]
QUANTITY_TOLERANCE = 1e-9
"""Relative difference of quantities that is only the target's rounding of a double."""


class RefusedError(TerminalError):
    """The target refuses this proposal and keeps nothing of it; the others go on."""


@dataclass(frozen=True)
class Outgoing:
    """An approved proposal on its way out."""

    key: str
    content: Content
    approved_by: str
    approved_at: datetime
    currency: str


@dataclass(frozen=True)
class KeptLine:
    """A line as the target holds it; null: it does not say."""

    item: str | None
    quantity: float | None
    unit: str | None = None
    price_cents: float | None = None


@dataclass(frozen=True)
class Kept:
    """What a target holds under a key. `gone`: cancelled or refused there; `waiting`: it has not looked at it yet."""

    key: str
    reference: str
    state: str
    lines: tuple[KeptLine, ...]
    gone: bool = False
    waiting: bool = False
    times: int = 1


@dataclass(frozen=True)
class Delivered:
    """One round of a delivery: key -> the target's reference, key -> why it was refused."""

    arrived: Mapping[str, str] = field(default_factory=dict)
    refused: Mapping[str, str] = field(default_factory=dict)


class Target(Protocol):
    """A system proposals are exported to. Delivering the same key again finds what is there and adds nothing."""

    name: str
    answers: bool

    def ready(self) -> None:
        """Look before anything is claimed: can it be reached, may we write? Raises PlantError when not."""

    def deliver(self, outgoing: Sequence[Outgoing], batch: str) -> Iterator[Delivered]:
        """Put them there, each once; what a round says has arrived is durable there.

        Raises:
            SourceDownError: it went away; what was sent last may have arrived or not.
        """

    def kept(self, outgoing: Sequence[Outgoing]) -> dict[str, Kept]:
        """What it holds of these by key; what it does not hold is left out."""


def one_by_one(target: _Placing, outgoing: Sequence[Outgoing]) -> Iterator[Delivered]:
    """Deliver each by itself: a refused one stops no other."""
    for one in outgoing:
        try:
            yield Delivered(arrived={one.key: target.place(one)})
        except RefusedError as error:
            yield Delivered(refused={one.key: str(error)})


class _Placing(Protocol):
    def place(self, out: Outgoing) -> str:
        """Put one there, or find it; the target's reference."""


def compared(out: Outgoing, kept: Kept | None) -> tuple[Result, str]:
    """What was approved against what the target kept: the result, and in words."""
    if kept is None:
        return "missing", "the target holds nothing under this key"
    if kept.times > 1:
        return "differs", f"the target holds it {kept.times} times: {kept.reference}"
    if kept.gone:
        return "missing", f"{kept.reference} is {kept.state} in the target"
    if kept.waiting:
        return "waiting", f"{kept.reference} was not taken up yet"
    wanted = out.content.lines
    differing = _differing(out, kept)
    fewer = len(kept.lines) < len(wanted) and not differing
    if fewer:
        return "partial", f"{kept.reference} keeps {len(kept.lines)} of {len(wanted)} lines"
    if differing:
        return "differs", f"{kept.reference}: {'; '.join(differing[:5])}"
    return "confirmed", f"{kept.reference} ({kept.state}) keeps all of {len(wanted)} lines"


def _differing(out: Outgoing, kept: Kept) -> list[str]:
    """Each line the target holds that is none of ours, in words."""
    ours = list(out.content.lines)
    told = []
    for line in kept.lines:
        fits = [o for o in ours if _same(o.item, o.quantity, o.price_cents, line)]
        if fits:
            ours.remove(fits[0])
        else:
            near = next((o for o in ours if o.item == line.item), None)
            asked = f", approved {near.quantity:g}{_price(near.price_cents)}" if near else ", not approved"
            told.append(f"{line.item} {line.quantity if line.quantity is None else format(line.quantity, 'g')}"
                        f"{_price(line.price_cents)}{asked}")  # fmt: skip
    return told


def _price(cents: float | None) -> str:
    return "" if cents is None else f" at {price(cents)}"


def _same(item: str, quantity: float, price_cents: float | None, line: KeptLine) -> bool:
    if item != line.item or line.quantity is None:
        return False
    if (
        price_cents is not None
        and line.price_cents is not None
        and not isclose(price_cents, line.price_cents, rel_tol=QUANTITY_TOLERANCE, abs_tol=1e-6)
    ):
        return False
    return abs(quantity - line.quantity) <= QUANTITY_TOLERANCE * max(abs(quantity), abs(line.quantity))
