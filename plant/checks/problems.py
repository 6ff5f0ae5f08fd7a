"""Every problem of a plant.toml at once: the file, its shape, its names, its signals, its times.

The checks read the raw content, so a wrong shape in one place hides nothing in another. Each looks at one
subject (`check_shape`, `check_names`, `check_tags`, `shifts.check`); here they are put together.
"""

from __future__ import annotations

import re
import tomllib
from pathlib import Path
from typing import Any

from plant.adapters.read import with_adapters
from plant.checks.names import name_problems
from plant.checks.shape import shape_problems
from plant.checks.tags import source_problems, tag_problems
from plant.errors import Problem
from plant.ics.merge import with_calendars
from plant.shifts.check import time_problems
from plant.sources.register_map import with_maps

_PLACE = re.compile(r"\(at line (\d+), column (\d+)\)")


def problems_of(path: Path) -> tuple[list[Problem], dict[str, Any]]:
    """All problems of the file in the order of its keys, and its raw content (empty when it cannot be read)."""
    try:
        data = tomllib.loads(path.read_text(encoding="utf8"))
    except OSError as error:
        found = error.strerror or str(error)
        return [
            Problem(str(path), "file", found.lower(), "a readable plant.toml", "name it: check FILE or --plant")
        ], {}
    except UnicodeDecodeError as error:
        return [Problem(str(path), f"byte {error.start}", "bytes that are not UTF-8", "TOML in UTF-8")], {}
    except tomllib.TOMLDecodeError as error:
        return [_syntax(path, str(error))], {}
    whole, entries, unread = with_calendars(path, data)
    whole, lines, unmapped = with_maps(path, whole)
    whole, unadapted = with_adapters(path, whole)
    checks = (shape_problems, name_problems, tag_problems, time_problems, source_problems)
    told: dict[str, Problem] = {}
    for problem in (p for check in checks for p in check(str(path), whole)):
        told.setdefault(problem.key, problem)  # the shape's word comes first: one key, one problem
    own = sorted(told.values(), key=lambda p: _natural(p.key))
    return [*(lines.placed(entries.placed(p)) for p in own), *unread, *unmapped, *unadapted], whole


def _syntax(path: Path, message: str) -> Problem:
    place = _PLACE.search(message)
    key = f"line {place[1]}, column {place[2]}" if place else "file"
    return Problem(str(path), key, _PLACE.sub("", message).strip(), "TOML 1.0", "everything else is checked after this")


def _natural(key: str) -> list[tuple[int, int | str]]:
    """Sort key with numbers as numbers: machine[2] before machine[10]."""
    return [(0, int(part)) if part.isdigit() else (1, part) for part in re.split(r"(\d+)", key)]
