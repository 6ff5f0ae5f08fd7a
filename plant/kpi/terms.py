"""Terms over additive measures: the arithmetic of a KPI, declared once, without any engine.

`assets.kernels.figures` turns a term into a Polars expression, `warehouse.kpi_sql` into DuckDB SQL, and `str`
into the text of the docs page. All three mean the same:

* a measure is a sum of integers, taken as a 64-bit float (exact below 2**53);
* null in gives null out; a / b is null unless b > 0;
* a literal is only multiplied, never divided by: engines round a division by a literal differently.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

Word = Literal["+", "-", "*", "/"]


class Term:
    """Base of all terms; arithmetic builds larger ones."""

    def __add__(self, other: Term | float) -> Op:
        return Op("+", self, term(other))

    def __sub__(self, other: Term | float) -> Op:
        return Op("-", self, term(other))

    def __mul__(self, other: Term | float) -> Op:
        return Op("*", self, term(other))

    def __rmul__(self, other: float) -> Op:
        return Op("*", term(other), self)

    def __truediv__(self, other: Term) -> Op:
        if not isinstance(other, Term) or isinstance(other, Number):
            raise TypeError("a term is divided by a term, never by a literal: multiply by its reciprocal")
        return Op("/", self, other)

    def measures(self) -> Iterator[str]:
        """Names of the measures in it, in order of appearance, with repetitions."""
        for part in vars(self).values():
            for inner in part if isinstance(part, tuple) else (part,):
                if isinstance(inner, Term):
                    yield from inner.measures()


@dataclass(frozen=True)
class Sum(Term):
    """A measure of gold.kpi_sums, summed over the rows of the scope and period."""

    name: str

    def measures(self) -> Iterator[str]:
        """Its own name."""
        yield self.name

    def __str__(self) -> str:
        return self.name


@dataclass(frozen=True)
class Number(Term):
    """A literal."""

    value: float

    def __str__(self) -> str:
        return f"{self.value:g}"


@dataclass(frozen=True)
class Op(Term):
    """Two terms and one of + - * /; the quotient is null unless the divisor is above 0."""

    word: Word
    left: Term
    right: Term

    def __str__(self) -> str:
        return f"({self.left} {self.word} {self.right})"


@dataclass(frozen=True)
class Where(Term):
    """`then` where `test` > 0, else `otherwise` (null when None)."""

    test: Term
    then: Term
    otherwise: Term | None = None

    def __str__(self) -> str:
        return f"[{self.then} where {self.test} > 0, else {self.otherwise or 'null'}]"


@dataclass(frozen=True)
class Call(Term):
    """least, greatest (nulls are passed over), root (null below 0) or absolute of terms."""

    name: Literal["least", "greatest", "root", "absolute"]
    args: tuple[Term, ...]

    def __str__(self) -> str:
        return f"{self.name}({', '.join(map(str, self.args))})"


def term(value: Term | float) -> Term:
    """A term as it is, a number as a literal."""
    return value if isinstance(value, Term) else Number(float(value))


def least(*args: Term | float) -> Call:
    """The smallest of them; nulls are passed over."""
    return Call("least", tuple(map(term, args)))


def greatest(*args: Term | float) -> Call:
    """The largest of them; nulls are passed over."""
    return Call("greatest", tuple(map(term, args)))


def root(value: Term) -> Call:
    """Square root; null below 0."""
    return Call("root", (value,))


def absolute(value: Term) -> Call:
    """Value without sign."""
    return Call("absolute", (value,))
