"""What a proposal says: kind, lines, value. The shape every maker, page, export and ERP adapter relies on."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import date
from hashlib import sha256
from typing import Annotated, Any, Literal, Self, get_args

from pydantic import Field, PlainSerializer, ValidationError, model_validator

from plant.errors import TerminalError
from plant.shifts.sections import Strict

Kind = Literal["forecast", "purchase", "production", "maintenance", "stock_move"]
KINDS: tuple[Kind, ...] = get_args(Kind)
PREFIX: Mapping[Kind, str] = {
    "forecast": "FC", "purchase": "PU", "production": "PR", "maintenance": "MA", "stock_move": "MV",
}  # fmt: skip
NEEDS: Mapping[Kind, tuple[str, ...]] = {
    "forecast": ("start_on", "due_on"), "purchase": ("due_on",), "production": ("start_on", "due_on"),
    "maintenance": ("task", "due_on"), "stock_move": ("from_location", "to_location", "due_on"),
}  # fmt: skip
"""What a line of each kind must say besides item, quantity and unit."""
MAX_CENTS = 10**15
"""Largest value of a proposal, minor currency units: anything above is a mistake, and it fits every database."""
MAX_QUANTITY = 1e12
_NO_CONTROL = r"^[^\x00-\x08\x0b-\x1f\x7f]*$"
Text = Annotated[str, Field(max_length=2000, pattern=_NO_CONTROL)]
Word = Annotated[str, Field(min_length=1, max_length=200, pattern=_NO_CONTROL)]


def _plain(value: float) -> float:
    return int(value) if value.is_integer() else value


# A whole number is written as one: proposals from before prices had fractions keep their text, and so their hash.
Price = Annotated[float, PlainSerializer(_plain, return_type=Any, when_used="unless-none")]


class ProposalError(TerminalError):
    """A proposal, or a step of one, that cannot be taken; nothing was recorded."""


class Line(Strict):
    """One line of a proposal. Dates are local days of the site; a null price is unknown, not free."""

    item: Word = Field(description="code of the material or product; the machine of a maintenance")
    quantity: float = Field(gt=0, le=MAX_QUANTITY, allow_inf_nan=False, description="how much, in `unit`")
    unit: Word = Field(description="unit of the quantity")
    price_cents: Price | None = Field(
        default=None, ge=0, le=MAX_CENTS, allow_inf_nan=False, description="per unit, minor currency units, not rounded"
    )
    start_on: date | None = Field(default=None, description="first day")
    due_on: date | None = Field(default=None, description="last day, or the day it is needed")
    from_location: Word | None = Field(default=None, description="where the stock is taken")
    to_location: Word | None = Field(default=None, description="where the stock goes, or is received")
    task: Word | None = Field(default=None, description="what is to be done at the machine")

    @property
    def value_cents(self) -> int | None:
        """Quantity times price, minor currency units, rounded half up; None without a price."""
        return None if self.price_cents is None else int(self.quantity * self.price_cents + 0.5)


class Content(Strict):
    """A proposal's content. Two proposals of one `subject` are about the same need."""

    kind: Kind
    title: Word = Field(description="what changes, in one sentence")
    subject: Word = Field(description="what it is about, e.g. 'reorder bar-20 at stores'")
    lines: tuple[Line, ...] = Field(min_length=1, max_length=200)
    reason: Text = Field(default="", description="why, with the figures it comes from")
    site: str = ""
    partner: Word | None = Field(default=None, description="supplier or customer, by name or code")
    origin: dict[str, str] = Field(default={}, description="where it comes from, e.g. the forecast's model version")

    @property
    def value_cents(self) -> int | None:
        """Sum of its lines; None when a line has no price: an unknown value is not a small one."""
        parts = [line.value_cents for line in self.lines]
        return None if None in parts else sum(p for p in parts if p is not None)

    @model_validator(mode="after")
    def _complete(self) -> Self:
        for n, line in enumerate(self.lines, 1):
            missing = [name for name in NEEDS[self.kind] if getattr(line, name) is None]
            if missing:
                raise ValueError(f"line {n} of a {self.kind} proposal has no {', '.join(missing)}")
            if line.start_on and line.due_on and line.due_on < line.start_on:
                raise ValueError(f"line {n} is due on {line.due_on}, before it starts on {line.start_on}")
        if (value := self.value_cents) is not None and value > MAX_CENTS:
            raise ValueError(f"the value is {value / 100:,.2f}; valid is up to {MAX_CENTS / 100:,.2f}")
        return self


def content(given: Mapping[str, Any] | str) -> Content:
    """The content out of a mapping or its JSON text.

    Raises:
        ProposalError: every mistake at once, each with its place and what was found.
    """
    try:
        return Content.model_validate_json(given) if isinstance(given, str) else Content.model_validate(dict(given))
    except ValidationError as error:
        told = [
            f"{'.'.join(map(str, e['loc'])) or 'proposal'}: {e['msg'].removeprefix('Value error, ')}"
            for e in error.errors(include_url=False)
        ]
        raise ProposalError(f"this is no proposal; {'; '.join(told)}. docs/proposals.md lists what one says") from error


def canonical(value: Any) -> str:
    """The one JSON text of a value: sorted keys, no blanks, UTF-8 as it is; what hashes are made of.

    >>> canonical({"b": 1, "a": "ü"})
    '{"a":"ü","b":1}'
    """
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)


def body(of: Content) -> str:
    """A content as its canonical JSON text."""
    return canonical(of.model_dump(mode="json"))


def key_of(of: Content, salt: str = "") -> str:
    """The idempotency key of a content: the same content (and salt) has the same key, in every system it reaches."""
    return f"{PREFIX[of.kind]}-{sha256(f'{body(of)}|{salt}'.encode()).hexdigest()[:12].upper()}"
