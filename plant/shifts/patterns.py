"""Rotating patterns: a cycle of letters, one a day; '-' is a day off. Common ones have names.

The letters are free; the named patterns use D and N (day, night, of 12 h) or E, L and N (early, late, night, of 8 h).
How many crews work a pattern, and by how many days they follow each other, is in docs/calendar.md.
"""

from __future__ import annotations

import re

OFF = "-"
PATTERNS: dict[str, str] = {
    "5-2": "DDDDD--",
    "4-on-4-off": "DDDD----NNNN----",
    "ddnnoooo": "DDNN----",
    "pitman": "DD--DDD--DD---",
    "pitman-nights": "NN--NNN--NN---",
    "panama": "DD--DDD--DD---NN--NNN--NN---",
    "dupont": "NNNN---DDD-NNN---DDDD-------",
    "continental": "EELLNNN--EELLLNN--EEELLNN---",
    "metropolitan": "EELLNN--",
    "southern-swing": "EEEEEEE--LLLLLLL--NNNNNNN---",
}
"""Named patterns. Several of these names mean more than one pattern in the trade: this is what they are here."""

CYCLE = re.compile(r"^[A-Z-]{1,366}$")


def cycle(pattern: str) -> str:
    """The letters of a pattern, one a day: of a name, or as they are written (blanks are left out).

    Raises:
        ValueError: neither a known name nor a cycle with a letter in it.
    """
    letters = PATTERNS.get(pattern.lower(), pattern.replace(" ", ""))
    if not CYCLE.match(letters) or not letters.strip(OFF):
        raise ValueError(f"{pattern!r} is neither a named pattern nor a cycle of capital letters and '-'")
    return letters
