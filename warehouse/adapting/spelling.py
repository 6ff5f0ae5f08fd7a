"""Declared types that say how a value is spelt, in brackets: SQL for the spelling every other type reads.

`instant(%d.%m.%Y %H:%M)`, `day(%Y%m%d)`: a format of strptime; `instant(s)`, `instant(ms)`, `instant(us)`: a number
since 1970, UTC; `f64(comma)`, `decimal(comma)`: 1.234,56.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

EPOCHS = {"s": ("seconds", 1_000_000), "ms": ("milliseconds", 1_000), "us": ("microseconds", 1)}
_SPELT = re.compile(r"(instant|day|f64|decimal)\((.*)\)", re.DOTALL)
_COMMA = r"\s*[+-]?(\d{1,3}(\.\d{3})+|\d+)(,\d*)?\s*"


def literal(text: str) -> str:
    """A text, whatever is in it."""
    return "'" + text.replace("'", "''") + "'"


def taken_apart(declared: str) -> tuple[str, str]:
    """A declared type as the type itself and how it is spelt; empty where it says nothing about that."""
    found = _SPELT.fullmatch(declared)
    if found is None or re.fullmatch(r"\d+,\s?\d+", found[2]):
        return declared, ""
    return found[1], found[2]


def without(text: str, nulls: Sequence[str]) -> str:
    """A cell's text, null where it is one of those that stand for nothing."""
    if not nulls:
        return text
    return f"CASE WHEN {text} NOT IN ({', '.join(literal(n) for n in nulls)}) THEN {text} END"


def plain(declared: str, text: str) -> str:
    """SQL: the text of a value as its type reads it without a spelling; null where it is spelt otherwise."""
    kind, how = taken_apart(declared)
    if not how:
        return text
    if how == "comma":
        number = f"replace(replace({text}, '.', ''), ',', '.')"
        return f"CASE WHEN regexp_full_match({text}, '{_COMMA}') THEN {number} END"
    if how in EPOCHS:
        us = f"CAST(round(TRY_CAST({text} AS DECIMAL(38,6)) * {EPOCHS[how][1]}) AS BIGINT)"
        return f"TRY(timezone('UTC', make_timestamp({us})))::VARCHAR"
    return f"try_strptime({text}, {literal(how)})::{'DATE' if kind == 'day' else 'VARCHAR'}::VARCHAR"


def in_words(declared: str) -> str:
    """What is valid, in words; empty where the type says it."""
    kind, how = taken_apart(declared)
    if not how:
        return ""
    if how == "comma":
        return "a number with a decimal comma"
    if how in EPOCHS:
        return f"{EPOCHS[how][0]} since 1970"
    return f"{'a date' if kind == 'day' else 'an instant'} as {how}"
