"""KPI terms as DuckDB SQL: the same arithmetic as `assets.kernels.figures`, to the bit.

A measure is a column of that name holding the sum as a DOUBLE; a quotient is null unless its divisor is above 0.
A KPI of one characteristic only asks the column `characteristics`: how many there are in the scope.
"""

from __future__ import annotations

from plant.kpi.declaration import Kpi
from plant.kpi.needs import NEEDS
from plant.kpi.scenarios import QUARANTINE_DOUBT, QUARANTINED, UNKNOWN, UNKNOWN_DOUBT
from plant.kpi.terms import Call, Number, Op, Sum, Term, Where

FUNCTIONS = {"least": "least", "greatest": "greatest", "absolute": "abs"}


def sql_of(term: Term) -> str:
    """A term as an SQL expression over columns named like its measures.

    Raises:
        TypeError: a kind of term this module does not know.
    """
    match term:
        case Sum(name):
            return name
        case Number(value):
            return number(value)
        case Op("/", left, right):
            over, under = sql_of(left), sql_of(right)
            return f"CASE WHEN {under} > 0 THEN {over} / {under} END"
        case Op(word, left, right):
            return f"({_inside(left)} {word} {_inside(right)})"
        case Where(test, then, otherwise):
            other = "" if otherwise is None else f" ELSE {sql_of(otherwise)}"
            return f"CASE WHEN {sql_of(test)} > 0 THEN {sql_of(then)}{other} END"
        case Call("root", (inner,)):
            return f"CASE WHEN {sql_of(inner)} >= 0 THEN sqrt({sql_of(inner)}) END"
        case Call(name, args):
            return f"{FUNCTIONS[name]}({', '.join(map(sql_of, args))})"
    raise TypeError(f"no SQL for {term!r}")


def number(value: float) -> str:
    """A literal DuckDB reads as that very DOUBLE: without an exponent it would be a DECIMAL.

    >>> number(0.5), number(1e-06)
    ('0.5e0', '1e-06')
    """
    text = repr(float(value))
    return text if "e" in text else f"{text}e0"


def _inside(term: Term) -> str:
    text = sql_of(term)
    return f"({text})" if text.startswith("CASE") else text


def numerator_sql(kpi: Kpi) -> str:
    """Numerator over summed measures; null where the scope lacks what the KPI needs."""
    return _where_had(kpi, sql_of(kpi.numerator))


def denominator_sql(kpi: Kpi) -> str:
    """Denominator over summed measures; null where the scope lacks what the KPI needs."""
    return _where_had(kpi, sql_of(kpi.denominator))


def _where_had(kpi: Kpi, text: str) -> str:
    had = [f"{sql_of(NEEDS[need][0])} > 0" for need in kpi.needs]
    if kpi.one:
        had.append(f"{kpi.one}s <= 1")
    return f"CASE WHEN {' AND '.join(had)} THEN {text} END" if had else text


def asked(kpi: Kpi) -> set[str]:
    """Measures of a KPI and of what it needs."""
    needed = (measure for need in kpi.needs for measure in NEEDS[need][0].measures())
    return {*kpi.numerator.measures(), *kpi.denominator.measures(), *needed}


def in_doubt(kpi: Kpi) -> set[str]:
    """Measures a KPI hangs on in any world: its own, and those its changes in a world are made of."""
    found = {*asked(kpi), *UNKNOWN_DOUBT.measures(), *QUARANTINE_DOUBT.measures()}
    changes = [change for world in (*UNKNOWN, *QUARANTINED) for change in world.changes]
    while more := {m for name, term in changes if name in found for m in term.measures()} - found:
        found |= more
    return found
