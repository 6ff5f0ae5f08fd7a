"""The .ics files that the sites of a plant.toml name, put into its content as if their rows were written there."""

from __future__ import annotations

import re
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from plant.checks.names import Row, names, rows
from plant.errors import Problem

if TYPE_CHECKING:
    from plant.ics.entries import Entry

_ROW = re.compile(r"^(shift|holiday|planned)\[(\d+)\](.*)$")


@dataclass(frozen=True)
class Origins:
    """Which rows come from which event of which file: section and number -> file, event."""

    of: dict[tuple[str, int], tuple[str, str]] = field(default_factory=dict)

    def placed(self, problem: Problem) -> Problem:
        """The problem at the event its row comes from; as it is for a row of the file itself."""
        row = _ROW.match(problem.key)
        origin = self.of.get((row[1], int(row[2]))) if row else None
        if row is None or origin is None:
            return problem
        return replace(problem, file=origin[0], key=f"{origin[1]}{row[3].replace('.', ' ', 1)}")


def with_calendars(path: Path, data: Row) -> tuple[Row, Origins, list[Problem]]:
    """The content with the rows of the files that sites name as `calendar`, where they come from, what is wrong.

    Paths are relative to the folder of plant.toml. Nothing is read, and nothing copied, where no site names a file.
    """
    whole, origins, problems = data, Origins(), list[Problem]()
    for at, site in rows(data, "site"):
        if not isinstance(site.get("calendar"), str):
            continue
        entries, found = _read(path, data, at, site)
        problems += found
        for entry in entries:
            section = whole.get(entry.section, [])
            if isinstance(section, list):
                file = str(path.parent / site["calendar"])
                origins.of[entry.section, len(section)] = file, entry.label
                whole = whole | {entry.section: [*section, entry.row]}
    return whole, origins, problems


def _read(path: Path, data: Row, at: str, site: Row) -> tuple[list[Entry], list[Problem]]:
    file = path.parent / site["calendar"]
    try:
        zone = ZoneInfo(str(site.get("timezone")))
    except (KeyError, ValueError, OSError):
        return [], []  # told by the zone's own check
    try:
        content = file.read_bytes()
    except OSError as error:
        found = f"{site['calendar']}: {(error.strerror or str(error)).lower()}"
        return [], [Problem(str(path), f"{at}.calendar", found, "a readable .ics file beside plant.toml")]
    from plant.ics.read import read_ics

    return read_ics(content, str(file), str(site.get("name")), zone, names(data, "line"), names(data, "machine"))
