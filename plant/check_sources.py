"""Sources of plant.toml that read tables and files: mapped columns, time zone, how CSV is written."""

from __future__ import annotations

import codecs
from collections.abc import Iterator

from plant.check_names import Row, rows
from plant.check_shape import NOTHING, nearest, shown
from plant.check_times import zone_problems
from plant.errors import Problem
from plant.model import FILE_COLUMNS


def source_problems(file: str, data: Row) -> Iterator[Problem]:
    """Problems of columns, zones, separators and encodings."""
    for at, source in rows(data, "source"):
        yield from zone_problems(file, at, source)
        if source.get("kind") == "files":
            yield from _columns(file, f"{at}.columns", source)
            yield from _text(file, at, source)


def _columns(file: str, at: str, source: Row) -> Iterator[Problem]:
    """Names on our side of `columns`. A misspelt name and the required one it leaves missing are one problem."""
    mapped, content = source.get("columns"), str(source.get("content", "readings"))
    if not isinstance(mapped, dict) or content not in FILE_COLUMNS:
        return
    required, optional = FILE_COLUMNS[content]
    missing = [c for c in required if c not in mapped]
    for name in (n for n in mapped if n not in (*required, *optional)):
        meant = nearest(name, missing)
        if meant:
            missing.remove(meant)
        near = meant or nearest(name, [*required, *optional])
        hint = f"did you mean {near!r}{', which is missing' if meant else ''}?" if near else "remove it"
        valid = f"for {content}: {', '.join((*required, *optional))}"
        yield Problem(file, f"{at}.{name}", f"unknown column {name!r}", valid, hint)
    for name in missing:
        hint = f'map it to a column of the files, as in {name} = "Their Name"'
        yield Problem(file, f"{at}.{name}", NOTHING, f"{content} need {', '.join(required)}", hint)


def _text(file: str, at: str, source: Row) -> Iterator[Problem]:
    separator, encoding = source.get("separator", ","), source.get("encoding", "utf8")
    if isinstance(separator, str) and len(separator.encode()) != 1:
        yield Problem(file, f"{at}.separator", shown(separator), "one character", 'as in ";", or "\\t" for a tab')
    try:
        codecs.lookup(str(encoding))
    except (LookupError, ValueError):
        found = f"unknown encoding {shown(encoding)}"
        yield Problem(file, f"{at}.encoding", found, "an encoding Python knows", "as in utf8, cp1252 or latin-1")
