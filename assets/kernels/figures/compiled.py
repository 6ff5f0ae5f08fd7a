"""Terms of `plant.kpi` as Polars expressions; `warehouse.kpi_sql` says the same in SQL, to the bit.

A measure is a column of that name as a 64-bit float. Nothing is divided by a literal: Polars would multiply by
its reciprocal, which rounds differently.
"""

from __future__ import annotations

from collections.abc import Callable

import polars as pl

from plant.kpi.terms import Call, Number, Op, Sum, Term, Where

_ARITHMETIC: dict[str, Callable[[pl.Expr, pl.Expr], pl.Expr]] = {
    "+": lambda a, b: a + b,
    "-": lambda a, b: a - b,
    "*": lambda a, b: a * b,
    "/": lambda a, b: pl.when(b > 0).then(a / b),
}

_FUNCTIONS: dict[str, Callable[..., pl.Expr]] = {
    "least": pl.min_horizontal,
    "greatest": pl.max_horizontal,
    "absolute": lambda value: value.abs(),
    "root": lambda value: pl.when(value >= 0).then(value.sqrt()),
}


def polars_of(term: Term) -> pl.Expr:
    """A term as an expression over columns named like its measures.

    Raises:
        TypeError: a kind of term this module does not know.
    """
    match term:
        case Sum(name):
            return pl.col(name)
        case Number(value):
            return pl.lit(value, pl.Float64)
        case Op(word, left, right):
            return _ARITHMETIC[word](polars_of(left), polars_of(right))
        case Where(test, then, otherwise):
            other = pl.lit(None, pl.Float64) if otherwise is None else polars_of(otherwise)
            return pl.when(polars_of(test) > 0).then(polars_of(then)).otherwise(other)
        case Call(name, args):
            return _FUNCTIONS[name](*map(polars_of, args))
    raise TypeError(f"no Polars expression for {term!r}")
