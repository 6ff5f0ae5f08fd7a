"""Rows that an .ics file gives for plant.toml, and single days of one shift gathered into one row."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date

from plant.checks.names import Row

ONCE = "FREQ=DAILY;COUNT=1"
DATES = ("starts_on", "extra")


@dataclass(frozen=True)
class Entry:
    """One row for a section of plant.toml, and the event it comes from."""

    section: str
    row: Row
    label: str


def named_only(days: Iterable[date]) -> Row:
    """Keys of a shift that starts on these dates only, as named dates: on a holiday too."""
    found = sorted(days)
    return {"rrule": ONCE, "starts_on": found[0] if found else None, "extra": found}


def gathered(entries: Iterable[Entry]) -> list[Entry]:
    """Shifts without a rule that agree in all but their dates become one, where the first of them stands.

    Planning programs write every shift of every day as an event; a thousand rows say what a list of dates says.
    """
    found: dict[str, Entry] = {}
    for n, entry in enumerate(entries):
        single = entry.section == "shift" and entry.row["rrule"] == ONCE and "extra" in entry.row
        same = repr({k: v for k, v in entry.row.items() if k not in DATES}) if single else str(n)
        if same in found:
            first = found[same]
            row = first.row | named_only({*first.row["extra"], *entry.row["extra"]})
            found[same] = Entry("shift", row, first.label)
        else:
            found[same] = entry
    return list(found.values())
