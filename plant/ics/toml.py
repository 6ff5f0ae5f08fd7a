"""Rows of plant.toml as TOML text, for the sections an .ics file gives."""

from __future__ import annotations

import json
from collections.abc import Iterable
from datetime import date, datetime
from typing import Any

from plant.ics.entries import Entry


def to_toml(entries: Iterable[Entry]) -> str:
    """One [[section]] per entry, to be added at the end of a plant.toml."""
    return "\n".join(_section(entry) for entry in entries)


def _section(entry: Entry) -> str:
    lines = [f"{key} = {_value(value)}" for key, value in entry.row.items()]
    return "\n".join([f"[[{entry.section}]]", *lines]) + "\n"


def _value(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, datetime | date):
        return value.isoformat()
    if isinstance(value, dict):
        return "{ " + ", ".join(f"{key} = {_value(v)}" for key, v in value.items()) + " }"
    if isinstance(value, list | tuple):
        return "[" + ", ".join(_value(v) for v in value) + "]"
    # JSON's escapes are TOML's, but for DEL, which TOML wants escaped.
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007F") if isinstance(value, str) else str(value)
